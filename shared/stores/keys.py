"""Keys of accounts, as their owners see and change them. How they are checked stands in accounts.py."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from shared.stores import sql
from shared.stores.accounts import ApiKey, texts
from shared.stores.sql import Connection


class Row(NamedTuple):
    """A key. `ending`: the last characters of its secret; `scopes` None: all but those that must be named."""

    key_id: bytes
    key_hash: bytes
    account_id: int
    kind: str
    name: str
    ending: str
    scopes: tuple[str, ...] | None
    ip_allow: tuple[str, ...]
    expires_ms: int | None
    last_used_ms: int | None
    created_ms: int
    updated_ms: int

    @property
    def rights(self) -> ApiKey:
        """What it may do."""
        limited = self.scopes is not None
        return ApiKey(self.account_id, self.kind, self.scopes or (), self.ip_allow, self.expires_ms, limited)


_ROW = ", ".join(Row._fields)


def _row(values: tuple[Any, ...]) -> Row:
    row = Row(*values)
    scopes = None if row.scopes is None else texts(row.scopes)  # type: ignore[arg-type]
    return row._replace(scopes=scopes, ip_allow=texts(row.ip_allow))  # type: ignore[arg-type]


def add(conn: Connection, row: Row) -> None:
    """A new key."""
    values = row._replace(
        scopes=None if row.scopes is None else orjson.dumps(row.scopes).decode(),  # type: ignore[arg-type]
        ip_allow=orjson.dumps(row.ip_allow).decode() if row.ip_allow else None,  # type: ignore[arg-type]
    )
    sql.insert(conn, "api_keys", _ROW, [tuple(values)])


def add_bounded(conn: Connection, row: Row, most: int) -> bool:
    """A new key, unless its account has so many that hold; makers of one account wait for each other."""
    sql.fetch(conn, "SELECT account_id FROM accounts WHERE account_id=%s FOR UPDATE", (row.account_id,))
    if count(conn, row.account_id, row.created_ms) >= most:
        return False
    add(conn, row)
    return True


def count(conn: Connection, account_id: int, now_ms: int) -> int:
    """How many keys of an account hold."""
    query = (
        "SELECT COUNT(*) FROM api_keys WHERE account_id=%s AND revoked_ms IS NULL "
        "AND (expires_ms IS NULL OR expires_ms>%s)"
    )
    ((found,),) = sql.fetch(conn, query, (account_id, now_ms))
    return int(found)


def page(conn: Connection, account_id: int, kind: str | None, above: bytes, limit: int) -> list[Row]:
    """An account's keys that were not revoked, above an id; of one kind, or of both."""
    kinds = (kind,) if kind else ("live", "test")
    found = sql.fetch(
        conn,
        f"SELECT {_ROW} FROM api_keys WHERE account_id=%s AND kind IN %s AND revoked_ms IS NULL AND key_id>%s "  # noqa: S608
        f"ORDER BY key_id LIMIT {limit:d}",
        (account_id, kinds, above),
    )
    return [_row(one) for one in found]


def one(conn: Connection, account_id: int, kind: str | None, key_id: bytes, lock: str = "") -> Row | None:
    """An account's key, of one kind or of both, unless it was revoked."""
    kinds = (kind,) if kind else ("live", "test")
    found = sql.fetch(
        conn,
        f"SELECT {_ROW} FROM api_keys WHERE key_id=%s AND account_id=%s AND kind IN %s AND revoked_ms IS NULL {lock}",  # noqa: S608
        (key_id, account_id, kinds),
    )
    return _row(found[0]) if found else None


def revoke(conn: Connection, account_id: int, kind: str | None, key_id: bytes, now_ms: int) -> bool:
    """End a key; whether it held."""
    row = one(conn, account_id, kind, key_id, "FOR UPDATE")
    if row is None:
        return False
    where = f"key_hash={sql.literal(row.key_hash)}"
    sql.execute(conn, f"UPDATE api_keys SET revoked_ms={now_ms:d}, updated_ms={now_ms:d} WHERE {where}")  # noqa: S608
    return True


def replace(conn: Connection, old: Row, new: Row, until_ms: int, other_id: bytes) -> None:
    """Give a key, read FOR UPDATE, another secret: the old one goes on under another id until then."""
    until = until_ms if old.expires_ms is None else min(old.expires_ms, until_ms)
    sql.execute(
        conn,
        f"UPDATE api_keys SET key_id={sql.literal(other_id)}, expires_ms={until:d}, updated_ms={new.updated_ms:d} "  # noqa: S608
        f"WHERE key_hash={sql.literal(old.key_hash)}",
    )
    add(conn, new)


def account_of(conn: Connection, username: str) -> int | None:
    """An account's number by its name."""
    found = sql.fetch(conn, "SELECT account_id FROM accounts WHERE username=%s", (username,))
    return int(found[0][0]) if found else None
