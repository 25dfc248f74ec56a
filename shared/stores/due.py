"""Work that is due: taken in whole batches, published, and only then forgotten. Each lane by itself: its rows, its
bound, its transaction, so that a lane with much to let go never holds another one back.

If the process dies after publishing and before the commit, the rows are published again: route ignores a release that
it has seen, and a dead letter is kept once.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from shared.domain.batches import packed
from shared.domain.errors import Unavailable
from shared.domain.events import MAX_BYTES, REGISTRY, Accepted, Again, Dead, Due, Event
from shared.domain.ids import Lane
from shared.domain.shares import Standing, rooms
from shared.runtime.bus import of_size
from shared.runtime.letters import Buried, forms, whole
from shared.stores import sql
from shared.stores.sql import Connection

T = TypeVar("T")
Publish = Callable[[Sequence[Event]], None]
BATCH: dict[str, int] = {"auth": 200, "realtime": 100, "bulk": 40, "ad": 40}
"""Rows of one transaction. Those of bulk and ad carry up to 500 messages each, the others mostly a few."""
SURPLUS_BYTES = 4 * 1024 * 1024
"""Of one statement."""
ACCOUNTS = 100
"""Accounts whose backlog one call looks at; the next call goes on with the others."""
ROUNDS = 4
"""A call frees at most so many times BATCH from backlogs, of all accounts together: its rows are in memory at once."""
SOURCE = "/ims/schedule"
AGAIN = "ims.again"
"""The type of a row that holds a record which a function failed on."""
BACKLOG, SURPLUS = "backlog", "surplus"
"""Kinds of rows without a time: messages that wait for their account's window, and accepted ones for their turn."""
_COLUMNS = "due_id, type, topic, payload, due_ms"


class Row(NamedTuple):
    """Due work as it is stored."""

    due_id: int
    type: str
    topic: str
    payload: bytes
    due_ms: int | None


@dataclass
class Backlogs:
    """What a run of schedule remembers of a lane's backlogs: messages it let go so lately that the windows do not show
    them yet, by account, the account that it looked at last, and when it looks and when it forgets (s, monotonic)."""

    released: dict[int, int] = field(default_factory=dict)
    after: int = -1
    look_at: float = 0.0
    forget_at: float = 0.0

    def note(self, freed: Freed) -> None:
        """What a call has let go and committed."""
        self.after = freed.after
        for account, messages in freed.messages.items():
            self.released[account] = self.released.get(account, 0) + messages


def waiting(conn: Connection, now_ms: int) -> frozenset[str]:
    """The lanes in which something is due, or waits for its account's window: one look at the index, without locks."""
    look = (
        "SELECT {0}, EXISTS(SELECT 1 FROM due FORCE INDEX (due) WHERE lane={0} AND due_ms<={1})"
        " OR EXISTS(SELECT 1 FROM due FORCE INDEX (due) WHERE lane={0} AND due_ms IS NULL)"
    )
    found = sql.fetch(conn, " UNION ALL ".join(look.format(int(lane), int(now_ms)) for lane in Lane))
    return frozenset(Lane(number).name for number, anything in found if anything)


def take(conn: Connection, lane: str, now_ms: int, publish: Publish) -> int:
    """Publish what is due in a lane and delete it, in one transaction; rows that another process holds are skipped.

    A row that cannot be read becomes a dead letter. How many rows were taken. Without FORCE INDEX the server may take
    the lane for enough to look by, and so read (and lock) its backlog, whose rows have no time and come first.
    """
    found = sql.fetch(
        conn,
        f"SELECT {_COLUMNS} FROM due FORCE INDEX (due) WHERE lane=%s AND due_ms<=%s "  # noqa: S608 - constant
        "ORDER BY due_ms LIMIT %s FOR UPDATE SKIP LOCKED",
        (int(Lane[lane]), now_ms, BATCH[lane]),
    )
    _leave(conn, [Row(*r) for r in found], now_ms, publish)
    return len(found)


def keep_surplus(conn: Connection, events: Mapping[int, Sequence[Accepted]]) -> None:
    """Keep accepted messages that wait their turn, by account: each event is a row."""
    rows = []
    for account, found in events.items():
        for event in found:
            payload = event.model_dump_json(exclude_defaults=True)
            rows.append(
                (None, SURPLUS, int(Lane[event.lane]), account, None, event.size(), event.topic, event.TYPE, payload)
            )
    for part in packed(rows, lambda row: len(row[-1]), SURPLUS_BYTES):
        sql.insert(conn, "due", "due_ms, kind, lane, account_id, request_id, messages, topic, type, payload", part)


class Surplus(NamedTuple):
    """What a look at a lane's surplus found: messages that it let go by account, each account's standing, and the
    account after which the next look goes on."""

    released: dict[int, int]
    road: dict[int, Standing]
    after: int


