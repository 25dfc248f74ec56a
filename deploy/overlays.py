"""kustomize: what lies in base, the components that a cluster may have, and the overlays dev, kind, node and prod.

Each overlay's settings.env (and secrets.env of dev and kind) is written by hand: addresses and credentials are not in
the map. All else is generated.
"""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from deploy import (
    bridges,
    envoy_gateway,
    envoy_ingress,
    gateway,
    monitoring,
    network,
    own_sources,
    services,
    sources,
    strimzi,
)
from deploy.objects import dns, image, kafka_user, labels, meta, removal
from deploy.settings import (
    BRIDGES_IMAGE,
    CONSUMERS,
    DATA_NAMESPACE,
    KEDA_LAG,
    KEDA_MAX,
    NAMESPACE,
    OTHER_CONSUMERS,
    SECRETS,
    SERVER_PORTS,
    SETTINGS,
    Json,
)
from shared import flow
from shared.domain.ids import LANES

Files = dict[str, list[Json]]
KEDA = "autoscaling.eventing.knative.dev"
SERVICE: Json = {"group": "serving.knative.dev", "kind": "Service"}
MIN_SCALE = "/spec/template/metadata/annotations/autoscaling.knative.dev~1min-scale"
MAX_SCALE = "/spec/template/metadata/annotations/autoscaling.knative.dev~1max-scale"
SMALL = {"cpu": "10m", "memory": "64Mi"}
REFERENCES = "references.yaml"
NODE_COMPONENTS = ("own-sources", "gateway", "envoy-gateway", "envoy-ingress")


def files() -> Files:
    """Path under knative/ → the objects in it."""
    found = {f"base/{name}": objects for name, objects in _base().items()}
    found["base/kustomization.yaml"] = [_kustomization(resources=sorted(_base()))]
    for name, (resources, patches) in _components().items():
        found |= {f"components/{name}/{path}": objects for path, objects in resources.items()}
        found[f"components/{name}/kustomization.yaml"] = [_component(sorted(resources), patches)]
    for name, kustomization in (("dev", _dev("dev")), ("kind", _kind()), ("prod", _prod())):
        found[f"overlays/{name}/kustomization.yaml"] = [kustomization]
        found[f"overlays/{name}/{REFERENCES}"] = [references()]
        if name != "prod":
            found[f"overlays/{name}/open.yaml"] = _open()
            found[f"overlays/{name}/wake.yaml"] = [network.waking()]
    found["overlays/node/kustomization.yaml"] = [_node()]
    return found


def _base() -> Files:
    return {
        "namespace.yaml": [_namespace()],
        "accounts.yaml": list(services.accounts()),
        **{f"{dns(process.name)}.yaml": [services.service(process)] for process in flow.processes()},
        "budgets.yaml": list(services.budgets()),
        "sources.yaml": list(sources.kafka_sources()),
        "dead-letters.yaml": [sources.dead_letters()],
        "ticks.yaml": list(sources.ticks()),
        "redis-expiry.yaml": list(bridges.expiry()),
        "simulator.yaml": list(bridges.simulator()),
        "smtp-in.yaml": list(bridges.smtp_in()),
        "network.yaml": list(network.policies()),
    }


def _namespace() -> Json:
    levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("audit", "warn")}
    enforce = {"pod-security.kubernetes.io/enforce": "baseline"}
    tags = labels("ims", "ims", "namespace")
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": tags | enforce | levels}}


def _components() -> dict[str, tuple[Files, list[Json]]]:
    return {
        "gateway": (
            {"gateway.yaml": [gateway.gateway(), gateway.grant()], "routes.yaml": list(gateway.routes())},
            [],
        ),
        "envoy-gateway": ({"envoy-gateway.yaml": list(envoy_gateway.objects())}, []),
        "envoy-ingress": ({"grant.yaml": list(envoy_ingress.objects())}, list(_envoy_ingress())),
        "kafka-auth": ({}, list(_kafka_auth())),
        "keda": ({}, list(_keda())),
        "monitoring": ({"monitors.yaml": list(monitoring.monitors())}, []),
        "own-sources": ({"own-sources.yaml": list(own_sources.objects())}, list(own_sources.removals())),
        "spread": ({}, [_spread()]),
        "strimzi": ({"topics.yaml": list(strimzi.kafka_topics()), "users.yaml": list(strimzi.kafka_users())}, []),
        "topics-job": ({"job.yaml": list(bridges.topics_job())}, []),
    }


