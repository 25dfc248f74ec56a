"""What each account has on the road of each lane, counted in Redis: shared by accepting, route and schedule.

    fair:{lane}:<slot>   HASH account → messages published to route and not taken in by it, counted in slots of time
    fair:{lane}:road     HASH account → `flying`, with `+` where more of it waits its turn; written by schedule

Accepting counts what it publishes, and route counts it off by the same slot, which the request carries. A count that is
lost (a process died in between) is over when its slot is. Without `road` nobody lets go what waits its turn, so nothing
is made to wait; without Redis neither. Nothing here decides over a message's life: these are only its turns.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from shared.domain.shares import Standing
from shared.runtime import logs
from shared.runtime.redis import away

SLOT_MS = 15_000
KEEP_S = 60
ROAD_MS = 4_000
"""A releaser that has not shown itself for so long is not there."""
FLUSH_S = 0.02
_MARK = b"-"

_ENTER = """
local out = {redis.call('HLEN', KEYS[3])}
for i = 1, #ARGV, 2 do
  local id, n = ARGV[i], tonumber(ARGV[i + 1])
  local now = redis.call('HINCRBY', KEYS[1], id, n) - n
  local before = tonumber(redis.call('HGET', KEYS[2], id) or 0)
  out[#out + 1] = math.max(0, now) + math.max(0, before)
  out[#out + 1] = redis.call('HGET', KEYS[3], id) or ''
end
redis.call('EXPIRE', KEYS[1], 60)
return out
"""

_SHOW = """
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
"""

log = logs.get(__name__)


class Entered:
    """What a lane said when messages entered it."""

    def __init__(self, answer: list[Any], accounts: Iterable[int]) -> None:
        self._standings: dict[int, Standing] = {}
        rest = iter(answer[1:])
        for account, waiting, told in zip(accounts, rest, rest, strict=True):
            self._standings[account] = _standing(int(waiting), told)
        known = sum(1 for told in answer[2::2] if told)
        self.released = bool(answer[0])
        """Whether somebody lets go what waits its turn."""
        self.active = max(0, int(answer[0]) - 1) + len(self._standings) - known
        """Accounts on the road, these among them."""

    def standing(self, account: int) -> Standing:
        """An account's, without what entered now."""
        return self._standings[account]


def _standing(waiting: int, told: bytes) -> Standing:
    return Standing(waiting, int(told.rstrip(b"+") or 0), told.endswith(b"+"))


class Shares:
    """One per process."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._off: dict[tuple[str, int], int] = defaultdict(int)
        self._flusher: asyncio.Task[None] | None = None

    @staticmethod
    def _slot(lane: str, at_ms: int) -> str:
        return f"fair:{{{lane}}}:{at_ms // SLOT_MS}"

    @staticmethod
    def _road(lane: str) -> str:
        return f"fair:{{{lane}}}:road"

    def enter(self, pipe: Any, lane: str, messages: Mapping[int, int], at_ms: int) -> None:
        """Count an account's messages, by one command of a pipeline; its answer is for `Entered`."""
        names = (self._slot(lane, at_ms), self._slot(lane, at_ms - SLOT_MS), self._road(lane))
        pipe.eval(_ENTER, len(names), *names, *(x for pair in messages.items() for x in pair))

    def leave(self, lane: str, account: int, messages: int, counted_ms: int) -> None:
        """Count messages off again, soon: nobody waits for it (needs a running event loop)."""
        if not counted_ms or not messages:
            return
        self._off[self._slot(lane, counted_ms), account] += messages
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.get_running_loop().create_task(self._flush_soon())

    async def _flush_soon(self) -> None:
        while self._off:
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what was counted off; what Redis does not take is over with its slot."""
        off, self._off = self._off, defaultdict(int)
        if not off:
            return
        try:
            pipe = self._pipeline()
            for (name, account), messages in off.items():
                pipe.hincrby(name, account, -messages)
            for name in {name for name, _ in off}:
                pipe.expire(name, KEEP_S)
            await pipe.execute()
        except away() as error:
            log.warning("shares are not counted", error=type(error).__name__)

    async def add(self, lane: str, messages: Mapping[int, int], at_ms: int) -> None:
        """Count what the releaser publishes."""
        name, pipe = self._slot(lane, at_ms), self._pipeline()
        for account, n in messages.items():
            pipe.hincrby(name, account, n)
        pipe.expire(name, KEEP_S)
        await pipe.execute()

    async def waiting(self, lane: str, at_ms: int) -> dict[int, int]:
        """Messages that are on their way to route or being taken in by it, by account."""
        pipe = self._pipeline()
        pipe.hgetall(self._slot(lane, at_ms))
        pipe.hgetall(self._slot(lane, at_ms - SLOT_MS))
        found: dict[int, int] = defaultdict(int)
        for slot in await pipe.execute():
            for account, n in slot.items():
                found[int(account)] += max(0, int(n))
        return found

    async def show(self, lane: str, road: Mapping[int, Standing]) -> None:
        """Tell accepting what is on the road, and that somebody lets go what waits its turn."""
        name = self._road(lane)
        told: dict[Any, Any] = {a: f"{s.flying}{'+' if s.held else ''}" for a, s in road.items() if s.on_road or s.held}
        fields = [x for pair in told.items() for x in pair]
        await self._redis.state.eval(_SHOW, 1, name, ROAD_MS, _MARK, b"", *fields)

    def _pipeline(self) -> Any:
        redis = self._redis
        return redis.state.pipeline() if redis.cluster else redis.state.pipeline(transaction=False)
