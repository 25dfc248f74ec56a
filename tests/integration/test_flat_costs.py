"""Look-ups in large tables cost what they find, however much lies before it, whatever the optimizer believes: with no
FORCE INDEX it may take the first column of an index for enough, and read all that is equal in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from local.testing import Platform
from shared.domain.ids import LANES, Lane
from shared.runtime import settings
from shared.runtime.clock import now_ms
from shared.runtime.mysql import Database
from shared.stores import due, feed, lookup, reports, retention, sql
from shared.stores import watch as store
from tests.reads import frozen_statistics, rows_read

NOW = now_ms()
ACCOUNT = 4_000_000
MANY = 5000

Rows = Sequence[tuple[Any, ...]]


@pytest.fixture(scope="module")
def one(servers: Platform) -> Iterator[Database]:
    """MySQL by one connection, so that what it reads can be counted."""
    database = Database(servers.demo["mysql"], pool=1)
    yield database
    database.close()


@pytest.fixture(params=["stale", "fresh"])
def costs(request: pytest.FixtureRequest, one: Database, servers: Platform) -> Iterator[Callable[..., list[int]]]:
    """Fill a table, and get what pieces of work read there; its statistics are fresh, or those of an empty table."""
    used: list[str] = []

    def measure(table: str, columns: str, rows: Rows, *works: Callable[[], Any]) -> list[int]:
        used.append(table)
        one.run(sql.execute, f"DELETE FROM {table}")
        with frozen_statistics(servers.root_mysql, table) as renew:
            renew()
            one.run(sql.insert, table, columns, rows)
            if request.param == "fresh":
                renew()
            return [rows_read(one, work) for work in works]

    yield measure
    for table in used:
        one.run(sql.execute, f"DELETE FROM {table}")


def piece(kind: str, due_ms: int | None, account: int | None = None, lane: Lane = Lane.bulk) -> tuple[Any, ...]:
    return due_ms, kind, int(lane), account, 1, "ims.route.bulk", "ims.due.v1", b"x" * 200


DUE = "due_ms, kind, lane, account_id, messages, topic, type, payload"


def backlog(account: int, n: int = MANY) -> Rows:
    return [piece("backlog", None, account)] * n


def nothing(_: Sequence[Any]) -> None:
    """Publish."""


def test_taking_what_is_due_reads_no_backlog(costs: Callable[..., list[int]], one: Database) -> None:
    late = [piece("parked", NOW - 1)] * 3000
    later = [piece("retry", NOW + 60_000)] * 5000
    (taken,) = costs("due", DUE, [*late, *later, *backlog(1)], lambda: one.run(due.take, "bulk", NOW, nothing))
    assert taken < 150


def test_finding_that_nothing_is_due_reads_no_backlog(costs: Callable[..., list[int]], one: Database) -> None:
    (idle,) = costs("due", DUE, backlog(1), lambda: one.run(due.take, "bulk", NOW, nothing))
    assert idle < 5


def test_a_leap_to_the_next_account_reads_nothing_of_the_others(costs: Callable[..., list[int]], one: Database) -> None:
    memory = due.Backlogs(after=ACCOUNT + 1)
    accounts = [*backlog(ACCOUNT), *backlog(ACCOUNT + 1), *backlog(ACCOUNT + 2, 5)]
    (leap,) = costs("due", DUE, accounts, lambda: one.run(due.take_backlog, "bulk", NOW, nothing, memory))
    assert leap < 30


def test_looking_for_late_work_reads_only_what_is_late(costs: Callable[..., list[int]], one: Database) -> None:
    rows = [piece("retry", NOW + 60_000, lane=Lane[lane]) for lane in LANES] * 500
    (look,) = costs("due", DUE, [*rows, *backlog(1), piece("retry", 1)], lambda: one.run(store.overdue, NOW))
    assert look < 30


def test_looking_at_backlogs_reads_nothing_else(costs: Callable[..., list[int]], one: Database) -> None:
    rows = [piece("retry", NOW + 60_000, lane=Lane[lane]) for lane in LANES] * 500
    (look,) = costs("due", DUE, [*rows, *backlog(1, 20)], lambda: one.run(store.oldest_backlogs))
    assert look < 80


def test_the_oldest_keys_are_found_among_many(costs: Callable[..., list[int]], one: Database) -> None:
    rows = [(ACCOUNT, os.urandom(16), b"b" * 16, b"r" * 16, NOW + n) for n in range(MANY)]
    (task,) = [t for t in retention.tasks(settings.RetentionSettings()) if t.name == "idempotency"]
    columns = "account_id, key_hash, body_hash, request_id, expires_ms"
    (look,) = costs("idempotency", columns, rows, lambda: one.run(task.step, retention.START, NOW, 20))
    assert look < 60


def test_a_walk_through_waiting_reports_reads_each_once(costs: Callable[..., list[int]], one: Database) -> None:
    columns = "message_id, account_id, username, webhook_id, callback_uri, state, tries, next_due_ms, updated_ms, data"
    rows = [
        (os.urandom(16), ACCOUNT, "x", f"w{n}", "https://example.com/", "pending", 1, NOW + n, NOW, "{}")
        for n in range(MANY)
    ]

    def page(at: int) -> Callable[[], Any]:
        return lambda: one.run(reports.waiting, reports.Place(NOW + at), NOW + 2 * MANY, 20)

    first, last = costs("reports", columns, rows, page(0), page(MANY - 100))
    assert max(first, last) < 60


def test_what_was_put_off_is_found_among_much_that_waits_longer(costs: Callable[..., list[int]], one: Database) -> None:
    rows = [("history", os.urandom(16), NOW + 60_000) for _ in range(MANY)] + [("history", os.urandom(16), NOW - 1)]
    (look,) = costs(
        "retention_later", "task, request_id, again_ms", rows, lambda: one.run(retention._put_off, "history", NOW)
    )
    assert look < 30


def test_the_end_of_a_long_feed_costs_what_its_beginning_costs(costs: Callable[..., list[int]], one: Database) -> None:
    columns = "message_id, account_id, recipient, type, status, channel, feed_seq, finished_ms"
    rows = [
        (os.urandom(16), ACCOUNT, "01055550000", "sms", 11, "mt", n, NOW - MANY + n) for n in range(1, MANY)
    ]  # fmt: skip
    wanted = feed.Selection(ACCOUNT)

    def page(seq: int) -> Callable[[], Any]:
        return lambda: one.run(feed.read, wanted, feed.Place(seq), 20)

    first, last = costs("messages", columns, rows, page(0), page(MANY - 100))
    assert abs(last - first) <= 2
    assert first < 100


@pytest.mark.parametrize(("name", "value"), [("recipient", "01066660000"), ("ref", "order-x")])
def test_a_replay_of_one_recipient_or_ref_reads_nothing_of_the_others(
    costs: Callable[..., list[int]], one: Database, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Of what is its own, or is the same for the index, it reads no more than `SCAN` a call."""
    monkeypatch.setattr(feed, "PAGE", 100)
    monkeypatch.setattr(feed, "SCAN", 400)
    columns = "message_id, account_id, recipient, ref, type, status, channel, feed_seq, finished_ms"
    rows = [
        (os.urandom(16), ACCOUNT, f"010{n:08}", f"order-{n}", "sms", 11, "mt", n, NOW - MANY + n) for n in range(MANY)
    ]
    few = [(os.urandom(16), ACCOUNT, "01066660000", "order-x", "sms", 11, "mt", MANY + n, NOW) for n in range(20)]
    many = [(os.urandom(16), ACCOUNT + 1, "01066660000", "Order-x", "sms", 12, "mt", n, NOW) for n in range(MANY)]

    def wanted(account: int, code: str | None) -> Callable[[], Any]:
        chosen = feed.Selection(account, **{name: value}, code=code)
        return lambda: one.run(feed.select, chosen, feed.Place(), 1000)

    found, nothing_found = costs(
        "messages", columns, [*rows, *few, *many], wanted(ACCOUNT, None), wanted(ACCOUNT + 1, "4001")
    )
    assert found < 100
    assert nothing_found < 3 * 400


def test_a_search_reads_a_bounded_number_of_refs_that_only_look_alike(
    costs: Callable[..., list[int]], one: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "SCAN", 400)
    columns = "message_id, account_id, recipient, ref, type, status, channel"
    rows = [(os.urandom(16), ACCOUNT, "01055550000", "Order-x", "sms", 11, "mt") for _ in range(MANY)]

    def search(ref: str) -> Callable[[], Any]:
        wanted = lookup.Search(ACCOUNT, b"\0" * 16, lookup.TOP, 20, ref=ref)
        return lambda: one.run(lookup.search, wanted)

    same, alike = costs("messages", columns, rows, search("Order-x"), search("order-x"))
    assert same < 60
    assert alike < 3 * 400
