"""The bridge from Redis to report_retry, without Redis."""

from __future__ import annotations

import asyncio
import contextlib

from bridges.redis_expiry.app import App


async def test_it_stops_though_a_client_swallows_the_cancellation() -> None:
    app, began = App(), asyncio.Event()

    async def deaf() -> None:
        began.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)

    task = asyncio.create_task(app._every(0.0, deaf))
    app._tasks.append(task)
    await began.wait()
    await asyncio.wait_for(app.stop(), 60)
    assert task.done()
