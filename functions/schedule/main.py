"""Let go what is due: reservations, held advertisements, parked batches, retries, polls, time-outs and backlogs.

A cron tick starts a run of a little over a minute, so ticks overlap rather than leave a gap; rows are locked, so runs
and replicas never take the same one. Each lane has a loop and a database connection of its own: a one-time password
never waits until a bulk batch has left.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Sequence

from shared.domain.errors import Unavailable
from shared.domain.events import Accepted, Event, Tick
from shared.domain.ids import LANES
from shared.runtime import Context, event_function, logs
from shared.runtime.redis import away
from shared.stores import due, watch
from shared.watch import tasks

RUN_SECONDS = 61.0
PAUSE_SECONDS: dict[str, float] = {"auth": 0.2, "realtime": 0.2, "bulk": 0.4, "ad": 0.4}
"""Between two looks at a lane in which nothing was due."""
BACKLOG_SECONDS: dict[str, float] = {"auth": 0.2, "realtime": 0.2, "bulk": 0.5, "ad": 0.5}
FORGET_SECONDS: dict[str, float] = {"auth": 0.4, "realtime": 0.4, "bulk": 2.0, "ad": 2.0}
"""After this long the windows show what was released from the backlog."""
SURPLUS_SECONDS = 0.1
"""Between two looks at a lane in which messages wait their turn."""
IDLE_SECONDS = 0.5
"""Between two where none did."""
TROUBLE_SECONDS = 1.0
LOOK_SECONDS = 0.15
"""A look at all lanes holds for those that come so soon after it: with nothing to do there is one query, not four."""

log = logs.get(__name__)
_served: set[str] = set()
"""Lanes with a transaction in this process: where ticks overlap, the later one leaves them to the earlier."""


class Look:
    """Which lanes have work, asked for all of them together. A lane that is at work does not ask."""

    def __init__(self, ims: Context) -> None:
        self._ims = ims
        self._asked: asyncio.Task[frozenset[str]] | None = None
        self._at = 0.0

    async def finds(self, lane: str) -> bool:
        """Whether something waits in a lane; Unavailable without MySQL."""
        if self._asked is None or (self._asked.done() and time.monotonic() - self._at > LOOK_SECONDS):
            self._at = time.monotonic()
            self._asked = asyncio.ensure_future(self._ims.db(due.waiting, self._ims.now_ms()))
        return lane in await asyncio.shield(self._asked)


async def schedule(event: Tick, ims: Context) -> None:
    """Run until the next tick has surely come, or the process drains."""
    until = time.monotonic() + RUN_SECONDS
    with contextlib.suppress(Unavailable):
        await ims.db(watch.beat, "schedule", ims.now_ms())
    await tasks.show(ims.db, ims.now_ms())
    look = Look(ims)
    well = await asyncio.gather(*(_run(lane, until, ims, look) for lane in LANES))
    if all(well):
        await tasks.succeeded(ims.db, "schedule", ims.now_ms())


async def _run(lane: str, until: float, ims: Context, look: Look) -> bool:
    """Serve a lane; whether the last look at it went well. Only who has found nothing asks before the next time."""
    memory, well, turns, busy = due.Backlogs(), False, Turns(lane, ims), True
    while time.monotonic() < until and not ims.draining:
        pause = PAUSE_SECONDS[lane]
        if lane not in _served:
            _served.add(lane)
            try:
                taken = await _take(lane, memory, ims) if busy or await look.finds(lane) else 0
                busy = bool(taken)
                taken += await turns.take()
                pause, well = 0 if taken else min(pause, turns.pause), True
            except Unavailable as error:
                log.warning("due work waits", lane=lane, detail=error.detail)
                pause, well, busy = TROUBLE_SECONDS, False, True
            except Exception:  # one lane's trouble must not end the others' run
                log.exception("due work failed", lane=lane)
                pause, well, busy = TROUBLE_SECONDS, False, True
            finally:
                _served.discard(lane)
        await asyncio.sleep(pause)
    return well


async def _take(lane: str, memory: due.Backlogs, ims: Context) -> int:
    """Let go what is due in a lane now; how many batches that were."""
    publish, now = _publisher(ims), time.monotonic()
    taken = await ims.db(due.take, lane, ims.now_ms(), publish)
    if now >= memory.look_at:
        memory.look_at = now + BACKLOG_SECONDS[lane]
        if now >= memory.forget_at:
            memory.released.clear()
            memory.forget_at = now + FORGET_SECONDS[lane]
        freed = await ims.db(due.take_backlog, lane, ims.now_ms(), publish, memory, ims.lanes.window(lane))
        memory.note(freed)
        taken += freed.batches
    return taken


class Turns:
    """Lets go what accepting has kept because its account was over its share of the lane (shared/domain/shares.py).

    The order of effects: rows locked, messages counted in Redis, events published, rows deleted. Dying before the
    commit publishes them again: route takes in once what comes twice. Without Redis the windows in MySQL alone tell
    the room.
    """

    def __init__(self, lane: str, ims: Context) -> None:
        self._lane, self._ims = lane, ims
        self.pause = IDLE_SECONDS
        self._after, self._look_at = -1, 0.0

    async def take(self) -> int:
        """Let go what the lane has room for, when it is time to look; how many messages that were."""
        if time.monotonic() < self._look_at:
            return 0
        lane, ims = self._lane, self._ims
        try:
            waiting = await ims.shares.waiting(lane, ims.now_ms())
        except away():
            waiting = {}
        found = await ims.db(
            due.take_surplus, lane, ims.now_ms(), self._publisher(), ims.lanes.window(lane), waiting, self._after
        )
        self.pause = SURPLUS_SECONDS if any(s.held for s in found.road.values()) else IDLE_SECONDS
        self._after, self._look_at = found.after, time.monotonic() + self.pause
        try:
            await ims.shares.show(lane, found.road)
        except away() as error:
            log.warning("shares are not shown", lane=lane, error=type(error).__name__)
        return sum(found.released.values())

    def _publisher(self) -> due.Publish:
        publish, loop = _publisher(self._ims), asyncio.get_running_loop()

        def counted(events: Sequence[Event]) -> None:
            asyncio.run_coroutine_threadsafe(self._count(events), loop).result()
            publish(events)

        return counted

    async def _count(self, events: Sequence[Event]) -> None:
        at_ms, messages = self._ims.now_ms(), Counter[int]()
        requests = [r for event in events if isinstance(event, Accepted) for r in event.requests]
        for request in requests:
            messages[request.account_id] += len(request.messages)
        try:
            await self._ims.shares.add(self._lane, messages, at_ms)
        except away():
            return
        for request in requests:
            request.counted = at_ms


def _publisher(ims: Context) -> due.Publish:
    """Publish from the database's thread, inside its transaction."""
    loop = asyncio.get_running_loop()

    def publish(events: Sequence[Event]) -> None:
        asyncio.run_coroutine_threadsafe(ims.bus.publish(events), loop).result()

    return publish


main = event_function(schedule)
