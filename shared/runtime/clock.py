"""The one clock and the one id maker."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from shared.domain import ids


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def new_request_id(at_ms: int | None = None) -> UUID:
    """A fresh request id."""
    return ids.request_id(now_ms() if at_ms is None else at_ms, int.from_bytes(os.urandom(8), "big"))


@lru_cache(maxsize=4096)
def iso(ms: int | None) -> str | None:
    """RFC 3339 in UTC with milliseconds."""
    if ms is None:
        return None
    stamp = datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{ms % 1000:03d}Z"


def milliseconds(text: str) -> int:
    """What `iso` wrote, as milliseconds."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)
