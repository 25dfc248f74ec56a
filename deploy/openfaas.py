"""stack.yml for OpenFaaS Pro and stack.ce.yml for its Community Edition; what stands beside them: openfaas_bridges.py.

CE has no Kafka trigger and runs 15 functions: pools are merged there, the channels are those of CE_CHANNELS, and when
that is still too much, what CE_SPARE names is left out, the first first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bridges.cron.schedule import parse
from deploy.objects import dns, image
from deploy.settings import CE_CHANNELS, CE_LIMIT, CE_MAX_REPLICAS, CE_SPARE, OPENFAAS_SECRETS, Json
from shared import flow
from shared.domain.ids import LANES

SECRETS = ("ims-mysql-url", "ims-redis-url")
"""Read by the functions from /var/openfaas/secrets (shared/runtime/settings.py)."""
SETTINGS_FILE = "openfaas/settings.yml"
CONTEXT = ("./Dockerfile", "./.dockerignore", "./docker", "./shared", "./functions")
HEALTH = {"com.openfaas.health.http.path": "/_/health", "com.openfaas.ready.http.path": "/_/ready"}
HOUR = timedelta(hours=1)
EVERY_DAY = ["*", "*", "*"]


def stack() -> Json:
    """Every process of the map. Events are structured, for the Kafka connector drops headers with underscores."""
    return _stack({dns(process.name): _function(process) for process in flow.processes()})


def ce_stack() -> Json:
    """What CE can carry, each function once."""
    return _stack({dns(process.name): _ce_function(process) for process in ce_processes()})


def ce_processes() -> list[flow.Process]:
    """Functions of the chosen channels, pools merged, without the spare ones that do not fit; else an error."""
    others = {f"{kind}_{channel}" for kind in ("api", "send") for channel in _all_channels() - set(CE_CHANNELS)}
    chosen = [f for f in flow.FLOW if f.name not in others]
    for name in CE_SPARE:
        if len(chosen) > CE_LIMIT:
            chosen = [f for f in chosen if f.name != name]
    if len(chosen) > CE_LIMIT:
        raise ValueError(
            f"{len(chosen)} functions, and OpenFaaS CE runs {CE_LIMIT}: shorten CE_CHANNELS ({', '.join(CE_CHANNELS)}) "
            f"or name what can be done without in CE_SPARE (deploy/settings.py): {', '.join(f.name for f in chosen)}"
        )
    return [flow.Process(f.name, f, None, LANES, f.port) for f in chosen]


def ce_note() -> str:
    """What stack.ce.yml says of its subset, as a comment."""
    names = {process.name for process in ce_processes()}
    out = [f.name for f in flow.FLOW if f.name not in names]
    return f"# {len(names)} of CE's {CE_LIMIT} functions; channels: {', '.join(CE_CHANNELS)}" + (
        f"; left out: {', '.join(out)}\n" if out else "; nothing is left out\n"
    )


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
    return _common(process, {"IMS_EVENT_MODE": "structured"}, labels, {**HEALTH, **_trigger(process, topics)})


def _ce_function(process: flow.Process) -> Json:
    scale = process.function.scale
    labels = {
        "com.openfaas.scale.min": str(max(1, scale.min)),
        "com.openfaas.scale.max": str(min(scale.max, CE_MAX_REPLICAS)),
    }
    return _common(process, {}, labels, {**HEALTH, **_trigger(process, [])})


def _common(process: flow.Process, environment: Json, labels: Json, annotations: Json) -> Json:
    function = process.function
    own = {"IMS_FUNCTION": function.name, "IMS_POOL": process.pool or "", "IMS_LANES": ",".join(process.lanes)}
    return {
        "lang": "dockerfile",
        "handler": f"./functions/{function.name}",
        "image": image(function.name),
        "build_args": {"FUNCTION": function.name},
        **({"skip_build": True} if process.pool and process.pool != function.pools[0] else {}),
        "environment": {**own, **environment},
        "environment_file": [SETTINGS_FILE],
        "secrets": [*SECRETS, *OPENFAAS_SECRETS.get(function.name, ())],
        "labels": {"app.kubernetes.io/part-of": "ims", **labels},
        "annotations": annotations,
        "limits": {"memory": function.scale.memory_limit},
        "requests": {"memory": function.scale.memory, "cpu": function.scale.cpu},
        "readonly_root_filesystem": True,
    }


def _trigger(process: flow.Process, topics: list[str]) -> Json:
    crons = [trigger for trigger in process.function.on if isinstance(trigger, flow.Cron)]
    if crons and topics:
        raise ValueError(f"{process.name}: OpenFaaS CE knows one `topic` a function, cron-function or Kafka's")
    if crons:
        return {"topic": "cron-function", "schedule": together([utc(cron) for cron in crons])}
    return {"topic": ",".join(topics)} if topics else {}


def utc(cron: flow.Cron) -> str:
    """The schedule in UTC, which is all that OpenFaaS' cron connector knows; ValueError when it has no equal there."""
    zone = ZoneInfo(cron.tz)
    year = datetime.now(UTC).year
    offsets = {datetime(year, month, 1, tzinfo=zone).utcoffset() or timedelta() for month in range(1, 13)}
    if offsets == {timedelta()}:
        return cron.schedule
    minute, hour, *days = cron.schedule.split()
    (offset, *others) = offsets
    if others or offset % HOUR or (days != EVERY_DAY and hour != "*"):
        raise ValueError(f"{cron.schedule!r} in {cron.tz} has no equal in UTC")
    if hour == "*":
        return cron.schedule
    shift = int(offset / HOUR)
    return " ".join([minute, _listed((local - shift) % 24 for local in parse(cron.schedule).hours), *days])


def together(schedules: list[str]) -> str:
    """One schedule that has all of them, and ticks between: OpenFaaS knows one a function.

    A function of several schedules therefore looks at the clock itself, as `digest` does.
    """
    if len(schedules) == 1:
        return schedules[0]
    if any(schedule.split()[2:] != EVERY_DAY for schedule in schedules):
        raise ValueError(f"{schedules} cannot be one schedule: they are not for every day")
    read = [parse(schedule) for schedule in schedules]
    minutes = {minute for one in read for minute in one.minutes}
    return " ".join([_listed(minutes), _listed({hour for one in read for hour in one.hours}), *EVERY_DAY])


def _listed(values: Iterable[int]) -> str:
    return ",".join(map(str, sorted(values)))
