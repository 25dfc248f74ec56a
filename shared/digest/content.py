"""From a day's counts to the digest: totals, and the causes of what failed, the most frequent first. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from shared.digest import advice
from shared.digest.days import bounds
from shared.domain.states import State
from shared.runtime.clock import iso

SAMPLES = 5
UNSUCCESSFUL = (State.failed, State.expired)
"""What a digest lists. A canceled message is what its client wanted."""

Json = dict[str, Any]


class Row(NamedTuple):
    """A counter of `results_daily` (shared/stores/results.py)."""

    status: int
    channel: str
    code: str
    total: int
    since_ms: int
    samples: tuple[bytes, ...]


class Sample(NamedTuple):
    """A message that failed, as far as it is still known."""

    to: str
    ref: str | None


@dataclass(slots=True)
class _Cause:
    count: int = 0
    since_ms: int = 2**63
    samples: list[bytes] = field(default_factory=list)


class Day(NamedTuple):
    """Whose digest of which day, and whether the day was over."""

    username: str
    day: date
    complete: bool
    language: str


def failures(rows: Iterable[Row]) -> int:
    """How many messages failed or expired."""
    return sum(r.total for r in rows if r.status in UNSUCCESSFUL)


def sample_ids(rows: Iterable[Row]) -> list[bytes]:
    """The ids of the messages that are shown."""
    return [i for cause in _causes(rows).values() for i in cause.samples]


def digest(day: Day, rows: Iterable[Row], samples: Mapping[bytes, Sample]) -> Json:
    """The digest as the callback carries it in `data`."""
    rows = list(rows)
    since, until = bounds(day.day)
    found = sorted(_causes(rows).items(), key=lambda item: (-item[1].count, item[0]))
    return {
        "username": day.username,
        "date": day.day.isoformat(),
        "timezone": "Asia/Seoul",
        "since": iso(since),
        "until": iso(until),
        "complete": day.complete,
        "totals": totals(rows),
        "causes": [_shown(key, cause, until, day.language, samples) for key, cause in found],
        "links": {"self": f"/v1/digests/{day.day.isoformat()}"},
    }


def totals(rows: Iterable[Row]) -> Json:
    """What was accepted that day, and what ended that day; `rate` is the part of the ended that was delivered."""
    by_status: dict[int, int] = defaultdict(int)
    for row in rows:
        by_status[row.status] += row.total
    delivered = by_status[State.delivered]
    ended = delivered + sum(by_status[s] for s in UNSUCCESSFUL)
    return {
        "accepted": by_status[State.accepted],
        "delivered": delivered,
        "failed": by_status[State.failed],
        "expired": by_status[State.expired],
        "canceled": by_status[State.canceled],
        "rate": round(delivered / ended, 4) if ended else None,
    }


def _causes(rows: Iterable[Row]) -> dict[tuple[str, str, str], _Cause]:
    """(channel, code, status) → all lanes together."""
    causes: dict[tuple[str, str, str], _Cause] = defaultdict(_Cause)
    for row in sorted(rows):
        if row.status in UNSUCCESSFUL:
            cause = causes[row.channel, row.code, State(row.status).name]
            cause.count += row.total
            cause.since_ms = min(cause.since_ms, row.since_ms)
            cause.samples = [*cause.samples, *row.samples][:SAMPLES]
    return causes


def _shown(
    key: tuple[str, str, str], cause: _Cause, until: int, language: str, samples: Mapping[bytes, Sample]
) -> Json:
    channel, code, status = key
    known = advice.of(code, language)
    listed = [(i, samples[i]) for i in cause.samples if i in samples]
    return {
        "channel": channel,
        "status": status,
        "code": code,
        "count": cause.count,
        "detail": known.detail,
        "advice": known.advice,
        "resend": known.resend,
        "samples": [{"message_id": str(UUID(bytes=i)), "to": s.to, "ref": s.ref} for i, s in listed],
        "links": {"messages": _link(key, cause.since_ms, until)},
    }


def _link(key: tuple[str, str, str], since_ms: int, until_ms: int) -> str:
    """The messages themselves: look-ups filter by the time of acceptance, so it begins at the earliest one."""
    channel, code, status = key
    return "/v1/messages?" + urlencode(
        {"status": status, "channel": channel, "code": code, "since": iso(since_ms), "until": iso(until_ms)}, safe=":"
    )
