"""What accepting touches, in memory: the real handlers run over it without a server."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from shared.accepting.keys import TAKE_OVER
from shared.domain.errors import Unavailable
from shared.domain.events import Event
from shared.runtime.settings import AcceptSettings, LaneSettings
from shared.runtime.shares import _ENTER, Shares
from shared.stores.accounts import Account, ApiKey
from shared.stores.due import keep_surplus

NOW = 1_790_000_000_000


class Redis:
    """As much of Redis as accepting uses; a pipeline that runs at once."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def pipeline(self, **_: Any) -> Pipeline:
        return Pipeline(self.values)

    async def get(self, name: str) -> Any:
        return self.values.get(name)

    async def set(self, name: str, value: bytes, **_: Any) -> None:
        self.values[name] = value

    async def delete(self, name: str) -> None:
        self.values.pop(name, None)

    async def eval(self, script: str, _: int, name: str, old: bytes, new: bytes, keep_ms: int) -> int:
        """TAKE_OVER, the only script of accepting."""
        assert script == TAKE_OVER
        if self.values.get(name) != old:
            return 0
        self.values[name] = new
        return 1


class Pipeline:
    """Commands that run as they are given."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values, self.answers = values, list[Any]()

    def set(self, name: str, value: bytes, **_: Any) -> None:
        self.answers.append(self.values.get(name))
        self.values.setdefault(name, value)

    def incrby(self, name: str, n: int) -> None:
        self.values[name] = self.values.get(name, 0) + n
        self.answers.append(self.values[name])

    def expire(self, *_: Any) -> None:
        self.answers.append(True)

    def hset(self, *_: Any, **__: Any) -> None:
        self.answers.append(1)

    def hincrby(self, name: str, field: int, n: int) -> None:
        known = self.values.setdefault(name, {})
        known[field] = known.get(field, 0) + n
        self.answers.append(known[field])

    def eval(self, script: str, _: int, now: str, before: str, road: str, *pairs: int) -> None:
        """What a lane says of those who enter it (shared/runtime/shares.py)."""
        assert script == _ENTER
        shown = self.values.get(road, {})
        out: list[Any] = [len(shown)]
        for account, n in zip(pairs[::2], pairs[1::2], strict=True):
            waiting = sum(max(0, self.values.get(slot, {}).get(account, 0)) for slot in (now, before))
            out += [waiting, shown.get(account, b"")]
            self.hincrby(now, account, n)
            self.answers.pop()
        self.answers.append(out)

    async def execute(self) -> list[Any]:
        return self.answers


class Servers:
    """Everything a submitter touches."""

    def __init__(self, known: dict[Any, Any] | None = None) -> None:
        self.redis = SimpleNamespace(state=Redis(), cluster=False)
        self.accept, self.known = AcceptSettings(), known or {}
        self.lanes, self.shares = LaneSettings(), Shares(self.redis)
        self.kept: dict[int, list[Event]] = {}
        self.published: list[Event] = []
        self.bus = SimpleNamespace(publish=self._publish)
        self.kafka, self.at_publish, self.stuck = True, dict[str, Any](), False
        self.mysql = True
        self.poison, self.publishing = "poison", asyncio.Event()
        self.now, self.account = NOW, account()
        self.accounts = self
        self.vendors = SimpleNamespace(entries=self._no_vendors)

    def now_ms(self) -> int:
        return self.now

    async def key(self, token: str) -> ApiKey | None:
        """A live or a test key, by its beginning."""
        kind = token.split("_")[1]
        return ApiKey(1, kind, (), (), None) if kind in ("live", "test") else None

    def used(self, key: ApiKey, at_ms: int) -> None:
        """Nobody asks when."""

    async def by_id(self, _: int) -> Account:
        """The one account."""
        return self.account

    async def _no_vendors(self) -> list[Any]:
        return []

    async def _publish(self, events: list[Event]) -> None:
        self.at_publish = dict(self.redis.state.values)
        self.publishing.set()
        if self.stuck and events:
            await asyncio.Event().wait()
        if any(r.request_ref == self.poison for e in events for r in getattr(e, "requests", ())):
            raise ValueError("this one cannot be written")
        if not self.kafka:
            raise Unavailable("Kafka is away")
        self.published += events

    async def db(self, statement: Any, *arguments: Any) -> dict[Any, Any]:
        if not self.mysql:
            raise Unavailable("MySQL is away")
        if statement is keep_surplus:
            for account, events in arguments[0].items():
                self.kept.setdefault(account, []).extend(events)
        return self.known

    def show(self, lane: str, **accounts: bytes) -> None:
        """What schedule shows of a lane."""
        told = {int(name.removeprefix("a")): told for name, told in accounts.items()}
        self.redis.state.values[f"fair:{{{lane}}}:road"] = {b"-": b"", **told}

    async def waiting(self, lane: str) -> dict[int, int]:
        """What is counted as waiting before route."""
        await self.shares.flush()
        found: dict[int, int] = {}
        for name, slot in self.redis.state.values.items():
            if name.startswith(f"fair:{{{lane}}}:") and not name.endswith("road"):
                found.update(slot)
        return found

    @property
    def day_count(self) -> int:
        """Messages that the day's limit has counted."""
        return sum(n for name, n in self.redis.state.values.items() if name.startswith("daily:"))


def account(**limits: Any) -> Account:
    given = {"rate_per_second": None, "daily_limit": None, **limits}
    return Account(1, "demo", True, None, True, 1, (), 20_000, given["rate_per_second"], given["daily_limit"],
                   frozenset({"0215441234"}))  # fmt: skip
