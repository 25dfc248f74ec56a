"""Webhooks: receipts wait in an outbox per vendor account and go out in batches, again and again until a 2xx.

So a receiver that restarts loses nothing; it gets what waited, some of it twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import islice, takewhile

import httpx2

from simulator.settings import SimulatorSettings
from simulator.store import Record

Post = Callable[[str, dict[str, str], bytes], Awaitable[int]]
"""Posts a body to a URL and gives the status; 0 when nobody answered."""
Body = Callable[[Sequence[Record], int], tuple[dict[str, str], bytes]]
"""The headers and body that carry records, at the nth retry."""

BACKOFF_S, BACKOFF_MAX_S = 0.2, 5.0
TWICE_AFTER_S = 0.1
ABROAD_AFTER_S = 0.2
"""From the foreign carrier's taking a text to its own receipt."""


def _alike(one: Record, other: Record) -> bool:
    return one.event == other.event and one.channel == other.channel


class Outbox:
    """The receipts of one vendor account."""

    def __init__(self, url: str, body: Body, post: Post, settings: SimulatorSettings) -> None:
        self._url, self._body, self._post, self._settings = url, body, post, settings
        self._waiting: deque[Record] = deque()
        self._wake = asyncio.Event()
        self._linger = settings.receipt_linger_ms / 1000
        self._tasks = [asyncio.create_task(self._work()) for _ in range(settings.receipt_concurrency)]
        self._in_flight = self.delivered = self.posts = self.failures = self.dropped = 0

    def put(self, records: Sequence[Record]) -> None:
        """Let receipts go out; when the queue is full the oldest are dropped, and counted."""
        self._waiting.extend(records)
        while len(self._waiting) > self._settings.receipt_queue:
            self._waiting.popleft()
            self.dropped += 1
        self._wake.set()

    async def now(self, records: Sequence[Record]) -> None:
        """Post receipts at once and wait for the answer; if it fails they wait with the others."""
        if not await self._try(records, 0):
            self.put(records)

    @property
    def pending(self) -> int:
        """Receipts that no receiver has taken yet."""
        return len(self._waiting) + self._in_flight

    def stop(self) -> None:
        """End the workers; what waits is lost, as the simulator keeps nothing."""
        for task in self._tasks:
            task.cancel()

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            if len(self._waiting) < self._settings.receipt_batch:
                await asyncio.sleep(self._linger)
            batch = self._batch()
            if not self._waiting:
                self._wake.clear()
            if batch:
                await self._deliver(batch)

    def _batch(self) -> list[Record]:
        """The next records that one webhook can carry: those of one event and channel."""
        waiting = self._waiting
        most = min(len(waiting), self._settings.receipt_batch)
        alike = takewhile(partial(_alike, waiting[0]), islice(waiting, most))
        size = sum(1 for _ in alike)
        return [waiting.popleft() for _ in range(size)]

    async def _deliver(self, batch: Sequence[Record]) -> None:
        self._in_flight += len(batch)
        attempt = 0
        while not await self._try(batch, attempt):
            attempt += 1
            await asyncio.sleep(min(BACKOFF_S * attempt, BACKOFF_MAX_S))
        self._in_flight -= len(batch)

    async def _try(self, batch: Sequence[Record], attempt: int) -> bool:
        headers, body = self._body(batch, attempt)
        self.posts += 1
        taken = 200 <= await self._post(self._url, headers, body) < 300
        self.delivered += len(batch) if taken else 0
        self.failures += not taken
        return taken


class Receipts:
    """The outboxes of all accounts, made when first used."""

    def __init__(self, settings: SimulatorSettings, bodies: dict[tuple[str, str], Body], post: Post | None = None):
        self._settings, self._bodies, self._post = settings, bodies, post
        self._outboxes: dict[tuple[str, str], Outbox] = {}
        self._client: httpx2.AsyncClient | None = None
        self._later: dict[asyncio.TimerHandle, int] = {}

    def put(self, vendor: str, account: str, records: Sequence[Record], delay_s: float = 0.0) -> None:
        """Send receipts after a delay."""
        if records and delay_s <= 0:
            self._outbox(vendor, account).put(records)
        elif records:
            handle: asyncio.TimerHandle
            handle = asyncio.get_running_loop().call_later(delay_s, lambda: self._due(handle, vendor, account, records))
            self._later[handle] = len(records)

    async def now(self, vendor: str, account: str, records: Sequence[Record]) -> None:
        """Send receipts at once, and wait until they have been answered."""
        if records:
            await self._outbox(vendor, account).now(records)

    def stats(self) -> dict[str, int]:
        """Receipts delivered, pending (due, not taken), dropped and delayed (not yet due); webhooks and failures."""
        names = ("delivered", "pending", "dropped", "posts", "failures")
        counts = {name: sum(getattr(box, name) for box in self._outboxes.values()) for name in names}
        return {**counts, "delayed": sum(self._later.values())}

    async def post_to(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """Post once; the status, 0 when nobody answered."""
        return await (self._post or self._http_post)(url, headers, body)

    async def stop(self) -> None:
        """Forget all that waits."""
        for handle in self._later:
            handle.cancel()
        for box in self._outboxes.values():
            box.stop()
        if self._client is not None:
            with contextlib.suppress(Exception):
                await self._client.aclose()

    def _due(self, handle: asyncio.TimerHandle, vendor: str, account: str, records: Sequence[Record]) -> None:
        del self._later[handle]
        self._outbox(vendor, account).put(records)

    def _outbox(self, vendor: str, account: str) -> Outbox:
        box = self._outboxes.get((vendor, account))
        if box is None:
            url = self._settings.receipt_url.format(vendor=vendor, account=account)
            post = self._post or self._http_post
            box = self._outboxes[vendor, account] = Outbox(url, self._bodies[vendor, account], post, self._settings)
        return box

    async def _http_post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        if self._client is None:
            self._client = httpx2.AsyncClient(timeout=10, trust_env=False)
        try:
            response = await self._client.post(url, headers=headers, content=body)
        except httpx2.HTTPError:
            return 0
        return response.status_code
