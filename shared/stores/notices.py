"""What clients are told beside reports: kept in the transaction that knows of it, told by shared/telling."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from shared.stores import sql
from shared.stores.sql import Connection

SUPPRESSED, USAGE = "address.suppressed", "usage.alert"
EVENTS = (SUPPRESSED, USAGE)
WAITING, TOLD, QUIET, GIVEN_UP = "waiting", "told", "quiet", "given-up"


class News(NamedTuple):
    """Something to tell an account, once for each `key`."""

    account_id: int
    type: str
    key: str
    data: Mapping[str, Any]


class Notice(NamedTuple):
    """What waits to be told."""

    notice_id: bytes
    account_id: int
    type: str
    data: dict[str, Any]
    tries: int
    created_ms: int


def add(conn: Connection, news: Iterable[News], now_ms: int, *, quiet: bool = False) -> int:
    """Keep what accounts have asked to be told; `quiet`: for others too, to be shown. How many are new."""
    found = list(news)
    wanting = _wanting(conn, {(n.account_id, n.type) for n in found})
    rows = [
        (
            _id(n),
            n.account_id,
            n.type,
            orjson.dumps(dict(n.data)).decode(),
            WAITING if wanted else QUIET,
            now_ms,
            now_ms,
        )
        for n in found
        for wanted in [(n.account_id, n.type) in wanting]
        if wanted or quiet
    ]
    columns = "notice_id, account_id, type, data, state, due_ms, created_ms"
    return sql.insert_ignore(conn, "notices", columns, rows) if rows else 0


def _id(news: News) -> bytes:
    text = f"{news.account_id} {news.type} {news.key}"
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _wanting(conn: Connection, pairs: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    accounts = ",".join(str(number) for number in sorted({account for account, _ in pairs}))
    if not accounts:
        return set()
    query = f"SELECT account_id, events FROM accounts WHERE account_id IN ({accounts}) AND events IS NOT NULL"  # noqa: S608
    return {(account, kind) for account, text in sql.fetch(conn, query) for kind in orjson.loads(text)}


def take(conn: Connection, now_ms: int, lease_ms: int, limit: int) -> list[Notice]:
    """What is due, held for a while: whoever dies with it leaves it to the next."""
    found = sql.fetch(
        conn,
        "SELECT notice_id, account_id, type, data, tries, created_ms FROM notices FORCE INDEX (due) "  # noqa: S608
        f"WHERE state='{WAITING}' AND due_ms<=%s ORDER BY due_ms LIMIT {limit:d} FOR UPDATE SKIP LOCKED",
        (now_ms,),
    )
    notices = [Notice(bytes(i), a, t, orjson.loads(d), n, at) for i, a, t, d, n, at in found]
    if notices:
        ids = sql.ids(n.notice_id for n in notices)
        sql.execute(conn, f"UPDATE notices SET due_ms={now_ms + lease_ms:d} WHERE notice_id IN ({ids})")  # noqa: S608
    return notices


def settle(conn: Connection, notice: Notice, state: str, due_ms: int) -> None:
    """What became of a try."""
    values = f"state={sql.literal(state)}, tries=tries+1, due_ms={due_ms:d}"
    where = f"notice_id={sql.literal(notice.notice_id)} AND tries={notice.tries:d} AND state='{WAITING}'"
    sql.execute(conn, f"UPDATE notices SET {values} WHERE {where}")  # noqa: S608 - literals


def since(conn: Connection, account_id: int, kind: str, since_ms: int) -> list[tuple[dict[str, Any], int]]:
    """What an account was told, or would have been, of a kind: data and time, oldest first."""
    query = (
        "SELECT data, created_ms FROM notices WHERE account_id=%s AND type=%s AND created_ms>=%s ORDER BY created_ms"
    )
    return [(orjson.loads(data), at) for data, at in sql.fetch(conn, query, (account_id, kind, since_ms))]


def limited(conn: Connection) -> Sequence[tuple[int, int]]:
    """(account, daily limit) of all open accounts that have one."""
    query = "SELECT account_id, daily_limit FROM accounts WHERE daily_limit>0 AND enabled=1"
    return [(int(account), int(limit)) for account, limit in sql.fetch(conn, query)]
