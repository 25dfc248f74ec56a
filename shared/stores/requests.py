"""Requests as their clients see and change them: counts, cancelling, moving a reservation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from shared.channels.wanting import all_of
from shared.domain.events import MAX_MESSAGES, Due
from shared.domain.ids import Lane, request_bytes, span_of
from shared.domain.states import State
from shared.stores import sql
from shared.stores.files import note_use
from shared.stores.messages import insert_due
from shared.stores.sql import Connection

UNDECIDED = (
    "(SELECT COUNT(*) FROM hops h WHERE h.message_id=messages.message_id AND h.hop<messages.hop "
    "AND h.state IN ('sending', 'sent', 'uncertain'))"
)
"""Earlier hops of a message that may still deliver it."""
WAITING = (State.accepted, State.scheduled, State.held, State.routed)


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request with its messages by state; `stored` of its `total` have their rows."""

    request_id: UUID
    request_ref: str | None
    lane: str
    test: bool
    total: int
    accepted_ms: int
    scheduled_ms: int | None
    valid_ms: int
    counts: dict[str, int]

    @property
    def stored(self) -> int:
        """Messages that have arrived in MySQL."""
        return sum(self.counts.values())


class Left(Exception):
    """A reservation cannot be moved any more; the text says why."""


class Arriving(Exception):
    """The request, or a part of its `total` messages, is not in MySQL yet."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.total = total


def read(conn: Connection, account_id: int, request_id: UUID, test: bool = False) -> RequestRow | None:
    """An account's request; `test`: that a test key made."""
    found = sql.fetch(
        conn,
        "SELECT request_ref, lane, test, total, accepted_ms, scheduled_ms, valid_ms FROM requests "
        "WHERE request_id=%s AND account_id=%s AND test>=%s",
        (request_id.bytes, account_id, test),
    )
    if not found:
        return None
    ref, lane, test, total, accepted, scheduled, valid = found[0]
    counts = _counts(conn, request_id)
    return RequestRow(request_id, ref, Lane(lane).name, bool(test), total, accepted, scheduled, valid, counts)


def _span(request_id: UUID, table: str = "messages") -> str:
    low, high = span_of(request_id)
    return f"{table}.message_id BETWEEN 0x{low.hex} AND 0x{high.hex}"


def _counts(conn: Connection, request_id: UUID) -> dict[str, int]:
    found = sql.fetch(
        conn,
        f"SELECT status, COUNT(*) FROM messages WHERE {_span(request_id)} GROUP BY status",  # noqa: S608 - literals
    )
    counts = {State(status).name: n for status, n in found}
    if State.routed.name in counts:
        (sending,) = sql.fetch(
            conn,
            "SELECT COUNT(*) FROM messages m JOIN hops h ON h.message_id=m.message_id AND h.hop=m.hop "  # noqa: S608
            f"WHERE {_span(request_id, 'm')} AND m.status={int(State.routed)} AND h.state='sending'",
        )
        counts[State.routed.name] -= sending[0]
        counts[State.sending.name] = counts.get(State.sending.name, 0) + sending[0]
    return {name: n for name, n in counts.items() if n}


class Listing(NamedTuple):
    """Which requests to list, newest first: ids from `low` to below `high`; `test`: only those of test keys."""

    account_id: int
    low: bytes
    high: bytes
    limit: int
    test: bool
    lane: str | None = None
    request_ref: str | None = None


