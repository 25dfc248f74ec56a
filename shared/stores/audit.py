"""The audit's rows: appended in the transaction of the change that they tell of, each with the hash of the one before.

The row of `audit_head` is locked from a change's audit row to its commit, so that numbers have no gaps; a change that
fails leaves neither itself nor its row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from shared.stores import sql
from shared.stores.sql import Connection

START = bytes(32)
BATCH = 1000


class Entry(NamedTuple):
    """What is to be noted. `before` and `after` are the object's views as JSON texts, without secrets."""

    at_ms: int
    actor_kind: str
    actor_id: str
    actor_name: str
    address: str
    account_id: int
    username: str
    action: str
    object: str
    before_json: str | None = None
    after_json: str | None = None
    purpose: str | None = None


class Row(NamedTuple):
    """An entry in its place of the chain."""

    seq: int
    entry: Entry
    previous: bytes
    hash: bytes


_ENTRY = ", ".join(Entry._fields)
_COLUMNS = f"seq, {_ENTRY}, previous, hash"


def digest(seq: int, entry: Entry, previous: bytes) -> bytes:
    """The hash of a row: over its number, all of its fields and the hash before."""
    return hashlib.sha256(previous + orjson.dumps([seq, *entry])).digest()


def append(conn: Connection, entry: Entry) -> tuple[int, bytes]:
    """Write a row behind the newest one; its number and hash."""
    ((last, previous),) = sql.fetch(conn, "SELECT seq, hash FROM audit_head WHERE one=1 FOR UPDATE")
    seq = int(last) + 1
    made = digest(seq, entry, previous)
    sql.insert(conn, "audit", _COLUMNS, [(seq, *entry, previous, made)])
    sql.execute(conn, f"UPDATE audit_head SET seq={seq:d}, hash={sql.literal(made)} WHERE one=1")  # noqa: S608
    return seq, made


def head(conn: Connection) -> tuple[int, bytes]:
    """The newest row's number and hash, as they were noted."""
    ((seq, made),) = sql.fetch(conn, "SELECT seq, hash FROM audit_head WHERE one=1")
    return int(seq), bytes(made)


def _row(values: tuple[Any, ...]) -> Row:
    return Row(int(values[0]), Entry(*values[1:-2]), bytes(values[-2]), bytes(values[-1]))


def batches(conn: Connection) -> Iterator[list[Row]]:
    """All rows in their order."""
    above = 0
    while True:
        found = sql.fetch(conn, f"SELECT {_COLUMNS} FROM audit WHERE seq>%s ORDER BY seq LIMIT {BATCH:d}", (above,))  # noqa: S608
        if not found:
            return
        rows = [_row(one) for one in found]
        yield rows
        above = rows[-1].seq


class Filter(NamedTuple):
    """Which rows: None does not ask. Times in ms, `since` included, `until` not."""

    account_id: int | None = None
    actor: str | None = None
    action: str | None = None
    object: str | None = None
    username: str | None = None
    since: int | None = None
    until: int | None = None


_ASKED = {
    "account_id": "account_id=%s",
    "actor": "%s IN (actor_id, actor_name)",
    "action": "action=%s",
    "object": "object=%s",
    "username": "username=%s",
    "since": "at_ms>=%s",
    "until": "at_ms<%s",
}


def page(conn: Connection, wanted: Filter, below: int, limit: int) -> list[Row]:
    """Rows with a smaller number than `below`, the newest first."""
    asked = {name: value for name, value in wanted._asdict().items() if value is not None}
    where = " AND ".join(["seq<%s", *(_ASKED[name] for name in asked)])
    found = sql.fetch(
        conn,
        f"SELECT {_COLUMNS} FROM audit WHERE {where} ORDER BY seq DESC LIMIT {limit:d}",  # noqa: S608
        (below, *asked.values()),
    )
    return [_row(one) for one in found]


class Verdict(NamedTuple):
    """What a walk over the chain has found: `broken_at` is the first row that is missing, changed or out of place."""

    ok: bool
    rows: int
    head: bytes
    broken_at: int | None


def verify(conn: Connection, anchor: tuple[int, bytes] | None = None) -> Verdict:
    """Walk the chain; `anchor`: a number and hash that were noted outside of MySQL."""
    count, previous, known = 0, START, False
    noted = head(conn)
    for rows in batches(conn):
        for row in rows:
            whole = row.seq == count + 1 and row.previous == previous
            if not whole or row.hash != digest(row.seq, row.entry, previous):
                return Verdict(False, count, previous, count + 1)
            count, previous = row.seq, row.hash
            known = known or (anchor is not None and anchor == (count, previous))
            if anchor is not None and anchor[0] == count and not known:
                return Verdict(False, count, previous, count)
    if count < noted[0]:
        return Verdict(False, count, previous, count + 1)
    if count == noted[0] and previous != noted[1]:
        return Verdict(False, count, previous, count)
    if anchor is not None and anchor[0] > count:
        return Verdict(False, count, previous, count + 1)
    return Verdict(True, count, previous, None)
