"""What watch keeps in MySQL, and what it asks of it. Every question is bounded, however large the tables are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from shared.domain.ids import Lane
from shared.stores import sql
from shared.stores.due import BACKLOG, SURPLUS
from shared.stores.sql import Connection

COLUMNS = (
    "name, subject, severity, text, value, since_ms, seen_ms, firing, clear_ms, ended_ms, told_ms, sms_ms, "
    "trying_ms, fired"
)
_SUCCESS = "success:"
"""Of the names in `heartbeats`: those of `beat` say that somebody was alive, these that a task has succeeded."""
DENIED = 1227
"""The account may not look into InnoDB's transactions."""
IDLE = "idle"
"""Stands for the query of a thread that runs none."""
SAMPLE = 20_000
"""Rows that a question looks at, at most."""
SLICE, SLICE_MS = 5_000, 30_000
"""Of the messages accepted in so many ms, rows that a question looks at: all of them up to 166 messages a second."""


class Saved(NamedTuple):
    """The state as saved: `rows` are alarms in the order of COLUMNS, `mutes` name → until (ms)."""

    version: int
    marks: str
    rows: list[tuple[Any, ...]]
    mutes: dict[str, int]


class Stale(Exception):
    """Somebody else saved a newer state meanwhile."""


def take(conn: Connection, holder: str, now_ms: int, until_ms: int) -> bool:
    """Whether it is `holder`'s turn until then; nobody else gets one before, unless it is given back."""
    statement = "UPDATE watch_state SET holder=%s, lease_until_ms=%s WHERE id=1 AND lease_until_ms<=%s"
    with conn.cursor() as cursor:
        return bool(cursor.execute(statement, (holder, until_ms, now_ms)))


def give_back(conn: Connection, holder: str) -> None:
    """End the turn, if it is still `holder`'s."""
    with conn.cursor() as cursor:
        cursor.execute("UPDATE watch_state SET lease_until_ms=0 WHERE id=1 AND holder=%s", (holder,))


def load(conn: Connection) -> Saved:
    """The saved state."""
    ((version, marks),) = sql.fetch(conn, "SELECT version, marks FROM watch_state WHERE id=1")
    rows = sql.fetch(conn, f"SELECT {COLUMNS} FROM alarms")  # noqa: S608 - a constant
    mutes = sql.fetch(conn, "SELECT name, until_ms FROM alarm_mutes")
    return Saved(int(version), marks, rows, dict(mutes))