def take_surplus(
    conn: Connection,
    lane: str,
    now_ms: int,
    publish: Publish,
    window: int,
    waiting: Mapping[int, int],
    after: int = -1,
) -> Surplus:
    """Let go what waits its turn in a lane: one batch an account in turn, while the lane has room (`window`).

    `waiting` are the messages on their way to route by account, as Redis tells; `after` is where the last look ended.
    An account with nothing on the road may let go a batch however large it is. Rows are chosen before they are read, at
    most BATCH of them: they are in memory at once.
    """
    accounts, after = _waiting(conn, lane, after, SURPLUS)
    flying = _flying(conn, lane, {*sorted(waiting, key=waiting.__getitem__)[-ACCOUNTS:], *accounts})
    held = set(accounts)
    road = {a: Standing(waiting.get(a, 0), flying.get(a, 0), a in held) for a in {*waiting, *flying, *held}}
    total, room = rooms(window, road, held)
    free = [a for a in accounts if room[a] > 0] if total > 0 else []
    queues = {a: _turns(conn, lane, a, max(1, min(BATCH[lane], ROUNDS * BATCH[lane] // len(free)))) for a in free}
    chosen = _in_turn(queues, room, {a: road[a].on_road for a in queues}, total)[: BATCH[lane]]
    released: dict[int, int] = {}
    for account, _, n in chosen:
        released[account] = released.get(account, 0) + n
    _leave(conn, _whole(conn, [due_id for _, due_id, _ in chosen]), now_ms, publish)
    return Surplus(released, road, after)


def _turns(conn: Connection, lane: str, account: int, limit: int) -> list[tuple[int, int]]:
    """(due id, messages) of an account's oldest surplus."""
    found = sql.fetch(
        conn,
        "SELECT due_id, messages FROM due FORCE INDEX (backlog) WHERE kind=%s AND lane=%s AND account_id=%s "
        "ORDER BY due_id LIMIT %s FOR UPDATE SKIP LOCKED",
        (SURPLUS, int(Lane[lane]), account, limit),
    )
    return [(int(due_id), int(n)) for due_id, n in found]


def _whole(conn: Connection, due_ids: Sequence[int]) -> list[Row]:
    if not due_ids:
        return []
    listed = ",".join(map(str, due_ids))
    found = sql.fetch(conn, f"SELECT {_COLUMNS} FROM due WHERE due_id IN ({listed}) ORDER BY due_id")  # noqa: S608
    return [Row(*r) for r in found]


def _flying(conn: Connection, lane: str, accounts: Iterable[int]) -> dict[int, int]:
    """Messages between route and their vendors' answers, of those accounts that have some."""
    listed = ",".join(map(str, sorted(accounts)))
    if not listed:
        return {}
    found = sql.fetch(
        conn,
        "SELECT account_id, in_flight FROM windows "  # noqa: S608 - integers
        f"WHERE lane={int(Lane[lane])} AND account_id IN ({listed}) AND in_flight>0",
    )
    return {int(a): int(n) for a, n in found}


class Freed(NamedTuple):
    """What a call let go: batches, messages by account, and the account after which the next call goes on."""

    batches: int
    messages: dict[int, int]
    after: int


def take_backlog(
    conn: Connection, lane: str, now_ms: int, publish: Publish, memory: Backlogs, window: int = 1 << 30
) -> Freed:
    """Free a lane's backlogs into the windows that have room: one batch an account in turn, oldest first.

    Its cost follows the accounts that wait and what is let go, not the length of their backlogs. `memory` is only read,
    as this may run again after a deadlock; `Backlogs.note` what came of it, once it is committed.
    """
    accounts, after = _waiting(conn, lane, memory.after)
    windows = _windows(conn, lane, accounts)
    flying = {a: n + memory.released.get(a, 0) for a, n, _ in windows}
    room = {a: min(limit, window) - flying[a] for a, _, limit in windows}
    free = [account for account, left in room.items() if left > 0]
    share = max(1, ROUNDS * BATCH[lane] // max(1, len(free)))
    queues = {account: _oldest(conn, lane, account, min(share, BATCH[lane])) for account in free}
    chosen = _in_turn(queues, room, flying)
    messages: dict[int, int] = {}
    for account, _, n in chosen:
        messages[account] = messages.get(account, 0) + n
    _leave(conn, [row for _, row, _ in chosen], now_ms, publish)
    return Freed(len(chosen), messages, after)


def _waiting(conn: Connection, lane: str, after: int, kind: str = BACKLOG) -> tuple[list[int], int]:
    """Accounts with a backlog, and where the next call goes on.

    MIN of an index's column is one look into it, whatever the table's statistics say: a DISTINCT, or an ORDER BY with
    LIMIT 1, may read all that waits of the accounts before.
    """
    accounts: list[int] = []
    while len(accounts) < ACCOUNTS:
        ((found,),) = sql.fetch(
            conn,
            "SELECT MIN(account_id) FROM due WHERE kind=%s AND lane=%s AND account_id>%s",
            (kind, int(Lane[lane]), after),
        )
        if found is None:
            return accounts, -1
        after = found
        accounts.append(after)
    return accounts, after


def _windows(conn: Connection, lane: str, accounts: Iterable[int]) -> list[tuple[int, int, int]]:
    """(account, messages in flight, the most it may have) of accounts."""
    listed = ",".join(map(str, accounts))
    if not listed:
        return []
    found = sql.fetch(
        conn,
        "SELECT a.account_id, COALESCE(w.in_flight, 0), a.send_window FROM accounts a LEFT JOIN windows w "  # noqa: S608
        f"ON w.account_id=a.account_id AND w.lane={int(Lane[lane])} WHERE a.account_id IN ({listed})",
    )
    return [(int(a), int(n), int(limit)) for a, n, limit in found]


def _oldest(conn: Connection, lane: str, account: int, limit: int, kind: str = BACKLOG) -> list[tuple[Row, int]]:
    found = sql.fetch(
        conn,
        f"SELECT {_COLUMNS}, messages FROM due FORCE INDEX (backlog) WHERE kind=%s AND lane=%s "  # noqa: S608
        "AND account_id=%s ORDER BY due_id LIMIT %s FOR UPDATE SKIP LOCKED",
        (kind, int(Lane[lane]), account, limit),
    )
    return [(Row(*r[:-1]), r[-1]) for r in found]


def _in_turn(
    queues: dict[int, list[tuple[T, int]]], room: dict[int, int], flying: dict[int, int], total: int = 1 << 30
) -> list[tuple[int, T, int]]:
    """The batches that fit, by route's own rule: one that did not fit would come back to the end of its queue. `total`
    is the room of all together; the batch that fills it up may be larger than what is left."""
    used, left = dict(flying), dict(room)
    chosen: list[tuple[int, T, int]] = []
    while any(queues.values()):
        for account, rows in queues.items():
            if not rows:
                continue
            row, messages = rows.pop(0)
            if total <= 0:
                return chosen
            if used[account] > 0 and messages > left[account]:
                rows.clear()
                continue
            left[account] -= messages
            used[account] += messages
            total -= messages
            chosen.append((account, row, messages))
    return chosen


def rest(conn: Connection, resting: Iterable[tuple[Again, int]]) -> None:
    """Let records that a function failed on wait for their next try, each until its moment (ms)."""
    columns = "due_ms, kind, lane, messages, topic, type, payload"
    rows = [
        (due_ms, "again", int(Lane[record.lane]), 1, record.to, AGAIN, record.model_dump_json())
        for record, due_ms in resting
    ]
    sql.insert(conn, "due", columns, rows)


def _leave(conn: Connection, rows: Sequence[Row], now_ms: int, publish: Publish) -> None:
    if not rows:
        return
    events = [_event(row, now_ms) for row in rows]
    try:
        publish(events)
    except Unavailable:
        large = [len(row.payload) > MAX_BYTES for row in rows]
        if not any(large):
            raise
        publish([event for event, too in zip(events, large, strict=True) if not too])
        for row, event in zip(rows, events, strict=True):
            if len(row.payload) > MAX_BYTES:
                _leave_large(row, event, now_ms, publish)
    listed = ",".join(str(row.due_id) for row in rows)
    sql.execute(conn, f"DELETE FROM due WHERE due_id IN ({listed})")  # noqa: S608 - integers


def _leave_large(row: Row, event: Event, now_ms: int, publish: Publish) -> None:
    """A row that may be larger than Kafka takes must not hold the others: it goes by itself, or as a letter."""
    tried: list[Event] = [event, *forms(_record(row), "due work: larger than Kafka takes", now_ms)]
    for form in tried:
        try:
            return publish([form])
        except Unavailable as error:
            failure = error
            if not of_size(error):
                raise
    raise failure


def _event(row: Row, now_ms: int) -> Event:
    """The event that a row holds; the dead letter of a row that holds none, or one for another topic than it says."""
    kind: type[Event] | None = Again if row.type == AGAIN else REGISTRY.get(row.type)
    if kind is None:
        return _dead(row, f"no event of the type {row.type}", now_ms)
    try:
        event = kind.model_validate_json(row.payload)
        topic = event.topic
        if isinstance(event, Again):
            base64.b64decode(event.body, validate=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return _dead(row, f"unreadable: {first['loc']}: {first['msg']}", now_ms)
    except Exception as error:  # whatever it is, it must not hold the other rows
        return _dead(row, f"unreadable: {type(error).__name__}", now_ms)
    if topic != row.topic:
        return _dead(row, f"an event for {topic} in a row for {row.topic}", now_ms)
    if isinstance(event, Due) and event.kind == "scheduled":
        event.due_at = row.due_ms or 0
    return event


def _record(row: Row) -> Buried:
    digest = hashlib.blake2b(row.payload, digest_size=8).hexdigest()
    headers = {
        "ce_specversion": "1.0", "ce_id": f"due-{row.due_id}-{digest}", "ce_type": row.type, "ce_source": SOURCE,
        "content-type": "application/json",
    }  # fmt: skip
    return Buried(row.topic, headers, row.payload)


def _dead(row: Row, reason: str, now_ms: int) -> Dead:
    if len(row.payload) > MAX_BYTES // 2:
        return list(forms(_record(row), f"due work: {reason}", now_ms))[1]
    return whole(_record(row), f"due work: {reason}", now_ms)
