"""Due work on a real MySQL: each lane by itself, rows that nobody can read, backlogs of any length."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pymysql
import pytest

from shared.domain.events import Dead, Due, Event
from shared.domain.ids import LANES, Lane
from shared.runtime.clock import now_ms
from shared.runtime.mysql import DEADLOCK, Database
from shared.stores import due, messages, sql
from tests.reads import rows_read

NOW = now_ms()
COLUMNS = "due_ms, kind, lane, account_id, messages, topic, type, payload"


@pytest.fixture
def db(rows: Database) -> Iterator[Database]:
    """A `due` without rows."""
    rows.run(sql.execute, "DELETE FROM due")
    yield rows
    rows.run(sql.execute, "DELETE FROM due")


def a_release(lane: str = "realtime", kind: str = "parked") -> Due:
    return Due(lane=lane, kind=kind, ids=[os.urandom(16).hex()], hop=1)


def insert(
    db: Database, event: Event, due_ms: int | None = NOW, kind: str = "parked", account: int | None = None
) -> None:
    db.run(messages.insert_due, [(due_ms, kind, event)], account_id=account)


def insert_raw(db: Database, payload: bytes, type_name: str = Due.TYPE, topic: str = "ims.outcome.realtime") -> None:
    row = (NOW - 1000, "parked", int(Lane.realtime), None, 1, topic, type_name, payload)
    db.run(sql.insert, "due", COLUMNS, [row])


def take(db: Database, lane: str = "realtime") -> list[Event]:
    taken: list[Event] = []
    db.run(due.take, lane, NOW, taken.extend)
    return taken


def left(db: Database) -> int:
    return int(db.run(sql.fetch, "SELECT COUNT(*) FROM due")[0][0])


def test_a_lane_takes_only_its_own_rows_however_late_the_others_are(db: Database) -> None:
    for _ in range(3 * due.BATCH["bulk"]):
        insert(db, a_release("bulk"), NOW - 60_000)
    for lane in LANES:
        insert(db, a_release(lane))
    for lane in ("auth", "realtime", "ad"):
        assert [event.lane for event in take(db, lane)] == [lane]
    assert len(take(db, "bulk")) == due.BATCH["bulk"]


def test_auth_leaves_while_the_transaction_of_bulk_is_under_way(db: Database) -> None:
    insert(db, a_release("bulk"), NOW - 60_000)
    insert(db, a_release("auth"))
    left_meanwhile: list[Event] = []

    def publish(events: Sequence[Event]) -> None:
        left_meanwhile.extend(take(Database(db._url.geturl()), "auth"))

    assert db.run(due.take, "bulk", NOW, publish) == 1
    assert [event.lane for event in left_meanwhile] == ["auth"]


@pytest.mark.parametrize(
    ("payload", "type_name", "topic"),
    [
        (b"{not json", Due.TYPE, "ims.outcome.realtime"),
        (b'{"kind": "parked"}', Due.TYPE, "ims.outcome.realtime"),
        (b'{"kind": "parked", "ids": []}', "com.ims.of.tomorrow.v9", "ims.outcome.realtime"),
        (b'{"kind": "parked", "ids": [], "lane": "nowhere"}', Due.TYPE, "ims.outcome.realtime"),
        (b"\xff\xfe", Due.TYPE, "ims.outcome.realtime"),
    ],
)
def test_a_row_that_cannot_be_read_becomes_a_dead_letter_and_holds_nothing_up(
    db: Database, payload: bytes, type_name: str, topic: str
) -> None:
    insert_raw(db, payload, type_name, topic)
    good = a_release()
    insert(db, good)
    dead, released = take(db)
    assert isinstance(dead, Dead)
    assert (dead.topic, dead.source_topic) == ("ims.dead", topic)
    assert dead.headers["ce_type"] == type_name
    assert isinstance(released, Due)
    assert released.ids == good.ids
    assert left(db) == 0


def test_a_dead_letter_that_is_published_twice_has_the_same_id(db: Database) -> None:
    insert_raw(db, b"{")
    seen: list[Event] = []

    def publish_and_die(events: Sequence[Event]) -> None:
        seen.extend(events)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        db.run(due.take, "realtime", NOW, publish_and_die)
    assert left(db) == 1
    first, again = [*seen, *take(db)]
    assert isinstance(first, Dead)
    assert isinstance(again, Dead)
    assert first.headers["ce_id"] == again.headers["ce_id"]


def test_a_reservation_is_released_with_the_time_that_it_was_taken_for(db: Database) -> None:
    insert(db, a_release(kind="scheduled"), NOW - 5, "scheduled")
    insert(db, a_release(), NOW - 4)
    reservation, parked = take(db)
    assert isinstance(reservation, Due)
    assert isinstance(parked, Due)
    assert (reservation.due_at, parked.due_at) == (NOW - 5, 0)


# --- backlogs -------------------------------------------------------------------------------------------------------


class Clients:
    """Accounts with windows of their own."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def make(self, window: int = 3, in_flight: int = 0) -> int:
        name = os.urandom(6).hex()
        columns = "username, callback_secrets, created_ms, send_window"
        self.db.run(sql.insert, "accounts", columns, [(name, "[]", NOW, window)])
        ((account,),) = self.db.run(sql.fetch, "SELECT account_id FROM accounts WHERE username=%s", (name,))
        self.db.run(messages.move_windows, {(int(account), "bulk"): in_flight})
        return int(account)

    def queue(self, account: int, batches: int, lane: str = "bulk") -> None:
        event = a_release(lane, "backlog")
        rows = [(None, "backlog", event)] * batches
        self.db.run(messages.insert_due, rows, account_id=account)


