"""Which connections a process keeps, and how long it waits for a request on one.

A connection owes a request while it is new, between two requests, and until a request's line and headers are whole.
Where there are too many, the one that has owed longest makes room: what is asked or answered is never cut off for it,
and whoever opens connections to say nothing on them closes his own. All functions of a process share the bounds; those
by address are for callers who are no trusted proxy, for a proxy speaks for many.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from shared.runtime import descriptors, metrics
from shared.runtime.door import AGAIN_S
from shared.runtime.peers import is_trusted_proxy
from shared.runtime.problems import Problem
from shared.runtime.settings import DoorSettings, load_of_process

OF_FILES = 0.5
"""The part of the limit of open files that callers' connections may take."""
HEADERS = 128
"""Headers of one request; the gateway takes 100 and adds its own."""
UNTAKEN_S = 60.0
"""Whoever takes nothing of an answer for so long is not waited for."""
LINGER_S = 0.5
LINGERING = 64
"""After a refusal what still comes is thrown away for a moment, for so many at once: who writes while the connection
is closed sees a reset, and not the answer."""


class Caller(Protocol):
    """A connection, as Connections sees it."""

    address: str
    """Empty for a trusted proxy."""

    def make_room(self) -> None:
        """Close it."""


class Connections:
    """The connections of a process and those of them that owe a request, the longest first."""

    def __init__(self, settings: DoorSettings) -> None:
        self.settings = settings
        self.lingering = 0
        self._most = descriptors.share(OF_FILES, settings.connections)
        self._open: set[Caller] = set()
        self._of: Counter[str] = Counter()
        self._owing: OrderedDict[Caller, None] = OrderedDict()
        self._owing_of: dict[str, OrderedDict[Caller, None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, caller: Caller) -> int:
        """Take one in, if need be in another's place; 0, or the status that it is refused with."""
        address = caller.address
        if address and self._of[address] >= self.settings.connections_by_address:
            status, owing = 429, self._owing_of.get(address)
        elif len(self._open) >= self._most:
            status, owing = 503, self._owing
        else:
            status, owing = 0, None
        if status:
            metrics.TURNED_AWAY.labels("connections").inc()
            if not owing:
                return status
            longest = next(iter(owing))
            self.close(longest)
            longest.make_room()
        self._open.add(caller)
        if address:
            self._of[address] += 1
        self.owes(caller)
        return 0

    def owes(self, caller: Caller) -> None:
        """A request of it is awaited from now on."""
        if caller in self._open:
            self._owing[caller] = None
            if caller.address:
                self._owing_of.setdefault(caller.address, OrderedDict())[caller] = None

    def asked(self, caller: Caller) -> None:
        """A request of it is there."""
        self._owing.pop(caller, None)
        mine = self._owing_of.get(caller.address)
        if mine is not None:
            mine.pop(caller, None)
            if not mine:
                del self._owing_of[caller.address]

    def close(self, caller: Caller) -> None:
        """It is there no more, or will soon be gone."""
        self.asked(caller)
        if caller in self._open:
            self._open.remove(caller)
            if caller.address:
                self._of[caller.address] -= 1
                if not self._of[caller.address]:
                    del self._of[caller.address]


_connections: Connections | None = None


def connections() -> Connections:
    """The connections of this process."""
    global _connections
    settings = load_of_process(DoorSettings)
    if _connections is None or _connections.settings is not settings:
        _connections = Connections(settings)
    return _connections


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with bounds on how many there are, on a request's head, and on an answer nobody takes."""

    address = ""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._all = connections()
        self._rules = self._all.settings
        self._owing = self._begun = self._leaving = False
        self._size = self._head = 0
        self._timer: asyncio.TimerHandle | None = None
        self._untaken: asyncio.TimerHandle | None = None
        self._refusal: Problem | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        host = self.client[0] if self.client else ""
        trusted = not host or is_trusted_proxy(host)
        self.address = "" if trusted else host
        status = self._all.open(self)
        if status:
            self._refuse(Problem(status, "Too many connections are open.", retry_after=AGAIN_S))
            return
        self._owing = True
        rest = self.timeout_keep_alive if trusted else self._rules.head_seconds
        self.timeout_keep_alive_task = self.loop.call_later(rest, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.close(self)
        self._unset_keepalive_if_required()
        for timer in (self._timer, self._untaken):
            if timer is not None:
                timer.cancel()
        if self._leaving:
            self._all.lingering -= 1
            self._leaving = False
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What comes, a deadline from the first byte of a head on until it is whole."""
        if self._leaving or self.transport.is_closing():
            return
        alone, self._size = self._begun or self._owing, len(data)
        super().data_received(data)
        if not (self._begun or self._owing) or self._leaving or self.transport.is_closing():
            return
        if self._timer is None:
            self._timer = self.loop.call_later(self._rules.head_seconds, self._too_late)
        if self._begun:
            self._head = self._head + len(data) if alone else self._so_far()  # with what belongs to a request before
            if self._head > self._rules.head_bytes or len(self.headers) > HEADERS:
                self._refusal = self._too_large()
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        super().on_message_begin()
        self._begun = True

    def on_headers_complete(self) -> None:
        """A whole head."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        size, self._begun, self._head = self._head + self._size, False, 0
        if len(self.headers) > HEADERS or (size > self._rules.head_bytes and self._so_far() > self._rules.head_bytes):
            self._refusal = self._too_large()
            raise ValueError(self._refusal.detail)
        self._owing = False
        self._all.asked(self)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """A whole answer."""
        more = bool(self.pipeline)
        super().on_response_complete()
        if not more and not self.transport.is_closing():
            self._owing = True
            self._all.owes(self)

    def pause_writing(self) -> None:
        """More is to be written than the caller takes."""
        super().pause_writing()
        if self._untaken is None:
            self._untaken = self.loop.call_later(UNTAKEN_S, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller has taken it."""
        super().resume_writing()
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None

    def timeout_keep_alive_handler(self) -> None:
        """No request came."""
        self._end()

    def make_room(self) -> None:
        """Close for a newer connection."""
        if self._begun:
            self._refuse(Problem(503, "Too many connections are open.", retry_after=AGAIN_S))
        else:
            self._end()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not sound HTTP, or over a bound; what was asked before it is answered first."""
        if self._answering():
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        self._refuse(self._refusal or Problem(400, "It is not sound HTTP: method, path, Host, headers or length."))

    def _so_far(self) -> int:
        """Bytes of the head under way, as far as they are taken apart."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _answering(self) -> bool:
        """Whether a whole request before is still being answered."""
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body

    def _too_large(self) -> Problem:
        metrics.TURNED_AWAY.labels("head").inc()
        most = self._rules.head_bytes
        return Problem(431, f"A request's line and headers may have {most} bytes and {HEADERS} headers.")

    def _too_late(self) -> None:
        self._timer = None
        metrics.TURNED_AWAY.labels("head").inc()
        if self._answering():
            self.cycle.keep_alive = False
        elif self._begun:
            seconds = f"{self._rules.head_seconds:g} s"
            self._refuse(Problem(408, f"A request's line and headers must be here within {seconds}."))
        else:
            self._end()

    def _refuse(self, problem: Problem) -> None:
        """Answer, and close once the caller has had a moment to see it."""
        answer = problem.response()
        lines = [b"%b: %b\r\n" % line for line in answer.raw_headers]
        head = b"".join((STATUS_LINE[answer.status_code], *lines, b"connection: close\r\n\r\n"))
        self.transport.write(head + bytes(answer.body))
        self._all.close(self)
        self._unset_keepalive_if_required()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._all.lingering < LINGERING and self.transport.can_write_eof():
            self._leaving = True
            self._all.lingering += 1
            self.transport.write_eof()
            self._timer = self.loop.call_later(LINGER_S, self._end)
        else:
            self.transport.close()

    def _end(self) -> None:
        """Close; who has not taken his last answer by now never will."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()
