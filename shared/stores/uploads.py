"""Bulk files: their rows, chunks and parts. One process works on a file at a time, under a lease that steps renew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from shared.domain.ids import Lane
from shared.stores import sql
from shared.stores.sql import Connection

RECEIVING, CHECKING, CHECKED, SENDING, PAUSED = "receiving", "checking", "checked", "sending", "paused"
DONE, CANCELED, FAILED = "done", "canceled", "failed"
WORK = (CHECKING, SENDING)
KEEP_MS = 7 * 86_400_000
WAITS, BEGUN, SENT = 0, 1, 2
OPEN = f"state IN ('{RECEIVING}','{CHECKING}')"


class Upload(NamedTuple):
    """A bulk file with all that is known of it."""

    upload_id: bytes
    account_id: int
    test: bool
    channel: str
    lane: str
    name: str
    state: str
    why: str | None
    version: int
    generation: int
    size: int
    digest: bytes | None
    settings: dict[str, Any]
    facts: dict[str, Any]
    content_hash: bytes | None
    people_hash: int | None
    sketch: bytes | None
    last_row: int
    row_count: int
    good: int
    faults: int
    twice: int
    opted_out: int
    blank: int
    progress: float
    accepted: int
    left_out: int
    created_by: str
    sent_by: str | None
    created_ms: int
    updated_ms: int
    sent_ms: int | None
    ended_ms: int | None
    erase_ms: int | None


class Part(NamedTuple):
    """A run of checked rows; `good_rows` and `bad_rows` are packed (shared/uploads/parts.py)."""

    first_row: int
    last_row: int
    good: int
    bad: int
    good_rows: bytes | None
    bad_rows: bytes | None
    state: int = WAITS
    request_id: bytes | None = None
    left_out: str | None = None


class Lost(Exception):
    """Another process works on the file, or its owner has changed it: what was done for it does not count."""


_ROW, _PART = ", ".join(Upload._fields), ", ".join(Part._fields)


def _upload(row: tuple[Any, ...]) -> Upload:
    made = Upload(*row)
    return made._replace(
        test=bool(made.test),
        settings=orjson.loads(made.settings),  # type: ignore[arg-type]
        facts=orjson.loads(made.facts),  # type: ignore[arg-type]
        progress=float(made.progress),
    )


def _part(row: tuple[Any, ...]) -> Part:
    return Part(*row)


def _set(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}={sql.literal(orjson.dumps(v).decode() if isinstance(v, (dict, list)) else v)}"
        for name, v in values.items()
        if name != "progress"
    ) + (f", progress={values['progress']:.4f}" if "progress" in values else "")


# --- what owners see and do -------------------------------------------------------------------------------------------


class Full(Exception):
    """An account keeps, or has under way, as much as it may."""


def begin(conn: Connection, row: Upload, most: int, most_bytes: int) -> None:
    """A file is on its way; raises Full. The account's row is locked, so that many at once stay within."""
    sql.fetch(conn, "SELECT 1 FROM accounts WHERE account_id=%s FOR UPDATE", (row.account_id,))
    ((open_, kept),) = sql.fetch(
        conn,
        f"SELECT COALESCE(SUM({OPEN}), 0), COALESCE(SUM(size), 0) FROM uploads WHERE account_id=%s AND test=%s",  # noqa: S608
        (row.account_id, row.test),
    )
    if open_ >= most or kept + row.size > most_bytes:
        raise Full
    values = {**row._asdict(), "settings": orjson.dumps(row.settings).decode()}
    values |= {"facts": orjson.dumps(row.facts).decode(), "progress": 0}
    sql.insert(conn, "uploads", _ROW, [tuple(values.values())])


def add_chunk(conn: Connection, upload_id: bytes, n: int, body: bytes) -> None:
    """The next bytes of a file."""
    sql.insert(conn, "upload_chunks", "upload_id, n, body", [(upload_id, n, body)])


def chunk(conn: Connection, upload_id: bytes, n: int) -> bytes:
    """Some of its bytes."""
    found = sql.fetch(conn, "SELECT body FROM upload_chunks WHERE upload_id=%s AND n=%s", (upload_id, n))
    return bytes(found[0][0]) if found else b""


