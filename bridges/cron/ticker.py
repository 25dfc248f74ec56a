"""Posts each tick: retried like PingSource does, late by a jitter, never caught up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bridges import http
from bridges.carrier import Carrier
from bridges.cron.schedule import Schedule, parse
from bridges.settings import CronSettings
from bridges.targets import Targets, addresses
from shared import flow
from shared.domain.events import Tick
from shared.runtime import logs, metrics

RETRIED = frozenset({404, 413, 425, 429, 502, 503, 504})  # sdk-go's isRetriable, which PingSource uses
RETRY_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6)
MISSED = timedelta(seconds=60)  # later than this (the machine slept), a tick is not sent at all
LOOK_SECONDS = 30.0

TICKS = metrics.counter("ims_cron_ticks_total", "Ticks, by function and the last answer", ["function", "result"])

log = logs.get(__name__)


@dataclass
class Job:
    """One Cron trigger of one process."""

    process: flow.Process
    schedule: Schedule
    targets: Targets
    next_at: datetime | None = None
    last_result: str = "none yet"


def jobs(port_offset: int) -> Iterator[Job]:
    """Every Cron trigger of the map."""
    for process in flow.processes():
        for trigger in process.function.on:
            if isinstance(trigger, flow.Cron):
                yield Job(process, parse(trigger.schedule, trigger.tz), Targets(addresses(process, port_offset)))


def tick(function: str, now: datetime) -> list[tuple[str, str]]:
    """The headers of a tick's CloudEvent; its body is `{}`."""
    return [
        ("ce-specversion", "1.0"),
        ("ce-id", str(uuid4())),
        ("ce-type", Tick.TYPE),
        ("ce-source", f"/cron/{function}"),
        ("ce-time", now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")),
        ("content-type", "application/json"),
    ]


class Ticker:
    """Runs jobs; ticks of a slow function overlap, as they do with PingSource."""

    def __init__(self, settings: CronSettings, carrier: Carrier | None = None) -> None:
        self._settings, self._carrier = settings, carrier or Carrier()
        self._posts: set[asyncio.Task[None]] = set()

    async def run(self, job: Job) -> None:
        """Tick for ever. A function that is due every minute gets its first tick at once, so that nobody who starts
        the platform waits for the next minute; PingSource does not do that, and nothing may depend on it."""
        if job.schedule.every_minute:
            self._fire(job)
        while True:
            job.next_at = job.schedule.next_after(datetime.now(UTC))
            await _sleep_until(job.next_at)
            if datetime.now(UTC) - job.next_at > MISSED:
                log.warning("tick missed", function=job.process.name, due=str(job.next_at))
                continue
            await asyncio.sleep(random.uniform(0, self._settings.cron_jitter_seconds))
            self._fire(job)

    def _fire(self, job: Job) -> None:
        task = asyncio.ensure_future(self._post(job))
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    async def _post(self, job: Job) -> None:
        headers = tick(job.process.name, datetime.now(UTC))
        result = ""
        for wait in (*RETRY_SECONDS, None):
            result, again = await self._try(job, headers)
            if not again or wait is None:
                break
            await asyncio.sleep(wait)
        job.last_result = result
        TICKS.labels(job.process.name, result).inc()
        if result != "ok":
            log.warning("tick lost", function=job.process.name, result=result)

    async def _try(self, job: Job, headers: list[tuple[str, str]]) -> tuple[str, bool]:
        """One try: its result, and whether another may help."""
        result = "unreachable"
        for address in job.targets.in_turn():
            try:
                answer = await self._carrier.post(address, headers, b"{}", self._settings.cron_timeout_seconds)
            except http.Unreachable:
                continue
            except http.TimedOut:
                return "timeout", True
            except http.Interrupted:
                return "interrupted", True
            if answer.status < 300:
                return "ok", False
            return str(answer.status), answer.status in RETRIED
        return result, True

    async def close(self) -> None:
        """Give up on ticks under way; their functions go on by themselves."""
        for task in list(self._posts):
            task.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)
        self._carrier.close()


async def _sleep_until(moment: datetime) -> None:
    """Wait by the wall clock, looking at it now and then, for it may be set."""
    while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(min(left, LOOK_SECONDS))
