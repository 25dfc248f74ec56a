"""Give memory back that a burst has left with the allocator.

Freed memory stays with the process: glibc gives back only what lies at the end of its heap, and reference cycles stay
until the collector comes, which is calm here (see `shared/runtime/__main__.py`). So where a process has grown, it looks
for cycles and asks glibc for the rest; that takes some milliseconds, and is not done while it stays as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
from collections.abc import Callable
from pathlib import Path

EVERY_S = 10.0
GROWN_BYTES = 16 * 1024 * 1024
"""Over the least that there was."""
RARELY = 32
"""While it stays grown, it is tried again after 1, 2, 4 … looks, at most so many: what was in use may be free now."""


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def trim() -> None:
    """Collect cycles and give freed memory back, where the C library can (glibc)."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class Keeper:
    """Looks every now and then; `measure` and `give_back` are passed in by tests."""

    def __init__(self, measure: Callable[[], int] = resident, give_back: Callable[[], None] = trim) -> None:
        self._measure, self._give_back = measure, give_back
        self._least, self._rest, self._looked = 0, 1, 0

    def look(self) -> bool:
        """Give back what can be, if the process has grown; whether it did."""
        now = self._measure()
        if not self._least or now < self._least:
            self._least = now
        if now - self._least < GROWN_BYTES:
            self._rest, self._looked = 1, 0
            return False
        self._looked += 1
        if self._looked < self._rest:
            return False
        self._give_back()
        self._rest, self._looked = min(RARELY, 2 * self._rest), 0
        return True

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            self.look()


_running: asyncio.Task[None] | None = None


def keep() -> None:
    """Begin, once in a process."""
    global _running
    if _running is None or _running.done():
        _running = asyncio.get_running_loop().create_task(Keeper().run())
