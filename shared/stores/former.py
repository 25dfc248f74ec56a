"""The callback addresses that an account has had: a replay of old reports goes to the present one instead."""

from __future__ import annotations

import hashlib

from shared.stores import sql
from shared.stores.sql import Connection


def digest(uri: str) -> bytes:
    """What is kept of an address."""
    return hashlib.sha256(uri.encode()).digest()[:16]


def moved(conn: Connection, account_id: int, old: str | None, new: str | None, now_ms: int) -> None:
    """The account's callback changes from `old` to `new`."""
    if old and old != new:
        row = (account_id, digest(old), now_ms)
        sql.insert(
            conn, "former_callbacks", "account_id, digest, left_ms", [row], "ON DUPLICATE KEY UPDATE left_ms=left_ms"
        )
    if new:
        forget = f"DELETE FROM former_callbacks WHERE account_id={account_id:d} AND digest={sql.literal(digest(new))}"  # noqa: S608 - literals
        sql.execute(conn, forget)


def former_uris(conn: Connection, account_id: int) -> frozenset[bytes]:
    """Digests of the addresses that the account had before."""
    found = sql.fetch(conn, "SELECT digest FROM former_callbacks WHERE account_id=%s", (account_id,))
    return frozenset(d for (d,) in found)
