"""What `store` writes: vendors' results, tries of reports, dead letters. An event counts once (`seen`)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import orjson

from shared.domain.events import Dead, Event, Outcome, Reported
from shared.stores import reports, sql
from shared.stores.sql import Connection

HOUR_MS = 3_600_000


def save(conn: Connection, events: Sequence[Event], now_ms: int) -> None:
    """Write what a group of events says; outcomes that were counted before are left out."""
    _save_vendor_results(conn, _unseen(conn, [e for e in events if isinstance(e, Outcome) and e.event_id], now_ms))
    attempts = [a for e in events if isinstance(e, Reported) for a in e.attempts]
    if attempts:
        reports.save_attempts(conn, attempts)
    _save_dead(conn, [e for e in events if isinstance(e, Dead)])


def _unseen(conn: Connection, outcomes: Sequence[Outcome], now_ms: int) -> list[Outcome]:
    """The events that have not been counted; noted in the same transaction."""
    by_id = {_id16(event.event_id): event for event in outcomes}
    if not by_id:
        return []
    known = {r[0] for r in sql.fetch(conn, f"SELECT event_id FROM seen WHERE event_id IN ({sql.ids(by_id)})")}  # noqa: S608
    fresh = {i: event for i, event in by_id.items() if i not in known}
    if fresh:
        sql.insert(conn, "seen", "event_id, seen_ms", [(i, now_ms) for i in sorted(fresh)])
    return list(fresh.values())


def _id16(event_id: str) -> bytes:
    return hashlib.blake2b(event_id.encode(), digest_size=16).digest()


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
