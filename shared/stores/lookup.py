"""Messages as their clients look them up: one with its whole history, and pages of those that match.

Every query is bounded by an index, however many rows there are: one id, one recipient, one `ref`, the ids of a request
(they lie side by side), or an account's requests from the newest on. What no index knows (channel, status, code) is
checked on at most `SCAN` messages a page; a page may therefore be short and still have a next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from shared.domain.events import Report
from shared.domain.ids import Lane, request_bytes, span_of
from shared.domain.routing import Message, Plan
from shared.domain.states import State
from shared.stores import messages as store
from shared.stores import sql
from shared.stores.routing import saved_reports
from shared.stores.sql import Connection

SCAN = 5000
REQUESTS = 500
HEAD = 100
"""So many characters of an address stand in its index (`recipient_head`)."""
HOP_STATE = "(SELECT h.state FROM hops h WHERE h.message_id=messages.message_id AND h.hop=messages.hop)"
"""One look-up a row. An EXISTS would be turned into a scan of all hops (MariaDB 10.11 materializes it)."""
_MESSAGE = (
    "message_id, account_id, recipient, ref, type, NULL, NULL, status, hop, step, tries, in_window, cancel, channel, "
    "vendor, vendor_account, cause, sent_ms, asked"
)
TEST = (
    "(SELECT r.test FROM requests r WHERE r.request_id=CONCAT(LEFT({id}, 13), "
    "CHAR(ASCII(SUBSTRING({id}, 14, 1)) & 0xE0 USING binary), 0x0000))"
)
"""Whether a test key made a message, by its id: `ids.request_bytes` in SQL. One look-up a row."""
REQUEST_REF = TEST.replace("r.test", "r.request_ref").format(id="messages.message_id")
LANE = "(ASCII(SUBSTRING(message_id, 16, 1)) >> 5 & 3)"
"""A message's lane, from its id (shared/domain/ids.py)."""
TOP = b"\xff" * 16
"""Above every id."""


def floor(ms: int) -> bytes:
    """The smallest id that can be made at a time: ids begin with their time."""
    return min(ms << 80, (1 << 128) - 1).to_bytes(16, "big")


class Hop(NamedTuple):
    """One hop's row."""

    hop: int
    channel: str
    vendor: str
    account: str
    state: str
    code: str | None
    raw_code: str | None
    raw_text: str | None
    vendor_ref: str | None
    claimed_ms: int
    answered_ms: int | None
    finished_ms: int | None


class Note(NamedTuple):
    """An outcome that its hop's row does not tell: late, repeated or of an older hop, or a doubt that may be over."""

    hop: int
    state: str
    code: str | None
    raw_code: str | None
    raw_text: str | None
    via: str
    at_ms: int


class Details(NamedTuple):
    """One message with all that is known of it."""

    report: Report
    scheduled_ms: int | None
    finished_ms: int | None
    reported_ms: int | None
    report_tries: int
    report_status: int | None
    hops: list[Hop]
    notes: list[Note]