def _envoy_ingress() -> Iterable[Json]:
    """After the components whose routes and policies it changes."""
    yield from (patch(target, operation) for target, operation in envoy_ingress.changes())
    yield from envoy_ingress.removals()


def _kafka_auth() -> Iterable[Json]:
    """SASL over TLS, each source as its function's user."""
    for name in dict.fromkeys(source.process.function.name for source in flow.sources()):
        secret = kafka_user(name)
        keys = {"user": "user", "password": "password", "type": "sasl.mechanism"}
        sasl = {field: {"secretKeyRef": {"name": secret, "key": key}} for field, key in keys.items()}
        tls = {"enable": True, "caCert": {"secretKeyRef": {"name": secret, "key": "ca.crt"}}}
        target = {"kind": "KafkaSource", "labelSelector": f"app.kubernetes.io/name={dns(name)}"}
        yield patch(target, ("add", "/spec/net", {"sasl": {"enable": True, **sasl}, "tls": tls}))
    auth = {"secret": {"ref": {"name": kafka_user("dead-letters")}}}
    yield patch({"kind": "KafkaSink"}, ("add", "/spec/auth", auth))


def _keda() -> Iterable[Json]:
    """KEDA scales consumers by lag (alpha: `controller-autoscaler-keda: enabled` in config-kafka-features)."""
    for lane in LANES:
        annotations = {
            f"{KEDA}/class": "keda.autoscaling.knative.dev",
            f"{KEDA}/min-scale": str(CONSUMERS[lane]),
            f"{KEDA}/max-scale": str(KEDA_MAX[lane]),
            f"{KEDA}/polling-interval": "10",
            f"{KEDA}/cooldown-period": "120",
            f"{KEDA}/lag-threshold": str(KEDA_LAG[lane]),
        }
        yield patch({"kind": "KafkaSource", "name": f".*-{lane}"}, ("add", "/metadata/annotations", annotations))
    for source in flow.sources():
        if len(source.topics) > 1:  # with the flag on, whatever says nothing is scaled too
            target = {"kind": "KafkaSource", "name": dns(source.name)}
            yield patch(target, ("add", "/metadata/annotations", {f"{KEDA}/class": "disabled"}))


def _spread() -> Json:
    """Needs `kubernetes.podspec-topologyspreadconstraints: enabled` in config-features; off by default."""
    constraints = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/part-of": "ims"}},
            "matchLabelKeys": ["serving.knative.dev/revision"],
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    return patch(SERVICE, ("add", "/spec/template/spec/topologySpreadConstraints", constraints))


def _dev(environment: str, components: tuple[str, ...] = ("topics-job",), prefix: str = "dev.local") -> Json:
    """From zero, small and few enough for one node of two cores, open inside; images are loaded into the nodes."""
    small = _small()
    return _kustomization(
        resources=["../../base", "open.yaml", "wake.yaml"],
        components=[f"../../components/{name}" for name in components],
        images=[{"name": name, "newName": f"{prefix}/{name}"} for name in _images()],
        configMapGenerator=[_generated(SETTINGS, "settings.env")],
        secretGenerator=[_generated(SECRETS, "secrets.env")],
        patches=[
            patch(SERVICE, ("replace", MIN_SCALE, "0"), ("replace", MAX_SCALE, "3"), small),
            *(patch({"kind": kind}, small) for kind in ("Deployment", "Job")),
            patch({"kind": "Namespace", "name": NAMESPACE}, ("add", "/metadata/labels/ims~1environment", environment)),
        ],
        **_common(),
    )


def _small() -> tuple[str, str, object]:
    return ("replace", "/spec/template/spec/containers/0/resources/requests", SMALL)


def _kind() -> Json:
    return _dev("kind", ("topics-job", "gateway"), "kind.local")


def _node() -> Json:
    """What `make cluster` applies: `dev` with a gateway, our own Kafka sources, since its Knative has none, and
    production's closed doors, since there they are tried.
    """
    name = image(BRIDGES_IMAGE).partition(":")[0]
    shut = [removal("networking.k8s.io/v1", "NetworkPolicy", policy["metadata"]["name"]) for policy in _open()]
    return _kustomization(
        resources=["../dev"],
        components=[f"../../components/{name}" for name in NODE_COMPONENTS],
        images=[{"name": name, "newName": f"dev.local/{name}"}],
        patches=[patch({"kind": "Deployment"}, _small()), *shut],
    )


