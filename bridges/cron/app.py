"""Puts the cron source together: a loop for each trigger of the map, on one event loop."""

from __future__ import annotations

import asyncio
from typing import Any

from bridges.carrier import Carrier
from bridges.cron.ticker import Job, Ticker, jobs
from bridges.settings import AddressSettings, CronSettings
from shared.runtime import logs
from shared.runtime.settings import load

log = logs.get(__name__)


class App:
    """The running source."""

    def __init__(self, carrier: Carrier | None = None) -> None:
        self._jobs = list(jobs(load(AddressSettings).port_offset))
        self._ticker = Ticker(load(CronSettings), carrier)
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to tick."""
        self._running = [asyncio.ensure_future(self._ticker.run(job)) for job in self._jobs]
        log.info("ticking", functions=[job.process.name for job in self._jobs])

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Well as long as every job's loop is alive; a function that fails is its own to report."""
        return show(self._jobs, self._running)

    def measure(self) -> None:
        """Nothing is read at scrape time only."""

    async def stop(self) -> None:
        """Give up on ticks under way."""
        for task in self._running:
            task.cancel()
        await self._ticker.close()
        log.info("stopped")


def show(due: list[Job], running: list[asyncio.Task[None]]) -> tuple[bool, dict[str, Any]]:
    """The health of jobs, of which each has a task."""
    well = bool(running) and not any(task.done() for task in running)
    details = {job.process.name: {"next": str(job.next_at), "last": job.last_result} for job in due}
    return well, {"status": "ok" if well else "failed", "jobs": details}
