"""The egress client for one call whose answer is to be shown: it keeps the answer's beginning.

Callbacks need no more than a status, so the client itself reads the body past; here the parser tells of it too.
"""

from __future__ import annotations

from shared.runtime.egress import Egress, Target
from shared.runtime.http1 import Connection

KEPT = 1024


class Probe(Egress):
    """Under the same rules as `egress`, with connections of its own."""

    def __init__(self, egress: Egress) -> None:
        super().__init__()
        self.policy = egress.policy
        self.heard = b""

    async def _open(self, target: Target) -> Connection:
        connection = await super()._open(target)
        vars(connection)["on_body"] = self._hear  # httptools looks for it when the request is sent
        return connection

    def _hear(self, part: bytes) -> None:
        self.heard = (self.heard + part)[:KEPT]
