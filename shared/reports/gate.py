"""A bounded number of calls at once to each host, so that one slow client never delays another.

A host is *slow* when its calls have lately taken longer than SLOW_S. Its calls are not waited for by events. The calls
to all hosts together are bounded, too: once half of them are under way, a slow host has one at once, so that thousands
of hosts that hang leave room for the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

SLOW_S = 0.25
WEIGHT = 0.3
MAX_HOSTS = 10_000
TOTAL = 1024


@dataclass(slots=True)
class _Host:
    free: int
    typical_s: float = 0.0
    waiting: deque[asyncio.Future[bool]] = field(default_factory=deque)


class Gate:
    """Slots by host; not shared between processes."""

    def __init__(self, limit: int, total: int = TOTAL) -> None:
        self._limit, self._total = limit, total
        self._used = 0
        self._hosts: dict[str, _Host] = {}

    def slow(self, host: str) -> bool:
        """Whether events should go on without this host's answers."""
        known = self._hosts.get(host)
        return known is not None and known.typical_s > SLOW_S

    def expected_wait_s(self, host: str) -> float:
        """How long the next in the queue will wait for a slot."""
        known = self._hosts.get(host)
        if known is None or known.free > 0:
            return 0.0
        return (len(known.waiting) + 1) * known.typical_s / self._limit

    def a_second(self, host: str) -> int:
        """How many calls a host takes in a second, as its answers have lately come; at least as many as at once."""
        known = self._hosts.get(host)
        typical_s = known.typical_s if known else 0.0
        return self._limit if typical_s >= 1 else int(self._limit / max(typical_s, 0.001))

    async def enter(self, host: str, patience_s: float) -> bool:
        """Take a slot; False when none comes free in time, at once when that can be foreseen."""
        known = self._host(host)
        if not self._room_for(known):
            return False
        if known.free > 0:
            known.free -= 1
            self._used += 1
            return True
        if self.expected_wait_s(host) > patience_s:
            return False
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        known.waiting.append(turn)
        try:
            async with asyncio.timeout(patience_s):
                return await turn
        except TimeoutError:
            return turn.done() and not turn.cancelled()

    def _room_for(self, known: _Host) -> bool:
        """Whether the calls to all hosts leave room for another one to this host."""
        if self._used >= self._total:
            return False
        return 2 * self._used < self._total or known.typical_s <= SLOW_S or known.free >= self._limit

    def leave(self, host: str, took_s: float) -> None:
        """Give the slot back, to the next in the queue if there is one."""
        known = self._host(host)
        self.noticed(host, took_s)
        while known.waiting:
            turn = known.waiting.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        known.free += 1
        self._used -= 1

    def noticed(self, host: str, took_s: float) -> None:
        """Learn how long a call takes, or has taken so far."""
        known = self._host(host)
        known.typical_s += WEIGHT * (took_s - known.typical_s) if known.typical_s else took_s

    def _host(self, host: str) -> _Host:
        known = self._hosts.get(host)
        if known is None:
            if len(self._hosts) >= MAX_HOSTS:
                self._hosts = {h: k for h, k in self._hosts.items() if k.free < self._limit or k.waiting}
            known = self._hosts[host] = _Host(self._limit)
        return known
