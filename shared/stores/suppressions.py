"""Addresses that an account may not send to: suppressed after a hard bounce or complaint, or unsubscribed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from shared.stores import notices, sql
from shared.stores.sql import Connection

BOUNCE, COMPLAINT, UNSUBSCRIBED = "bounce", "complaint", "unsubscribed"
REASONS = (BOUNCE, COMPLAINT, UNSUBSCRIBED)
SUPPRESSED, OPTED_OUT = "5002", "1007"
OPT_OUT_LANES = frozenset({"ad", "bulk"})
"""Lanes that an opt-out stops; passwords and single messages go on."""
NEVER = "@magic.demo.example"
"""The simulator's recipients with a fixed result: they bounce on purpose, again and again."""
MAX_ADDRESS = 320


class Row(NamedTuple):
    """One suppression as it is stored."""

    suppression_id: bytes
    account_id: int
    channel: str
    address: str
    reason: str
    detail: str | None
    raw_code: str | None
    message_id: bytes | None
    created_ms: int


class Bounced(NamedTuple):
    """An address that a vendor says is no good any more, and what it said."""

    account_id: int
    channel: str
    address: str
    reason: str
    detail: str | None
    raw_code: str | None
    message_id: bytes


_ROW = ", ".join(Row._fields)
_NEW = "account_id, channel, address_key, address, reason, detail, raw_code, message_id, created_ms"


def _key(address: str) -> str:
    return address.lower()


def suppress(conn: Connection, found: Iterable[Bounced], now_ms: int) -> int:
    """Suppress addresses; how many are new."""
    rows = {
        (b.account_id, b.channel, _key(b.address), b.reason): (
            b.account_id, b.channel, _key(b.address), b.address, b.reason, (b.detail or "")[:1000] or None,
            (b.raw_code or "")[:64] or None, b.message_id, now_ms,
        )
        for b in found
        if len(b.address) <= MAX_ADDRESS and not b.address.endswith(NEVER)
    }  # fmt: skip
    if not rows:
        return 0
    known = _known(conn, rows)
    notices.add(conn, [_news(rows[key], now_ms) for key in sorted(rows.keys() - known)], now_ms)
    return sql.insert_ignore(conn, "suppressions", _NEW, [rows[key] for key in sorted(rows)])


def _known(conn: Connection, keys: Iterable[tuple[int, str, str, str]]) -> set[tuple[Any, ...]]:
    """Those that are suppressed already."""
    columns = "account_id, channel, address_key, reason"
    return set(sql.fetch(conn, f"SELECT {columns} FROM suppressions WHERE ({columns}) IN ({sql.rows(keys)})"))  # noqa: S608


def _news(row: tuple[Any, ...], now_ms: int) -> notices.News:
    """What the account is told of it, if it wants to be."""
    account_id, channel, key, address, reason, detail, raw_code, message_id, _ = row
    message = None if message_id is None else str(UUID(bytes=message_id))
    data = {"channel": channel, "to": address, "reason": reason, "detail": detail, "raw_code": raw_code}
    return notices.News(
        account_id, notices.SUPPRESSED, f"{channel} {reason} {key} {message or now_ms}", {**data, "message_id": message}
    )


def opt_out(conn: Connection, account_id: int, channel: str, address: str, message_id: bytes, now_ms: int) -> bool:
    """The recipient does not want the account's advertisements any more; whether that is new."""
    row = (account_id, channel, _key(address), address, UNSUBSCRIBED, None, None, message_id, now_ms)
    new = bool(sql.insert_ignore(conn, "suppressions", _NEW, [row]))
    if new:
        notices.add(conn, [_news(row, now_ms)], now_ms)
    return new


def barred(
    conn: Connection, channel: str, wanted: Collection[tuple[int, str]], lane: str
) -> Mapping[tuple[int, str], str]:
    """(account, address) → the code with which a message to it ends, for those that may not be sent to in this lane."""
    keys = sorted({(account, _key(address)) for account, address in wanted})
    reasons = REASONS if lane in OPT_OUT_LANES else (BOUNCE, COMPLAINT)
    found: dict[tuple[int, str], str] = {}
    if keys:
        rows = sql.fetch(
            conn,
            "SELECT account_id, address_key, reason FROM suppressions "  # noqa: S608 - literals
            f"WHERE channel={sql.literal(channel)} AND reason IN ({','.join(map(sql.literal, reasons))}) "
            f"AND (account_id, address_key) IN ({sql.rows(keys)})",
        )
        for account, key, reason in rows:
            code = OPTED_OUT if reason == UNSUBSCRIBED else SUPPRESSED
            found[account, key] = max(found.get((account, key), code), code)
    return {who: found[who[0], _key(who[1])] for who in wanted if (who[0], _key(who[1])) in found}


def page(conn: Connection, account_id: int, above: bytes, limit: int, filters: Mapping[str, Any]) -> list[Row]:
    """An account's suppressions above an id, in its order."""
    bounds = [f"account_id={account_id:d}", f"suppression_id>{sql.literal(above) if above else chr(39) * 2}"]
    if "to" in filters:
        bounds.append(f"address_key={sql.literal(_key(filters['to']))}")
    bounds += [f"{name}={sql.literal(filters[name])}" for name in ("channel", "reason") if name in filters]
    where = " AND ".join(bounds)
    found = sql.fetch(
        conn,
        f"SELECT {_ROW} FROM suppressions WHERE {where} ORDER BY suppression_id LIMIT {limit:d}",  # noqa: S608
    )
    return [_row(row) for row in found]


def one(conn: Connection, account_id: int, suppression_id: bytes) -> Row | None:
    """An account's suppression."""
    found = sql.fetch(
        conn,
        f"SELECT {_ROW} FROM suppressions WHERE suppression_id=%s AND account_id=%s",  # noqa: S608 - names
        (suppression_id, account_id),
    )
    return _row(found[0]) if found else None


def remove(conn: Connection, account_id: int, suppression_id: bytes) -> bool:
    """Lift a suppression; whether it was there."""
    there = f"suppression_id={sql.literal(suppression_id)} AND account_id={account_id:d}"
    return bool(sql.execute(conn, f"DELETE FROM suppressions WHERE {there}"))  # noqa: S608 - literals


def _row(row: tuple[Any, ...]) -> Row:
    made = Row(*row)
    return made._replace(
        suppression_id=bytes(made.suppression_id),
        message_id=None if made.message_id is None else bytes(made.message_id),
    )
