"""Brings events to functions: to those of the same process by a call, to all others over HTTP.

Either way the answers mean the same. A function of this process that drains, or is not there, is one that refuses the
connection: it has not seen the event. One that takes too long goes on, as it does when a connection is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from bridges import http
from bridges.http import KEPT_BODY, Answer, TimedOut, Unreachable
from bridges.targets import Address


class App(Protocol):
    """A function that runs (shared/runtime/server.py)."""

    async def post(self, path: str, headers: Sequence[tuple[str, str]], body: bytes) -> tuple[int, bytes]:
        """Status and body."""


class Neighbour(Protocol):
    """A function of the same process (shared/runtime/host.py); `app` is None while it takes nothing."""

    @property
    def app(self) -> App | None:
        """What answers."""


class Carrier:
    """Posts events; `neighbours` are the functions of this process by host and port."""

    def __init__(self, neighbours: Mapping[tuple[str, int], Neighbour] | None = None) -> None:
        self._neighbours = neighbours or {}
        self._client = http.Client()
        self._calls: set[asyncio.Task[tuple[int, bytes]]] = set()

    async def post(
        self, address: Address, headers: list[tuple[str, str]], body: bytes, seconds: float, authority: str = ""
    ) -> Answer:
        """One try; raises Unreachable, Interrupted or TimedOut as http.Client does."""
        host, port, path = address
        neighbour = self._neighbours.get((host, port))
        if neighbour is not None:
            return await self._call(neighbour, path, headers, body, seconds)
        request = http.request("POST", path, headers, body, authority or f"{host}:{port}")
        return await self._client.post(host, port, request, seconds)

    async def _call(
        self, neighbour: Neighbour, path: str, headers: list[tuple[str, str]], body: bytes, seconds: float
    ) -> Answer:
        app = neighbour.app
        if app is None:
            raise Unreachable("not running")
        call = asyncio.ensure_future(app.post(path, headers, body))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        done, _ = await asyncio.wait({call}, timeout=seconds)
        if not done:
            raise TimedOut("no answer in time")
        if call.cancelled() or call.exception():
            return Answer(500, b"")
        status, answer = call.result()
        return Answer(status, answer[:KEPT_BODY])

    def close(self) -> None:
        """Close the idle connections; calls under way are their functions' own."""
        self._client.close()
