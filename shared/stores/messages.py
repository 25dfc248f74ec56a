"""The rows of requests, messages, hops, windows, feeds and due work: reading and writing them in bulk.

Functions here take a connection inside a transaction and make no decisions. Locks are always taken in the same order
(messages in id order, then windows, then feeds), so that transactions wait instead of deadlocking.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson

from shared.domain import moments
from shared.domain.cutting import RAW_CODE, RAW_TEXT, cut
from shared.domain.events import MAX_BYTES, Event, Request
from shared.domain.ids import Lane
from shared.domain.routing import Message, Plan, Skip
from shared.domain.states import State
from shared.stores import sql
from shared.stores.claims import RELEASED, SKIPPED, UNCERTAIN
from shared.stores.sql import Connection

_REQUEST = (
    "request_id, account_id, username, lane, test, request_ref, callback_uri, plan, on_uncertain, max_price, "
    "accepted_ms, scheduled_ms, valid_ms, total"
)
_MESSAGE = (
    "message_id, account_id, recipient, ref, type, vars, addresses, status, hop, step, tries, in_window, cancel, "
    "channel, vendor, vendor_account, cause, sent_ms, asked, skips"
)
_INSERT_MESSAGE = (
    "message_id, account_id, recipient, ref, type, vars, addresses, status, hop, step, in_window, channel, vendor, "
    "vendor_account, cause, skips"
)


_SKIPPED_HOP = "message_id, hop, channel, vendor, vendor_account, type, state, code"


def insert_requests(conn: Connection, requests: Iterable[Request]) -> None:
    """Requests as accepted; those that exist stay (other slices of the same request)."""
    values = [
        (
            bytes.fromhex(r.request_id),
            r.account_id,
            r.username,
            int(Lane[r.lane]),
            r.test,
            r.request_ref,
            r.callback_uri,
            orjson.dumps([h.model_dump(exclude_none=True) for h in r.plan]).decode(),
            r.on_uncertain,
            None if r.max_price is None else Decimal(r.max_price),
            r.accepted_at,
            r.scheduled_at,
            r.valid_until,
            r.total,
        )
        for r in requests
    ]
    if values:
        sql.insert_ignore(conn, "requests", _REQUEST, values)


def load_plans(conn: Connection, request_ids: Iterable[bytes], *, lenient: bool = False) -> dict[bytes, Plan]:
    """The plans of requests by id; `lenient`: without the hops of those that cannot be read."""
    wanted = list(request_ids)
    if not wanted:
        return {}
    found = sql.fetch(conn, f"SELECT {_REQUEST} FROM requests WHERE request_id IN ({sql.ids(wanted)})")  # noqa: S608
    return {row[0]: _lenient_plan(row) if lenient else plan_of_row(row) for row in found}


def _lenient_plan(row: Sequence[Any]) -> Plan:
    try:
        plan = plan_of_row(row)
        return plan if plan.hops and plan.hops[0]["channel"] else replace(plan, hops=bare_hops("mt"))
    except (ValueError, TypeError, LookupError, AttributeError):
        values = list(row)
        values[3] = row[3] if row[3] in list(Lane) else Lane.realtime
        values[7] = orjson.dumps(bare_hops("mt"))
        return plan_of_row(values)


def bare_hops(channel: str) -> list[dict[str, Any]]:
    """The plan of a message whose plan nobody can read, and nobody needs any more."""
    return [{"channel": channel, "content": {}}]


def plan_of_row(row: Sequence[Any]) -> Plan:
    """A Plan from the columns of `_REQUEST`."""
    return Plan(
        request_id=row[0],
        account_id=row[1],
        username=row[2],
        lane=Lane(row[3]).name,
        test=bool(row[4]),
        request_ref=row[5],
        callback_uri=row[6],
        hops=orjson.loads(row[7]),
        on_uncertain=row[8],
        max_price=row[9],
        accepted_ms=row[10],
        valid_ms=row[12],
        scheduled_ms=row[11],
    )


def insert_messages(conn: Connection, values: Sequence[Sequence[Any]]) -> int:
    """New message rows (columns of `_INSERT_MESSAGE`); how many did not exist before."""
    return sql.insert_ignore(conn, "messages", _INSERT_MESSAGE, values) if values else 0


def lock_messages(conn: Connection, ids: Iterable[bytes], *, lenient: bool = False) -> dict[bytes, Message]:
    """Lock rows in id order and read them; `lenient`: a status that is none counts as accepted."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    found = sql.fetch(
        conn,
        f"SELECT {_MESSAGE} FROM messages WHERE message_id IN ({sql.ids(wanted)}) "  # noqa: S608
        "ORDER BY message_id FOR UPDATE",
    )
    return {r[0]: _message(r, lenient=lenient) for r in found}


