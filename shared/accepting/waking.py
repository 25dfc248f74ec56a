"""Wake what a message will need, where functions scale to zero: each would otherwise start only once the one before it
has done its part, one cold start after the other.

A call is a hint: nobody waits for its answer, and what it does not wake is woken by the message itself.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from shared import flow
from shared.runtime import Context

AFTER = ("ims.outcome.{lane}", "ims.finished.{lane}")
LATER = "analyze"
"""It counts; no message and no report waits for it."""
TIMEOUT_S = 10.0
"""A cold start; the caller of an acceptance does not wait for it."""


def needed(channel: str, lane: str) -> tuple[str, ...]:
    """The processes between the acceptance of a message and its report, as the map names them."""
    topics = {
        topic
        for pattern in ("ims.accepted.{lane}", f"ims.send.{channel}.{{lane}}", *AFTER)
        for topic in flow.expand(pattern, (lane,))
    }
    readers = {source.process.name for source in flow.sources() if topics & set(source.topics)} - {LATER}
    receipts = {p.name for p in flow.processes() if p.function.name == "api_receipt"}
    return tuple(sorted(readers | receipts))


class Waker:
    """Wakes the functions of a channel's lane, at most once in a while."""

    def __init__(self, ims: Context) -> None:
        self._at, self._every_s = ims.accept.wake_url, ims.accept.wake_seconds
        self._ims = ims
        self._last: dict[tuple[str, str], float] = {}
        self._calls: set[asyncio.Task[None]] = set()

    def __call__(self, channel: str, lane: str) -> None:
        """A message of that channel and lane is being accepted."""
        if not self._at or time.monotonic() - self._last.get((channel, lane), -self._every_s) < self._every_s:
            return
        self._last[channel, lane] = time.monotonic()
        for name in needed(channel, lane):
            call = asyncio.create_task(self._call(self._at.format(name=name.replace("_", "-"))))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def _call(self, url: str) -> None:
        import httpx2  # a fifth of a second, which no function spends where nobody sleeps

        with suppress(httpx2.HTTPError):
            await self._ims.http.get(url, timeout=TIMEOUT_S)
