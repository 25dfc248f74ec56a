"""Sends ReportDue events to report_retry: at most 500 keys or 20 ms together, a bounded number of requests at once.

A request that fails is dropped: what is still due is found again by the next sweep.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from bridges import http
from bridges.carrier import Carrier
from bridges.targets import Address
from shared.domain.events import MAX_MESSAGES, ReportDue
from shared.runtime import logs, metrics
from shared.runtime.clock import iso, now_ms

GATHER_S = 0.02
HEARD_S, SWEPT_S = 0.25, 1.0
"""How long the sweeper leaves a key alone after it was heard (an alarm can be false) or swept."""
TIMEOUT_S = 30.0
SOURCE = "/redis_expiry"

SENT = metrics.counter("ims_expiry_keys_total", "Keys sent to report_retry", ["why"])
FAILED = metrics.counter("ims_expiry_requests_failed_total", "Requests that report_retry did not take", ["status"])

log = logs.get(__name__)


class Sender:
    """Takes keys from the listener and the sweeper."""

    def __init__(self, carrier: Carrier, sinks: list[str], extensions: Mapping[str, str], in_flight: int) -> None:
        self._carrier, self._sinks, self._extensions = carrier, sinks, extensions
        self._limit = in_flight
        self._waiting: dict[str, None] = {}
        self._recent: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._requests: set[asyncio.Task[None]] = set()
        self._turn = 0

    @property
    def room(self) -> bool:
        """Whether another request may be sent at once."""
        return len(self._requests) < self._limit

    def heard(self, key: str) -> None:
        """A timer expired."""
        SENT.labels("expired").inc()
        self._take(key, HEARD_S)

    def swept(self, keys: Iterable[str]) -> None:
        """These are due in the due-set."""
        now = time.monotonic()
        for key in keys:
            if self._recent.get(key, 0.0) <= now:
                SENT.labels("swept").inc()
                self._take(key, SWEPT_S)

    def _take(self, key: str, quiet_s: float) -> None:
        self._waiting[key] = None
        self._recent[key] = time.monotonic() + quiet_s
        if len(self._waiting) >= MAX_MESSAGES:
            self._send()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._send)

    def _send(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and self.room:
            keys = [key for key, _ in zip(self._waiting, range(MAX_MESSAGES), strict=False)]
            for key in keys:
                del self._waiting[key]
            task = asyncio.create_task(self._post(keys))
            self._requests.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        if self._waiting and self._timer is None:
            self._send()

    async def _post(self, keys: list[str]) -> None:
        status = await self._try(ReportDue(keys=keys))
        if not 200 <= status < 300:
            FAILED.labels(str(status)).inc()
            log.warning("report_retry did not take the event", status=status, keys=len(keys))
            for key in keys:
                self._recent.pop(key, None)
            await asyncio.sleep(0.2)

    async def _try(self, event: ReportDue) -> int:
        headers = [(f"ce-{name}", value) for name, value in self._attributes(event).items()]
        headers.append(("content-type", "application/json"))
        body = orjson.dumps({"keys": event.keys})
        for _ in self._sinks:
            self._turn = (self._turn + 1) % len(self._sinks)
            sink = urlsplit(self._sinks[self._turn])
            address = Address(sink.hostname or "", sink.port or 80, sink.path or "/")
            try:
                return (await self._carrier.post(address, headers, body, TIMEOUT_S, sink.netloc)).status
            except http.Unreachable:
                continue
            except http.Interrupted:
                return 0
        return 0

    def _attributes(self, event: ReportDue) -> dict[str, str]:
        own = {
            "specversion": "1.0",
            "id": os.urandom(16).hex(),
            "type": event.TYPE,
            "source": SOURCE,
            "time": iso(now_ms()) or "",
        }
        return {**own, **self._extensions}

    def forget(self) -> None:
        """Drop what is remembered of keys that the sweeper need not leave alone any more."""
        now = time.monotonic()
        self._recent = {key: until for key, until in self._recent.items() if until > now}

    async def drain(self, seconds: float) -> None:
        """Send what waits, and let requests end."""
        self._send()
        if self._requests:
            await asyncio.wait(set(self._requests), timeout=seconds)


def extensions(overrides: str) -> dict[str, str]:
    """What K_CE_OVERRIDES (set by SinkBinding) adds to each event: `{"extensions": {"name": "value"}}`."""
    if not overrides:
        return {}
    found: Any = orjson.loads(overrides)
    return {str(k).lower(): str(v) for k, v in (found.get("extensions") or {}).items()}
