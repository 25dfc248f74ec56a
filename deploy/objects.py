"""The parts that many Kubernetes objects share: names, labels, the container's security, environment."""

from __future__ import annotations

from deploy.settings import KAFKA_CA, NAMESPACE, OWN_SECRETS, PORT, SECRETS, SETTINGS, USER, VERSION, Json
from shared.flow import Function, Http, Process

CONTAINER_SECURITY: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def dns(name: str) -> str:
    """A name of the map as Kubernetes takes it: `send_mt-fast` → `send-mt-fast`."""
    return name.replace("_", "-").replace(".", "-")


def is_public(function: Function) -> bool:
    """Whether clients or vendors reach it through the gateway."""
    return any(isinstance(trigger, Http) and not trigger.internal for trigger in function.on)


def component(function: Function) -> str:
    """`api` for what the gateway serves, else `function`."""
    return "api" if is_public(function) else "function"


def labels(name: str, instance: str, kind: str) -> Json:
    """Kubernetes' recommended labels."""
    return {
        "app.kubernetes.io/name": dns(name),
        "app.kubernetes.io/instance": dns(instance),
        "app.kubernetes.io/component": kind,
        "app.kubernetes.io/part-of": "ims",
    }


def process_labels(process: Process) -> Json:
    """The labels of a function's process."""
    return labels(process.function.name, process.name, component(process.function))


def meta(name: str, tags: Json, namespace: str = NAMESPACE, **more: Json) -> Json:
    """An object's metadata."""
    return {"name": name, "namespace": namespace, "labels": tags, **more}


def image(name: str) -> str:
    """The image of a function, or of the bridges."""
    return f"ims/{dns(name)}:{VERSION}"


def kafka_user(name: str) -> str:
    """The Secret with a function's Kafka user: user, password, sasl.mechanism, protocol, ca.crt."""
    return f"kafka-{dns(name)}"


def environment(user: str, extra: Json) -> list[Json]:
    """Settings of one container: its own, and its Kafka user where there is one (production)."""

    def of_secret(key: str) -> Json:
        return {"secretKeyRef": {"name": kafka_user(user), "key": key, "optional": True}}

    plain = [{"name": name, "value": value} for name, value in extra.items()]
    return [
        *plain,
        {"name": "IMS_KAFKA_USERNAME", "valueFrom": of_secret("user")},
        {"name": "IMS_KAFKA_PASSWORD", "valueFrom": of_secret("password")},
    ]


def settings(user: str, servers: bool) -> list[Json]:
    """Where a container's settings come from: the overlay's, its own Secrets, and with `servers` MySQL's and Redis'.

    The last one wins: what an installation still has in the common Secret goes on to count.
    """
    own = [{"secretRef": {"name": s.name, "optional": True}} for s in OWN_SECRETS if user in s.functions]
    common = [{"secretRef": {"name": SECRETS}}] if servers else []
    return [{"configMapRef": {"name": SETTINGS}}, *own, *common]


def container(picture: str, user: str, extra: Json, memory: str, limit: str, cpu: str, servers: bool = True) -> Json:
    """A container of ours: read-only, without privileges; `servers`: it may reach MySQL and Redis."""
    return {
        "name": "ims",
        "image": image(picture),
        "ports": [{"containerPort": PORT}],
        "env": environment(user, extra),
        "envFrom": settings(user, servers),
        "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a mount point in the container
            {"name": "kafka-ca", "mountPath": KAFKA_CA, "readOnly": True},
        ],
    }


def volumes(user: str) -> list[Json]:
    """A writable /tmp, and Kafka's CA where there is one (production)."""
    ca: Json = {"secretName": kafka_user(user), "optional": True, "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    return [{"name": "tmp", "emptyDir": {"sizeLimit": "512Mi"}}, {"name": "kafka-ca", "secret": ca}]


def http_get(path: str) -> Json:
    """A probe that asks the runtime: answered for every function, whatever its trigger."""
    return {"httpGet": {"path": path, "port": PORT}}


def account(name: str, kind: str) -> Json:
    """A ServiceAccount whose token nobody mounts."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": meta(dns(name), labels(name, name, kind)),
        "automountServiceAccountToken": False,
    }


def removal(version: str, kind: str, name: str = "") -> Json:
    """A patch that takes away every object of a kind, or the one of that name."""
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: any}}\n$patch: delete\n"
    return {"target": {"kind": kind, **({"name": name} if name else {})}, "patch": text}
