"""What MySQL keeps of reports: `messages.reported_ms`, the reports that wait or were given up, and failed tries.

Events about tries are told more than once and overtake each other. The time at which a try ended decides: a row is
changed only by a later one than it shows, a delivery removes it, and a failure before the last delivery changes
nothing. Not the time at which it began: a call that takes long is told as under way before its result is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from shared.domain.cutting import cut
from shared.domain.events import Attempt
from shared.reports.keys import report_key
from shared.reports.units import Unit
from shared.stores import sql
from shared.stores.sql import Connection

STATES = {"failed": "pending", "deferred": "pending", "exhausted": "exhausted", "disabled": "disabled"}
_ROW = (
    "message_id, account_id, username, webhook_id, callback_uri, state, tries, next_due_ms, first_failed_ms, "
    "last_status, last_error, updated_ms, data"
)
_CHANGED = ("webhook_id", "callback_uri", "state", "next_due_ms", "first_failed_ms")
_IS_LATER = "VALUES(updated_ms)>updated_ms OR (VALUES(updated_ms)=updated_ms AND VALUES(tries)>=tries)"
_SILENT = "VALUES(last_status) IS NULL AND VALUES(last_error) IS NULL"
"""A call that was not made, or whose answer nobody remembers: the last answer stays the one before."""
_LATER = (
    "ON DUPLICATE KEY UPDATE "
    + ", ".join(f"{c}=IF({_IS_LATER}, VALUES({c}), {c})" for c in _CHANGED)
    + "".join(f", {c}=IF(({_IS_LATER}) AND NOT ({_SILENT}), VALUES({c}), {c})" for c in ("last_status", "last_error"))
    + f", tries=IF({_IS_LATER}, VALUES(tries), tries), updated_ms=GREATEST(updated_ms, VALUES(updated_ms))"
)
ERROR_LENGTH = 255
SLOW_MS = 1000
"""A first try that is taken sooner has no row of its own: one for each message would cost more than it tells."""


def save_attempts(conn: Connection, attempts: Iterable[Attempt]) -> None:
    """Keep what became of tries; harmless when told again or in another order."""
    called = sorted((a for a in attempts if a.outcome != "none"), key=lambda a: a.ended)
    _save_tries([a for a in called if _has_row(a)], conn)
    _save_delivered(conn, [a for a in called if a.outcome == "delivered"])
    _save_waiting(conn, [a for a in called if a.outcome != "delivered"])


def _has_row(attempt: Attempt) -> bool:
    """Whether a try is kept by itself; of all others the message's row tells when and with which status."""
    if attempt.outcome == "delivered":
        return attempt.attempt > 1 or attempt.duration_ms >= SLOW_MS
    return attempt.outcome != "deferred" and not _told_again(attempt)


def _told_again(attempt: Attempt) -> bool:
    """Whether it is a failed try of which only the due-set knows: its first teller died, or told it as well."""
    return attempt.outcome == "failed" and attempt.status is None and attempt.error is None


def _save_tries(attempts: Sequence[Attempt], conn: Connection) -> None:
    tries = {
        (a.webhook_id, a.attempt, a.at): (
            a.account_id, a.webhook_id, a.attempt, a.outcome, a.status, _short(a.error), a.duration_ms, len(a.ids),
            a.at, a.answer,
        )
        for a in attempts
    }  # fmt: skip
    if tries:
        columns = "account_id, webhook_id, attempt, outcome, status, error, duration_ms, messages, at_ms, answer"
        sql.insert(conn, "attempts", columns, tries.values(), "ON DUPLICATE KEY UPDATE attempt_id=attempt_id")


def _save_delivered(conn: Connection, attempts: Sequence[Attempt]) -> None:
    groups: dict[tuple[int, int | None], list[Attempt]] = {}
    for attempt in attempts:
        groups.setdefault((attempt.attempt, attempt.status), []).append(attempt)
    for (number, status), group in groups.items():
        ids = [i for a in group for i in a.ids]
        _mark_delivered(conn, ids, number, status, max(a.ended for a in group))


def _mark_delivered(conn: Connection, message_ids: Sequence[str], number: int, status: int | None, at: int) -> None:
    ids = [bytes.fromhex(i) for i in message_ids]
    sql.execute(
        conn,
        f"UPDATE messages SET reported_ms=GREATEST(COALESCE(reported_ms, 0), {at:d}), "  # noqa: S608 - literals
        f"report_tries=GREATEST(report_tries, {number:d}), report_status={sql.literal(status)} "
        f"WHERE message_id IN ({sql.ids(ids)})",
    )
    _remove(conn, ids, at)


def mark_taken(conn: Connection, message_ids: Sequence[str], status: int, at: int) -> None:
    """Keep that clients have taken reports, where only Redis remembers with which status."""
    _mark_delivered(conn, message_ids, 1, status, at)


def _remove(conn: Connection, ids: Sequence[bytes], at: int) -> None:
    """Delete rows of taken reports. Looked for first: deleting what is not there would lock gaps for nothing."""
    found = sql.fetch(conn, f"SELECT message_id FROM reports WHERE message_id IN ({sql.ids(ids)})")  # noqa: S608
    if found:
        known = sql.ids(i for (i,) in found)
        sql.execute(conn, f"DELETE FROM reports WHERE message_id IN ({known}) AND updated_ms<={at:d}")  # noqa: S608


