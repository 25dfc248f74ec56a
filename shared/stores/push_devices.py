"""What push messages do to devices, and what became of a message at each device of a user."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from shared.domain.cutting import RAW_CODE, RAW_TEXT, cut
from shared.stores import notices, sql
from shared.stores.devices import DEAD, LIVE, SUSPECT
from shared.stores.sql import Connection

CALLING, SENT = "calling", "sent"
COLUMNS = "message_id, hop, device_id, service, last_signs, state, begun_ms"


class Whom(NamedTuple):
    """A device by its id where it is known, else by its token's hash."""

    account_id: int
    test: bool
    app: str
    digest: bytes
    device_id: bytes | None


def _where(whom: Whom) -> str:
    mine = f"account_id={whom.account_id:d} AND test={int(whom.test):d} AND app={sql.literal(whom.app)}"
    if whom.device_id is not None:
        return f"{mine} AND device_id={sql.literal(whom.device_id)}"
    return f"{mine} AND token_hash={sql.literal(whom.digest)}"


def _tell(conn: Connection, dying: str, why: str) -> None:
    """Tell the accounts of tokens that are about to be dead, if they want to be."""
    found = sql.fetch(conn, f"SELECT account_id, device_id, user, app, kind, registered_ms FROM devices WHERE {dying}")  # noqa: S608
    if found:
        ((now_ms,),) = sql.fetch(conn, "SELECT CAST(ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000) AS UNSIGNED)")
        notices.add(conn, [_news(row, why) for row in found], int(now_ms))


def _news(row: tuple[Any, ...], why: str) -> notices.News:
    account_id, device_id, user, app, service, registered_ms = row
    device = str(UUID(bytes=bytes(device_id)))
    data = {"channel": "push", "to": f"user:{user}", "device": device, "app": app, "service": service}
    told = {**data, "reason": "dead", "detail": why, "raw_code": None, "message_id": None}
    return notices.News(account_id, notices.SUPPRESSED, f"push {device} {registered_ms}", told)


def bury(conn: Connection, whom: Whom, why: str, since_ms: int | None) -> int:
    """A token that its service calls gone; one that was registered later than it is gone since lives."""
    bound = "" if since_ms is None else f" AND registered_ms<{since_ms:d}"
    _tell(conn, f"{_where(whom)} AND state<>'{DEAD}'{bound}", why)
    return sql.execute(
        conn,
        f"UPDATE devices SET state='{DEAD}', why={sql.literal(why)} "  # noqa: S608 - literals
        f"WHERE {_where(whom)} AND state<>'{DEAD}'{bound}",
    )


def suspect(conn: Connection, whom: Whom, why: str, now_ms: int, patience_ms: int) -> int:
    """A token that looks bad: suspect at first; dead when it was suspect long enough and looks bad still."""
    _tell(conn, f"{_where(whom)} AND state='{SUSPECT}' AND state_ms<={now_ms - patience_ms:d}", why)
    return sql.execute(
        conn,
        f"UPDATE devices SET why={sql.literal(why)}, "  # noqa: S608 - literals
        f"state=IF(state='{SUSPECT}' AND state_ms<={now_ms - patience_ms:d}, '{DEAD}', '{SUSPECT}'), "
        f"state_ms=IF(state='{SUSPECT}' AND state_ms IS NOT NULL, state_ms, {now_ms:d}) "
        f"WHERE {_where(whom)} AND state<>'{DEAD}'",
    )


def spare(conn: Connection, account_id: int, app: str, service: str, since_ms: int) -> int:
    """The devices that have become suspect lately live on: it is not the tokens that are wrong."""
    return sql.execute(
        conn,
        f"UPDATE devices SET state='{LIVE}', why=NULL, state_ms=NULL WHERE account_id={account_id:d} "  # noqa: S608
        f"AND app={sql.literal(app)} AND kind={sql.literal(service)} AND state='{SUSPECT}' AND state_ms>={since_ms:d}",
    )


def ready(conn: Connection, device_ids: Collection[bytes], now_ms: int, patience_ms: int) -> set[bytes]:
    """Of a user's devices, those that are live, or have been suspect for long enough to be tried again."""
    if not device_ids:
        return set()
    found = sql.fetch(
        conn,
        f"SELECT device_id FROM devices WHERE device_id IN ({sql.ids(sorted(device_ids))}) "  # noqa: S608 - literals
        f"AND (state='{LIVE}' OR state='{SUSPECT}' AND COALESCE(state_ms, 0)<={now_ms - patience_ms:d})",
    )
    return {bytes(row[0]) for row in found}


class DeviceResult(NamedTuple):
    """What became of a message at one device."""

    device_id: bytes
    service: str
    last_signs: str
    state: str
    code: str | None = None
    raw_code: str | None = None
    raw_text: str | None = None
    vendor_ref: str | None = None
    at_ms: int | None = None


def begin(
    conn: Connection, message_id: bytes, hop: int, devices: Sequence[tuple[bytes, str, str]], now_ms: int
) -> dict[bytes, str]:
    """Note that calls begin (device, service, last signs), but for the devices that have had the message, or may have,
    on any hop: those, with how far they came."""
    taken = {
        bytes(device): str(state)
        for device, state in sql.fetch(
            conn,
            "SELECT device_id, state FROM push_results WHERE message_id=%s AND state IN ('calling','sent','uncertain') "
            "FOR UPDATE",
            (message_id,),
        )
    }
    rows = [(message_id, hop, d, service, last, CALLING, now_ms) for d, service, last in devices if d not in taken]
    if rows:
        sql.insert(conn, "push_results", COLUMNS, rows, f"ON DUPLICATE KEY UPDATE state='{CALLING}'")
    return taken


def finish(conn: Connection, message_id: bytes, hop: int, results: Sequence[DeviceResult]) -> None:
    """What the services said."""
    if not results:
        return
    columns = (
        "message_id, hop, device_id, service, last_signs, state, code, raw_code, raw_text, vendor_ref, begun_ms, at_ms"
    )
    rows = [
        (
            message_id, hop, r.device_id, r.service, r.last_signs, r.state, r.code, cut(r.raw_code, RAW_CODE),
            cut(r.raw_text, RAW_TEXT), cut(r.vendor_ref, 128), r.at_ms or 0, r.at_ms,
        )
        for r in results
    ]  # fmt: skip
    changed = ("state", "code", "raw_code", "raw_text", "vendor_ref", "at_ms")
    sql.insert(
        conn, "push_results", columns, rows, "ON DUPLICATE KEY UPDATE " + ", ".join(f"{c}=VALUES({c})" for c in changed)
    )


def results(conn: Connection, message_id: bytes, hop: int | None = None) -> list[tuple[int, DeviceResult]]:
    """(hop, what became of it at a device), of one hop or all."""
    bound, args = ("", (message_id,)) if hop is None else (" AND hop=%s", (message_id, hop))
    found = sql.fetch(
        conn,
        "SELECT hop, device_id, service, last_signs, state, code, raw_code, raw_text, vendor_ref, at_ms "  # noqa: S608
        f"FROM push_results WHERE message_id=%s{bound} ORDER BY hop, device_id",
        args,
    )
    return [(int(row[0]), DeviceResult(bytes(row[1]), *row[2:])) for row in found]