def arrived(conn: Connection, upload_id: bytes, name: str, size: int, digest: bytes, now_ms: int) -> None:
    """All of a file is here: it waits for its check."""
    sql.execute(
        conn,
        f"UPDATE uploads SET state='{CHECKING}', name={sql.literal(name)}, size={size:d}, "  # noqa: S608
        f"digest={sql.literal(digest)}, generation=1, "
        f"updated_ms={now_ms:d}, erase_ms={now_ms + KEEP_MS:d} WHERE upload_id={sql.literal(upload_id)}",
    )


def forget(conn: Connection, upload_id: bytes, now_ms: int) -> None:
    """A file that did not come whole goes at once."""
    sql.execute(
        conn,
        f"UPDATE uploads SET erase_ms={now_ms:d} WHERE upload_id={sql.literal(upload_id)}",  # noqa: S608
    )


def one(conn: Connection, account_id: int, upload_id: bytes, *, test: bool, lock: str = "") -> Upload | None:
    """An account's file; one that has not come whole is none."""
    found = sql.fetch(
        conn,
        f"SELECT {_ROW} FROM uploads WHERE upload_id=%s AND account_id=%s AND test=%s "  # noqa: S608
        f"AND state<>'{RECEIVING}' {lock}",
        (upload_id, account_id, test),
    )
    return _upload(found[0]) if found else None


def page(conn: Connection, account_id: int, below: bytes, limit: int, *, test: bool, state: str | None) -> list[Upload]:
    """An account's files, the newest first."""
    where = f"state={sql.literal(state)}" if state else f"state<>'{RECEIVING}'"
    found = sql.fetch(
        conn,
        f"SELECT {_ROW} FROM uploads WHERE account_id=%s AND test=%s AND upload_id<%s AND {where} "  # noqa: S608
        f"ORDER BY upload_id DESC LIMIT {limit:d}",
        (account_id, test, below),
    )
    return [_upload(row) for row in found]


def change(conn: Connection, row: Upload, now_ms: int, **values: Any) -> Upload:
    """Change a file that is locked; its version goes up, and who works on it loses it."""
    told = {**values, "version": row.version + 1, "updated_ms": now_ms, "lease_until_ms": 0, "owner": None}
    sql.execute(conn, f"UPDATE uploads SET {_set(told)} WHERE upload_id={sql.literal(row.upload_id)}")  # noqa: S608
    found = one(conn, row.account_id, row.upload_id, test=row.test)
    if found is None:
        raise Lost
    return found


def recheck(conn: Connection, row: Upload, now_ms: int, settings: dict[str, Any], content_hash: bytes | None) -> Upload:
    """Check a file anew by other settings: nothing of the check before counts."""
    zeros = dict.fromkeys(("last_row", "row_count", "good", "faults", "twice", "opted_out", "blank", "progress"), 0)
    return change(
        conn, row, now_ms, **zeros, settings=settings, facts={}, state=CHECKING, why=None, sketch=None,
        content_hash=content_hash, people_hash=None, generation=row.generation + 1, erase_ms=now_ms + KEEP_MS,
    )  # fmt: skip


def lock_account(conn: Connection, account_id: int) -> None:
    """Two who send at once come one after the other."""
    sql.fetch(conn, "SELECT 1 FROM accounts WHERE account_id=%s FOR UPDATE", (account_id,))


def sent_since(conn: Connection, row: Upload, since_ms: int) -> list[Upload]:
    """Other files of the account that were sent with the same content."""
    found = sql.fetch(
        conn,
        f"SELECT {_ROW} FROM uploads WHERE account_id=%s AND test=%s AND sent_ms>=%s AND content_hash=%s "  # noqa: S608
        "AND upload_id<>%s AND accepted+(state IN ('sending','paused'))>0 ORDER BY sent_ms DESC LIMIT 50",
        (row.account_id, row.test, since_ms, row.content_hash, row.upload_id),
    )
    return [_upload(r) for r in found]


# --- parts ------------------------------------------------------------------------------------------------------------


def parts(
    conn: Connection, row: Upload, above: int, limit: int, *, bad: bool = False, good: bool = False
) -> list[Part]:
    """Parts of the last check whose first row is above one, in order; `bad`: with such rows only."""
    where = ("AND bad>0 " if bad else "") + ("AND good>0 " if good else "")
    found = sql.fetch(
        conn,
        f"SELECT {_PART} FROM upload_parts WHERE upload_id=%s AND generation=%s AND first_row>%s {where}"  # noqa: S608
        f"ORDER BY first_row LIMIT {limit:d}",
        (row.upload_id, row.generation, above),
    )
    return [_part(r) for r in found]


