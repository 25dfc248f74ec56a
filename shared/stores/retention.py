"""What is removed when its time is over, task by task, in transactions of a few hundred rows.

Requests are walked in the order of their ids, which is the order of time: `place` says up to where a task has looked,
so a walk costs what it removes, not what is kept. What is not final when a walk passes is noted in `retention_later`
and looked at again at its time. The other tables are cut at their oldest end, by an index in the order of time.

A task's row is locked for each transaction, and its place is committed with what was removed: when the process dies in
the middle, the next run goes on where the last commit ended; two processes never work on the same task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from shared.domain.ids import Lane
from shared.runtime.settings import RetentionSettings
from shared.stores import dead, sql, uploads
from shared.stores.removal import remove_content, remove_history, unfinished
from shared.stores.sql import Connection
from shared.stores.usage import korean_day

DAY_MS = 86_400_000
REQUESTS, ACCOUNTS = 200, 100
"""Requests, or accounts, of one transaction."""
FILES = 20
"""Uploaded files of one transaction, up to 2 MiB each: the binary log may hold every column of what is deleted."""
START = bytes(16)


class Step(NamedTuple):
    """What one transaction of a task did: how far it has come, rows removed or blanked, whether to go on at once."""

    place: bytes
    removed: int
    more: bool


class Task(Protocol):
    """One thing to remove."""

    @property
    def name(self) -> str:
        """Its row in `retention`."""

    def step(self, conn: Connection, place: bytes, now_ms: int, limit: int) -> Step:
        """Remove at most about `limit` rows."""


def run(conn: Connection, task: Task, now_ms: int, limit: int) -> Step | None:
    """One small transaction of a task; None while another process is at it."""
    place = _lock(conn, task.name)
    if place is None:
        return None
    step = task.step(conn, place, now_ms, limit)
    sql.execute(
        conn,
        f"UPDATE retention SET place={sql.literal(step.place)}, removed=removed+{step.removed:d}, "  # noqa: S608
        f"updated_ms={now_ms:d} WHERE task={sql.literal(task.name)}",
    )
    return step


def _lock(conn: Connection, name: str) -> bytes | None:
    found = sql.fetch(conn, "SELECT place FROM retention WHERE task=%s FOR UPDATE SKIP LOCKED", (name,))
    if found:
        return bytes(found[0][0])
    if sql.fetch(conn, "SELECT 1 FROM retention WHERE task=%s", (name,)):
        return None
    return START if sql.insert_ignore(conn, "retention", "task", [(name,)]) else None


# --- requests and their messages ------------------------------------------------------------------------------------


class Request(NamedTuple):
    """A request as a walk sees it; `begin_ms` is when it was to leave."""

    id: bytes
    lane: int
    total: int
    begin_ms: int


Remove = Callable[[Connection, Sequence[bytes], int], tuple[int, bool]]
"""(connection, final requests, limit) → rows removed, and whether nothing of them is left."""


@dataclass(frozen=True)
class Walk:
    """Requests older than `keep_ms` whose messages are final, in the order of their ids; `lane`: only of this one.

    `rewinds`: begins anew each time it has come to the end. What it has passed is gone, but for what is put off; so
    this finds at little cost what came to MySQL late, with an id of long ago.
    """

    name: str
    keep_ms: int
    remove: Remove
    lane: int | None = None
    rewinds: bool = False

    def step(self, conn: Connection, place: bytes, now_ms: int, limit: int) -> Step:
        """The next requests: first those that were put off until now."""
        late = _put_off(conn, self.name, now_ms)
        found = late or _next(conn, self.name, place, _floor(now_ms - self.keep_ms))
        if not found:
            return Step(START if self.rewinds else place, 0, False)
        chosen = _fit([r for r in found if self.lane in (None, r.lane)], limit)
        waiting = {r.id for r in chosen if r.begin_ms + self.keep_ms > now_ms} | unfinished(
            conn, [r.id for r in chosen]
        )
        ready = [r.id for r in chosen if r.id not in waiting]
        removed, done = self.remove(conn, ready, limit) if ready else (0, True)
        _put_off_again(conn, self.name, [(r.id, self._again(r, now_ms)) for r in chosen if r.id in waiting])
        if not done:
            return Step(place, removed, True)
        if late:
            _forget(conn, self.name, ready)
            return Step(place, removed, True)
        whole = len(chosen) == sum(self.lane in (None, r.lane) for r in found)
        return Step(found[-1].id if whole else chosen[-1].id, removed, True)

    def _again(self, request: Request, now_ms: int) -> int:
        over = request.begin_ms + self.keep_ms
        return over if over > now_ms else now_ms + DAY_MS


def _floor(ms: int) -> bytes:
    """Below it lie all ids of before a time."""
    return (max(0, ms) << 80).to_bytes(16, "big")


_REQUEST = "request_id, lane, total, COALESCE(scheduled_ms, accepted_ms)"


def _next(conn: Connection, task: str, place: bytes, end: bytes) -> list[Request]:
    found = sql.fetch(
        conn,
        f"SELECT {_REQUEST} FROM requests WHERE request_id>%s AND request_id<%s AND NOT EXISTS ("  # noqa: S608
        "SELECT 1 FROM retention_later l WHERE l.task=%s AND l.request_id=requests.request_id) "
        "ORDER BY request_id LIMIT %s",
        (place, end, task, REQUESTS),
    )
    return [Request(*row) for row in found]


def _put_off(conn: Connection, task: str, now_ms: int) -> list[Request]:
    """Requests whose new look has come; what another task has removed meanwhile is forgotten."""
    found = sql.fetch(
        conn,
        "SELECT request_id FROM retention_later FORCE INDEX (again) WHERE task=%s AND again_ms<=%s "
        "ORDER BY again_ms LIMIT %s",
        (task, now_ms, REQUESTS),
    )
    if not found:
        return []
    listed = sql.ids(row[0] for row in found)
    query = f"SELECT {_REQUEST} FROM requests WHERE request_id IN ({listed}) ORDER BY request_id"  # noqa: S608
    there = [Request(*row) for row in sql.fetch(conn, query)]
    _forget(conn, task, {row[0] for row in found} - {r.id for r in there})
    return there


def _put_off_again(conn: Connection, task: str, requests: Sequence[tuple[bytes, int]]) -> None:
    if requests:
        rows = [(task, request, again_ms) for request, again_ms in requests]
        tail = "ON DUPLICATE KEY UPDATE again_ms=VALUES(again_ms)"
        sql.insert(conn, "retention_later", "task, request_id, again_ms", rows, tail)


def _forget(conn: Connection, task: str, requests: Iterable[bytes]) -> None:
    listed = sql.ids(requests)
    if listed:
        sql.execute(conn, f"DELETE FROM retention_later WHERE task={sql.literal(task)} AND request_id IN ({listed})")  # noqa: S608


def _fit(requests: Sequence[Request], limit: int) -> list[Request]:
    """The first requests, as long as they have no more than `limit` messages together; at least one."""
    chosen: list[Request] = []
    messages = 0
    for request in requests:
        messages += request.total
        if chosen and messages > limit:
            break
        chosen.append(request)
    return chosen


# --- tables that are cut at their oldest end --------------------------------------------------------------------------


@dataclass(frozen=True)
class Cut:
    """Rows of `table` whose `at` is over, the oldest first; `key` is the primary key, `index` one by time, `order` its
    column where it is another than `at`."""

    name: str
    table: str
    index: str
    key: str
    at: str
    over: Callable[[int], int]
    """now (ms) → the first value of `at` that is kept."""
    order: str = ""
    where: str = "1=1"
    most: int = 100_000
    """Rows of one transaction, where each is large."""

    def step(self, conn: Connection, place: bytes, now_ms: int, limit: int) -> Step:
        """Of the oldest rows, delete those whose time is over, and still is: a key may have been renewed meanwhile."""
        limit = min(limit, self.most)
        columns, order = f"{self.key}, {self.at} AS at", self.order or self.at
        ordered = f"FORCE INDEX ({self.index}) WHERE {self.where} ORDER BY {order}"
        oldest = f"SELECT {columns} FROM {self.table} {ordered} LIMIT %s"  # noqa: S608
        found = sql.fetch(conn, f"SELECT * FROM ({oldest}) o WHERE at<%s", (limit, self.over(now_ms)))  # noqa: S608
        if not found:
            return Step(place, 0, False)
        keys = sql.rows(row[:-1] for row in found)
        still = f"({self.key}) IN ({keys}) AND {self.where} AND {self.at}<{sql.literal(self.over(now_ms))}"
        removed = sql.execute(conn, f"DELETE FROM {self.table} WHERE {still}")  # noqa: S608 - literals
        return Step(place, removed, len(found) == limit)


@dataclass(frozen=True)
class Days:
    """Rows of a table by account and Korean day, whose primary key begins with both: account by account."""

    name: str
    table: str
    keep_ms: int

    def step(self, conn: Connection, place: bytes, now_ms: int, limit: int) -> Step:
        """The next accounts; from the first again when all have been looked at."""
        query = "SELECT account_id FROM accounts WHERE account_id>%s ORDER BY account_id LIMIT %s"
        accounts = [row[0] for row in sql.fetch(conn, query, (int.from_bytes(place, "big"), ACCOUNTS))]
        if not accounts:
            return Step(START, 0, False)
        over = (
            f"account_id IN ({','.join(map(str, accounts))}) AND day<{sql.literal(korean_day(now_ms - self.keep_ms))}"
        )
        removed = sql.execute(conn, f"DELETE FROM {self.table} WHERE {over} LIMIT {limit:d}")  # noqa: S608 - literals
        return Step(place if removed == limit else accounts[-1].to_bytes(16, "big"), removed, True)


@dataclass(frozen=True)
class Uploads:
    """Bulk files whose time is over, and those that never came whole: chunk by chunk, part by part."""

    name: str = "uploads"

    def step(self, conn: Connection, place: bytes, now_ms: int, limit: int) -> Step:
        """Some rows of one file."""
        removed, more = uploads.erase(conn, now_ms, limit)
        return Step(place, removed, more)


_RECEIPT = "vendor_ref, channel, vendor, vendor_account, state, code"
_HOUR = "vendor, account, hour_ms, state, code"


def tasks(settings: RetentionSettings) -> list[Task]:
    """All that is removed, and when."""
    content_ms = int(settings.retention_content_days * DAY_MS)
    history_ms = int(settings.retention_history_days * DAY_MS)
    statistics_ms = int(settings.retention_statistics_days * DAY_MS)
    content, history, statistics = _before(content_ms), _before(history_ms), _before(statistics_ms)
    return [
        Walk("auth_text", int(settings.retention_auth_hours * 3_600_000), remove_content, int(Lane.auth)),
        Walk("content", content_ms, remove_content),
        Walk("history", history_ms, remove_history, rewinds=True),
        Cut("attempts", "attempts", "PRIMARY", "attempt_id", "at_ms", history, order="attempt_id"),
        Cut("idempotency", "idempotency", "expires", "account_id, key_hash", "expires_ms", _before(0)),
        Cut("kept_answers", "kept_answers", "expires", "owner, key_hash", "expires_ms", _before(0)),
        Cut("export_parts", "export_parts", "expires", "export_id, part", "expires_ms", _before(0), most=FILES),
        Cut("exports", "exports", "expires", "export_id", "expires_ms", _before(7 * DAY_MS)),
        Cut("notices", "notices", "created", "notice_id", "created_ms", history),
        Cut("files", "files", "used", "file_id", "used_ms", content, most=FILES),
        Cut("receipts", "receipt_inbox", "kept", _RECEIPT, "kept_ms", content),
        Cut("dead_replayed", "dead_letters", "state", "dead_id", "at_ms", content, where=f"state='{dead.REPLAYED}'"),
        Cut("dead_dropped", "dead_letters", "state", "dead_id", "at_ms", content, where=f"state='{dead.DROPPED}'"),
        Cut("seen", "seen", "seen_ms", "event_id", "seen_ms", history),
        Days("usage", "usage_daily", statistics_ms),
        Days("results", "results_daily", statistics_ms),
        Days("digests", "digests", history_ms),
        Uploads(),
        Cut("vendors", "vendor_hourly", "hour", _HOUR, "hour_ms", statistics),
    ]


def _before(keep_ms: int) -> Callable[[int], int]:
    return lambda now_ms: now_ms - keep_ms
