"""What store writes on a real MySQL: each result once, however often it is told; one-time passwords blanked."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from shared.domain.events import Finished, Outcome, Report, Result
from shared.domain.states import State
from shared.runtime.mysql import Database
from shared.stores import history, sql
from tests.past import NOW, Past, messages_of

VENDOR, ACCOUNT = "solapi", "main"


@pytest.fixture
def past(rows: Database) -> Iterator[Past]:
    yield Past(rows)
    Past(rows)


def outcome(ids: list[bytes], state: Any = "sent", via: Any = "answer", **more: Any) -> Outcome:
    results = [Result(id=i.hex(), hop=1, state=state, code="0000", at=NOW) for i in ids]
    values = {"channel": "mt", "vendor": VENDOR, "account": ACCOUNT, "via": via, "results": results, **more}
    event = Outcome(**values)
    event.received(os.urandom(16).hex())
    return event


def totals(past: Past) -> dict[tuple[str, str], int]:
    """(vendor, state) → how many."""
    found = past.db.run(sql.fetch, "SELECT vendor, state, SUM(total) FROM vendor_hourly GROUP BY vendor, state")
    return {(vendor, state): int(n) for vendor, state, n in found}


def test_a_result_that_is_told_again_in_other_company_counts_once(past: Past) -> None:
    ids = messages_of(past, past.request(0, n=6))
    past.db.run(history.save, [outcome(ids[:4])])
    past.db.run(history.save, [outcome(ids[2:6])])
    past.db.run(
        history.save, [outcome(ids), outcome(ids, "delivered", "receipt"), outcome(ids[:1], "delivered", "receipt")]
    )
    assert totals(past) == {(VENDOR, "sent"): 6, (VENDOR, "delivered"): 6}


def test_two_processes_that_are_told_the_same_count_it_once(past: Past) -> None:
    ids = messages_of(past, past.request(0, n=200))
    events = [outcome(ids) for _ in range(4)]
    threads = [threading.Thread(target=past.db.run, args=(history.save, [event])) for event in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals(past) == {(VENDOR, "sent"): 200}


def test_a_death_before_the_commit_counts_nothing_and_the_next_delivery_all(past: Past) -> None:
    event = outcome(messages_of(past, past.request(0, n=3)))

    def die(conn: Any) -> None:
        history.save(conn, [event])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        past.db.run(die)
    past.db.run(history.save, [event])
    assert totals(past) == {(VENDOR, "sent"): 3}


def test_a_receipt_of_a_vendor_that_did_not_carry_the_hop_counts_for_nobody(past: Past) -> None:
    ids = messages_of(past, past.request(0))
    past.db.run(history.save, [outcome(ids, "failed", "receipt", vendor="nhn")])
    assert totals(past) == {}


def finished(ids: list[bytes], lane: str) -> Finished:
    reports = [Report(account_id=1, username="demo", callback_uri=None, data={"message_id": i.hex()}) for i in ids]
    return Finished(lane=lane, reports=reports)


def test_a_one_time_password_is_blank_as_soon_as_it_has_ended(past: Past) -> None:
    password, other = past.request(0, lane="auth"), past.request(0, lane="auth", status=State.sent)
    past.db.run(history.save, [finished(messages_of(past, password), "auth")] * 2)
    assert past.hidden(password)
    assert not past.hidden(other)


def test_rows_of_messages_are_locked_before_those_of_hops_as_route_does(past: Past) -> None:
    ids = messages_of(past, past.request(0, lane="auth"))
    locked: list[str] = []

    def watched(conn: Any) -> None:
        class Watching:
            def cursor(self) -> Any:
                found = conn.cursor()
                execute = found.execute

                def note(statement: str, args: Any = None) -> Any:
                    locked.extend(t for t in ("messages", "hops") if statement.startswith(f"UPDATE {t} "))
                    return execute(statement, args)

                found.execute = note
                return found

        history.save(Watching(), [outcome(ids), finished(ids, "auth")])

    past.db.run(watched)
    assert locked == ["messages", "hops"]
    assert totals(past) == {(VENDOR, "sent"): len(ids)}
