"""When the tasks of the clock last succeeded, and digests that did not go out: for Prometheus, in the words of MySQL.

digest and retention scale to zero, and what a process has counted dies with it. So a success is a row of `heartbeats`,
and schedule and watch, of which one runs always, show all rows at each tick: each the other's, too. What is shown is a
moment, not an age: in a process that has stopped looking it grows old, as it should (deploy/alerts.py).

A task that has never succeeded is given the moment in which it was first missed, so a new installation is as good as
one whose tasks have just run. Dying between a success and its note makes the task look older than it is: too late an
end of an alarm, never too late an alarm.
"""

from __future__ import annotations

import contextlib
from typing import Any

from shared.domain.errors import Unavailable
from shared.runtime import metrics
from shared.stores import digests
from shared.stores import watch as store

TASKS = ("schedule", "collect", "upload", "watch", "digest", "retention")


async def succeeded(db: Any, task: str, at_ms: int) -> None:
    """Note a success; of several the latest counts. Without MySQL it is not noted: the next one is."""
    with contextlib.suppress(Unavailable):
        await db(store.succeed, task, at_ms)


async def show(db: Any, now_ms: int) -> None:
    """Set the gauges; without MySQL they stay as they are."""
    with contextlib.suppress(Unavailable):
        found = await db(store.successes, TASKS, now_ms)
        unsent = await db(digests.unsent, now_ms)
        for task, at_ms in found.items():
            metrics.LAST_SUCCESS.labels(task).set(at_ms / 1000)
        for state, count in unsent._asdict().items():
            metrics.UNSENT_DIGESTS.labels(state).set(count)
