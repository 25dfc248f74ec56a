"""How far each vendor account has been pulled, and who pulls it now."""

from __future__ import annotations

from typing import NamedTuple

from shared.stores import sql
from shared.stores.sql import Connection

Of = tuple[str, str, str]
"""(vendor, account, channel)"""


class Lease(NamedTuple):
    """A lease that is ours; `cursor` is where the last pull ended (None: there was none)."""

    cursor: str | None


def take(conn: Connection, of: Of, owner: bytes, now_ms: int, lease_ms: int) -> Lease | None:
    """Take or prolong the lease of an account; None while another process has it."""
    me = sql.literal(owner)
    sql.insert(
        conn,
        "pulls",
        "vendor, account, channel, owner, lease_until_ms",
        [(*of, owner, now_ms + lease_ms)],
        f"ON DUPLICATE KEY UPDATE owner=IF(owner={me} OR lease_until_ms < {now_ms:d}, {me}, owner), "
        f"lease_until_ms=IF(owner={me}, VALUES(lease_until_ms), lease_until_ms)",
    )
    found = sql.fetch(
        conn, "SELECT owner, place FROM pulls WHERE vendor=%s AND account=%s AND channel=%s FOR UPDATE", of
    )
    ((holder, place),) = found
    return Lease(place) if holder == owner else None


def keep(conn: Connection, of: Of, owner: bytes, cursor: str | None) -> None:
    """Keep where a pull ended, if the lease is still ours: another that has it goes by its own."""
    vendor, account, channel = map(sql.literal, of)
    place = "place" if cursor is None else sql.literal(cursor)
    sql.execute(
        conn,
        f"UPDATE pulls SET place={place} WHERE vendor={vendor} AND account={account} AND channel={channel} "  # noqa: S608
        f"AND owner={sql.literal(owner)}",
    )