def part_of(conn: Connection, row: Upload, number: int) -> Part | None:
    """The part that holds a row."""
    found = sql.fetch(
        conn,
        f"SELECT {_PART} FROM upload_parts WHERE upload_id=%s AND generation=%s AND first_row<=%s "  # noqa: S608
        "ORDER BY first_row DESC LIMIT 1",
        (row.upload_id, row.generation, number),
    )
    return _part(found[0]) if found else None


# --- work -------------------------------------------------------------------------------------------------------------


def waiting(conn: Connection, now_ms: int, limit: int) -> list[bytes]:
    """Files to work on that nobody works on."""
    query = f"SELECT upload_id FROM uploads WHERE state IN %s AND lease_until_ms<%s ORDER BY upload_id LIMIT {limit:d}"  # noqa: S608
    return [bytes(r[0]) for r in sql.fetch(conn, query, (WORK, now_ms))]


def take(conn: Connection, upload_id: bytes, owner: bytes, now_ms: int, lease_ms: int) -> Upload | None:
    """Work on a file, or go on; None when another does, or nothing is left to do."""
    where = f"upload_id={sql.literal(upload_id)} AND state IN ('{CHECKING}','{SENDING}')"
    mine = f"(owner={sql.literal(owner)} OR lease_until_ms<{now_ms:d})"
    sql.execute(
        conn,
        f"UPDATE uploads SET owner={sql.literal(owner)}, lease_until_ms={now_ms + lease_ms:d} WHERE {where} AND {mine}",  # noqa: S608
    )
    found = sql.fetch(conn, f"SELECT {_ROW} FROM uploads WHERE {where} AND owner={sql.literal(owner)}")  # noqa: S608
    return _upload(found[0]) if found else None


def leave(conn: Connection, upload_id: bytes, owner: bytes) -> None:
    """Work on it no more: another may go on at once."""
    where = f"upload_id={sql.literal(upload_id)} AND owner={sql.literal(owner)}"
    sql.execute(conn, f"UPDATE uploads SET owner=NULL, lease_until_ms=0 WHERE {where}")  # noqa: S608


def _mine(conn: Connection, row: Upload, owner: bytes, values: Mapping[str, Any], lease_until_ms: int) -> None:
    where = f"upload_id={sql.literal(row.upload_id)} AND owner={sql.literal(owner)} AND state={sql.literal(row.state)}"
    where += f" AND generation={row.generation:d}"
    told = {**values, "lease_until_ms": lease_until_ms}
    if not sql.fetch(conn, f"SELECT 1 FROM uploads WHERE {where} FOR UPDATE"):  # noqa: S608
        raise Lost
    sql.execute(conn, f"UPDATE uploads SET {_set(told)} WHERE {where}")  # noqa: S608


def note(conn: Connection, row: Upload, owner: bytes, lease_until_ms: int, values: Mapping[str, Any]) -> None:
    """What work has found, if it is still ours; raises Lost."""
    _mine(conn, row, owner, values, lease_until_ms)


def add_part(
    conn: Connection, row: Upload, owner: bytes, lease_until_ms: int, part: Part | None, values: Mapping[str, Any]
) -> None:
    """The next checked rows, and the counts with them; raises Lost."""
    _mine(conn, row, owner, values, lease_until_ms)
    if part is not None:
        columns = f"upload_id, generation, {_PART}"
        sql.insert(conn, "upload_parts", columns, [(row.upload_id, row.generation, *part)])


def next_part(
    conn: Connection, row: Upload, owner: bytes, lease_until_ms: int, request_id: bytes, now_ms: int
) -> tuple[Part, bool] | None:
    """The next part to send, its request's id noted; whether an earlier process noted it. None: all are sent."""
    _mine(conn, row, owner, {"updated_ms": now_ms}, lease_until_ms)
    found = sql.fetch(
        conn,
        f"SELECT {_PART} FROM upload_parts WHERE upload_id=%s AND generation=%s AND state<%s AND good>0 "  # noqa: S608
        "ORDER BY state DESC, first_row LIMIT 1 FOR UPDATE",
        (row.upload_id, row.generation, SENT),
    )
    if not found:
        return None
    part = _part(found[0])
    if part.state == BEGUN and part.request_id:
        return part._replace(request_id=bytes(part.request_id)), True
    _update(conn, row, part.first_row, {"state": BEGUN, "request_id": request_id})
    return part._replace(state=BEGUN, request_id=request_id), False