def consistent(conn: Connection) -> None:
    """Let all statements of this transaction see one moment; must come first."""
    sql.execute(conn, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def reports(conn: Connection, account_id: int, ids: Sequence[bytes], *, test: bool = False) -> list[Report]:
    """The reports of an account's messages in the order of `ids`; `status` before the end is the state.

    `test`: only of those that test keys made.
    """
    if not ids:
        return []
    found = sql.fetch(
        conn,
        f"SELECT {_MESSAGE} FROM messages "  # noqa: S608 - literals
        f"WHERE message_id IN ({sql.ids(ids)}) AND account_id={account_id:d}",
    )
    rows = {r[0]: _message(r) for r in found}
    plans = store.load_plans(conn, {request_bytes(i) for i in rows})
    pairs: list[tuple[Message, Plan]] = [(rows[i], plans[request_bytes(i)]) for i in ids if i in rows]
    if test:
        pairs = [(message, plan) for message, plan in pairs if plan.test]
    made = saved_reports(conn, pairs)
    for report in made:
        report.data["status"] = _state(report.data)
    return made


def _message(row: Sequence[Any]) -> Message:
    values = list(row)
    values[7], values[11], values[12] = State(row[7]), bool(row[11]), bool(row[12])
    return Message(*values)


def _state(data: dict[str, Any]) -> str:
    """`routed` while a sender holds the hop is `sending`."""
    under_way = data["status"] == "routed" and data["hops"] and data["hops"][-1]["status"] == "sending"
    return "sending" if under_way else str(data["status"])


def details(conn: Connection, account_id: int, message_id: bytes, *, test: bool = False) -> Details | None:
    """One message of an account; `test`: that a test key made."""
    consistent(conn)
    made = reports(conn, account_id, [message_id], test=test)
    if not made:
        return None
    (row,) = sql.fetch(
        conn,
        "SELECT r.scheduled_ms, m.finished_ms, m.reported_ms, m.report_tries, m.report_status FROM messages m "
        "JOIN requests r ON r.request_id=%s WHERE m.message_id=%s",
        (request_bytes(message_id), message_id),
    )
    hops = sql.fetch(
        conn,
        "SELECT hop, channel, vendor, vendor_account, state, code, raw_code, raw_text, vendor_ref, claimed_ms, "
        "answered_ms, finished_ms FROM hops WHERE message_id=%s ORDER BY hop",
        (message_id,),
    )
    notes = sql.fetch(
        conn,
        "SELECT hop, state, code, raw_code, raw_text, via, at_ms FROM trail WHERE message_id=%s LIMIT 200",
        (message_id,),
    )
    scheduled, finished, reported, tries, status = row
    steps = [Hop(*h) for h in hops]
    return Details(made[0], scheduled, finished, reported, tries, status, steps, [Note(*n) for n in notes])


def content(
    conn: Connection, account_id: int, message_id: bytes, *, test: bool = False
) -> tuple[list[dict[str, Any]], dict[str, str] | None, str] | None:
    """What a message says: the hops of its plan, the values that fill them, its lane."""
    found = sql.fetch(
        conn,
        "SELECT r.plan, m.vars, r.lane FROM messages m JOIN requests r ON r.request_id=%s "
        "WHERE m.message_id=%s AND m.account_id=%s AND r.test>=%s",
        (request_bytes(message_id), message_id, account_id, test),
    )
    if not found:
        return None
    plan, values, lane = found[0]
    return orjson.loads(plan), orjson.loads(values) if values else None, Lane(lane).name


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for: ids from `low` to below `high`, at most `limit`; `test`: only what test keys made."""

    account_id: int
    low: bytes
    high: bytes
    limit: int
    request: UUID | None = None
    recipient: str | None = None
    ref: str | None = None
    channel: str | None = None
    status: str | None = None
    code: str | None = None
    test: bool = False
    vendor: str | None = None
    lane: str | None = None
    request_ref: str | None = None
    vendor_ref: str | None = None


class Page(NamedTuple):
    """The ids found, newest first, and below which id to go on; None when there is nothing more."""

    ids: list[bytes]
    below: bytes | None


def search(conn: Connection, wanted: Search) -> Page:
    """A page of messages, newest first."""
    rest = _rest(wanted)
    low, high = wanted.low, wanted.high
    if wanted.request is not None:
        first, last = span_of(wanted.request)
        low, high = max(low, first.bytes), min(high, last.bytes)
    if wanted.vendor_ref is not None:
        return _by_vendor_ref(conn, wanted, wanted.vendor_ref, (low, high), rest)
    if wanted.recipient is not None:
        return _by_index(conn, wanted, "recipient", wanted.recipient, (low, high), rest)
    if wanted.ref is not None:
        return _by_index(conn, wanted, "ref", wanted.ref, (low, high), rest)
    if wanted.request is not None:
        found = _in_spans(conn, wanted, [(low, high)], high, rest, wanted.limit + 1)
        return _page(found, wanted.limit, None)
    return _walk(conn, wanted, rest)


def _rest(wanted: Search) -> str:
    """What no index decides, as SQL."""
    parts = [f"account_id={wanted.account_id:d}"]
    if wanted.ref is not None:
        parts.append(_exactly("ref", wanted.ref))
    if wanted.recipient is not None:
        parts.append(_exactly("recipient", wanted.recipient))
    if wanted.channel is not None:
        parts.append(f"channel={sql.literal(wanted.channel)}")
    if wanted.code is not None:
        parts.append(f"code={sql.literal(wanted.code)}")
    if wanted.status in ("routed", "sending"):
        sign = "=" if wanted.status == "sending" else "<>"
        parts.append(f"status={int(State.routed)} AND COALESCE({HOP_STATE}, ''){sign}'sending'")
    elif wanted.status is not None:
        parts.append(f"status={int(State[wanted.status])}")
    if wanted.vendor is not None:
        parts.append(f"vendor={sql.literal(wanted.vendor)}")
    if wanted.lane is not None:
        parts.append(f"{LANE}={int(Lane[wanted.lane])}")
    if wanted.request_ref is not None:
        parts.append(_exactly(REQUEST_REF, wanted.request_ref))
    if wanted.test:
        parts.append(f"{TEST.format(id='messages.message_id')}=1")
    return " AND ".join(parts)


def _exactly(column: str, value: str) -> str:
    """Byte for byte: the columns' collation takes upper case, accents and trailing spaces for the same."""
    return f"CAST({column} AS BINARY)={sql.literal(value.encode())}"


def indexed(index: str, value: str | None) -> tuple[str, str | None]:
    """The column of an index and what to look for there: of addresses it holds the beginning."""
    if index == "recipient":
        return "recipient_head", value and value[:HEAD]
    return index, value


def _page(found: list[bytes], limit: int, below: bytes | None) -> Page:
    return Page(found[:limit], found[limit - 1]) if len(found) > limit else Page(found, below)


def _by_index(conn: Connection, wanted: Search, index: str, value: str, span: tuple[bytes, bytes], rest: str) -> Page:
    """Candidates by a secondary index, whose entries lie in id order; then what the index does not know."""
    column, head = indexed(index, value)

    def entries(limit: int) -> list[tuple[bytes, str]]:
        return sql.fetch(
            conn,
            f"SELECT message_id, {index} FROM messages FORCE INDEX ({index}) WHERE account_id=%s AND {column}=%s "  # noqa: S608
            f"AND message_id>=%s AND message_id<%s ORDER BY message_id DESC LIMIT {limit:d}",
            (wanted.account_id, head, *span),
        )

    further = (wanted.test, wanted.channel, wanted.status, wanted.code, wanted.vendor, wanted.lane)
    named = (wanted.request_ref, index == "recipient" and wanted.ref is not None)
    if not any(further) and named == (None, False):
        found = entries(wanted.limit + 1)
        if all(written == value for _, written in found):
            return _page([r[0] for r in found], wanted.limit, None)
    return _matching(conn, wanted, [r[0] for r in entries(SCAN)], rest)


def _by_vendor_ref(conn: Connection, wanted: Search, ref: str, span: tuple[bytes, bytes], rest: str) -> Page:
    """The same by the hops' index over what their vendors call them."""
    found = sql.fetch(
        conn,
        "SELECT DISTINCT message_id FROM hops FORCE INDEX (vendor_ref) WHERE vendor_ref=%s "  # noqa: S608
        f"AND message_id>=%s AND message_id<%s ORDER BY message_id DESC LIMIT {SCAN:d}",
        (ref, *span),
    )
    return _matching(conn, wanted, [r[0] for r in found], rest)


def _matching(conn: Connection, wanted: Search, candidates: Sequence[bytes], rest: str) -> Page:
    """Those of the candidates, newest first, that are wanted in all else."""
    if not candidates:
        return Page([], None)
    matching = sql.fetch(
        conn,
        f"SELECT message_id FROM messages WHERE message_id IN ({sql.ids(candidates)}) AND {rest} "  # noqa: S608
        f"ORDER BY message_id DESC LIMIT {wanted.limit + 1:d}",
    )
    return _page([r[0] for r in matching], wanted.limit, candidates[-1] if len(candidates) == SCAN else None)


def _in_spans(
    conn: Connection, wanted: Search, spans: Sequence[tuple[bytes, bytes]], high: bytes, rest: str, limit: int
) -> list[bytes]:
    """Matching ids within spans of the primary key."""
    ranges = " OR ".join(f"message_id BETWEEN 0x{low.hex()} AND 0x{top.hex()}" for low, top in spans)
    found = sql.fetch(
        conn,
        f"SELECT message_id FROM messages FORCE INDEX (PRIMARY) WHERE ({ranges}) "  # noqa: S608 - literals
        f"AND message_id<0x{high.hex()} AND {rest} ORDER BY message_id DESC LIMIT {limit:d}",
    )
    return [r[0] for r in found]


def _walk(conn: Connection, wanted: Search, rest: str) -> Page:
    """Request by request, the newest first, until the page is full or enough was looked at."""
    found: list[bytes] = []
    high, scanned, more = wanted.high, 0, True
    named = wanted.request_ref is not None
    index, of = ("request_ref", " AND request_ref=%s") if named else ("account", "")
    refs = (wanted.request_ref,) if named else ()
    while more and scanned < SCAN and len(found) <= wanted.limit:
        requests = sql.fetch(
            conn,
            f"SELECT request_id, IF(test>=%s, total, 0) FROM requests FORCE INDEX ({index}) WHERE account_id=%s{of} "  # noqa: S608
            "AND request_id>=%s AND request_id<%s ORDER BY request_id DESC LIMIT %s",
            (
                wanted.test,
                wanted.account_id,
                *refs,
                wanted.low,
                high,
                REQUESTS if wanted.test else _least(wanted.limit),
            ),
        )
        if not requests:
            return _page(found, wanted.limit, None)
        taken = _some(requests)
        spans = [(i, span_of(UUID(bytes=i))[1].bytes) for i, total in taken if total]
        if spans:
            found += _in_spans(conn, wanted, spans, high, rest, wanted.limit + 1 - len(found))
        scanned += sum(max(1, total) for _, total in taken)
        high = taken[-1][0]
    return _page(found, wanted.limit, high)


def _least(limit: int) -> int:
    """As many requests as a page and one more message may need, each having one at least."""
    return min(REQUESTS, limit + 1)


def _some(requests: Sequence[tuple[Any, ...]]) -> list[tuple[bytes, int]]:
    """The first requests with at most `SCAN` messages together, at least one."""
    taken: list[tuple[bytes, int]] = []
    size = 0
    for request_id, total in requests:
        if taken and size + total > SCAN:
            break
        taken.append((request_id, total))
        size += total
    return taken
