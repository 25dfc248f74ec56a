"""The columns in which secrets stand, page by page, for sealing them anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from shared.stores import sql
from shared.stores.sql import Connection


class Table(NamedTuple):
    """Where secrets of one kind stand: JSON in `columns` of the rows of `table`."""

    kind: str
    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


CALLBACKS = Table("callbacks", "accounts", ("account_id",), ("callback_secrets", "former_secrets"))
VENDORS = Table("vendors", "vendor_accounts", ("channel", "vendor", "account"), ("settings",))
IDENTITIES = Table("identities", "identities", ("identity_id", "account_id"), ("secrets",))
PEOPLE = Table("people", "people", ("person_id",), ("totp", "totp_pending"))
"""One sealed text a column."""
TABLES = (CALLBACKS, VENDORS, IDENTITIES, PEOPLE)


class Row(NamedTuple):
    """The key of a row, and its secrets as they are stored."""

    key: tuple[Any, ...]
    texts: tuple[str | None, ...]


def page(conn: Connection, table: Table, above: Sequence[Any] | None, limit: int, *, lock: bool) -> list[Row]:
    """The next rows in the order of the key; `lock`: until the transaction ends."""
    key, columns = ", ".join(table.key), ", ".join(table.columns)
    beyond = f"WHERE ({key}) > ({', '.join(map(sql.literal, above))})" if above is not None else ""
    ends = "FOR UPDATE" if lock else ""
    query = f"SELECT {key}, {columns} FROM {table.table} {beyond} ORDER BY {key} LIMIT {limit:d} {ends}"  # noqa: S608
    size = len(table.key)
    return [Row(tuple(row[:size]), tuple(row[size:])) for row in sql.fetch(conn, query)]


def write(conn: Connection, table: Table, key: Iterable[Any], texts: Iterable[str | None]) -> None:
    """The secrets of one row anew."""
    pairs = zip(table.columns, texts, strict=True)
    values = ", ".join(f"{name}={sql.literal(value)}" for name, value in pairs)
    where = " AND ".join(f"{name}={sql.literal(value)}" for name, value in zip(table.key, key, strict=True))
    sql.execute(conn, f"UPDATE {table.table} SET {values} WHERE {where}")  # noqa: S608 - literals