def _prod() -> Json:
    """Two of everything that is always there, TLS, Kafka users, narrow egress; images by digest (`kustomize edit`)."""
    components = ("gateway", "strimzi", "kafka-auth", "keda", "monitoring", "spread")
    return _kustomization(
        resources=["../../base"],
        components=[f"../../components/{name}" for name in components],
        images=[{"name": name, "newName": name} for name in _images()],
        configMapGenerator=[_generated(SETTINGS, "settings.env")],
        patches=[*_prod_patches()],
        **_common(),
    )


def _prod_patches() -> Iterable[Json]:
    for process in flow.processes():
        if 0 < process.function.scale.min < 2 <= process.function.scale.max:
            yield patch({**SERVICE, "name": dns(process.name)}, ("replace", MIN_SCALE, "2"))
    local = ("add", "/metadata/labels/networking.knative.dev~1visibility", "cluster-local")
    yield patch({**SERVICE, "labelSelector": "app.kubernetes.io/component=api"}, local)
    for lane, consumers in CONSUMERS.items():
        yield patch({"kind": "KafkaSource", "name": f".*-{lane}"}, ("replace", "/spec/consumers", consumers))
    for source in flow.sources():
        if len(source.topics) > 1:
            target = {"kind": "KafkaSource", "name": dns(source.name)}
            yield patch(target, ("replace", "/spec/consumers", OTHER_CONSUMERS))
    servers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": DATA_NAMESPACE}}}]
    for server in SERVER_PORTS:
        yield patch({"kind": "NetworkPolicy", "name": f"to-{server}"}, ("add", "/spec/egress/0/to", servers))
    tls = {"mode": "Terminate", "certificateRefs": [{"name": gateway.TLS_SECRET}]}
    listener = {"name": "https", "port": 443, "protocol": "HTTPS", "tls": tls}
    listener["allowedRoutes"] = {"namespaces": {"from": "Same"}}
    yield patch({"kind": "Gateway"}, ("replace", "/spec/listeners/0", listener))


def _open() -> list[Json]:
    """Simulators, callback receivers, test clients and servers of a development cluster may be anywhere in it."""
    simulated = {"matchLabels": {"app.kubernetes.io/name": bridges.SIMULATOR.name}}
    return [
        _allow_all("open-egress", {}, "Egress"),
        _allow_all("open-simulator", simulated, "Ingress"),
    ]


def _allow_all(name: str, pods: Json, direction: str) -> Json:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta(name, labels("network", name, "policy")),
        "spec": {"podSelector": pods, "policyTypes": [direction], direction.lower(): [{}]},
    }


def _images() -> list[str]:
    names = [image(name).partition(":")[0] for name in (*(f.name for f in flow.FLOW), BRIDGES_IMAGE)]
    return sorted(names)


def _common() -> Json:
    """The address of Kafka goes from settings.env into every source; a changed setting makes a new revision.

    A source's several addresses may stand in one string, with commas. A sink's may not: its controller takes each
    string for one address, and a sink that is not Ready keeps every source that names it from being so. It gets the
    first.
    """
    source = {"kind": "ConfigMap", "name": SETTINGS, "fieldPath": "data.IMS_KAFKA_BOOTSTRAP"}
    first = {**source, "options": {"delimiter": ",", "index": 0}}
    replacements = [
        {"source": address, "targets": [{"select": {"kind": kind}, "fieldPaths": ["spec.bootstrapServers.0"]}]}
        for kind, address in (("KafkaSource", source), ("KafkaSink", first))
    ]
    return {"configurations": [REFERENCES], "replacements": replacements}


def _generated(name: str, file: str) -> Json:
    return {"name": name, "namespace": NAMESPACE, "envs": [file]}


def references() -> Json:
    """Where kustomize finds the names of generated ConfigMaps and Secrets in a Knative Service."""
    path = "spec/template/spec/containers/envFrom"
    where = {"ConfigMap": f"{path}/configMapRef/name", "Secret": f"{path}/secretRef/name"}
    return {
        "nameReference": [
            {"kind": kind, "version": "v1", "fieldSpecs": [{**SERVICE, "path": field}]} for kind, field in where.items()
        ]
    }


def patch(target: Json, *operations: tuple[str, str, object]) -> Json:
    """A JSON patch of every object that `target` names."""
    steps = [{"op": op, "path": path, "value": value} for op, path, value in operations]
    return {"target": target, "patch": yaml.safe_dump(steps, sort_keys=False)}


def _kustomization(**parts: object) -> Json:
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", **parts}


def _component(resources: list[str], patches: list[Json]) -> Json:
    parts = {"resources": resources, "patches": patches}
    head = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}
    return {**head, **{key: value for key, value in parts.items() if value}}
