"""Answers are recorded while other calls of the batch still go on: what is not recorded in time becomes uncertain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from shared.domain.errors import Unavailable
from shared.domain.events import Result
from shared.runtime import Context, logs
from shared.stores.claims import RELEASED, HopKey, Sender
from shared.stores.inbox import record_answers

SLICE = 200
"""As many answers are recorded at once, and those that have waited for so many seconds."""
PATIENCE_S = 1.0
SAVE_TRIES = 8

log = logs.get(__name__)


class Slices:
    """The answers of one batch; `types` are the message types of its hops. `end` raises what recording raised."""

    def __init__(self, ims: Context, sender: Sender, types: dict[HopKey, str]) -> None:
        self._ims, self._sender, self._types = ims, sender, types
        self._waiting: list[Result] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.all: list[Result] = []

    def add(self, results: Sequence[Result]) -> None:
        """Answers that have come."""
        self.all += results
        self._waiting += results
        if len(self._waiting) >= SLICE:
            self._begin()
        elif self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._begin)

    async def end(self) -> list[Result]:
        """All answers, once they are recorded."""
        self._begin()
        if self._tasks:
            await asyncio.gather(*self._tasks)
        return self.all

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            rows = [self._row(r) for r in self._waiting]
            self._waiting = []
            self._tasks.append(asyncio.create_task(self._save(rows)))

    def _row(self, r: Result) -> tuple[Any, ...]:
        key = bytes.fromhex(r.id), r.hop
        state = RELEASED if r.state == "unavailable" else r.state
        return (*key, self._types[key], state, r.code, r.raw_code, r.raw_text, r.vendor_ref, r.at)

    async def _save(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Worth some patience. Of an answer that cannot be recorded as it is, the vendor's own words are left out: its
        neighbours must not become uncertain by it."""
        for attempt in range(1, SAVE_TRIES + 1):
            try:
                await self._ims.db(record_answers, self._sender, rows, self._ims.now_ms())
                return
            except Unavailable:
                if attempt == SAVE_TRIES:
                    raise
                await asyncio.sleep(0.25 * attempt)
            except Exception:
                if len(rows) == 1 and rows[0] == _bare(rows[0]):
                    raise
                log.exception("answers cannot be recorded as they are", n=len(rows))
                middle = len(rows) // 2
                for part in (rows[:middle], rows[middle:]) if middle else ([_bare(rows[0])],):
                    await self._save(part)
                return


def _bare(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The answer without the vendor's own words, which may be anything; its reference only where it is plain."""
    ref = row[7] if row[7] is None or (row[7].isascii() and row[7].isprintable()) else None
    return (*row[:5], None, None, ref, row[8])
