"""Lua scripts by their digest: one round trip, sent in full only to a server that does not know them yet."""

from __future__ import annotations

import hashlib
from typing import Any


class Script:
    """One script; `await script(client, keys, arguments)`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, client: Any, keys: list[str], arguments: list[Any]) -> Any:
        from redis.exceptions import NoScriptError

        try:
            return await client.evalsha(self._digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await client.eval(self._text, len(keys), *keys, *arguments)
