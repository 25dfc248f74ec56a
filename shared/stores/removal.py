"""Removing what requests and their messages hold: first the content, in the end all. Only of what is final."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from shared.domain.content import without_content
from shared.domain.ids import TAIL_MASK, request_bytes
from shared.domain.states import FIRST_FINAL
from shared.stores import sql
from shared.stores.sql import Connection


def spans(requests: Iterable[bytes]) -> str:
    """A condition for all messages of requests; each is one range of the primary key."""
    ends = ((r, (int.from_bytes(r, "big") | TAIL_MASK).to_bytes(16, "big")) for r in requests)
    return " OR ".join(f"message_id BETWEEN 0x{low.hex()} AND 0x{high.hex()}" for low, high in ends)


_REQUEST_OF_MESSAGE = "LEFT(message_id, 13), ORD(SUBSTR(message_id, 14, 1)) >> 5"
"""What the messages of a request share: all but the last 21 bits of their ids (shared/domain/ids.py)."""


def tallies(conn: Connection, requests: Sequence[bytes]) -> dict[bytes, tuple[int, int]]:
    """(messages, those of them that have not ended) of requests that have any."""
    if not requests:
        return {}
    found = sql.fetch(
        conn,
        f"SELECT MIN(message_id), COUNT(*), SUM(status<{FIRST_FINAL}) FROM messages "  # noqa: S608 - literals
        f"WHERE {spans(requests)} GROUP BY {_REQUEST_OF_MESSAGE}",
    )
    return {request_bytes(message): (int(n), int(waiting)) for message, n, waiting in found}


def unfinished(conn: Connection, requests: Sequence[bytes]) -> set[bytes]:
    """Requests with a message that has not ended, or with a report whose retries go on."""
    if not requests:
        return set()
    waiting = {request for request, (_, n) in tallies(conn, requests).items() if n}
    query = f"SELECT message_id FROM reports WHERE ({spans(requests)}) AND state='pending'"  # noqa: S608 - literals
    return waiting | {request_bytes(row[0]) for row in sql.fetch(conn, query)}


def remove_content(conn: Connection, requests: Sequence[bytes], limit: int) -> tuple[int, bool]:
    """Blank the texts and their variables; the rows stay."""
    query = f"SELECT message_id FROM messages WHERE ({spans(requests)}) AND vars IS NOT NULL LIMIT %s"  # noqa: S608
    ids = [row[0] for row in sql.fetch(conn, query, (limit,))]
    blanked = _blank_variables(conn, ids)
    if len(ids) == limit:
        return blanked, False
    return blanked + _blank_plans(conn, requests), True


def _blank_variables(conn: Connection, ids: Sequence[bytes]) -> int:
    if not ids:
        return 0
    listed = sql.ids(sorted(ids))
    return sql.execute(conn, f"UPDATE messages SET vars=NULL WHERE message_id IN ({listed}) AND vars IS NOT NULL")  # noqa: S608


def _blank_plans(conn: Connection, requests: Sequence[bytes]) -> int:
    """Requests that become equal share a statement."""
    found = sql.fetch(conn, f"SELECT request_id, plan FROM requests WHERE request_id IN ({sql.ids(requests)})")  # noqa: S608
    groups: dict[str, list[bytes]] = {}
    for request, plan in found:
        bare = orjson.dumps(without_content(orjson.loads(plan))).decode()
        if bare != plan:
            groups.setdefault(bare, []).append(request)
    return sum(
        sql.execute(conn, f"UPDATE requests SET plan={sql.literal(bare)} WHERE request_id IN ({sql.ids(members)})")  # noqa: S608
        for bare, members in groups.items()
    )


def mask_ended(conn: Connection, message_ids: Iterable[bytes]) -> None:
    """Blank what messages that have ended said: their variables at once, the text when the last of a request ends."""
    ended = sorted(set(message_ids))
    if not ended:
        return
    _blank_variables(conn, ended)
    requests = sorted({request_bytes(i) for i in ended})
    query = f"SELECT request_id, total FROM requests WHERE request_id IN ({sql.ids(requests)})"  # noqa: S608
    wholes = tallies(conn, requests)
    over = [r for r, total in sql.fetch(conn, query) if wholes.get(r) == (total, 0)]
    if over:
        _blank_plans(conn, over)


def remove_history(conn: Connection, requests: Sequence[bytes], limit: int) -> tuple[int, bool]:
    """Delete messages with their hops, trail and reports, and at last the requests."""
    query = f"SELECT message_id FROM messages WHERE {spans(requests)} ORDER BY message_id LIMIT %s"  # noqa: S608
    ids = [row[0] for row in sql.fetch(conn, query, (limit,))]
    removed = sum(_delete(conn, table, ids) for table in ("messages", "hops", "trail", "reports", "push_results"))
    if len(ids) == limit:
        return removed, False
    deleted = sql.execute(conn, f"DELETE FROM requests WHERE request_id IN ({sql.ids(requests)})")  # noqa: S608
    return removed + deleted, True


def _delete(conn: Connection, table: str, ids: Sequence[bytes]) -> int:
    return sql.execute(conn, f"DELETE FROM {table} WHERE message_id IN ({sql.ids(ids)})") if ids else 0  # noqa: S608
