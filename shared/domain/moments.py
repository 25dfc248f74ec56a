"""Moments that strangers write: which can be believed. Milliseconds since 1970 UTC."""

from __future__ import annotations

DAY_MS = 86_400_000
FIRST_MS = 946_684_800_000
"""2000-01-01: whatever is said to be older was written by a clock that is not set."""
LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last moment that can be shown."""


def believable(at_ms: float, now_ms: int) -> bool:
    """Whether something can have happened then: since 2000, and at most a day ahead of our clock, if that is set."""
    return FIRST_MS <= at_ms <= (now_ms + DAY_MS if now_ms >= FIRST_MS else LAST_MS)


def storable(at_ms: int) -> int:
    """The nearest moment that can be kept and shown."""
    return min(max(0, at_ms), LAST_MS)