def page(conn: Connection, wanted: Listing) -> tuple[list[RequestRow], bytes | None]:
    """A page of requests, and below which id to go on: few requests of many messages make a short page."""
    named = wanted.request_ref is not None
    more = " AND request_ref=%s AND CAST(request_ref AS BINARY)=%s"
    refs = (wanted.request_ref, wanted.request_ref.encode()) if wanted.request_ref is not None else ()
    lane = f" AND lane={int(Lane[wanted.lane])}" if wanted.lane else ""
    found = sql.fetch(
        conn,
        "SELECT request_id, request_ref, lane, test, total, accepted_ms, scheduled_ms, valid_ms FROM requests "  # noqa: S608
        f"FORCE INDEX ({'request_ref' if named else 'account'}) WHERE account_id=%s AND test>=%s AND request_id>=%s "
        f"AND request_id<%s{more if named else ''}{lane} ORDER BY request_id DESC LIMIT %s",
        (wanted.account_id, wanted.test, wanted.low, wanted.high, *refs, wanted.limit + 1),
    )
    taken = _affordable(found[: wanted.limit])
    counts = _counts_of(conn, [row[0] for row in taken])
    rows = [
        RequestRow(
            UUID(bytes=i), ref, Lane(lane).name, bool(test), total, accepted, scheduled, valid, counts.get(i, {})
        )
        for i, ref, lane, test, total, accepted, scheduled, valid in taken
    ]
    return rows, taken[-1][0] if len(found) > len(taken) else None


COUNTED = 50_000
"""Messages that one page counts."""


