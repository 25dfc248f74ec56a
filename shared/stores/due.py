"""Work that is due: taken in whole batches, published, and only then forgotten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from shared.domain.events import REGISTRY, Event
from shared.domain.ids import Lane
from shared.stores import sql
from shared.stores.sql import Connection

Publish = Callable[[Sequence[Event]], None]
BATCH = 100


def take(conn: Connection, now_ms: int, publish: Publish) -> int:
    """Publish what is due and delete it, in one transaction; rows that another process holds are skipped.

    If the process dies after publishing and before the commit, the rows are published again, and route ignores a
    release that it has seen. How many rows were taken.
    """
    found = sql.fetch(
        conn,
        "SELECT due_id, type, payload FROM due WHERE due_ms <= %s ORDER BY due_ms LIMIT %s FOR UPDATE SKIP LOCKED",
        (now_ms, BATCH),
    )
    _leave(conn, [(r[0], r[1], r[2]) for r in found], publish)
    return len(found)


def take_backlog(conn: Connection, publish: Publish, released: dict[tuple[int, str], int]) -> int:
    """Free backlogs into the windows that have room: one batch an account in turn, oldest first.

    `released` counts messages that were let go so recently that the windows do not show them yet; it is added to.
    """
    waiting = sql.fetch(
        conn,
        "SELECT DISTINCT b.account_id, b.lane, COALESCE(w.in_flight, 0), a.send_window FROM due b "
        "JOIN accounts a ON a.account_id = b.account_id "
        "LEFT JOIN windows w ON w.account_id = b.account_id AND w.lane = b.lane WHERE b.kind = 'backlog'",
    )
    flying = {(a, lane): n + released.get((a, Lane(lane).name), 0) for a, lane, n, _ in waiting}
    room = {(a, lane): limit - flying[a, lane] for a, lane, _, limit in waiting}
    queues = {key: _oldest(conn, *key) for key, left in room.items() if left > 0}
    chosen = _in_turn(queues, room, flying)
    for account_id, lane, row in chosen:
        key = (account_id, Lane(lane).name)
        released[key] = released.get(key, 0) + row[3]
    _leave(conn, [row[:3] for _, _, row in chosen], publish)
    return len(chosen)


def _oldest(conn: Connection, account_id: int, lane: int) -> list[tuple[Any, ...]]:
    return sql.fetch(
        conn,
        "SELECT due_id, type, payload, messages FROM due WHERE kind='backlog' AND account_id=%s AND lane=%s "
        "ORDER BY due_id LIMIT %s FOR UPDATE SKIP LOCKED",
        (account_id, lane, BATCH),
    )


def _in_turn(
    queues: dict[tuple[int, int], list[tuple[Any, ...]]],
    room: dict[tuple[int, int], int],
    flying: dict[tuple[int, int], int],
) -> list[tuple[int, int, tuple[Any, ...]]]:
    """The batches that fit, by route's own rule: one that did not fit would come back to the end of its queue."""
    used = dict(flying)
    chosen, left = [], dict(room)
    while any(queues.values()):
        for key, rows in queues.items():
            if not rows:
                continue
            if used[key] > 0 and rows[0][3] > left[key]:
                rows.clear()
                continue
            row = rows.pop(0)
            left[key] -= row[3]
            used[key] += row[3]
            chosen.append((*key, row))
    return chosen


def _leave(conn: Connection, rows: Sequence[tuple[Any, ...]], publish: Publish) -> None:
    if not rows:
        return
    events: dict[int, Event] = {}
    for due_id, kind, payload in rows:
        events[due_id] = REGISTRY[kind].model_validate_json(payload)
    publish(list(events.values()))
    sql.execute(conn, f"DELETE FROM due WHERE due_id IN ({','.join(map(str, events))})")  # noqa: S608


def counts(conn: Connection) -> dict[str, int]:
    """Rows waiting, by kind."""
    totals: dict[str, int] = defaultdict(int)
    for kind, n in sql.fetch(conn, "SELECT kind, COUNT(*) FROM due GROUP BY kind"):
        totals[kind] = n
    return totals