def _save_waiting(conn: Connection, attempts: Sequence[Attempt]) -> None:
    if not attempts:
        return
    all_ids = sql.ids({bytes.fromhex(i) for a in attempts for i in a.ids})
    delivered: dict[bytes, int] = dict(
        sql.fetch(
            conn,
            f"SELECT message_id, reported_ms FROM messages "  # noqa: S608 - literals
            f"WHERE message_id IN ({all_ids}) AND reported_ms IS NOT NULL",
        )
    )
    rows = [row for a in attempts for row in _rows(a) if delivered.get(row[0], 0) < a.ended]
    if rows:
        sql.insert(conn, "reports", _ROW, rows, _LATER)
    for attempt in attempts:
        ids = [i for i in map(bytes.fromhex, attempt.ids) if delivered.get(i, 0) < attempt.ended]
        if ids and attempt.outcome != "deferred" and not _told_again(attempt):
            _mark_failed(conn, attempt, ids)
        if ids and attempt.reports is None:
            _update(conn, attempt, ids)


def _rows(a: Attempt) -> list[tuple[Any, ...]]:
    return [
        (
            bytes.fromhex(report["message_id"].replace("-", "")), a.account_id, a.username, a.webhook_id,
            a.callback_uri or "", STATES[a.outcome], a.attempt, a.next_due, a.first_failed_at, a.status,
            _short(a.error), a.ended, orjson.dumps(report).decode(),
        )
        for report in a.reports or ()
    ]  # fmt: skip


def _mark_failed(conn: Connection, a: Attempt, ids: Sequence[bytes]) -> None:
    sql.execute(
        conn,
        f"UPDATE messages SET report_tries=GREATEST(report_tries, {a.attempt:d}), "  # noqa: S608 - literals
        f"report_status={sql.literal(a.status)} WHERE message_id IN ({sql.ids(ids)})",
    )


def _update(conn: Connection, a: Attempt, ids: Sequence[bytes]) -> None:
    sql.execute(
        conn,
        f"UPDATE reports SET state={sql.literal(STATES[a.outcome])}, tries={a.attempt:d}, "  # noqa: S608 - literals
        f"next_due_ms={sql.literal(a.next_due)}, first_failed_ms={sql.literal(a.first_failed_at)}, "
        f"last_status={sql.literal(a.status)}, last_error={sql.literal(_short(a.error))}, updated_ms={a.ended:d} "
        f"WHERE message_id IN ({sql.ids(ids)}) AND updated_ms<={a.ended:d}",
    )


def _short(text: str | None) -> str | None:
    return cut(text, ERROR_LENGTH) if text else None


def data_of(conn: Connection, message_ids: Sequence[str]) -> dict[str, bytes]:
    """The reports' JSON by message id (32 hex digits), of those that are kept."""
    ids = sql.ids(map(bytes.fromhex, message_ids))
    rows = sql.fetch(conn, f"SELECT message_id, data FROM reports WHERE message_id IN ({ids})")  # noqa: S608 - literals
    return {message_id.hex(): data.encode() for message_id, data in rows}


class Place(NamedTuple):
    """How far a walk through the waiting reports has come."""

    due_ms: int = -1
    message_id: bytes = b""


class Waiting(NamedTuple):
    """A waiting report, without its data."""

    place: Place
    webhook_id: str


def waiting(conn: Connection, after: Place, until_ms: int, limit: int) -> list[Waiting]:
    """The next reports that wait for a try due before `until_ms`, the earliest due first."""
    rows = sql.fetch(
        conn,
        "SELECT next_due_ms, message_id, webhook_id FROM reports FORCE INDEX (pending) "
        "WHERE state='pending' AND next_due_ms>=%s AND next_due_ms<%s AND NOT (next_due_ms=%s AND message_id<=%s) "
        "ORDER BY next_due_ms, message_id LIMIT %s",
        (max(0, after.due_ms), until_ms, after.due_ms, after.message_id, limit),
    )
    return [Waiting(Place(due_ms, message_id), webhook) for due_ms, message_id, webhook in rows]


def units(conn: Connection, webhook_ids: Sequence[str]) -> list[tuple[Unit, int]]:
    """The waiting units with these webhook-ids, with their reports, each with its due time."""
    if not webhook_ids:
        return []
    names = ",".join(map(sql.literal, webhook_ids))
    rows = sql.fetch(
        conn,
        "SELECT account_id, username, callback_uri, webhook_id, tries, first_failed_ms, next_due_ms, data "  # noqa: S608
        f"FROM reports WHERE webhook_id IN ({names}) AND state='pending' ORDER BY message_id",
    )
    groups: dict[tuple[int, str], list[tuple[Any, ...]]] = {}
    for row in rows:
        groups.setdefault((row[0], row[3]), []).append(row)
    return [_unit(group) for group in groups.values()]


def _unit(rows: Sequence[tuple[Any, ...]]) -> tuple[Unit, int]:
    account_id, username, uri, webhook_id, tries, since, due_ms, _ = rows[0]
    data = [row[7].encode() for row in rows]
    keys = tuple(report_key(orjson.loads(d)) for d in data)
    return Unit(account_id, username, uri, webhook_id, keys, tries, since, data=data), due_ms
