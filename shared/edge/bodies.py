"""A body that is hashed while it is read, so that the same one is known again without being kept."""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import Any

from starlette.requests import Request

_BOUNDARY = re.compile(r'boundary="?([^";,]{1,70})', re.IGNORECASE)


class Hashed:
    """Stands between a handler and its request's body. The boundary of a form is no part of it: clients make a new one
    for each try."""

    def __init__(self, request: Request) -> None:
        scope = request.scope
        self._digest = hashlib.blake2b(digest_size=16)
        self._digest.update(f"{scope['method']} {scope['path']}?".encode() + scope["query_string"] + b"\0")
        self._receive, self.over = request.receive, False
        kind = request.headers.get("content-type", "")
        found = _BOUNDARY.search(kind) if kind.lower().startswith("multipart/") else None
        self._boundary, self._rest = found[1].encode() if found else b"", b""

    async def receive(self) -> Any:
        """The next part, as the server gives it."""
        message = await self._receive()
        if message["type"] == "http.request" and not self.over:
            self._add(message.get("body", b""))
            self.over = not message.get("more_body", False)
        return message

    def _add(self, part: bytes) -> None:
        if not self._boundary:
            self._digest.update(part)
            return
        *whole, last = (self._rest + part).split(self._boundary)
        for piece in whole:
            self._digest.update(piece)
        keep = len(self._boundary) - 1
        self._digest.update(last[:-keep] if keep else last)
        self._rest = last[-keep:] if keep else b""

    async def drain_within(self, seconds: float) -> bool:
        """Read what nobody has read; False when the client goes away. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not self.over:
                if (await self.receive())["type"] == "http.disconnect":
                    return False
        return True

    def digest(self) -> bytes:
        """Of all that came, with the method, path and query."""
        whole = self._digest.copy()
        whole.update(self._rest)
        return whole.digest()
