"""Identities: what an account may speak as."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import orjson

from shared.accounts.secrets import Place, opened, ring
from shared.stores import sql
from shared.stores.sql import Connection

PENDING, APPROVED, REJECTED = "pending", "approved", "rejected"
STATES = (PENDING, APPROVED, REJECTED)


class Row(NamedTuple):
    """An identity as it is stored; `secrets` are sealed, by name."""

    identity_id: bytes
    account_id: int
    channel: str
    kind: str
    value: str
    purpose: str
    state: str
    reason: str | None
    proof: tuple[str, ...]
    settings: dict[str, Any]
    secrets: dict[str, Any]
    checked: dict[str, Any] | None
    version: int
    created_ms: int
    updated_ms: int

    @property
    def place(self) -> Place:
        """Where its secrets stand."""
        return Place(self.account_id, self.identity_id)


_ROW = ", ".join(Row._fields)


def _row(row: tuple[Any, ...]) -> Row:
    made = Row(*row)
    return made._replace(
        identity_id=bytes(made.identity_id),
        proof=tuple(orjson.loads(row[8])),
        settings=orjson.loads(row[9]),
        secrets=orjson.loads(row[10]) if row[10] else {},
        checked=orjson.loads(row[11]) if row[11] else None,
        updated_ms=made.updated_ms or made.created_ms,
    )


def add(conn: Connection, row: Row) -> Row | None:
    """A new identity; None when the account has it already."""
    values = {**row._asdict(), **_written(row)}
    new = sql.insert_ignore(conn, "identities", _ROW, [tuple(values[name] for name in Row._fields)])
    return row if new else None


def _written(row: Row) -> dict[str, Any]:
    return {
        "proof": orjson.dumps(row.proof).decode(),
        "settings": orjson.dumps(row.settings).decode(),
        "secrets": orjson.dumps(row.secrets).decode() if row.secrets else None,
        "checked": orjson.dumps(row.checked).decode() if row.checked is not None else None,
    }


def one(conn: Connection, account_id: int, identity_id: bytes, lock: str = "") -> Row | None:
    """An account's identity."""
    found = sql.fetch(
        conn,
        f"SELECT {_ROW} FROM identities WHERE identity_id=%s AND account_id=%s {lock}",  # noqa: S608 - names
        (identity_id, account_id),
    )
    return _row(found[0]) if found else None


def by_value(conn: Connection, account_id: int, channel: str, kind: str, value: str) -> Row | None:
    """An account's identity by what it is."""
    found = sql.fetch(
        conn,
        f"SELECT {_ROW} FROM identities WHERE account_id=%s AND channel=%s AND kind=%s AND value=%s",  # noqa: S608
        (account_id, channel, kind, value),
    )
    return _row(found[0]) if found else None


def page(
    conn: Connection, account_id: int | None, above: bytes, limit: int, filters: Mapping[str, str]
) -> list[tuple[Row, str]]:
    """Identities with their account's username, the oldest first, above an id; of all accounts for None."""
    bounds, args = ["identity_id>%s"], [above]
    if account_id is not None:
        bounds.append("i.account_id=%s")
        args.append(account_id)  # type: ignore[arg-type]
    for name, value in filters.items():
        bounds.append(f"i.{name}=%s")
        args.append(value)  # type: ignore[arg-type]
    columns = ", ".join(f"i.{name}" for name in Row._fields)
    found = sql.fetch(
        conn,
        f"SELECT {columns}, a.username FROM identities i JOIN accounts a ON a.account_id=i.account_id "  # noqa: S608
        f"WHERE {' AND '.join(bounds)} ORDER BY identity_id LIMIT {limit:d}",
        args,
    )
    return [(_row(row[:-1]), row[-1]) for row in found]


