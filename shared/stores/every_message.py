"""Messages of all accounts, for operators: newest first by their ids, which grow with time; always bounded."""

from __future__ import annotations

from typing import Any, NamedTuple

from shared.domain.ids import Lane
from shared.domain.states import State
from shared.stores import sql
from shared.stores.lookup import LANE
from shared.stores.sql import Connection

SCAN = 5000
PLAIN = ("channel", "vendor", "code", "type")


class Row(NamedTuple):
    """A message; times in ms."""

    message_id: bytes
    username: str
    recipient: str
    type: str
    status: int
    channel: str
    vendor: str | None
    vendor_account: str | None
    code: str | None
    hop: int
    price: Any
    sent_ms: int | None
    finished_ms: int | None


_COLUMNS = ", ".join(f"a.{name}" if name == "username" else f"m.{name}" for name in Row._fields)


def page(
    conn: Connection, wanted: dict[str, Any], low: bytes, below: bytes, limit: int
) -> tuple[list[Row], bytes | None]:
    """Messages with ids from `low` to below `below`, and where to go on: of SCAN messages those that match."""
    inner = f"message_id>={sql.literal(low)} AND message_id<{sql.literal(below)}"
    if "account_id" in wanted:
        inner += f" AND account_id={wanted['account_id']:d}"
    if "to" in wanted:
        inner += f" AND recipient={sql.literal(wanted['to'])}"
    more = "".join(f" AND m.{name}={sql.literal(wanted[name])}" for name in PLAIN if name in wanted)
    if "status" in wanted:
        more += f" AND m.status={int(State[wanted['status']])}"
    if "lane" in wanted:
        more += f" AND {LANE.replace('message_id', 'm.message_id')}={int(Lane[wanted['lane']])}"
    some = f"SELECT message_id FROM messages WHERE {inner} ORDER BY message_id DESC LIMIT {SCAN}"  # noqa: S608
    scanned = sql.fetch(conn, f"SELECT COUNT(*), MIN(message_id) FROM ({some}) s")  # noqa: S608 - literals
    count, last = scanned[0]
    if not count:
        return [], None
    span = f"m.message_id>={sql.literal(last)} AND m.message_id<{sql.literal(below)}"
    owner = f" AND m.account_id={wanted['account_id']:d}" if "account_id" in wanted else ""
    to = f" AND m.recipient={sql.literal(wanted['to'])}" if "to" in wanted else ""
    found = sql.fetch(
        conn,
        f"SELECT {_COLUMNS} FROM messages m JOIN accounts a ON a.account_id=m.account_id "  # noqa: S608 - literals
        f"WHERE {span}{owner}{to}{more} ORDER BY m.message_id DESC LIMIT {limit + 1:d}",
    )
    rows = [Row(*row) for row in found]
    if len(rows) > limit:
        return rows[:limit], rows[limit - 1].message_id
    return rows, last if count == SCAN else None


def one(conn: Connection, message_id: bytes) -> tuple[int, Row] | None:
    """A message with the account that it is of."""
    found = sql.fetch(
        conn,
        f"SELECT m.account_id, {_COLUMNS} FROM messages m JOIN accounts a ON a.account_id=m.account_id "  # noqa: S608
        "WHERE m.message_id=%s",
        (message_id,),
    )
    return (found[0][0], Row(*found[0][1:])) if found else None
