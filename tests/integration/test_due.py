"""Due work on a real MySQL: each lane by itself, rows that nobody can read, backlogs of any length."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import pymysql
import pytest

from shared.domain.events import Accepted, Dead, Due, Event, PlanHop, Recipient, Request
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


# --- what waits its turn ----------------------------------------------------------------------------------------------


def accepted(account: int, n: int, lane: str = "bulk") -> Accepted:
    people = [Recipient(n=i, to="01012345678", type="sms") for i in range(1, n + 1)]
    request = Request(
        request_id=os.urandom(16).hex(), account_id=account, username="demo", lane=lane, accepted_at=NOW, total=n,
        plan=[PlanHop(channel="mt", content={"text": "안녕 👍"})], messages=people,
    )  # fmt: skip
    return Accepted(lane=lane, requests=[request])


def keep(db: Database, account: int, *sizes: int, lane: str = "bulk") -> list[Accepted]:
    events = [accepted(account, n, lane) for n in sizes]
    db.run(due.keep_surplus, {account: events})
    return events


def turns(
    db: Database, window: int, waiting: dict[int, int] | None = None, lane: str = "bulk"
) -> tuple[due.Surplus, list[Accepted]]:
    gone: list[Any] = []
    return db.run(due.take_surplus, lane, NOW, gone.extend, window, waiting or {}), gone


def test_what_waits_its_turn_leaves_as_it_was_kept_and_once(db: Database, clients: Clients) -> None:
    account = clients.make()
    kept = keep(db, account, 3, 2)
    found, gone = turns(db, 100)
    assert [e.model_dump() for e in gone] == [e.model_dump() for e in kept]
    assert found.released == {account: 5}
    assert left(db) == 0
    assert turns(db, 100)[1] == []


def test_it_is_neither_due_nor_a_backlog(db: Database, clients: Clients) -> None:
    keep(db, clients.make(), 3)
    assert take(db, "bulk") == []
    assert free(db) == 0
    assert left(db) == 1


@pytest.mark.parametrize(
    ("flying", "waiting", "leaves"), [(0, 0, 10), (4, 0, 6), (0, 9, 1), (5, 5, 0), (50, 0, 0), (0, -7, 10)]
)
def test_no_more_leaves_than_the_lane_has_room_for(
    db: Database, clients: Clients, flying: int, waiting: int, leaves: int
) -> None:
    """Whoever is on the road: oneself, or another that keeps nothing."""
    account, other = clients.make(), clients.make()
    for who in (account, other):
        db.run(sql.execute, "DELETE FROM due")
        keep(db, account, *[1] * 20)
        db.run(messages.move_windows, {(who, "bulk"): flying})
        found, gone = turns(db, 10, {who: waiting})
        assert len(gone) == leaves
        assert found.road[account].held
        db.run(messages.move_windows, {(who, "bulk"): -flying})


def test_many_that_wait_leave_in_turn_however_long_their_queues(db: Database, clients: Clients) -> None:
    long, short, other = clients.make(), clients.make(), clients.make()
    keep(db, long, *[2] * 50)
    keep(db, short, 2, 2)
    keep(db, other, *[2] * 20)
    found, _ = turns(db, 24)
    assert found.released == {long: 10, short: 4, other: 10}


def test_with_more_accounts_than_one_look_sees_all_have_their_turn(
    db: Database, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "ACCOUNTS", 2)
    for account in [clients.make() for _ in range(5)]:
        keep(db, account, 1)
    after, gone = -1, 0
    for _ in range(3):
        found = db.run(due.take_surplus, "bulk", NOW, lambda _: None, 100, {}, after)
        after, gone = found.after, gone + sum(found.released.values())
    assert gone == 5


def test_a_batch_that_is_larger_than_the_window_leaves_when_the_road_is_empty(db: Database, clients: Clients) -> None:
    account = clients.make()
    keep(db, account, 50, 50)
    assert len(turns(db, 10, {account: 1})[1]) == 0
    assert len(turns(db, 10)[1]) == 1


def test_a_look_reads_few_rows_however_many_wait(
    db: Database, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(due.BATCH, "bulk", 3)
    for account in [clients.make() for _ in range(4)]:
        keep(db, account, *[1] * 9)
    assert len(turns(db, 10_000)[1]) == 3


def test_a_death_before_the_commit_lets_it_leave_again(db: Database, clients: Clients) -> None:
    kept = keep(db, clients.make(), 3)

    def die(_: Sequence[Event]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        db.run(due.take_surplus, "bulk", NOW, die, 100, {})
    assert [e.requests[0].request_id for e in turns(db, 100)[1]] == [kept[0].requests[0].request_id]


def test_two_releasers_let_nothing_go_twice(db: Database, clients: Clients) -> None:
    keep(db, clients.make(), *[1] * 10)
    meanwhile: list[Any] = []

    def publish(_: Sequence[Event]) -> None:
        meanwhile.append(turns(Database(db._url.geturl()), 100)[1])

    found = db.run(due.take_surplus, "bulk", NOW, publish, 100, {})
    assert (sum(found.released.values()), meanwhile) == (10, [[]])


def test_large_requests_are_kept_in_several_statements(
    db: Database, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "SURPLUS_BYTES", 2000)
    keep(db, clients.make(), *[5] * 30)
    assert left(db) == 30
    assert sum(e.size() for e in turns(db, 1000)[1]) == 150


@pytest.mark.parametrize("lane", LANES)
def test_one_look_at_all_lanes_tells_where_something_waits(db: Database, clients: Clients, lane: str) -> None:
    assert db.run(due.waiting, NOW) == frozenset()
    insert(db, a_release(lane), due_ms=NOW + 1)
    assert db.run(due.waiting, NOW) == frozenset()
    assert db.run(due.waiting, NOW + 1) == {lane}
    db.run(sql.execute, "DELETE FROM due")
    clients.queue(clients.make(), 1, lane)
    assert db.run(due.waiting, NOW) == {lane}, "a backlog has no time"
