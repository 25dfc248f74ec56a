"""stack.yml for OpenFaaS (Pro's Kafka connector) and stack.ce.yml for its Community Edition.

CE has no Kafka trigger and runs 15 functions: pools are merged there, the channels are those of CE_CHANNELS, and our
own bridges (openfaas/bridges.yaml) bring Kafka's records and Redis' expired keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from deploy.bridges import EXPIRY, Bridge, deployment, expiry_target
from deploy.objects import account, dns, image
from deploy.settings import (
    CE_CHANNELS,
    CE_LIMIT,
    CE_MAX_REPLICAS,
    OPENFAAS_NAMESPACE,
    PORT,
    Json,
)
from shared import flow
from shared.domain.ids import LANES

SECRETS = ("ims-mysql-url", "ims-redis-url")
SECRETS_DIR = "/var/openfaas/secrets"
SETTINGS_FILE = "openfaas/settings.yml"
CONTEXT = ("./Dockerfile", "./.dockerignore", "./docker", "./shared", "./functions")
HEALTH = {"com.openfaas.health.http.path": "/_/health", "com.openfaas.ready.http.path": "/_/ready"}


def stack() -> Json:
    """Every process of the map."""
    return _stack({dns(process.name): _function(process) for process in flow.processes()})


def ce_stack() -> Json:
    """What CE can carry, each function once."""
    return _stack({dns(process.name): _ce_function(process) for process in ce_processes()})


def ce_processes() -> list[flow.Process]:
    """Functions of the chosen channels, pools merged; more than CE allows is an error."""
    others = tuple(f"{kind}_{channel}" for kind in ("api", "send") for channel in _all_channels() - set(CE_CHANNELS))
    chosen = [flow.Process(f.name, f, None, LANES, f.port) for f in flow.FLOW if f.name not in others]
    if len(chosen) > CE_LIMIT:
        raise ValueError(f"{len(chosen)} functions; OpenFaaS CE runs {CE_LIMIT}: name fewer channels in CE_CHANNELS")
    return chosen


def _all_channels() -> set[str]:
    return {f.name.removeprefix("send_") for f in flow.FLOW if f.name.startswith("send_")}


def _stack(functions: Json) -> Json:
    return {
        "version": 1.0,
        "provider": {"name": "openfaas", "gateway": "http://127.0.0.1:8080"},
        "configuration": {"copy": list(CONTEXT)},
        "functions": functions,
    }


def _function(process: flow.Process) -> Json:
    scale = process.function.scale
    labels = {
        "com.openfaas.scale.min": str(max(1, scale.min)),
        "com.openfaas.scale.max": str(scale.max),
        "com.openfaas.scale.type": "capacity",
        "com.openfaas.scale.target": str(scale.target),
    }
    topics = [topic for source in flow.sources() if source.process == process for topic in source.topics]
    return _common(process, labels, {**HEALTH, **_trigger(process, topics)})


def _ce_function(process: flow.Process) -> Json:
    scale = process.function.scale
    labels = {
        "com.openfaas.scale.min": str(max(1, scale.min)),
        "com.openfaas.scale.max": str(min(scale.max, CE_MAX_REPLICAS)),
    }
    return _common(process, labels, {**HEALTH, **_trigger(process, [])})


def _common(process: flow.Process, labels: Json, annotations: Json) -> Json:
    function = process.function
    files = {secret.upper().replace("-", "_") + "_FILE": f"{SECRETS_DIR}/{secret}" for secret in SECRETS}
    return {
        "lang": "dockerfile",
        "handler": f"./functions/{function.name}",
        "image": image(function.name),
        "build_args": {"FUNCTION": function.name},
        "environment": {
            "IMS_FUNCTION": function.name,
            "IMS_POOL": process.pool or "",
            "IMS_LANES": ",".join(process.lanes),
            **files,
        },
        "environment_file": [SETTINGS_FILE],
        "secrets": list(SECRETS),
        "labels": {"app.kubernetes.io/part-of": "ims", **labels},
        "annotations": annotations,
        "limits": {"memory": function.scale.memory_limit},
        "requests": {"memory": function.scale.memory, "cpu": function.scale.cpu},
        "readonly_root_filesystem": True,
    }


def _trigger(process: flow.Process, topics: list[str]) -> Json:
    crons = [trigger for trigger in process.function.on if isinstance(trigger, flow.Cron)]
    if len(crons) > 1 or (crons and topics):
        raise ValueError(f"{process.name}: OpenFaaS knows one `topic` a function")
    if crons:
        return {"topic": "cron-function", "schedule": utc(crons[0])}
    return {"topic": ",".join(topics)} if topics else {}


def utc(cron: flow.Cron) -> str:
    """The schedule in UTC, which is all that OpenFaaS' cron connector knows."""
    zone = ZoneInfo(cron.tz)
    year = datetime.now(UTC).year
    offsets = {datetime(year, month, 1, tzinfo=zone).utcoffset() or timedelta() for month in range(1, 13)}
    if offsets == {timedelta()}:
        return cron.schedule
    minute, hour, *days = cron.schedule.split()
    whole = {offset for offset in offsets if offset % timedelta(hours=1) == timedelta()}
    if len(offsets) > 1 or not whole or days != ["*"] * 3 or not hour.isdigit():
        raise ValueError(f"{cron.schedule!r} in {cron.tz} has no equal in UTC")
    shift = int(whole.pop() / timedelta(hours=1))
    return " ".join([minute, str((int(hour) - shift) % 24), *days])


def ce_bridges() -> Iterator[Json]:
    """Deployments beside CE's functions: a Kafka source a pool, and redis_expiry."""
    served = {process.function.name for process in ce_processes()}
    env = tuple(
        (
            f"IMS_TARGET_{p.name.upper().replace('-', '_')}",
            f"http://{dns(p.function.name)}.{OPENFAAS_NAMESPACE}.svc.cluster.local:{PORT}",
        )
        for p in flow.processes()
        if p.function.name in served
    )
    expected = expiry_target()
    parts = [_source_bridge(pool, served, env) for pool in flow.POOLS]
    if expected is not None and expected.function.name in served:
        parts.append(Bridge(EXPIRY.name, EXPIRY.module, replicas=EXPIRY.replicas, env=env))
    for bridge in parts:
        yield _moved(account(bridge.name, "bridge"))
        yield _moved(deployment(bridge))


def _source_bridge(pool: str, served: set[str], env: tuple[tuple[str, str], ...]) -> Bridge:
    mine = [s for s in flow.sources() if (s.process.pool or "slow") == pool and s.process.function.name in served]
    arguments = tuple(word for source in mine for word in ("--source", source.name))
    return Bridge(f"kafka_source-{pool}", "bridges.kafka_source", arguments, env=env, memory_limit="512Mi")


def _moved(thing: Json) -> Json:
    return {**thing, "metadata": {**thing["metadata"], "namespace": OPENFAAS_NAMESPACE}}
