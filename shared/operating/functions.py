"""`/v1/admin/functions` and `journal`: the processes of the map with their instances, and their log levels.

A level is wanted in Redis until its end, and each instance ends it by itself. It stands among the stops, too.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared import flow
from shared.channels.schema import Content
from shared.edge.auditing import Deed, audited
from shared.edge.callers import operator
from shared.following import reading
from shared.operating.common import DAY_MINUTES, MINUTE_MS, Json, dry
from shared.runtime import Context, announcing
from shared.runtime.announcing import ANY, INSTANCES, JOURNAL, LEVELS
from shared.runtime.clock import iso
from shared.runtime.problems import Problem
from shared.runtime.redis import away
from shared.stores import stops
from shared.stores.sql import Connection
from shared.stores.stops import Stop

SILENT_MS, FORGOTTEN_MS = 40_000, 600_000
NAME = r"^[A-Za-z0-9_.-]*$"
PROCESSES = {p.name: p for p in flow.processes()}


class Level(Content):
    """A level, for how long, and of which logger and instance; without them, of all."""

    level: Literal["debug", "info", "warning", "error"]
    minutes: Annotated[int, Field(ge=1, le=DAY_MINUTES)] = 15
    logger: Annotated[str, Field(max_length=64, pattern=NAME)] = ""
    instance: Annotated[str, Field(max_length=64, pattern=NAME)] = ""
    reason: Annotated[str, Field(max_length=255)] = ""


async def instances(redis: Any, now_ms: int) -> dict[str, list[Json]]:
    """By process, who has announced itself within ten minutes; who has stopped doing so is `silent`."""
    await redis.zremrangebyscore(INSTANCES, 0, now_ms - FORGOTTEN_MS)
    found: dict[str, list[Json]] = {}
    for member, at_ms in await redis.zrange(INSTANCES, 0, -1, withscores=True):
        process, _, name = member.decode().partition(":")
        kept = await redis.get(f"instance:{process}:{name}")
        found.setdefault(process, []).append(_instance(name, int(at_ms), kept and orjson.loads(kept), now_ms))
    return found


def _instance(name: str, at_ms: int, kept: Json | None, now_ms: int) -> Json:
    kept = kept or {}
    return {
        "instance": name,
        "state": "silent" if now_ms - at_ms > SILENT_MS else "draining" if kept.get("draining") else "up",
        "version": kept.get("version"),
        "started": iso(kept.get("started_ms")),
        "seen": iso(at_ms),
        "in_flight": kept.get("in_flight"),
        "memory": kept.get("memory"),
        "level": kept.get("level"),
    }


async def shown(redis: Any, now_ms: int) -> list[Json]:
    """Every process of the map."""
    known = await instances(redis, now_ms)
    wanted = await wishes(redis, now_ms)
    versions = [one["version"] for many in known.values() for one in many if one["version"]]
    usual = max(set(versions), key=versions.count, default=None)
    return [_process(process, known.get(name, []), wanted, usual) for name, process in PROCESSES.items()]


def _process(process: flow.Process, here: list[Json], wanted: list[Json], usual: str | None) -> Json:
    scale, up = process.function.scale, [one for one in here if one["state"] == "up"]
    state = "up" if up else "silent" if here else "at rest" if not scale.min else "unseen"
    return {
        "name": process.name,
        "function": process.function.name,
        "pool": process.pool,
        "lanes": list(process.lanes) if process.function.pools else [],
        "state": state,
        "replicas": {"up": len(up), "min": scale.min, "max": scale.max},
        "odd_version": any(one["version"] not in (None, usual) for one in here),
        "instances": here,
        "levels": [one for one in wanted if one["process"] == process.name],
    }


async def wishes(redis: Any, now_ms: int) -> list[Json]:
    """The levels that are wanted now."""
    found = []
    for name, value in (await redis.hgetall(LEVELS)).items():
        process, instance, logger = name.decode().split("|", 2)
        kept = orjson.loads(value)
        if kept["until_ms"] <= now_ms:
            await redis.hdel(LEVELS, name)
            continue
        found.append(
            {
                "process": process, "instance": None if instance == ANY else instance, "logger": logger or None,
                "level": kept["level"], "until": iso(kept["until_ms"]), "by": kept.get("by"),
            }
        )  # fmt: skip
    return found


def gone() -> Problem:
    """What is known lies in Redis."""
    return Problem(503, "Redis holds what instances say, and does not answer.", retry_after=5)


async def list_all(request: Request, ims: Context) -> Response:
    """Every process with its instances: version, start, work in flight, memory, log level. One without instances is at
    rest where it may scale to none; a silent instance has stopped announcing itself."""
    await operator(request, ims)
    try:
        return reading.answer({"items": await shown(ims.redis.state, ims.now_ms()), "next": None})
    except away() as error:
        raise gone() from error


async def journal(request: Request, ims: Context) -> Response:
    """The last 1,000 starts, stops and changes of log levels, the newest first."""
    await operator(request, ims)
    given = reading.query(request, {"limit": reading.limit})
    try:
        rows = await ims.redis.state.lrange(JOURNAL, 0, given.get("limit", reading.DEFAULT_LIMIT) - 1)
    except away() as error:
        raise gone() from error
    items = [{"at": iso(row.pop("at_ms")), **row} for row in map(orjson.loads, rows)]
    return reading.answer({"items": items, "next": None})


async def set_level(request: Request, ims: Context) -> Response:
    """Change the log level of a process, or of a logger or instance of it: within 15 s; it ends by itself."""
    who, only_shown = await operator(request, ims), dry(request)
    name = _process_name(request)
    wish = await reading.body(request, Level)
    now = ims.now_ms()
    until = now + wish.minutes * MINUTE_MS
    where = f"{name}|{wish.instance or ANY}|{wish.logger}"
    stop = Stop(stops.LEVEL, where[:128], wish.reason, who.actor.name, wish.level, now, until)
    told = {**wish.model_dump(), "process": name, "until": iso(until)}
    if only_shown:
        return reading.answer({"dry_run": True, **told})
    await want(ims.redis, where, wish.level, until, who.actor.name, name)
    deed = Deed("function.log-level", f"function:{name}", after=told, purpose=wish.reason or None)

    def change(conn: Connection) -> None:
        stops.put(conn, stop)

    await audited(ims, who, deed, change)
    return reading.answer(told)


async def want(clients: Any, where: str, level: str, until_ms: int, by: str, process: str) -> None:
    """Note a level in Redis, and in the journal."""
    try:
        pipe = clients.state.pipeline() if clients.cluster else clients.state.pipeline(transaction=False)
        pipe.hset(LEVELS, where, orjson.dumps({"level": level, "until_ms": until_ms, "by": by}))
        announcing.journal(pipe, "level", process, level=level, until=iso(until_ms), by=by)
        await pipe.execute()
    except away() as error:
        raise gone() from error


def _process_name(request: Request) -> str:
    name = str(request.path_params["name"])
    if name not in PROCESSES:
        raise reading.not_found("function")
    return name


async def end_level(request: Request, ims: Context) -> Response:
    """End all changes of a process's log level now; it counts within 15 s."""
    who = await operator(request, ims)
    name = _process_name(request)
    try:
        fields = [f for f in await ims.redis.state.hkeys(LEVELS) if f.decode().startswith(f"{name}|")]
        if fields:
            await ims.redis.state.hdel(LEVELS, *fields)
    except away() as error:
        raise gone() from error

    def change(conn: Connection) -> bool:
        held = [s for s in stops.holding(conn, ims.now_ms(), stops.LEVEL) if s.object.startswith(f"{name}|")]
        for stop in held:
            stops.end(conn, stops.LEVEL, stop.object)
        return bool(held or fields)

    deed = Deed("function.log-level.end", f"function:{name}")
    await audited(ims, who, lambda ended: deed if ended else None, change)
    return Response(status_code=204)
