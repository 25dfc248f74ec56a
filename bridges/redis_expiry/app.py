"""Puts the bridge together: listener, sweeper, rebuilder and sender on one event loop. Any number may run."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bridges.carrier import Carrier
from bridges.redis_expiry.listen import Listener
from bridges.redis_expiry.sender import Sender, extensions
from bridges.settings import AddressSettings
from bridges.targets import addresses
from shared import flow
from shared.domain.errors import Unavailable
from shared.reports.desk import claims, due_set
from shared.reports.due import overdue
from shared.reports.rebuild import Rebuilder
from shared.runtime import logs
from shared.runtime.clock import now_ms
from shared.runtime.mysql import Database
from shared.runtime.redis import RedisClients, away
from shared.runtime.settings import ExpirySettings, MysqlSettings, RedisSettings, ReportSettings, load

SWEEP_KEYS = 500
EPOCH_S = 1.0
DRAIN_S = 20.0
NOT_NOW = (*away(), Unavailable)

log = logs.get(__name__)


def sinks() -> list[str]:
    """Where report_retry listens: K_SINK (SinkBinding), IMS_TARGET_REPORT_RETRY, or the map's port on this machine."""
    given = os.environ.get("K_SINK")
    if given:
        return [given]
    process = next(p for p in flow.processes() if p.name == "report_retry")
    return [f"http://{host}:{port}{path}" for host, port, path in addresses(process, load(AddressSettings).port_offset)]


class App:
    """The running bridge."""

    def __init__(self, carrier: Carrier | None = None) -> None:
        redis_settings, reports, mysql = load(RedisSettings), load(ReportSettings), load(MysqlSettings)
        self._settings = load(ExpirySettings)
        self._grace_ms = int(reports.report_grace_seconds * 1000)
        self._redis = RedisClients(redis_settings)
        self._db = Database(mysql.mysql_url, pool=1, timeout=mysql.mysql_timeout_seconds)
        self._carrier = carrier or Carrier()
        overrides = extensions(os.environ.get("K_CE_OVERRIDES", ""))
        self._sender = Sender(self._carrier, sinks(), overrides, self._settings.expiry_in_flight)
        self._listener = Listener(redis_settings, self._sender.heard)
        self._due = due_set(self._redis, reports)
        self._rebuilder = Rebuilder(self._due, claims(self._redis, reports), self._redis.state, self._db, now_ms)
        self._swept = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    def start(self) -> None:
        """Start listening, sweeping and watching over the due-set's completeness."""
        log.info("bridging", sinks=sinks())
        self._tasks = [
            asyncio.create_task(self._listener.run()),
            asyncio.create_task(self._every(self._settings.sweep_seconds, self._sweep)),
            asyncio.create_task(self._every(EPOCH_S, self._rebuilder.rebuild)),
            asyncio.create_task(self._every(self._settings.reconcile_seconds, self._reconcile)),
        ]

    async def _every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        complained = 0.0
        while not self._stopping:  # a client of Redis may swallow a cancellation that comes with its own time-out
            try:
                await work()
            except NOT_NOW as error:
                if time.monotonic() - complained > 10:
                    complained = time.monotonic()
                    log.warning("not now", work=work.__name__, error=f"{type(error).__name__}: {error}")
            except Exception:
                log.exception("failed", work=work.__name__)
            await asyncio.sleep(seconds)

    async def _sweep(self) -> None:
        """Announce what is due; more than fits waits in the due-set, not here."""
        self._sender.forget()
        if self._sender.room:
            await self._due.ready()
            self._sender.swept(await overdue(self._redis.state, self._due.keys, now_ms(), SWEEP_KEYS))
        self._swept = time.monotonic()

    async def _reconcile(self) -> None:
        await self._rebuilder.reconcile(self._grace_ms)

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Well while it listens and sweeps."""
        well = self._listener.listening > 0 and time.monotonic() - self._swept < 5 + self._settings.sweep_seconds
        return well, {"status": "ok" if well else "failing", "primaries": self._listener.listening}

    def measure(self) -> None:
        """Nothing is read at scrape time only."""

    async def stop(self) -> None:
        """Announce what is in hand, and end."""
        self._stopping = True
        self._listener.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sender.drain(DRAIN_S)
        self._carrier.close()
        await asyncio.get_running_loop().run_in_executor(None, self._db.close)
        log.info("stopped")
