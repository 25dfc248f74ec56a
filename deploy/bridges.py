"""The long-lived processes beside the functions: redis_expiry, the vendor simulator, the Job that makes the topics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from deploy.objects import account, container, dns, http_get, labels, meta, volumes
from deploy.settings import BRIDGES_IMAGE, NAMESPACE, PORT, Json
from deploy.sources import service_ref
from shared.flow import Process, RedisExpiry, processes, sources

SMTP_PORT = 2525


@dataclass(frozen=True)
class Bridge:
    """A Deployment of the bridges' image: `module` is what Python runs, `servers`: it needs MySQL and Redis."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    replicas: int = 1
    env: tuple[tuple[str, str], ...] = ()
    cpu: str = "50m"
    memory: str = "96Mi"
    memory_limit: str = "384Mi"
    probe: str = "/healthz"
    servers: bool = False


EXPIRY = Bridge("redis_expiry", "bridges.redis_expiry", replicas=2, servers=True)
"""Two replicas announce the same keys; a claim in Redis lets one report_retry call win, so no leader is needed."""
SMTP_IN = Bridge(
    "smtp_in",
    "bridges.smtp_in",
    replicas=2,
    env=(
        ("IMS_TARGET_API_RECEIPT", f"http://api-receipt.{NAMESPACE}.svc.cluster.local"),
        ("IMS_SMTP_IN_PORT", str(SMTP_PORT)),
    ),
)
"""A LoadBalancer leads port 25 to it; the MX of return paths names that."""
SIMULATOR = Bridge(
    "simulator",
    "simulator",
    env=(
        ("IMS_SIM_RECEIPT_URL", f"http://api-receipt.{NAMESPACE}.svc.cluster.local/v1/receipts/{{vendor}}/{{account}}"),
    ),
    memory="128Mi",
    memory_limit="512Mi",
)
"""Where test keys (`ims_test_…`) send, in production too."""


def kafka_source(pool: str, served: Sequence[Process], env: tuple[tuple[str, str], ...]) -> Bridge:
    """Our own Kafka source of a pool (`fast`, `slow`): it serves `served`, which `env` has the addresses of."""
    mine = [s for s in sources() if (s.process.pool or "slow") == pool and s.process in served]
    arguments = tuple(word for source in mine for word in ("--source", source.name))
    return Bridge(f"kafka_source-{pool}", "bridges.kafka_source", arguments, env=env, memory_limit="512Mi")


def targets(served: Iterable[Process], address: Callable[[Process], str]) -> tuple[tuple[str, str], ...]:
    """The variables that tell a bridge where each process is."""
    return tuple((f"IMS_TARGET_{p.name.upper().replace('-', '_')}", address(p)) for p in served)


def deployment(bridge: Bridge, namespace: str = NAMESPACE) -> Json:
    """The Deployment of a bridge."""
    tags = labels(bridge.name, bridge.name, "bridge")
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(dns(bridge.name), tags, namespace),
        "spec": {
            "replicas": bridge.replicas,
            "selector": {"matchLabels": tags},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": tags}, "spec": _pod(bridge, tags)},
        },
    }


def _pod(bridge: Bridge, tags: Json) -> Json:
    """Not ready while its servers are away, but alive: a restart would not bring them back."""
    sizes = bridge.memory, bridge.memory_limit, bridge.cpu
    box = container(BRIDGES_IMAGE, bridge.name, dict(bridge.env), *sizes, servers=bridge.servers)
    own: Json = {
        "args": [bridge.module, "--host", "0.0.0.0", "--port", str(PORT), *bridge.arguments],  # noqa: S104
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {**http_get(bridge.probe), "periodSeconds": 5},
        "livenessProbe": {"tcpSocket": {"port": PORT}, "initialDelaySeconds": 10, "periodSeconds": 10},
    }
    return {
        "serviceAccountName": dns(bridge.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 45,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": tags},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "containers": [{**box, **own}],
        "volumes": volumes(bridge.name),
    }


def expiry_target() -> Process | None:
    """The process that Redis' expired keys wake."""
    return next((p for p in processes() if any(isinstance(t, RedisExpiry) for t in p.function.on)), None)


def expiry() -> Iterator[Json]:
    """redis_expiry with the SinkBinding that tells it where report_retry is."""
    target = expiry_target()
    if target is None:
        return
    tags = labels(EXPIRY.name, EXPIRY.name, "bridge")
    yield account(EXPIRY.name, "bridge")
    yield deployment(EXPIRY)
    yield {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "SinkBinding",
        "metadata": meta(dns(EXPIRY.name), tags),
        "spec": {
            "subject": {"apiVersion": "apps/v1", "kind": "Deployment", "name": dns(EXPIRY.name)},
            "sink": service_ref(target),
        },
    }
    yield {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta(dns(EXPIRY.name), tags),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": tags}},
    }


def smtp_in(bridge: Bridge = SMTP_IN) -> Iterator[Json]:
    """The mail listener, and the Service that mail hosts reach it by: the client's address stays, for its own log."""
    tags = labels(SMTP_IN.name, SMTP_IN.name, "bridge")
    yield account(SMTP_IN.name, "bridge")
    yield deployment(bridge)
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(dns(SMTP_IN.name), tags),
        "spec": {
            "type": "LoadBalancer",
            "externalTrafficPolicy": "Local",
            "selector": tags,
            "ports": [{"name": "smtp", "port": 25, "targetPort": SMTP_PORT}],
        },
    }
    yield {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta(dns(SMTP_IN.name), tags),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": tags}},
    }


def simulator() -> Iterator[Json]:
    """The vendor simulator and its Service."""
    tags = labels(SIMULATOR.name, SIMULATOR.name, "bridge")
    yield account(SIMULATOR.name, "bridge")
    yield deployment(SIMULATOR)
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(SIMULATOR.name, tags),
        "spec": {"selector": tags, "ports": [{"name": "http", "port": 80, "targetPort": PORT}]},
    }


def topics_job() -> Iterator[Json]:
    """Makes the map's topics where no topic operator does; harmless when repeated."""
    tags = labels("topics", "topics", "job")
    box = container(BRIDGES_IMAGE, "topics", {}, "64Mi", "256Mi", "50m", servers=False)
    del box["ports"]
    yield account("topics", "job")
    yield {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta("topics", tags),
        "spec": {
            "backoffLimit": 30,
            "ttlSecondsAfterFinished": 120,
            "template": {
                "metadata": {"labels": tags},
                "spec": {
                    "restartPolicy": "OnFailure",
                    "serviceAccountName": "topics",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "containers": [{**box, "args": ["deploy.topics"]}],
                    "volumes": volumes("topics"),
                },
            },
        },
    }
