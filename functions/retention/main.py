"""Remove what has been kept long enough: contents, history, statistics; see shared/stores/retention.py.

Ticks come each minute from 03:00 to 06:00 in Korea (18:00 to 21:00 UTC), when the least is sent. Each works for a while
in small transactions with a pause as long as the work between them; the next goes on where it ended, and finds little
to do when all is done. A night that was missed is made up for in the next.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

from shared.domain.errors import Unavailable
from shared.domain.events import Tick
from shared.runtime import Context, event_function, logs, metrics
from shared.runtime.settings import RetentionSettings, load
from shared.stores import retention as store
from shared.watch import tasks

log = logs.get(__name__)


async def retention(event: Tick, ims: Context) -> None:
    """Work through the tasks in turn until nothing is left, the time is over or the process drains."""
    settings = load(RetentionSettings)
    until = time.monotonic() + settings.retention_run_seconds
    waiting, removed = deque(store.tasks(settings)), dict[str, int]()
    elsewhere = False
    while waiting and time.monotonic() < until and not ims.draining:
        task, began = waiting.popleft(), time.monotonic()
        step = await ims.db(store.run, task, ims.now_ms(), settings.retention_batch)
        if step is None:
            elsewhere = True
            continue
        if step.more:
            waiting.append(task)
        if step.removed:
            removed[task.name] = removed.get(task.name, 0) + step.removed
            metrics.RETENTION.labels(task.name).inc(step.removed)
        await asyncio.sleep(time.monotonic() - began)
    await _statistics(ims)
    if not waiting and not elsewhere:
        await tasks.succeeded(ims.db, "retention", ims.now_ms())
    if removed or waiting:
        log.info("retention", removed=removed, left=[task.name for task in waiting])


async def _statistics(ims: Context) -> None:
    """Count what nobody has asked for, and drop what statistics have kept long enough."""
    if not ims.insight.there:
        return
    try:
        await ims.insight(ims.insight.count)
        await ims.insight(ims.insight.sweep, ims.now_ms())
    except Unavailable as error:
        log.warning("statistics are not swept", detail=error.detail)


main = event_function(retention)
