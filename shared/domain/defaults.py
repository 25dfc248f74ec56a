"""How long things last unless the client says otherwise, and when advertisements must rest."""

from __future__ import annotations

from collections.abc import Iterable

HOUR_S = 3600
AUTH_VALID_S = 180
"""A one-time password older than this is of no use to anyone."""
RECEIPT_TIMEOUT_S: dict[str, int] = {"sms": 25 * HOUR_S, "lms": 80 * HOUR_S, "mms": 80 * HOUR_S, "email": 72 * HOUR_S}
"""Until a vendor's receipt is counted as failed, by message type (NHN SMS v3.0); for a mail without an answer, as
long as its relay may try."""
RECEIPT_TIMEOUT_OTHERS_S = 24 * HOUR_S
HOP_WAIT_S: dict[str, float] = {"auth": 15.0}
"""Until the next hop is tried when no receipt came, by lane."""
HOP_WAIT_OTHERS_S = 300.0

KST_OFFSET_MIN = 9 * 60
"""Korea has no daylight saving time, so plain arithmetic does."""
NIGHT_FROM_MIN = 20 * 60 + 50
"""정보통신망법 제50조 says 21:00; ten minutes for what is still on its way."""
NIGHT_UNTIL_MIN = 8 * 60

_DAY_MIN, _MINUTE_MS = 24 * 60, 60_000


def receipt_timeout_s(message_type: str) -> int:
    """Seconds after sending at which a missing receipt counts as a failure."""
    return RECEIPT_TIMEOUT_S.get(message_type, RECEIPT_TIMEOUT_OTHERS_S)


def valid_until(lane: str, from_ms: int, types: Iterable[str]) -> int:
    """When a message that gives no `valid_until` ends: in auth after 180 s, else at the longest receipt time-out."""
    life = AUTH_VALID_S if lane == "auth" else max((receipt_timeout_s(t) for t in types), default=HOUR_S * 24)
    return from_ms + life * 1000


def hop_wait_s(lane: str) -> float:
    """Seconds that a hop waits for its receipt before the plan's next hop."""
    return HOP_WAIT_S.get(lane, HOP_WAIT_OTHERS_S)


def _kst_minute(ms: int) -> int:
    return (ms // _MINUTE_MS + KST_OFFSET_MIN) % _DAY_MIN


def in_night_window(ms: int) -> bool:
    """Whether advertisements without night consent must wait: 20:50 to 08:00 in Korea."""
    minute = _kst_minute(ms)
    return minute >= NIGHT_FROM_MIN or minute < NIGHT_UNTIL_MIN


def next_ad_time(ms: int) -> int:
    """The first moment from `ms` on at which an advertisement may go: now, or 08:00 in Korea."""
    if not in_night_window(ms):
        return ms
    minutes = (NIGHT_UNTIL_MIN - _kst_minute(ms)) % _DAY_MIN
    return (ms // _MINUTE_MS + minutes) * _MINUTE_MS
