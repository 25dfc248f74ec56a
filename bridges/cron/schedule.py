"""When a five-field cron line matches, exactly as PingSource's parser (robfig/cron v3, ParseStandard) has it.

- Fields: minute, hour, day of month, month, day of week (0–6, Sunday is 0; 7 is refused there, so it is here).
- Lists, ranges, steps, `?` for `*`, English names of months and days in any case.
- Day of month and day of week: when both are restricted, either one is enough. `*/2` counts as restricted.
- Wall-clock minutes that a change to summer time skips do not tick; minutes that come twice tick twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
HORIZON = timedelta(days=5 * 366)


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, MONTHS),
    _Field("day of week", 0, 6, DAYS),
)


@dataclass(frozen=True)
class Schedule:
    """The minutes, hours, … that match; `any_day` and `any_weekday` say which day field is a plain `*`."""

    zone: ZoneInfo
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    @property
    def every_minute(self) -> bool:
        """True for `* * * * *`."""
        values = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        return all(len(v) == field.high - field.low + 1 for field, v in zip(FIELDS, values, strict=True))

    def next_after(self, moment: datetime) -> datetime:
        """The first matching minute after `moment` (aware), in UTC; ValueError if none comes within five years."""
        at = moment.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        end = at + HORIZON
        while at < end:
            local = at.astimezone(self.zone)
            if not self._hour_matches(local):
                at += timedelta(minutes=60 - local.minute)
            elif local.minute not in self.minutes:
                at += timedelta(minutes=1)
            else:
                return at
        raise ValueError("this schedule never comes")

    def _hour_matches(self, local: datetime) -> bool:
        day, weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        right_day = (day and weekday) if self.any_day or self.any_weekday else (day or weekday)
        return right_day and local.month in self.months and local.hour in self.hours


def parse(line: str, zone: str = "UTC") -> Schedule:
    """Read a cron line; ValueError says which field is wrong."""
    parts = line.split()
    if len(parts) != len(FIELDS):
        raise ValueError(f"{line!r} has {len(parts)} fields, not minute hour day-of-month month day-of-week")
    try:
        tz = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {zone!r}") from error
    read = [_field(field, text) for field, text in zip(FIELDS, parts, strict=True)]
    minutes, hours, days, months, weekdays = (values for values, _ in read)
    return Schedule(tz, minutes, hours, days, months, weekdays, any_day=read[2][1], any_weekday=read[4][1])


def _field(field: _Field, text: str) -> tuple[frozenset[int], bool]:
    values: set[int] = set()
    star = False
    for item in text.split(","):
        span, slash, step_text = item.partition("/")
        step = _number(field, item, step_text) if slash else 1
        if step < 1:
            raise ValueError(f"{field.name}: the step of {item!r} must be at least 1")
        low, high, is_star = _span(field, item, span, open_ended=bool(slash))
        values.update(range(low, high + 1, step))
        star = star or (is_star and step == 1)
    return frozenset(values), star


def _span(field: _Field, item: str, span: str, open_ended: bool) -> tuple[int, int, bool]:
    if span in ("*", "?"):
        return field.low, field.high, True
    first, dash, last = span.partition("-")
    low = _number(field, item, first)
    high = _number(field, item, last) if dash else (field.high if open_ended else low)
    if not field.low <= low <= high <= field.high:
        raise ValueError(f"{field.name}: {item!r} is not within {field.low}-{field.high}")
    return low, high, False


def _number(field: _Field, item: str, text: str) -> int:
    name = text.lower()
    if name in field.names:
        return field.names.index(name) + field.low
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{field.name}: {item!r} is not understood")
    return int(text)
