"""What `store` writes: usage, vendors' results, dead letters. Counters are exact: each thing counts once (`seen`)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

import orjson

from shared.domain.events import Accepted, Dead, Event, Finished, Outcome, Report, Reported, Request
from shared.domain.ids import Lane
from shared.stores import reports, sql
from shared.stores.sql import Connection

KST = timedelta(hours=9)
HOUR_MS = 3_600_000

UsageKey = tuple[int, str, int, str, str]
"""(account, Korean day, lane, channel, type)"""


Part = tuple[str, Event, Any]
"""What is counted as a whole: its name, the event that brings it, and the request or reports of it (None: all)."""


def save(conn: Connection, events: Sequence[Event], now_ms: int) -> None:
    """Write what a group of events says; what was counted before is left out."""
    fresh = _unseen(conn, [part for event in events for part in _parts(event)], now_ms)
    _save_usage(conn, fresh)
    _save_vendor_results(conn, [event for _, event, _ in fresh if isinstance(event, Outcome)])
    attempts = [a for e in events if isinstance(e, Reported) for a in e.attempts]
    if attempts:
        reports.save_attempts(conn, attempts)
    _save_dead(conn, [e for e in events if isinstance(e, Dead)])


def _parts(event: Event) -> Iterable[Part]:
    """Named so that the same thing told again has the same name, although its event is another.

    A request may be published again by a retry with its Idempotency-Key, an end by route after a crash.
    """
    if isinstance(event, Accepted):
        for request in event.requests:
            yield f"accepted:{request.request_id}:{request.messages[0].n}", event, request
    elif isinstance(event, Finished) and event.replay is None:
        for cause, same in groupby(event.reports, key=lambda report: report.cause):
            ended = list(same)
            yield f"finished:{cause or event.event_id}:{ended[0].data['message_id']}", event, ended
    elif isinstance(event, Outcome) and event.event_id:
        yield event.event_id, event, None


def _unseen(conn: Connection, parts: Sequence[Part], now_ms: int) -> list[Part]:
    """The parts that have not been counted; noted in the same transaction."""
    by_id = {_id16(part[0]): part for part in parts}
    if not by_id:
        return []
    known = {r[0] for r in sql.fetch(conn, f"SELECT event_id FROM seen WHERE event_id IN ({sql.ids(by_id)})")}  # noqa: S608
    fresh = {i: part for i, part in by_id.items() if i not in known}
    if fresh:
        sql.insert(conn, "seen", "event_id, seen_ms", [(i, now_ms) for i in sorted(fresh)])
    return list(fresh.values())


def _id16(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def korean_day(ms: int) -> str:
    """The day in Korea."""
    return (datetime.fromtimestamp(ms / 1000, UTC) + KST).strftime("%Y-%m-%d")


def _save_usage(conn: Connection, parts: Iterable[Part]) -> None:
    totals: dict[UsageKey, list[Any]] = defaultdict(lambda: [0, 0, 0, Decimal(0)])
    for _, event, what in parts:
        if isinstance(event, Accepted):
            _count_accepted(totals, event.lane, what)
        elif isinstance(event, Finished):
            _count_finished(totals, event.lane, what)
    if not totals:
        return
    columns = "account_id, day, lane, channel, type, accepted, delivered, failed, price"
    tail = "ON DUPLICATE KEY UPDATE " + ", ".join(
        f"{c} = {c} + VALUES({c})" for c in ("accepted", "delivered", "failed", "price")
    )
    sql.insert(conn, "usage_daily", columns, [(*k, *v) for k, v in sorted(totals.items())], tail)


def _count_accepted(totals: dict[UsageKey, list[Any]], lane: str, request: Request) -> None:
    day, channel = korean_day(request.accepted_at), request.plan[0].channel
    for message in request.messages:
        totals[request.account_id, day, int(Lane[lane]), channel, message.type][0] += 1


def _count_finished(totals: dict[UsageKey, list[Any]], lane: str, ended: Iterable[Report]) -> None:
    days: dict[str, str] = {}
    for report in ended:
        data = report.data
        accepted_at = data["accepted_at"]
        if accepted_at not in days:
            days[accepted_at] = korean_day(int(datetime.fromisoformat(accepted_at).timestamp() * 1000))
        row = totals[report.account_id, days[accepted_at], int(Lane[lane]), data["channel"], data["type"]]
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
