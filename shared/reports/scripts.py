"""Lua scripts by their digest: one round trip, sent in full only to a server that does not know them yet."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any


class Readiness:
    """A cluster's client must learn the topology before it is used from several tasks: redis-py's first calls at once
    share, and close, each other's connection."""

    def __init__(self, client: Any, cluster: bool) -> None:
        self._client, self._needed, self._lock = client, cluster, asyncio.Lock()

    async def __call__(self) -> None:
        """Return when the client can be used."""
        if self._needed:
            async with self._lock:
                if self._needed:
                    await self._client.initialize()
                    self._needed = False


class Script:
    """One script; `await script(client, keys, arguments)`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, client: Any, keys: list[str], arguments: list[Any]) -> Any:
        from redis import exceptions

        try:
            return await client.evalsha(self._digest, len(keys), *keys, *arguments)
        except exceptions.NoScriptError:
            return await client.eval(self._text, len(keys), *keys, *arguments)