def save(conn: Connection, version: int, marks: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Replace the state, in one transaction. Raises Stale when a newer one is there."""
    with conn.cursor() as cursor:
        if not cursor.execute(
            "UPDATE watch_state SET version=%s, marks=%s WHERE id=1 AND version<%s", (version, marks, version)
        ):
            raise Stale
    sql.execute(conn, "DELETE FROM alarms")
    if wanted := list(rows):
        sql.insert(conn, "alarms", COLUMNS, wanted)


class Mute(NamedTuple):
    """Nobody is told of the alarm `name` until then."""

    name: str
    until_ms: int
    reason: str
    by_name: str
    created_ms: int


def mutes(conn: Connection, now_ms: int) -> list[Mute]:
    """The mutes that hold."""
    query = "SELECT name, until_ms, reason, by_name, created_ms FROM alarm_mutes WHERE until_ms>%s ORDER BY created_ms"
    return [Mute(*row) for row in sql.fetch(conn, query, (now_ms,))]


def mute(conn: Connection, name: str, until_ms: int, reason: str, now_ms: int, by_name: str = "") -> None:
    """Tell nobody of an alarm until then; a moment that has passed ends it."""
    with conn.cursor() as cursor:
        cursor.execute("DELETE FROM alarm_mutes WHERE name=%s OR until_ms<=%s", (name, now_ms))
        if until_ms > now_ms:
            cursor.execute(
                "INSERT INTO alarm_mutes (name, until_ms, reason, by_name, created_ms) VALUES (%s,%s,%s,%s,%s)",
                (name, until_ms, reason, by_name, now_ms),
            )


def beat(conn: Connection, name: str, now_ms: int) -> None:
    """Note that somebody is alive."""
    with conn.cursor() as cursor:
        cursor.execute("REPLACE INTO heartbeats (name, at_ms) VALUES (%s, %s)", (name, now_ms))


def last_beat(conn: Connection, name: str) -> int | None:
    """When somebody was last alive (ms)."""
    found = sql.fetch(conn, "SELECT at_ms FROM heartbeats WHERE name=%s", (name,))
    return int(found[0][0]) if found else None


def succeed(conn: Connection, task: str, at_ms: int) -> None:
    """Note when a task succeeded; an earlier moment than the known one changes nothing."""
    with conn.cursor() as cursor:
        cursor.execute(
            "INSERT INTO heartbeats (name, at_ms) VALUES (%s, %s) ON DUPLICATE KEY UPDATE at_ms=GREATEST(at_ms, %s)",
            (_SUCCESS + task, at_ms, at_ms),
        )


def successes(conn: Connection, tasks: Iterable[str], now_ms: int) -> dict[str, int]:
    """When each task last succeeded (ms); one of which nothing is known begins now."""
    names = [_SUCCESS + task for task in tasks]
    found = dict(sql.fetch(conn, "SELECT name, at_ms FROM heartbeats WHERE name IN %s", (names,)))
    if missing := [(name, now_ms) for name in names if name not in found]:
        sql.insert_ignore(conn, "heartbeats", "name, at_ms", missing)
        found |= dict(missing)
    return {name.removeprefix(_SUCCESS): int(at_ms) for name, at_ms in found.items()}


def longest_transaction(conn: Connection) -> tuple[int, str]:
    """Seconds that the oldest open transaction lasts, and its thread's query; the reader's own does not count.

    Without the right PROCESS only statements of one's own account show: then it is the longest of those.
    """
    import pymysql

    try:
        found = sql.fetch(
            conn,
            f"SELECT TIMESTAMPDIFF(SECOND, trx_started, NOW()), COALESCE(trx_query, '{IDLE}') "  # noqa: S608 - a constant
            "FROM information_schema.innodb_trx WHERE trx_mysql_thread_id<>CONNECTION_ID() "
            "ORDER BY trx_started LIMIT 1",
        )
    except pymysql.err.OperationalError as error:
        if error.args[0] != DENIED:
            raise
        found = sql.fetch(
            conn,
            "SELECT time, COALESCE(info, '') FROM information_schema.processlist "
            "WHERE command IN ('Query', 'Execute') AND id<>CONNECTION_ID() ORDER BY time DESC LIMIT 1",
        )
    return (int(found[0][0] or 0), str(found[0][1])) if found else (0, "")


def overdue(conn: Connection, now_ms: int) -> list[tuple[int, int, int]]:
    """(lane, batches, oldest due ms) of due work that has not left; among each lane's oldest SAMPLE batches."""
    return sql.fetch(conn, overdue_statement(now_ms))


def overdue_statement(now_ms: int) -> str:
    """A range of the index for each lane: one lane's work hides no other's."""
    one = "(SELECT lane, due_ms FROM due FORCE INDEX (due) WHERE lane={:d} AND due_ms<={:d} ORDER BY due_ms LIMIT {:d})"
    lanes = " UNION ALL ".join(one.format(lane, now_ms, SAMPLE) for lane in Lane)
    return f"SELECT lane, COUNT(*), MIN(due_ms) FROM ({lanes}) d GROUP BY lane"  # noqa: S608 - integers


def oldest_backlogs(conn: Connection) -> list[tuple[int, int, int, int]]:
    """(lane, batches, oldest due id, accounts) of what waits for its account's window or turn; SAMPLE batches of a lane
    and kind."""
    return sql.fetch(conn, backlogs_statement())


def backlogs_statement() -> str:
    """A range of the index for each kind and lane."""
    one = (
        "(SELECT lane, due_id, account_id FROM due FORCE INDEX (backlog) WHERE kind='{}' AND lane={:d} "
        "ORDER BY account_id LIMIT {:d})"
    )
    lanes = " UNION ALL ".join(one.format(kind, lane, SAMPLE) for kind in (BACKLOG, SURPLUS) for lane in Lane)
    counted = "lane, COUNT(*), MIN(due_id), COUNT(DISTINCT account_id)"
    return f"SELECT {counted} FROM ({lanes}) b GROUP BY lane"  # noqa: S608 - integers


class Hops(NamedTuple):
    """Hops of a vendor account, channel, lane, state and code: how many were claimed lately, the oldest claim (ms)."""

    vendor: str
    account: str
    channel: str
    lane: int
    state: str
    code: str | None
    lately: int
    oldest_ms: int


_HOPS = "SELECT message_id, vendor, vendor_account, channel, state, code, claimed_ms FROM hops WHERE message_id>="


def recent_hops(conn: Connection, since_ms: int, lately_ms: int) -> list[Hops]:
    """The latest SAMPLE hops of messages accepted since then, counted (ids grow with time, so no index is needed)."""
    return _counted(conn, f"{_HOPS}{_first(since_ms)} ORDER BY message_id DESC LIMIT {SAMPLE}", lately_ms)


def older_hops(conn: Connection, since_ms: int, until_ms: int) -> list[Hops]:
    """Hops of messages accepted between: of each SLICE_MS the first SLICE, so the same ones at look after look."""
    starts = range(since_ms - since_ms % SLICE_MS, until_ms, SLICE_MS)
    ends = (min(at + SLICE_MS, until_ms) for at in starts)
    slices = (
        f"({_HOPS}{_first(at)} AND message_id<{_first(end)} ORDER BY message_id LIMIT {SLICE})"
        for at, end in zip(starts, ends, strict=True)
    )
    return _counted(conn, " UNION ALL ".join(slices), until_ms)


def _first(at_ms: int) -> str:
    """The lowest id of that moment, as a literal."""
    return sql.literal((at_ms << 80).to_bytes(16, "big"))


def _counted(conn: Connection, hops: str, lately_ms: int) -> list[Hops]:
    found = sql.fetch(
        conn,
        "SELECT vendor, vendor_account, channel, (ORD(SUBSTR(message_id, 16, 1)) >> 5) & 3, state, code, "  # noqa: S608
        f"SUM(claimed_ms>={lately_ms:d}), MIN(claimed_ms) FROM ({hops}) h GROUP BY 1, 2, 3, 4, 5, 6",
    )
    return [Hops(*row[:6], *map(int, row[6:])) for row in found]


def pending_callbacks(conn: Connection) -> list[tuple[str, int]]:
    """(callback_uri, reports that wait for it), among SAMPLE waiting reports, those due first."""
    return sql.fetch(
        conn,
        "SELECT callback_uri, COUNT(*) FROM (SELECT callback_uri FROM reports WHERE state='pending' "  # noqa: S608
        f"ORDER BY next_due_ms LIMIT {SAMPLE}) r GROUP BY callback_uri",
    )
