"""Errors that no log had before, by the signatures that functions tell of (shared/runtime/troubles.py)."""

from __future__ import annotations

from typing import Any

from shared.operating import logs
from shared.operating.common import Json
from shared.watch.samples import Sample

METRICS = frozenset({"new_errors"})
DETAIL_CHARACTERS = 200


async def look(redis: Any, now_ms: int) -> list[Sample]:
    """One sample a signature that is new."""
    found = await logs.known(redis, now_ms, now_ms - logs.NEW_MS)
    return [
        Sample("new_errors", f"{one['function']}/{one['id']}", one["count"], _words(one)) for one in found if one["new"]
    ]


def _words(one: Json) -> str:
    return " ".join(filter(None, (one["event"], one["error"])))[:DETAIL_CHARACTERS]
