"""Bulk SQL in one statement. PyMySQL's executemany goes row by row as soon as VALUES holds a literal, and formats each
value through several calls; building the literals here costs a third.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from pymysql import converters

escape_string = converters.escape_string
STATEMENT = 4 * 1024 * 1024
"""Characters of one INSERT, far below what the server takes at once (max_allowed_packet): more rows go in several."""
Connection = Any
"""A pymysql connection inside a transaction (see shared/runtime/mysql.py)."""


def literal(value: Any) -> str:
    """One SQL literal. Strings are escaped (utf8mb4, the default sql_mode); bytes become hexadecimal literals."""
    kind = type(value)
    if value is None:
        return "NULL"
    if kind is str:
        return f"'{escape_string(value)}'"
    if kind is bytes:
        return f"0x{value.hex()}" if value else "''"
    if kind is bool:
        return "1" if value else "0"
    if isinstance(value, (int, Decimal)):
        return str(int(value) if isinstance(value, int) else value)
    raise TypeError(f"no SQL literal for {kind.__name__}")


def rows(values: Iterable[Sequence[Any]]) -> str:
    """`(a,b),(c,d)` for a VALUES clause."""
    return ",".join(f"({','.join(map(literal, row))})" for row in values)


def ids(values: Iterable[bytes]) -> str:
    """`0x…,0x…` for an IN clause."""
    return ",".join(f"0x{value.hex()}" for value in values)


def execute(conn: Connection, statement: str) -> int:
    """Run a statement without parameters that writes; the number of affected rows."""
    with conn.cursor() as cursor:
        changed = int(cursor.execute(statement))
    if changed:
        conn.wrote = True
    return changed


def fetch(conn: Connection, statement: str, args: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows of a query. What stands in quotes already (`literal`) is left alone: a percent sign there is no
    placeholder."""
    with conn.cursor() as cursor:
        if args is not None and "'" in statement:
            statement, args = _filled(cursor, statement, args), None
        cursor.execute(statement, args)
        return list(cursor.fetchall())


_QUOTED_OR_PLACE = re.compile(r"'(?:[^'\\]|\\.|'')*'|%s", re.DOTALL)


def _filled(cursor: Any, statement: str, args: Sequence[Any]) -> str:
    """The statement with its arguments, as the driver writes them, in the places outside of quotes."""
    left = iter(args)

    def one(found: re.Match[str]) -> str:
        return str(cursor.mogrify("%s", (next(left),))) if found[0] == "%s" else found[0]

    return _QUOTED_OR_PLACE.sub(one, statement)


def insert(conn: Connection, table: str, columns: str, values: Iterable[Sequence[Any]], tail: str = "") -> int:
    """A multi-row `INSERT`; `tail` may be an ON DUPLICATE KEY UPDATE. Affected rows.

    What does not fit its column is an error, never cut: see SQL_MODE in shared/runtime/mysql.py.
    """
    head = f"INSERT INTO {table} ({columns}) VALUES"
    return sum(execute(conn, f"{head} {part} {tail}") for part in _statements(values))


def insert_ignore(conn: Connection, table: str, columns: str, values: Iterable[Sequence[Any]]) -> int:
    """A multi-row `INSERT` in which rows whose key exists stay as they are. Inserted rows.

    Not by INSERT IGNORE: that overlooks every other error too, and stores a value cut or bent.
    """
    first = columns.split(",", 1)[0]
    return insert(conn, table, columns, values, f"ON DUPLICATE KEY UPDATE {table}.{first}={table}.{first}")


def _statements(values: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The rows for VALUES clauses of a fair size."""
    part: list[str] = []
    size = 0
    for row in values:
        written = f"({','.join(map(literal, row))})"
        if part and size + len(written) > STATEMENT:
            yield ",".join(part)
            part, size = [], 0
        part.append(written)
        size += len(written)
    if part:
        yield ",".join(part)
