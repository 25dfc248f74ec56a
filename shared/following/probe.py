"""The egress client for one call whose answer is to be shown: it keeps the answer's beginning.

Callbacks need no more than a status, so the client itself reads the body past; here the parser tells of it too.
"""

from __future__ import annotations

import asyncio
import contextlib

from shared.runtime.egress import BODY_S, Egress, Target
from shared.runtime.http1 import Connection
from shared.runtime.idle import Origin

KEPT = 1024


class Probe(Egress):
    """Under the same rules as `egress`, with connections of its own."""

    def __init__(self, egress: Egress) -> None:
        super().__init__()
        self.policy = egress.policy
        self.heard = b""
        self._ended = asyncio.Event()

    async def body(self) -> bytes:
        """The beginning of the answer's body, as far as it comes within a moment; ask after `post` told a status."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), BODY_S)
        return self.heard

    async def _open(self, target: Target) -> Connection:
        connection = await super()._open(target)
        vars(connection)["on_body"] = self._hear  # httptools looks for it when the request is sent
        return connection

    def _hear(self, part: bytes) -> None:
        self.heard = (self.heard + part)[:KEPT]
        if len(self.heard) == KEPT:
            self._ended.set()

    def _done_with(self, connection: Connection, origin: Origin) -> None:
        if connection.whole or not connection.reusable:
            self._ended.set()
        super()._done_with(connection, origin)

    def _body_ended(self, connection: Connection, origin: Origin) -> None:
        self._ended.set()
        super()._body_ended(connection, origin)
