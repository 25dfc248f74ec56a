"""What operators have stopped: lanes, vendor accounts, accounts, log levels. Each has an author, a reason and mostly an
end; one that has ended is no stop any more, wherever it is asked for."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.events import Dispatch
from shared.domain.ids import Lane
from shared.stores import sql
from shared.stores.messages import insert_due
from shared.stores.sql import Connection

LANE, VENDOR, ACCOUNT, LEVEL = "lane", "vendor", "account", "level"
PARKED = "paused"
"""The kind of due work that waits for the end of its lane's pause."""


class Stop(NamedTuple):
    """A stop. `until_ms` None: until somebody ends it."""

    kind: str
    object: str
    reason: str
    by_name: str
    details: str
    since_ms: int
    until_ms: int | None


_COLUMNS = ", ".join(Stop._fields)


def holding(conn: Connection, now_ms: int, kind: str | None = None) -> list[Stop]:
    """The stops that hold now, the oldest first."""
    more = f" AND kind={sql.literal(kind)}" if kind else ""
    return [
        Stop(*row)
        for row in sql.fetch(
            conn,
            f"SELECT {_COLUMNS} FROM stops WHERE (until_ms IS NULL OR until_ms>%s){more} "  # noqa: S608 - literals
            "ORDER BY since_ms, kind, object",
            (now_ms,),
        )
    ]


def one(conn: Connection, kind: str, name: str, now_ms: int, lock: str = "") -> Stop | None:
    """A stop, if it holds now; `lock`: FOR UPDATE or LOCK IN SHARE MODE."""
    found = sql.fetch(
        conn,
        f"SELECT {_COLUMNS} FROM stops WHERE kind=%s AND object=%s AND (until_ms IS NULL OR until_ms>%s) {lock}",  # noqa: S608
        (kind, name, now_ms),
    )
    return Stop(*found[0]) if found else None


def put(conn: Connection, stop: Stop) -> None:
    """Begin a stop, or change the one that there is."""
    tail = "ON DUPLICATE KEY UPDATE " + ", ".join(f"{c}=VALUES({c})" for c in Stop._fields[2:])
    sql.insert(conn, "stops", _COLUMNS, [tuple(stop)], tail)


def end(conn: Connection, kind: str, name: str) -> bool:
    """End a stop; whether there was one."""
    return bool(
        sql.execute(conn, f"DELETE FROM stops WHERE kind={sql.literal(kind)} AND object={sql.literal(name)}")  # noqa: S608
    )


def park(conn: Connection, event: Dispatch, due_ms: int, now_ms: int) -> bool:
    """Let a batch wait as due work while its lane is paused; False when the pause has ended meanwhile.

    The stop's row is locked, so a pause that is being lifted either finds this row, or is seen here.
    """
    if one(conn, LANE, event.lane, now_ms, "LOCK IN SHARE MODE") is None:
        return False
    insert_due(conn, [(due_ms, PARKED, event)])
    return True


def parked(conn: Connection, lane: str) -> int:
    """Messages that wait for the end of a lane's pause."""
    ((waiting,),) = sql.fetch(
        conn, "SELECT COALESCE(SUM(messages), 0) FROM due WHERE kind=%s AND lane=%s", (PARKED, int(Lane[lane]))
    )
    return int(waiting)


def resume(conn: Connection, lane: str, now_ms: int) -> bool:
    """End a lane's pause: what waits for it is due now."""
    ended = end(conn, LANE, lane)
    sql.execute(
        conn,
        f"UPDATE due SET due_ms={now_ms:d} WHERE kind='{PARKED}' AND lane={int(Lane[lane])} AND due_ms>{now_ms:d}",  # noqa: S608
    )
    return ended
