"""Errors in logs, grouped into signatures: what went wrong, where, how often, since when, with one sample.

A signature is the function, the module, the words without their numbers, and the exception's class. Each process counts
its own; what it has counted goes to Redis with its announcement (announcing.py), within a second when one is new
to it. No log has to be shipped for that.

    log:<signature>   what is known of it (a hash), for 30 days after the last time
    logs              signatures by their last time (a sorted set)
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from shared.runtime import scope

LOGS, KEEP_MS = "logs", 30 * 86_400_000
LEVELS = frozenset({"error", "critical"})
MOST = 200
"""Signatures that a process holds between two announcements; further ones wait for the next."""
SAMPLE_CHARACTERS = 4000
_VARYING = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}(?:-[0-9a-f]{4,})*|\d+", re.IGNORECASE)
_CLASS = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)")


@dataclass(slots=True)
class Trouble:
    """One signature, as counted here since the last announcement."""

    function: str
    module: str
    event: str
    error: str
    sample: str
    first_ms: int
    last_ms: int
    count: int = 0

    @property
    def signature(self) -> str:
        """Its name: twelve hex digits."""
        words = "\n".join((self.function, self.module, _VARYING.sub("#", self.event), self.error))
        return hashlib.sha256(words.encode()).hexdigest()[:12]


class Troubles:
    """Those of this process; `wake` is called when one is new to it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._held: dict[str, Trouble] = {}
        self._seen: set[str] = set()
        self.wake: Callable[[], None] = lambda: None

    def note(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A processor of structlog: counts errors, and lets every line through."""
        if event.get("level") in LEVELS:
            self._count(event)
        return event

    def _count(self, event: MutableMapping[str, Any]) -> None:
        now = int(self._clock() * 1000)
        traceback = str(event.get("exception") or event.get("error") or "")
        found = Trouble(
            scope.current().name, str(event.get("module", "")), str(event.get("event", ""))[:200], class_of(traceback),
            sample_of(event), now, now,
        )  # fmt: skip
        name = found.signature
        if name not in self._held and len(self._held) >= MOST:
            return
        held = self._held.setdefault(name, found)
        held.count += 1
        held.last_ms = now
        if name not in self._seen:
            self._seen.add(name)
            self.wake()

    def take(self) -> list[Trouble]:
        """What was counted since the last time; it is the caller's now."""
        taken, self._held = list(self._held.values()), {}
        return taken

    def give_back(self, taken: list[Trouble]) -> None:
        """Redis could not be told: count them again."""
        for one in taken:
            held = self._held.setdefault(one.signature, one)
            if held is not one:
                held.count += one.count
                held.first_ms = min(held.first_ms, one.first_ms)


def class_of(traceback: str) -> str:
    """The class of an exception, by the last line of its traceback that names one."""
    for line in reversed(traceback.strip().splitlines()):
        if match := _CLASS.match(line):
            return match[1][:80]
    return ""


def sample_of(event: MutableMapping[str, Any]) -> str:
    """The line as it was logged, numbers of people and secrets hidden before."""
    import orjson

    return orjson.dumps(dict(event), default=str).decode()[:SAMPLE_CHARACTERS]


def tell(pipe: Any, taken: list[Trouble], version: str) -> None:
    """Add counts to Redis, by commands of a pipeline."""
    for one in taken:
        key = f"log:{one.signature}"
        pipe.hsetnx(key, "first_ms", one.first_ms)
        pipe.hincrby(key, "count", one.count)
        known = {"function": one.function, "module": one.module, "event": one.event, "error": one.error}
        pipe.hset(key, mapping={**known, "sample": one.sample, "version": version, "last_ms": one.last_ms})
        pipe.pexpire(key, KEEP_MS)
        pipe.zadd(LOGS, {one.signature: one.last_ms})
    if taken:
        pipe.zremrangebyscore(LOGS, 0, taken[-1].last_ms - KEEP_MS)


_here = Troubles()
note, take, give_back = _here.note, _here.take, _here.give_back


def on_new(wake: Callable[[], None]) -> None:
    """What to call when a signature is new to this process."""
    _here.wake = wake