def _message(row: Sequence[Any], *, lenient: bool) -> Message:
    if lenient and row[7] not in list(State):
        row = [*row[:7], State.accepted, *row[8:]]
    *values, skips = row
    values[7], values[11], values[12] = State(row[7]), bool(row[11]), bool(row[12])
    message = Message(*values)
    if skips:
        message.skips = skips_of(skips)
    return message


def skips_text(skips: Mapping[int, str] | None) -> str | None:
    """How the column holds them: `0:1001,2:2005`."""
    return ",".join(f"{place}:{code}" for place, code in skips.items()) if skips else None


def skips_of(text: str) -> dict[int, str]:
    """Place of the plan → code."""
    return {int(place): code for place, _, code in (part.partition(":") for part in text.split(","))}


def insert_skipped(conn: Connection, rows: Sequence[tuple[bytes, Skip]], now_ms: int) -> None:
    """The hops of messages that could not carry them."""
    nobody = b"\0" * 8
    values = [
        (message_id, skip.hop, skip.channel, "", "", "", SKIPPED, skip.code, nobody, now_ms, now_ms)
        for message_id, skip in sorted(rows)
    ]
    if values:
        sql.insert_ignore(conn, "hops", f"{_SKIPPED_HOP}, claim, claimed_ms, finished_ms", values)


def update_messages(conn: Connection, changes: Iterable[tuple[bytes, tuple[tuple[str, Any], ...]]]) -> None:
    """Set columns of many rows: rows with the same changes share one UPDATE."""
    groups: dict[tuple[tuple[str, Any], ...], list[bytes]] = defaultdict(list)
    for message_id, change in changes:
        groups[change].append(message_id)
    for change, members in groups.items():
        assignments = ", ".join(f"{column}={sql.literal(value)}" for column, value in change)
        sql.execute(
            conn,
            f"UPDATE messages SET {assignments} WHERE message_id IN ({sql.ids(sorted(members))})",  # noqa: S608
        )


def mark_sent(conn: Connection, account_id: int, hop: int, ids: Sequence[bytes], now_ms: int) -> int:
    """The short way of the usual case: routed → sent at the same hop. How many rows were so (and left the window)."""
    return sql.execute(
        conn,
        f"UPDATE messages SET status={int(State.sent)}, sent_ms={now_ms}, in_window=0 "  # noqa: S608
        f"WHERE message_id IN ({sql.ids(sorted(ids))}) AND account_id={account_id} AND hop={hop} "
        f"AND status={int(State.routed)} AND in_window=1",
    )


def move_windows(conn: Connection, changes: dict[tuple[int, str], int]) -> None:
    """Add to the windows of (account, lane); locks their rows, in order, until the commit."""
    values = [(account, int(Lane[lane]), n) for (account, lane), n in sorted(changes.items()) if n]
    if values:
        tail = "ON DUPLICATE KEY UPDATE in_flight = in_flight + VALUES(in_flight)"
        sql.insert(conn, "windows", "account_id, lane, in_flight", values, tail)


