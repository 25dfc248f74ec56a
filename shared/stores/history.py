"""What `store` writes: usage, vendors' results, dead letters. Counters are exact: an event counts once (`seen`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from shared.domain.events import Accepted, Dead, Event, Finished, Outcome, Reported
from shared.domain.ids import Lane
from shared.stores import reports, sql
from shared.stores.sql import Connection

KST = timedelta(hours=9)
HOUR_MS = 3_600_000

UsageKey = tuple[int, str, int, str, str]
"""(account, Korean day, lane, channel, type)"""


def save(conn: Connection, events: Sequence[Event], now_ms: int) -> None:
    """Write what a group of events says; those that were written before are left out."""
    fresh = _unseen(conn, events, now_ms)
    _save_usage(conn, fresh)
    _save_vendor_results(conn, [e for e in fresh if isinstance(e, Outcome)])
    attempts = [a for e in events if isinstance(e, Reported) for a in e.attempts]
    if attempts:
        reports.save_attempts(conn, attempts)
    _save_dead(conn, [e for e in events if isinstance(e, Dead)])


def _unseen(conn: Connection, events: Sequence[Event], now_ms: int) -> list[Event]:
    """The events that count and have not been counted; noted in the same transaction."""
    by_id = {_id16(e.event_id): e for e in events if isinstance(e, (Accepted, Outcome, Finished)) and e.event_id}
    if not by_id:
        return []
    known = {r[0] for r in sql.fetch(conn, f"SELECT event_id FROM seen WHERE event_id IN ({sql.ids(by_id)})")}  # noqa: S608
    fresh = {i: e for i, e in by_id.items() if i not in known}
    if fresh:
        sql.insert(conn, "seen", "event_id, seen_ms", [(i, now_ms) for i in sorted(fresh)])
    return list(fresh.values())


def _id16(event_id: str) -> bytes:
    import hashlib

    return hashlib.blake2b(event_id.encode(), digest_size=16).digest()


def korean_day(ms: int) -> str:
    """The day in Korea."""
    return (datetime.fromtimestamp(ms / 1000, UTC) + KST).strftime("%Y-%m-%d")


def _save_usage(conn: Connection, events: Iterable[Event]) -> None:
    totals: dict[UsageKey, list[Any]] = defaultdict(lambda: [0, 0, 0, Decimal(0)])
    for event in events:
        if isinstance(event, Accepted):
            _count_accepted(totals, event)
        elif isinstance(event, Finished) and event.replay is None:
            _count_finished(totals, event)
    if not totals:
        return
    columns = "account_id, day, lane, channel, type, accepted, delivered, failed, price"
    tail = "ON DUPLICATE KEY UPDATE " + ", ".join(
        f"{c} = {c} + VALUES({c})" for c in ("accepted", "delivered", "failed", "price")
    )
    sql.insert(conn, "usage_daily", columns, [(*k, *v) for k, v in sorted(totals.items())], tail)


def _count_accepted(totals: dict[UsageKey, list[Any]], event: Accepted) -> None:
    for request in event.requests:
        day, channel = korean_day(request.accepted_at), request.plan[0].channel
        for message in request.messages:
            totals[request.account_id, day, int(Lane[event.lane]), channel, message.type][0] += 1


def _count_finished(totals: dict[UsageKey, list[Any]], event: Finished) -> None:
    days: dict[str, str] = {}
    for report in event.reports:
        data = report.data
        accepted_at = data["accepted_at"]
        if accepted_at not in days:
            days[accepted_at] = korean_day(int(datetime.fromisoformat(accepted_at).timestamp() * 1000))
        row = totals[report.account_id, days[accepted_at], int(Lane[event.lane]), data["channel"], data["type"]]
        row[1 if data["status"] == "delivered" else 2] += 1
        if data["price"] != "0.00":
            row[3] += Decimal(data["price"])


def _save_vendor_results(conn: Connection, outcomes: Sequence[Outcome]) -> None:
    totals: dict[tuple[str, str, int, str, str], int] = defaultdict(int)
    for event in outcomes:
        for r in event.results:
            totals[event.vendor, event.account, r.at // HOUR_MS * HOUR_MS, r.state, r.code] += 1
    if totals:
        tail = "ON DUPLICATE KEY UPDATE total = total + VALUES(total)"
        rows = [(*k, n) for k, n in sorted(totals.items())]
        sql.insert(conn, "vendor_hourly", "vendor, account, hour_ms, state, code, total", rows, tail)


def _save_dead(conn: Connection, dead: Sequence[Dead]) -> None:
    if not dead:
        return
    rows = [
        (
            (d.headers.get("id") or d.headers.get("ce_id") or d.event_id)[:64],
            d.source_topic[:64],
            d.reason[:255],
            orjson.dumps(d.headers).decode(),
            d.body,
            d.at,
        )
        for d in dead
    ]
    sql.insert_ignore(conn, "dead_letters", "event_id, topic, reason, headers, body, at_ms", rows)
