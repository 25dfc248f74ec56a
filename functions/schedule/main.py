"""Let go what is due: reservations, held advertisements, parked batches, retries, polls, time-outs and backlogs.

A cron tick starts a run of a little over a minute, so ticks overlap rather than leave a gap; rows are locked, so runs
and replicas never take the same one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from shared.domain.errors import Unavailable
from shared.domain.events import Event, Tick
from shared.runtime import Context, event_function, logs
from shared.stores import due

RUN_SECONDS = 61.0
PAUSE_SECONDS = 0.2
BACKLOG_SECONDS = 0.5
FORGET_SECONDS = 2.0
"""After this long the windows show what was released from the backlog."""

log = logs.get(__name__)


async def schedule(event: Tick, ims: Context) -> None:
    """Run until the next tick has surely come, or the process drains."""
    until = time.monotonic() + RUN_SECONDS
    released: dict[tuple[int, str], int] = {}
    backlog_at = forget_at = 0.0
    while (now := time.monotonic()) < until and not ims.draining:
        if now >= forget_at:
            released.clear()
            forget_at = now + FORGET_SECONDS
        try:
            taken = await ims.db(due.take, ims.now_ms(), _publisher(ims))
            if now >= backlog_at:
                taken += await ims.db(due.take_backlog, _publisher(ims), released)
                backlog_at = now + BACKLOG_SECONDS
        except Unavailable as error:
            log.warning("due work waits", detail=error.detail)
            taken = 0
            await asyncio.sleep(1)
        if not taken:
            await asyncio.sleep(PAUSE_SECONDS)


def _publisher(ims: Context) -> due.Publish:
    """Publish from the database's thread, inside its transaction."""
    loop = asyncio.get_running_loop()

    def publish(events: Sequence[Event]) -> None:
        asyncio.run_coroutine_threadsafe(ims.bus.publish(events), loop).result()

    return publish


main = event_function(schedule)