def _update(conn: Connection, row: Upload, first_row: int, values: Mapping[str, Any]) -> None:
    where = f"upload_id={sql.literal(row.upload_id)} AND generation={row.generation:d} AND first_row={first_row:d}"
    sql.execute(conn, f"UPDATE upload_parts SET {_set(values)} WHERE {where}")  # noqa: S608


def part_sent(
    conn: Connection, row: Upload, owner: bytes, lease_until_ms: int, part: Part, left_out: Sequence[Any], now_ms: int
) -> None:
    """A part was accepted; `left_out`: [row, code, detail] of those that were not. Whoever has the file now, it counts
    once."""
    where = f"upload_id={sql.literal(row.upload_id)}"
    sql.fetch(conn, f"SELECT 1 FROM uploads WHERE {where} FOR UPDATE")  # noqa: S608
    told = {"state": SENT, "left_out": list(left_out) or None}
    place = f"{where} AND generation={row.generation:d} AND first_row={part.first_row:d} AND state<{SENT}"
    if not sql.execute(conn, f"UPDATE upload_parts SET {_set(told)} WHERE {place}"):  # noqa: S608
        return
    counts = f"accepted=accepted+{part.good - len(left_out):d}, left_out=left_out+{len(left_out):d}"
    sql.execute(
        conn,
        f"UPDATE uploads SET {counts}, progress=LEAST(1, (accepted+left_out)/GREATEST(good, 1)), "  # noqa: S608
        f"updated_ms={now_ms:d}, lease_until_ms=IF(owner={sql.literal(owner)}, {lease_until_ms:d}, lease_until_ms) "
        f"WHERE {where}",
    )


def split(conn: Connection, row: Upload, owner: bytes, lease_until_ms: int, halves: Iterable[Part]) -> None:
    """A part that was refused whole, and of which nothing is on its way, becomes two."""
    _mine(conn, row, owner, {}, lease_until_ms)
    first, *others = halves
    told = {"good": first.good, "good_rows": first.good_rows, "state": WAITS, "request_id": None}
    _update(conn, row, first.first_row, told)
    columns = f"upload_id, generation, {_PART}"
    sql.insert(conn, "upload_parts", columns, [(row.upload_id, row.generation, *part) for part in others])


def unbegin(conn: Connection, row: Upload, part: Part) -> None:
    """A part of which nothing is on its way waits again."""
    _update(conn, row, part.first_row, {"state": WAITS, "request_id": None})


def queued(conn: Connection, account_id: int, lane: str, most: int) -> int:
    """How many batches of an account wait their turn in a lane, up to so many."""
    query = (
        "SELECT COUNT(*) FROM (SELECT 1 FROM due FORCE INDEX (backlog) WHERE kind='surplus' AND account_id=%s "  # noqa: S608
        f"AND lane=%s LIMIT {most:d}) some"
    )
    ((found,),) = sql.fetch(conn, query, (account_id, int(Lane[lane])))
    return int(found)


# --- the end ----------------------------------------------------------------------------------------------------------


def erase(conn: Connection, now_ms: int, limit: int) -> tuple[int, bool]:
    """Remove some rows of files whose time is over; how many, and whether more is left."""
    found = sql.fetch(
        conn, "SELECT upload_id FROM uploads FORCE INDEX (erase) WHERE erase_ms<%s ORDER BY erase_ms LIMIT 1", (now_ms,)
    )
    if not found:
        return 0, False
    where = f"WHERE upload_id={sql.literal(bytes(found[0][0]))}"
    for table, most in (("upload_chunks", min(limit, 20)), ("upload_parts", min(limit, 200))):
        if removed := sql.execute(conn, f"DELETE FROM {table} {where} LIMIT {most:d}"):  # noqa: S608
            return removed, True
    return sql.execute(conn, f"DELETE FROM uploads {where} AND erase_ms<{now_ms:d}"), True  # noqa: S608