def save(conn: Connection, row: Row, now_ms: int) -> Row:
    """Write what may change of a row that was read FOR UPDATE; its version grows."""
    written = {name: getattr(row, name) for name in ("state", "reason", "purpose")} | _written(row)
    pairs = ", ".join(f"{name}={sql.literal(value)}" for name, value in written.items())
    sql.execute(
        conn,
        f"UPDATE identities SET {pairs}, version=version+1, updated_ms={now_ms:d} "  # noqa: S608 - literals
        f"WHERE identity_id={sql.literal(row.identity_id)}",
    )
    return row._replace(version=row.version + 1, updated_ms=now_ms)


def credentials(
    conn: Connection, account_id: int, channel: str, kind: str, value: str
) -> tuple[dict[str, Any], dict[str, str]] | None:
    """Settings and secrets, in clear, of an identity that is approved: for who signs or calls in its name."""
    row = by_value(conn, account_id, channel, kind, value)
    if row is None or row.state != APPROVED:
        return None
    return row.settings, opened(ring(), row.secrets, row.place) if row.secrets else {}


def remove(conn: Connection, account_id: int, identity_id: bytes) -> bool:
    """Remove an identity; whether it was there."""
    there = f"identity_id={sql.literal(identity_id)} AND account_id={account_id:d}"
    return bool(sql.execute(conn, f"DELETE FROM identities WHERE {there}"))  # noqa: S608 - literals


def any_one(conn: Connection, identity_id: bytes, lock: str = "") -> tuple[Row, str] | None:
    """An identity of any account, with the account's username."""
    columns = ", ".join(f"i.{name}" for name in Row._fields)
    found = sql.fetch(
        conn,
        f"SELECT {columns}, a.username FROM identities i JOIN accounts a ON a.account_id=i.account_id "  # noqa: S608
        f"WHERE identity_id=%s {lock}",
        (identity_id,),
    )
    return (_row(found[0][:-1]), found[0][-1]) if found else None


def decide(conn: Connection, row: Row, state: str, reason: str | None, by: str, now_ms: int) -> Row:
    """An operator's word on a row that was read FOR UPDATE."""
    sql.execute(
        conn,
        f"UPDATE identities SET decided_by={sql.literal(by)}, decided_ms={now_ms:d} "  # noqa: S608 - literals
        f"WHERE identity_id={sql.literal(row.identity_id)}",
    )
    return save(conn, row._replace(state=state, reason=reason), now_ms)


def numbers(conn: Connection, account_id: int) -> frozenset[str]:
    """The sender numbers that an account may use."""
    found = sql.fetch(
        conn,
        "SELECT value FROM identities WHERE account_id=%s AND channel='mt' AND kind='number' AND purpose='send' "
        "AND state='approved'",
        (account_id,),
    )
    return frozenset(value for (value,) in found)


def called(conn: Connection, numbers: Collection[str]) -> dict[str, set[int]]:
    """080 number → the accounts whose opt-outs it takes."""
    listed = ",".join(sql.literal(number) for number in sorted(numbers) if number.isascii())
    found: dict[str, set[int]] = {}
    if listed:
        rows = sql.fetch(
            conn,
            f"SELECT value, account_id FROM identities WHERE value IN ({listed}) AND kind='number' "  # noqa: S608
            "AND purpose='optout' AND state='approved'",
        )
        for value, account_id in rows:
            found.setdefault(value, set()).add(account_id)
    return found


def wanted(conn: Connection, account_id: int, names: Collection[tuple[str, str, str]]) -> list[Row]:
    """An account's identities among these (channel, kind, value)."""
    if not names:
        return []
    listed = ",".join(f"({','.join(map(sql.literal, name))})" for name in sorted(names) if _plain(name))
    if not listed:
        return []
    found = sql.fetch(
        conn,
        f"SELECT {_ROW} FROM identities WHERE account_id={account_id:d} "  # noqa: S608 - literals
        f"AND (channel, kind, value) IN ({listed})",
    )
    return [_row(row) for row in found]


def _plain(name: tuple[str, str, str]) -> bool:
    return all(isinstance(part, str) and part.isascii() and len(part) <= 255 for part in name)
