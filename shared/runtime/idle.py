"""Connections that are kept for the next request: bounded by age, by origin and in all, the longest idle go first."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque

from shared.runtime.http1 import Connection

Origin = tuple[str, str, int]
"""Scheme, host and port."""
SWEEP_S = 1.0


class Idle:
    """Belongs to one event loop. A timer closes what is too old, also of origins that are never called again."""

    def __init__(self, *, most: int, per_origin: int, seconds: float) -> None:
        self._most, self._per_origin, self._seconds = most, per_origin, seconds
        self._by_origin: dict[Origin, deque[Connection]] = {}
        self._order: OrderedDict[Connection, Origin] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._order)

    def take(self, origin: Origin) -> Connection | None:
        """The connection that was used last, if one can be used again."""
        waiting = self._by_origin.get(origin)
        while waiting:
            connection = waiting[-1]
            self._forget(connection)
            if connection.reusable and time.monotonic() - connection.idle_since < self._seconds:
                return connection
            connection.close()
        return None

    def keep(self, connection: Connection, origin: Origin) -> None:
        """Take a connection whose answer is over; what may not be used again is closed."""
        if not connection.reusable or len(self._by_origin.get(origin, ())) >= self._per_origin:
            connection.close()
            return
        self._by_origin.setdefault(origin, deque()).append(connection)
        self._order[connection] = origin
        while len(self._order) > self._most:
            self._drop_oldest()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def close(self) -> None:
        """Close all of them."""
        while self._order:
            self._drop_oldest()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        self._timer = None
        while self._order:
            oldest = next(iter(self._order))
            if oldest.reusable and time.monotonic() - oldest.idle_since < self._seconds:
                break
            self._drop_oldest()
        if self._order:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _drop_oldest(self) -> None:
        oldest = next(iter(self._order))
        self._forget(oldest)
        oldest.close()

    def _forget(self, connection: Connection) -> None:
        origin = self._order.pop(connection)
        waiting = self._by_origin[origin]
        if waiting[-1] is connection:
            waiting.pop()
        else:
            waiting.remove(connection)
        if not waiting:
            del self._by_origin[origin]