def windows(conn: Connection, keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """Messages in flight by (account, lane)."""
    wanted = [(account, int(Lane[lane])) for account, lane in keys]
    if not wanted:
        return {}
    found = sql.fetch(
        conn,
        f"SELECT account_id, lane, in_flight FROM windows WHERE (account_id, lane) IN ({sql.rows(wanted)})",  # noqa: S608
    )
    return {(a, Lane(lane).name): n for a, lane, n in found}


def backlogs(conn: Connection, keys: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Which of these (account, lane) have messages waiting for their window."""
    wanted = [(account, int(Lane[lane])) for account, lane in keys]
    if not wanted:
        return set()
    one = "(SELECT account_id, lane FROM due WHERE kind='backlog' AND lane={:d} AND account_id={:d} LIMIT 1)"
    found = sql.fetch(conn, " UNION ALL ".join(one.format(lane, account) for account, lane in wanted))
    return {(account, Lane(lane).name) for account, lane in found}


def next_feed_numbers(conn: Connection, accounts: Iterable[int]) -> dict[int, int]:
    """One number per account for the reports that this transaction ends; its row stays locked until the commit."""
    wanted = sorted(set(accounts))
    if not wanted:
        return {}
    tail = "ON DUPLICATE KEY UPDATE seq = seq + 1"
    sql.insert(conn, "feeds", "account_id, seq", [(a, 1) for a in wanted], tail)
    listed = ",".join(map(str, wanted))
    return dict(sql.fetch(conn, f"SELECT account_id, seq FROM feeds WHERE account_id IN ({listed})"))  # noqa: S608


HOP_COLUMNS = "message_id, hop, channel, vendor, vendor_account, type, state, claim, claimed_ms"


def load_hops(conn: Connection, ids: Iterable[bytes]) -> dict[bytes, list[tuple[Any, ...]]]:
    """Rows (hop, channel, vendor, state, code, raw_code, at ms) of messages, oldest hop first."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    found = sql.fetch(
        conn,
        "SELECT message_id, hop, channel, vendor, state, code, raw_code, "  # noqa: S608
        f"COALESCE(finished_ms, answered_ms, claimed_ms) FROM hops WHERE message_id IN ({sql.ids(wanted)}) "
        "ORDER BY message_id, hop",
    )
    result: dict[bytes, list[tuple[Any, ...]]] = defaultdict(list)
    for row in found:
        result[row[0]].append(row[1:])
    return result


def carriers(conn: Connection, keys: Iterable[tuple[bytes, int]]) -> dict[tuple[bytes, int], tuple[str, str, str]]:
    """(channel, vendor, account) of the hops (message, hop) that were claimed."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    found = sql.fetch(
        conn,
        "SELECT message_id, hop, channel, vendor, vendor_account FROM hops "  # noqa: S608
        f"WHERE (message_id, hop) IN ({sql.rows(wanted)})",
    )
    return {(m, hop): (channel, vendor, account) for m, hop, channel, vendor, account in found}


def doubtful(conn: Connection, ids: Sequence[bytes]) -> dict[bytes, frozenset[tuple[str, str]]]:
    """(channel, vendor) of the hops before the current one of which nobody knows whether they were sent, by message."""
    if not ids:
        return {}
    found = sql.fetch(
        conn,
        "SELECT h.message_id, h.channel, h.vendor FROM hops h JOIN messages m USING (message_id) "  # noqa: S608
        f"WHERE h.message_id IN ({sql.ids(sorted(ids))}) AND h.hop<m.hop AND h.state IN ('sending', '{UNCERTAIN}')",
    )
    senders: dict[bytes, set[tuple[str, str]]] = defaultdict(set)
    for message_id, channel, vendor in found:
        senders[message_id].add((channel, vendor))
    return {message_id: frozenset(members) for message_id, members in senders.items()}


def open_hops(conn: Connection, ids: Sequence[bytes]) -> dict[bytes, list[tuple[str, str, str, str]]]:
    """(channel, vendor, account, type) of the hops before the current one that may yet be delivered, by message."""
    if not ids:
        return {}
    found = sql.fetch(
        conn,
        "SELECT h.message_id, h.channel, h.vendor, h.vendor_account, h.type FROM hops h "  # noqa: S608
        f"JOIN messages m USING (message_id) WHERE h.message_id IN ({sql.ids(sorted(ids))}) AND h.hop<m.hop "
        f"AND h.state IN ('sending', 'sent', '{UNCERTAIN}')",
    )
    hops: dict[bytes, list[tuple[str, str, str, str]]] = defaultdict(list)
    for message_id, *hop in found:
        hops[message_id].append(tuple(hop))
    return hops


def hop_types(conn: Connection, keys: Sequence[tuple[bytes, int]]) -> dict[tuple[bytes, int], str]:
    """The message types that hops carried."""
    query = f"SELECT message_id, hop, type FROM hops WHERE (message_id, hop) IN ({sql.rows(keys)})"  # noqa: S608
    return {(m, hop): kind for m, hop, kind in sql.fetch(conn, query)}


def taken_again(conn: Connection, keys: Iterable[tuple[bytes, int]]) -> set[tuple[bytes, int]]:
    """Of hops that a sender gave back, those that have been claimed again since; their rows are locked."""
    wanted = sorted(set(keys))
    if not wanted:
        return set()
    found = sql.fetch(
        conn,
        f"SELECT message_id, hop, state FROM hops WHERE (message_id, hop) IN ({sql.rows(wanted)}) "  # noqa: S608
        "ORDER BY message_id, hop FOR UPDATE",
    )
    return {(m, hop) for m, hop, state in found if state != RELEASED}


def finish_hops(
    conn: Connection, results: Iterable[tuple[bytes, int, str, str, str | None, str | None]], now_ms: int
) -> None:
    """Write (message, hop, state, code, raw code, raw text) of receipts and look-ups; equal ones share a statement.

    A repeated receipt changes nothing: the first one's time and text stay. "sent" and "unavailable" only end a doubt.
    """
    groups: dict[tuple[int, str, str, str | None, str | None], list[bytes]] = defaultdict(list)
    for message_id, hop, state, code, raw_code, raw_text in results:
        groups[hop, state, code, raw_code, raw_text].append(message_id)
    for (hop, state, code, raw_code, raw_text), members in groups.items():
        sql.execute(
            conn,
            f"UPDATE hops SET state={sql.literal(state)}, code={sql.literal(code)}, "  # noqa: S608
            f"raw_code={sql.literal(cut(raw_code, RAW_CODE))}, raw_text={sql.literal(cut(raw_text, RAW_TEXT))}, "
            f"finished_ms={now_ms} WHERE message_id IN ({sql.ids(sorted(members))}) AND hop={hop} "
            f"AND {_open_to(state)} AND NOT (state={sql.literal(state)} AND finished_ms IS NOT NULL)",
        )


def _open_to(state: str) -> str:
    return f"state='{UNCERTAIN}'" if state in ("sent", "unavailable") else "state <> 'delivered'"


def insert_due(
    conn: Connection,
    rows: Iterable[tuple[int | None, str, Event]],
    *,
    account_id: int | None = None,
    request_id: bytes | None = None,
) -> None:
    """Work that leaves later: (due ms or None for a backlog, kind, the event to publish then), cut into as many rows
    as it would be records."""
    values = [
        (
            due_ms,
            kind,
            int(Lane[part.lane]),
            account_id,
            request_id,
            part.size(),
            part.topic,
            part.TYPE,
            payload,
        )
        for due_ms, kind, event in rows
        for part, payload in _payloads(event)
    ]
    if values:
        columns = "due_ms, kind, lane, account_id, request_id, messages, topic, type, payload"
        sql.insert(conn, "due", columns, values)


def _payloads(event: Event) -> Iterator[tuple[Event, str]]:
    """An event as JSON, halved until it is not too large."""
    payload = event.model_dump_json(exclude_defaults=True)
    parts = event.halves() if len(payload.encode()) > MAX_BYTES else [event]
    if len(parts) == 1:
        yield event, payload
        return
    for part in parts:
        yield from _payloads(part)


def insert_trail(conn: Connection, rows: Sequence[Sequence[Any]]) -> None:
    """Outcomes that their hops do not tell: (message, hop, state, code, raw code, raw text, via, cause, at ms)."""
    if rows:
        columns = "message_id, hop, state, code, raw_code, raw_text, via, cause, at_ms"
        kept = [(*r[:4], cut(r[4], RAW_CODE), cut(r[5], RAW_TEXT), *r[6:8], moments.storable(r[8])) for r in rows]
        sql.insert_ignore(conn, "trail", columns, kept)


def claim_keys(conn: Connection, requests: Sequence[Request], expires_ms: int, now_ms: int) -> dict[str, str]:
    """Hold the Idempotency-Keys of requests in MySQL; the requests that lost, with the request id that has the key.

    A key whose 24 hours are over changes hands; the same request again keeps it.
    """
    keyed = [r for r in requests if r.idempotency]
    if not keyed:
        return {}
    parts = {r.request_id: (r.idempotency or "").split(":") for r in keyed}
    values = [
        (r.account_id, bytes.fromhex(p[0]), bytes.fromhex(p[1]), bytes.fromhex(r.request_id), expires_ms)
        for r in keyed
        if (p := parts[r.request_id])
    ]
    over = f"expires_ms <= {now_ms}"
    tail = (
        f"ON DUPLICATE KEY UPDATE request_id = IF({over}, VALUES(request_id), request_id), "
        f"body_hash = IF({over}, VALUES(body_hash), body_hash), "
        f"expires_ms = IF({over}, VALUES(expires_ms), expires_ms)"
    )
    sql.insert(conn, "idempotency", "account_id, key_hash, body_hash, request_id, expires_ms", values, tail)
    holders = find_keys(conn, [(v[0], v[1]) for v in values])
    lost = {}
    for request, value in zip(keyed, values, strict=True):
        holder = holders.get((value[0], value[1]))
        if holder is not None and holder[0].hex() != request.request_id:
            lost[request.request_id] = holder[0].hex()
    return lost


def find_keys(
    conn: Connection, keys: Sequence[tuple[int, bytes]], now_ms: int = 0
) -> dict[tuple[int, bytes], tuple[bytes, bytes]]:
    """(account, key hash) → (request id, body hash) of the keys that are held at `now_ms`."""
    if not keys:
        return {}
    found = sql.fetch(
        conn,
        "SELECT account_id, key_hash, request_id, body_hash FROM idempotency "  # noqa: S608
        f"WHERE (account_id, key_hash) IN ({sql.rows(keys)}) AND expires_ms > {now_ms}",
    )
    return {(a, k): (request, body) for a, k, request, body in found}
