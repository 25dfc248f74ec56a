"""Korean days, and the morning in which a day's digest goes out. Pure; moments are milliseconds since 1970 UTC."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

KST = timezone(timedelta(hours=9), "KST")
"""Korea has had no summer time since 1988."""
FROM, UNTIL = time(8, 30), time(12, 0)
EVERY = timedelta(minutes=10)
"""How far apart the ticks of a morning are (shared/flow.py)."""
DAY = timedelta(days=1)
FIRST = date(2000, 1, 1)
"""No message is older, and MySQL's DATE knows it."""


def day_at(ms: int) -> date:
    """The day in Korea at a moment."""
    return datetime.fromtimestamp(ms / 1000, KST).date()


def due_day(tick_ms: int) -> date | None:
    """The day whose digest is due at a tick: the day before, from 08:30 until noon; None at any other time."""
    now = datetime.fromtimestamp(tick_ms / 1000, KST)
    return now.date() - DAY if FROM <= now.time() < UNTIL else None


def due_at(day: date) -> int:
    """The moment from which a day's digest is due."""
    return _ms(datetime.combine(day + DAY, FROM, KST))


def last_tick(tick_ms: int) -> bool:
    """Whether no further tick comes before noon."""
    now = datetime.fromtimestamp(tick_ms / 1000, KST)
    return (now + EVERY).time() >= UNTIL


def bounds(day: date) -> tuple[int, int]:
    """When a day begins and when the next one does."""
    start = datetime.combine(day, time(), KST)
    return _ms(start), _ms(start + DAY)


def read_day(text: str) -> date | None:
    """`2026-11-23` as a date, or None."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text and day >= FIRST else None


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
