"""Functions announce themselves in Redis, and read which log levels are wanted: one pipeline each 15 s for all
functions of a process. Nothing waits for it, and without Redis nothing is announced.

    instance:<process>:<id>   what it says of itself, for 45 s
    instances                 who has said something, and when (a sorted set)
    levels                    <process>|<instance or *>|<logger> → {"level", "until_ms", "by"}
    journal                   the last starts, stops and changes of levels

Errors that were counted in logs go with it (troubles.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from functools import lru_cache
from typing import Any, Protocol

import orjson

from shared.runtime import levels, logs, troubles
from shared.runtime.context import Context
from shared.runtime.levels import Wanted
from shared.runtime.redis import away

EVERY_S, SOON_S, KEEP_S = 15.0, 1.0, 45
INSTANCES, LEVELS, JOURNAL = "instances", "levels", "journal"
JOURNAL_LENGTH = 1000
REMOVE_S = 1.0
ANY = "*"
PAGE = os.sysconf("SC_PAGE_SIZE")

log = logs.get(__name__)


class Announced(Protocol):
    """A function as it announces itself."""

    context: Context

    @property
    def process(self) -> str: ...

    @property
    def log_name(self) -> str: ...

    @property
    def in_flight(self) -> int: ...


@lru_cache
def instance() -> str:
    """This process among all."""
    return f"{socket.gethostname()[:40]}.{os.getpid()}"


@lru_cache
def version() -> str:
    """IMS' own."""
    from importlib import metadata

    try:
        return metadata.version("ims")
    except metadata.PackageNotFoundError:
        return "0"


def memory_bytes() -> int:
    """What the process has in memory; 0 where that cannot be read."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, ValueError, IndexError):
        return 0


class Announcer:
    """All functions of a process. The client is that of the first of them."""

    def __init__(self) -> None:
        self._apps: dict[int, tuple[Announced, int]] = {}
        self._task: asyncio.Task[None] | None = None
        self._soon = asyncio.Event()

    def add(self, app: Announced) -> None:
        """Announce a function from now on."""
        self._apps[id(app)] = app, _now_ms()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def remove(self, app: Announced) -> None:
        """It drains: say so, and announce it no more."""
        found = self._apps.pop(id(app), None)
        if not self._apps and self._task is not None:
            self._task.cancel()
            self._task = None
        if found is None:
            return
        with contextlib.suppress(TimeoutError, *away()):
            async with asyncio.timeout(REMOVE_S):
                pipe = _pipeline(app.context)
                pipe.delete(_key(app.process))
                pipe.zrem(INSTANCES, f"{app.process}:{instance()}")
                journal(pipe, "stopped", app.process)
                await pipe.execute()

    async def _run(self) -> None:
        told: set[int] = set()
        loop = asyncio.get_running_loop()
        self._soon = soon = asyncio.Event()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(soon.set)

        troubles.on_new(wake)
        while self._apps:
            try:
                await self.announce(told)
            except away():
                pass
            except Exception as error:  # whatever it is, the functions go on
                log.warning("not announced", error=f"{type(error).__name__}: {error}"[:200])
            await self._rest()

    async def _rest(self) -> None:
        """Until the next time; a second, when an error is new here: its alarm waits for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EVERY_S):
                await self._soon.wait()
            await asyncio.sleep(SOON_S)
        self._soon.clear()

    async def announce(self, told: set[int]) -> None:
        """Once; `told` are those whose start stands in the journal."""
        apps = dict(self._apps)
        if not apps:
            return
        now = _now_ms()
        pipe = _pipeline(next(iter(apps.values()))[0].context)
        pipe.hgetall(LEVELS)
        for number, (app, started_ms) in apps.items():
            pipe.set(_key(app.process), orjson.dumps(said(app, started_ms, now)), ex=KEEP_S)
            pipe.zadd(INSTANCES, {f"{app.process}:{instance()}": now})
            if number not in told:
                journal(pipe, "started", app.process)
        taken = troubles.take()
        troubles.tell(pipe, taken, version())
        try:
            wanted, *_ = await pipe.execute()
        except BaseException:
            troubles.give_back(taken)
            raise
        told.update(apps)
        for app, _ in apps.values():
            levels.want(app.log_name, chosen(wanted, app.process, now))


def said(app: Announced, started_ms: int, now_ms: int) -> dict[str, Any]:
    """What a function says of itself."""
    return {
        "process": app.process,
        "instance": instance(),
        "version": version(),
        "started_ms": started_ms,
        "at_ms": now_ms,
        "in_flight": app.in_flight,
        "memory": memory_bytes(),
        "level": logging.getLevelName(levels.of(app.log_name)).lower(),
        "draining": app.context.draining,
    }


def chosen(wanted: dict[bytes, bytes], process: str, now_ms: int) -> list[Wanted]:
    """The levels that hold for a process here: one for this very instance goes before one for all of them."""
    found: dict[str, tuple[bool, Wanted]] = {}
    for name, value in wanted.items():
        try:
            of, who, logger = name.decode().split("|", 2)
            kept = orjson.loads(value)
            one = Wanted(kept["level"], int(kept["until_ms"]), logger)
        except (ValueError, KeyError, TypeError):
            continue
        if of != process or who not in (ANY, instance()) or one.until_ms <= now_ms or one.level not in levels.LEVELS:
            continue
        if logger not in found or who != ANY:
            found[logger] = who != ANY, one
    return [one for _, one in found.values()]


def journal(pipe: Any, event: str, process: str, **more: Any) -> None:
    """Add to the journal, by commands of a pipeline."""
    entry = {
        "at_ms": _now_ms(),
        "event": event,
        "process": process,
        "instance": instance(),
        "version": version(),
        **more,
    }
    pipe.lpush(JOURNAL, orjson.dumps(entry))
    pipe.ltrim(JOURNAL, 0, JOURNAL_LENGTH - 1)


def _key(process: str) -> str:
    return f"instance:{process}:{instance()}"


def _pipeline(ims: Context) -> Any:
    return ims.redis.state.pipeline() if ims.redis.cluster else ims.redis.state.pipeline(transaction=False)


def _now_ms() -> int:
    return int(time.time() * 1000)


_here = Announcer()
add, remove = _here.add, _here.remove