@pytest.fixture
def clients(db: Database) -> Clients:
    return Clients(db)


def free(db: Database, memory: due.Backlogs | None = None, lane: str = "bulk") -> int:
    memory = memory or due.Backlogs()
    freed = db.run(due.take_backlog, lane, NOW, lambda _: None, memory)
    memory.note(freed)
    return freed.batches


def test_a_backlog_leaves_by_lane_and_as_far_as_its_window_goes(db: Database, clients: Clients) -> None:
    account = clients.make(window=3)
    clients.queue(account, 5)
    clients.queue(account, 1, "ad")
    memory = due.Backlogs()
    assert [free(db, memory), free(db, memory)] == [3, 0]
    assert free(db, lane="ad") == 1


def test_with_more_waiting_accounts_than_one_call_looks_at_all_have_their_turn(
    db: Database, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "ACCOUNTS", 2)
    for account in [clients.make(window=1) for _ in range(5)]:
        clients.queue(account, 1)
    memory = due.Backlogs()
    assert sum(free(db, memory) for _ in range(3)) == 5


def test_a_call_holds_few_rows_however_many_accounts_wait(
    db: Database, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(due.BATCH, "bulk", 2)
    accounts = [clients.make(window=100) for _ in range(5)]
    for account in accounts:
        clients.queue(account, 4)
    memory = due.Backlogs()
    assert free(db, memory) == 5, "one of each: two would be more than the eight that a call may hold"
    assert memory.released == dict.fromkeys(accounts, 1)
    assert sum(free(db, memory) for _ in range(3)) == 15
    assert due.ACCOUNTS <= due.ROUNDS * 40, "one of each account is never more than a call may hold"


def test_what_is_tried_again_after_a_deadlock_is_remembered_once(db: Database, clients: Clients) -> None:
    account = clients.make(window=3)
    clients.queue(account, 5)
    memory, tries = due.Backlogs(), []

    def publish(_: Sequence[Event]) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise pymysql.err.OperationalError(DEADLOCK, "deadlock")

    freed = db.run(due.take_backlog, "bulk", NOW, publish, memory)
    assert (len(tries), freed.batches) == (2, 3), "the second try has as much room as the first"
    assert memory == due.Backlogs()
    memory.note(freed)
    assert memory.released == {account: 3}
    assert free(db, memory) == 0


def test_looking_for_backlogs_costs_the_same_however_long_they_are(rows: Database, clients: Clients) -> None:
    one = Database(rows._url.geturl(), pool=1)
    full = clients.make(window=1, in_flight=1)
    clients.queue(full, 10)
    short = rows_read(one, lambda: free(one))
    for _ in range(10):
        clients.queue(full, 1000)
    assert rows_read(one, lambda: free(one)) == short < 20
    asked = rows_read(one, lambda: one.run(messages.backlogs, [(full, "bulk"), (full, "ad")]))
    assert asked <= 4
    one.close()
