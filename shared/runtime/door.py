"""What bodies may take of a process while they come and are worked on: places and bytes, shared out by who sends them.

Every function of a process passes one Door, so however many functions it serves, what it holds is bounded once. A body
takes a place from its first byte to its last, and its bytes from then until its request is answered. Nobody may take
more than a part of either: who is over it is refused (429), or waits a moment for bytes (then 503), while the others
go on. A body that is there with its headers takes and gives back its place without waiting for anything.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict

from shared.runtime import metrics
from shared.runtime.problems import Problem
from shared.runtime.settings import DoorSettings, load_of_process

FREE_BYTES = 64 * 1024
"""A body of so many bytes asks for no memory: places bound how many there are."""
WORKED_ON = 2
"""Bytes that a body of one byte takes at its peak, while its parts are put together and read."""
AGAIN_S = 1.0


class Door:
    """Places and bytes of one process."""

    def __init__(self, settings: DoorSettings) -> None:
        self.settings = settings
        self._places: Counter[str] = Counter()
        self._taken = 0
        self._held: Counter[str] = Counter()
        self._bytes = 0
        self._waiting: OrderedDict[asyncio.Future[None], tuple[str, int]] = OrderedDict()
        self.discarding = 0
        """Refused bodies that are still taken in."""

    def enter(self, owner: str, address: str) -> None:
        """Take a place for a body of `owner` from `address`; 429 when they have all of theirs, 503 when all are taken.

        Both are names: an account with what kind it is, an IP address. An owner that is only an address has no place
        beside that of its address.
        """
        limits = self.settings
        mine = self._places[owner] >= limits.bodies_by_account if owner != address else False
        if mine or self._places[address] >= limits.bodies_by_address:
            metrics.TURNED_AWAY.labels("share").inc()
            whose = "this account" if mine else "your address"
            raise _close(429, f"Too many bodies of {whose} are under way at once; let some arrive first.")
        if self._taken >= limits.bodies:
            metrics.TURNED_AWAY.labels("full").inc()
            raise _close(503, "Too many bodies are under way at once; try again.")
        self._taken += 1
        self._places[address] += 1
        if owner != address:
            self._places[owner] += 1

    def leave(self, owner: str, address: str) -> None:
        """Give a place back."""
        self._taken -= 1
        for name in {owner, address}:
            self._places[name] -= 1
            if self._places[name] <= 0:
                del self._places[name]

    async def hold(self, owner: str, size: int) -> None:
        """Take `size` bytes for `owner`, or wait until there are as many; 503 after a while, 413 for more than fit."""
        if size > self._share:
            raise Problem(413, f"The body may have at most {self._share // WORKED_ON} bytes here.")
        if not self._waiting and self._fits(owner, size):
            self._take(owner, size)
            return
        if len(self._waiting) >= self.settings.bodies_waiting or self._waits(owner):
            raise self._no_room()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = owner, size
        self._grant()
        try:
            async with asyncio.timeout(self.settings.body_wait_seconds):
                await future
        except BaseException as error:
            self._waiting.pop(future, None)
            if future.done() and not future.cancelled():  # granted in the same moment
                self.release(owner, size)
            if isinstance(error, TimeoutError):
                raise self._no_room() from None
            raise

    def release(self, owner: str, size: int) -> None:
        """Give bytes back; who waits for them goes on."""
        self._bytes -= size
        self._held[owner] -= size
        if self._held[owner] <= 0:
            del self._held[owner]
        self._grant()

    @property
    def _share(self) -> int:
        return self.settings.body_memory * self.settings.body_memory_share // 100

    def _fits(self, owner: str, size: int) -> bool:
        return self._bytes + size <= self.settings.body_memory and self._held[owner] + size <= self._share

    def _waits(self, owner: str) -> bool:
        """Whether an owner has its part of those who wait."""
        mine = sum(name == owner for name, _ in self._waiting.values())
        return mine >= max(1, self.settings.bodies_waiting // 4)

    def _take(self, owner: str, size: int) -> None:
        self._bytes += size
        self._held[owner] += size

    def _grant(self) -> None:
        """Those who wait in their order, past whom has all of its part."""
        for future, (owner, size) in list(self._waiting.items()):
            if not future.done() and self._fits(owner, size):
                self._take(owner, size)
                del self._waiting[future]
                future.set_result(None)

    @staticmethod
    def _no_room() -> Problem:
        metrics.TURNED_AWAY.labels("memory").inc()
        return _close(503, "Too many large bodies are being worked on; try again.")


def _close(status: int, detail: str) -> Problem:
    return Problem(status, detail, retry_after=AGAIN_S, headers={"connection": "close"})


_door: Door | None = None


def door() -> Door:
    """The Door of this process."""
    global _door
    settings = load_of_process(DoorSettings)
    if _door is None or _door.settings is not settings:
        _door = Door(settings)
    return _door
