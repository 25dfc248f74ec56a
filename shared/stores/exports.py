"""Exports and the parts of their files."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from shared.stores import sql
from shared.stores.sql import Connection

RUNNING, DONE, FAILED = "running", "done", "failed"


class Row(NamedTuple):
    """An export; `place`: from where it goes on; `token`: who is at it until `lease_ms`."""

    export_id: bytes
    account_id: int
    test: bool
    what: str
    filters: dict[str, str]
    purpose: str
    author: str
    state: str
    found: int
    parts: int
    size: int
    place: bytes
    token: bytes | None
    lease_ms: int
    created_ms: int
    updated_ms: int
    expires_ms: int


class Part(NamedTuple):
    """The next part of a file: its compressed body with so many rows and bytes; where to go on, None: at the end."""

    body: bytes
    rows: int
    size: int
    place: bytes | None


_ROW = ", ".join(Row._fields)


def _row(row: tuple[Any, ...]) -> Row:
    made = Row(*row)
    return made._replace(filters=orjson.loads(row[4]), test=bool(made.test))


def add_bounded(conn: Connection, row: Row, most: int) -> bool:
    """A new export; False, and nothing is kept, where the account has `most` that run."""
    sql.fetch(conn, "SELECT 1 FROM accounts WHERE account_id=%s FOR UPDATE", (row.account_id,))
    query = "SELECT COUNT(*) FROM exports WHERE account_id=%s AND state='running'"
    ((running,),) = sql.fetch(conn, query, (row.account_id,))
    if running >= most:
        return False
    values = {**row._asdict(), "filters": orjson.dumps(row.filters).decode()}
    sql.insert(conn, "exports", _ROW, [tuple(values.values())])
    return True


def one(conn: Connection, account_id: int, export_id: bytes, *, test: bool) -> Row | None:
    """An account's export; `test`: that a test key asked for."""
    query = f"SELECT {_ROW} FROM exports WHERE export_id=%s AND account_id=%s AND test>=%s"  # noqa: S608 - names
    found = sql.fetch(conn, query, (export_id, account_id, test))
    return _row(found[0]) if found else None


def page(conn: Connection, account_id: int, below: bytes, limit: int, *, test: bool) -> list[Row]:
    """An account's exports, newest first, below an id."""
    query = (
        f"SELECT {_ROW} FROM exports WHERE account_id=%s AND export_id<%s AND test>=%s "  # noqa: S608 - names
        f"ORDER BY export_id DESC LIMIT {limit:d}"
    )
    return [_row(row) for row in sql.fetch(conn, query, (account_id, below, test))]


def take(conn: Connection, export_id: bytes, token: bytes, now_ms: int, lease_ms: int) -> Row | None:
    """Be the one who is at it, or go on being it; None when another is, or nothing is left to do."""
    query = f"SELECT {_ROW} FROM exports WHERE export_id=%s AND state='running' FOR UPDATE"  # noqa: S608 - names
    found = sql.fetch(conn, query, (export_id,))
    if not found:
        return None
    row = _row(found[0])
    if row.token != token and row.lease_ms > now_ms:
        return None
    values = f"token={sql.literal(token)}, lease_ms={now_ms + lease_ms:d}"
    sql.execute(conn, f"UPDATE exports SET {values} WHERE export_id={sql.literal(export_id)}")  # noqa: S608
    return row


def add_part(conn: Connection, row: Row, token: bytes, part: Part, now_ms: int, *, end: bool) -> bool:
    """The next part with where to go on, in one transaction; False when another is at it now."""
    mine = f"export_id={sql.literal(row.export_id)} AND token={sql.literal(token)} AND parts={row.parts:d}"
    place = f", place={sql.literal(part.place)}" if part.place is not None else ""
    state = f", state='{DONE}'" if end else ""
    changed = sql.execute(
        conn,
        f"UPDATE exports SET parts=parts+1, found=found+{part.rows:d}, size=size+{part.size:d}, "  # noqa: S608
        f"updated_ms={now_ms:d}{place}{state} WHERE {mine} AND state='{RUNNING}'",
    )
    if changed:
        columns = "export_id, part, expires_ms, body"
        sql.insert(conn, "export_parts", columns, [(row.export_id, row.parts, row.expires_ms, part.body)])
    return bool(changed)


def leave(conn: Connection, export_id: bytes, token: bytes, now_ms: int, *, failed: bool) -> None:
    """Be at it no more: another may go on at once, or nobody where it has failed."""
    state = f", state='{FAILED}', updated_ms={now_ms:d}" if failed else ""
    mine = f"export_id={sql.literal(export_id)} AND token={sql.literal(token)} AND state='{RUNNING}'"
    sql.execute(conn, f"UPDATE exports SET lease_ms=0{state} WHERE {mine}")  # noqa: S608 - literals


def body(conn: Connection, export_id: bytes, part: int) -> bytes | None:
    """One part of a file."""
    query = "SELECT body FROM export_parts WHERE export_id=%s AND part=%s"
    found = sql.fetch(conn, query, (export_id, part))
    return bytes(found[0][0]) if found else None


def remove(conn: Connection, account_id: int, export_id: bytes, *, test: bool) -> bool:
    """Delete an export with its file; whether it was there."""
    where = f"export_id={sql.literal(export_id)} AND account_id={account_id:d} AND test>={int(test)}"
    gone = sql.execute(conn, f"DELETE FROM exports WHERE {where}")  # noqa: S608 - literals
    if gone:
        sql.execute(conn, f"DELETE FROM export_parts WHERE export_id={sql.literal(export_id)}")  # noqa: S608
    return bool(gone)