def _affordable(found: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The first requests that have no more messages together; at least one."""
    taken: list[tuple[Any, ...]] = []
    size = 0
    for row in found:
        size += row[4]
        if taken and size > COUNTED:
            break
        taken.append(row)
    return taken


def _counts_of(conn: Connection, ids: Sequence[bytes]) -> dict[bytes, dict[str, int]]:
    """Messages by state of several requests."""
    if not ids:
        return {}
    spans = " OR ".join(_span(UUID(bytes=i)) for i in ids)
    sending = "(SELECT h.state FROM hops h WHERE h.message_id=messages.message_id AND h.hop=messages.hop)='sending'"
    found = sql.fetch(
        conn,
        f"SELECT MIN(message_id), status, COUNT(*), status={int(State.routed)} AND COALESCE({sending}, 0) AS busy "  # noqa: S608
        f"FROM messages WHERE {spans} GROUP BY {OF_REQUEST}, status, busy",
    )
    counts: dict[bytes, dict[str, int]] = {}
    for message, status, n, busy in found:
        name = State.sending.name if busy else State(status).name
        counts.setdefault(request_bytes(message), {})[name] = int(n)
    return counts


OF_REQUEST = "LEFT(message_id, 13), ORD(SUBSTR(message_id, 14, 1)) >> 5"
"""What the messages of a request share (shared/domain/ids.py)."""


class Told(NamedTuple):
    """What became of a request's reports: taken by the client, waiting for their next try, given up; and the last
    answer that was no 2xx of those that wait or were given up, with the next try."""

    delivered: int
    pending: int
    exhausted: int
    next_due_ms: int | None
    last: tuple[int | None, str | None, int] | None


def told(conn: Connection, request_id: UUID) -> Told:
    """A request's reports, counted."""
    ((delivered,),) = sql.fetch(
        conn,
        f"SELECT COUNT(reported_ms) FROM messages WHERE {_span(request_id)}",  # noqa: S608 - literals
    )
    found = sql.fetch(
        conn,
        "SELECT state='pending', COUNT(*), MIN(next_due_ms), MAX(CASE WHEN tries>0 THEN updated_ms END) "  # noqa: S608
        f"FROM reports WHERE {_span(request_id, 'reports')} GROUP BY state='pending'",
    )
    counts = {bool(pending): n for pending, n, _, _ in found}
    due = [int(at) for pending, _, at, _ in found if pending and at is not None]
    latest = [int(at) for *_, at in found if at is not None]
    last = None
    if latest:
        (last,) = sql.fetch(
            conn,
            "SELECT last_status, last_error, updated_ms FROM reports "  # noqa: S608 - literals
            f"WHERE {_span(request_id, 'reports')} AND updated_ms=%s LIMIT 1",
            (max(latest),),
        )
    return Told(delivered, counts.get(True, 0), counts.get(False, 0), min(due, default=None), last)


def cancel(conn: Connection, account_id: int, request: RequestRow, now_ms: int) -> tuple[int, list[Due]]:
    """Mark what has not left, or waits for its next hop while none before it can still deliver; how many, and the
    events by which route ends them.

    The events also wait as due work of this transaction, so that they come even if the process dies now.
    """
    statuses = ",".join(str(int(s)) for s in WAITING)
    found = sql.fetch(
        conn,
        f"SELECT message_id FROM messages WHERE {_span(request.request_id)} AND account_id={account_id:d} "  # noqa: S608
        f"AND status IN ({statuses}) AND in_window=0 AND cancel=0 AND (hop<=1 OR {UNDECIDED}=0) "
        "ORDER BY message_id FOR UPDATE",
    )
    ids = [r[0] for r in found]
    events = []
    for part in _chunks(ids):
        sql.execute(conn, f"UPDATE messages SET cancel=1 WHERE message_id IN ({sql.ids(part)})")  # noqa: S608
        events.append(Due(lane=request.lane, kind="cancel", ids=[i.hex() for i in part]))
    waiting = [(now_ms, "cancel", event) for event in events]
    insert_due(conn, waiting, account_id=account_id, request_id=request.request_id.bytes)
    return len(ids), events


def never_left(conn: Connection, ids: Sequence[str]) -> int:
    """How many of these messages no vendor was ever called for."""
    if not ids:
        return 0
    listed = sql.ids(map(bytes.fromhex, ids))
    query = (
        f"SELECT COUNT(*) FROM messages m WHERE message_id IN ({listed}) AND NOT EXISTS ("  # noqa: S608 - literals
        "SELECT 1 FROM hops h WHERE h.message_id=m.message_id AND h.state<>'skipped')"
    )
    ((n,),) = sql.fetch(conn, query)
    return int(n)


def _chunks(ids: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [ids[i : i + MAX_MESSAGES] for i in range(0, len(ids), MAX_MESSAGES)]


def _why_left(request: RequestRow, messages: Sequence[tuple[int, int]]) -> str:
    """`messages` are statuses, each with whether it is to be canceled."""
    if messages and all(cancel or status == State.canceled for status, cancel in messages):
        return "the request was canceled: send it anew"
    if request.scheduled_ms is None:
        return "the request was never reserved: it left when it was accepted"
    return "the request has left already"


def reschedule(conn: Connection, account_id: int, request: RequestRow, at_ms: int, valid_ms: int) -> None:
    """Move the reservation; raises Left when it has left, wholly or in part, and Arriving before all of it is here.

    `schedule` takes these rows under the same locks, so either it or we have them. Should it have died between
    publishing and its commit, route is told: under the messages' locks it finds the new time, or we find them gone.
    """
    if request.stored < request.total:
        raise Arriving(request.total)
    due = sql.fetch(
        conn,
        "SELECT due_id, messages FROM due WHERE request_id=%s AND kind='scheduled' ORDER BY due_id FOR UPDATE",
        (request.request_id.bytes,),
    )
    messages = sql.fetch(
        conn,
        f"SELECT status, cancel FROM messages WHERE {_span(request.request_id)} AND account_id={account_id:d} "  # noqa: S608
        "ORDER BY message_id FOR UPDATE",
    )
    left = [canceled for status, canceled in messages if status == State.scheduled]
    waiting, canceled = len(left), sum(left)
    if not due or waiting == canceled or sum(n for _, n in due) < waiting:
        raise Left(_why_left(request, messages))
    listed = ",".join(str(due_id) for due_id, _ in due)
    sql.execute(conn, f"UPDATE due SET due_ms={at_ms:d} WHERE due_id IN ({listed})")  # noqa: S608 - literals
    sql.execute(
        conn,
        f"UPDATE requests SET scheduled_ms={at_ms:d}, valid_ms={valid_ms:d} "  # noqa: S608 - literals
        f"WHERE request_id=0x{request.request_id.hex}",
    )
    ((plan,),) = sql.fetch(conn, "SELECT plan FROM requests WHERE request_id=%s", (request.request_id.bytes,))
    note_use(conn, account_id, all_of(orjson.loads(plan)), at_ms)
