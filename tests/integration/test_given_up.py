"""Messages whose event became a dead letter end in time, or go on when somebody mends it, on a real MySQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from local.testing import Platform
from shared.domain.events import (
    Accepted,
    Dead,
    Dispatch,
    Due,
    Event,
    Finished,
    Outcome,
    PlanHop,
    Recipient,
    Request,
    Result,
)
from shared.domain.ids import message_id
from shared.domain.states import State
from shared.runtime.clock import new_request_id, now_ms
from shared.runtime.mysql import Database
from shared.stores import claims, dead, due, routing, sql
from tests.integration.test_routing_rows import SOLAPI, price, world

OFFSET = 2400
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    from tests.ports import free_offset

    env = {"IMS_PORT_OFFSET": free_offset(OFFSET)}
    with Platform(tmp_path_factory.mktemp("given-up"), env, servers_only=True) as platform:
        database = Database(platform.demo["mysql"])
        yield database
        database.close()


class Lost:
    """Messages of a request of an account of its own, and what is buried of them."""

    def __init__(self, db: Database, n: int = 1, **fields: Any) -> None:
        self.db, self.account_id = db, int.from_bytes(os.urandom(3), "big") + 1
        at = now_ms()
        self.valid = at + HOUR_MS
        self.request = Request(
            request_id=new_request_id(at).hex, account_id=self.account_id, username="demo", lane="realtime",
            accepted_at=at, valid_until=self.valid, total=n, cause=os.urandom(16).hex(),
            callback_uri="http://127.0.0.1:1/x", plan=[PlanHop(channel="mt", content={"text": "hi #{name}"})],
            messages=[Recipient(n=i, to="01012345678", type="sms", ref=f"r{i}") for i in range(1, n + 1)],
            **fields,
        )  # fmt: skip
        from uuid import UUID

        self.ids = [message_id(UUID(hex=self.request.request_id), i, "realtime") for i in range(1, n + 1)]
        self.event_id = os.urandom(16).hex()

    def accept(self, *vendors: str) -> list[Event]:
        event = Accepted(requests=[self.request])
        return self.db.run(routing.accept, event, world(*vendors), price, 24.0, {self.account_id: 20_000})

    def bury(self, event: Event | None, body: str = "", kind: str = "", at: int = 0) -> None:
        headers = {"ce_specversion": "1.0", "ce_id": self.event_id, "ce_type": kind or type(event).TYPE}
        text = body or (event.model_dump_json() if event else "")
        self.db.run(dead.keep, [Dead(source_topic="t", reason="no", headers=headers, body=text, at=at or now_ms())])

    def mend(self) -> None:
        letter = self.db.run(dead.by_event, self.event_id)
        assert letter is not None
        assert self.db.run(dead.replay, letter.dead_id, now_ms(), lambda _: None, "t") is not None

    def later(self, at: int) -> list[Event]:
        """What has come due by then of these messages' burial, decided by route."""
        taken: list[Any] = []
        self.db.run(due.take, "realtime", at, taken.extend)
        events: list[Event] = []
        for event in taken:
            if isinstance(event, Due) and event.letter == self.event_id:
                event.stamp(os.urandom(16).hex())
                first = self.db.run(routing.due, event, world("solapi"), price)
                assert told(self.db.run(routing.due, event, world("solapi"), price)) == told(first)
                events += first
        return events

    def rows(self) -> list[tuple[State, str | None]]:
        listed = sql.ids(i.bytes for i in self.ids)
        query = f"SELECT status, code FROM messages WHERE message_id IN ({listed}) ORDER BY message_id"
        return [(State(s), code) for s, code in self.db.run(sql.fetch, query)]

    def set(self, table: str, change: str) -> None:
        where = f"account_id={self.account_id}"
        self.db.run(sql.execute, f"UPDATE {table} SET {change} WHERE {where}")


def told(events: list[Event]) -> list[tuple[str, str, str]]:
    data = [r.data for e in events if isinstance(e, Finished) for r in e.reports]
    return sorted((d["message_id"], d["status"], d["code"]) for d in data)


def ends(lost: Lost, code: str) -> None:
    """Not before valid_until; then each failed with the code, told once to its client."""
    assert lost.later(lost.valid - 1000) == []
    events = lost.later(lost.valid + 1000)
    assert told(events) == [(str(i), "failed", code) for i in lost.ids]
    assert lost.rows() == [(State.failed, code)] * len(lost.ids)
    assert lost.later(lost.valid + HOUR_MS) == []


def test_an_acceptance_that_was_never_stored_ends_with_all_its_messages(db: Database) -> None:
    lost = Lost(db, 3)
    lost.bury(Accepted(requests=[lost.request]))
    ends(lost, "9001")


def test_an_acceptance_that_mysql_does_not_take_ends_all_the_same(db: Database) -> None:
    lost = Lost(db, 2, request_ref="r" * 300, max_price="1e40")
    lost.request.messages[1].vars = {"name": "\ud83c"}
    raw = orjson.loads(lost.request.model_copy(update={"messages": lost.request.messages[:1]}).model_dump_json())
    raw["messages"].append({"n": 2, "to": 5, "type": None, "vars": {"name": 7}})
    lost.bury(None, orjson.dumps({"requests": [raw]}).decode(), Accepted.TYPE)
    ends(lost, "9001")


def test_a_release_that_was_buried_ends_its_message_and_one_that_was_mended_does_not(db: Database) -> None:
    lost, mended = Lost(db, 2, scheduled_at=now_ms() + 60_000), Lost(db, scheduled_at=now_ms() + 60_000)
    for one in (lost, mended):
        one.accept("solapi")
        one.bury(Due(kind="scheduled", ids=[i.hex for i in one.ids]))
    mended.mend()
    assert mended.later(mended.valid + 1000) == []
    assert mended.rows() == [(State.scheduled, None)]
    db.run(sql.execute, "DELETE FROM due")
    again = Lost(db, scheduled_at=now_ms() + 60_000)
    again.accept("solapi")
    again.bury(Due(kind="scheduled", ids=[again.ids[0].hex]))
    again.mend()
    again.bury(Due(kind="scheduled", ids=[again.ids[0].hex]), at=now_ms() + 5000)
    assert told(again.later(again.valid + 1000)) == [(str(again.ids[0]), "failed", "9001")]


def test_a_message_that_moved_on_without_its_letter_is_left_alone(db: Database) -> None:
    lost = Lost(db, scheduled_at=now_ms() + 60_000)
    lost.accept("solapi")
    event = Due(kind="scheduled", ids=[lost.ids[0].hex])
    lost.bury(event)
    db.run(routing.due, event, world("solapi"), price)
    assert lost.later(lost.valid + 1000) == []
    assert lost.rows() == [(State.routed, None)]


@pytest.mark.parametrize(("claimed", "code"), [(False, "9001"), (True, "0300")])
def test_a_dispatch_ends_as_uncertain_only_where_a_vendor_may_have_it(db: Database, claimed: bool, code: str) -> None:
    lost = Lost(db)
    (dispatch,) = [e for e in lost.accept("solapi") if isinstance(e, Dispatch)]
    if claimed:
        db.run(claims.claim, [(lost.ids[0].bytes, 1, "sms")], SOLAPI, os.urandom(8), now_ms(), 10_000)
    lost.bury(dispatch)
    ends(lost, code)
    query = f"SELECT in_flight FROM windows WHERE account_id={lost.account_id}"
    assert db.run(sql.fetch, query) == [(0,)]


@pytest.mark.parametrize("via", ["receipt", "answer"])
def test_a_sent_message_waits_for_its_receipt_unless_that_is_what_was_buried(db: Database, via: Any) -> None:
    lost = Lost(db)
    lost.accept("solapi")
    lost.set("messages", f"status={int(State.sent)}, sent_ms={now_ms()}, in_window=0")
    result = Result(id=lost.ids[0].hex, hop=1, state="delivered", code="0000", at=-1)
    lost.bury(Outcome(channel="mt", vendor="solapi", account="main", via=via, results=[result]))
    if via == "receipt":
        return ends(lost, "0300")
    assert lost.later(lost.valid + 1000) == []
    assert lost.rows() == [(State.sent, None)]
    query = f"SELECT MAX(due_ms) FROM due WHERE kind='given_up' AND due_ms > {lost.valid}"
    ((until,),) = db.run(sql.fetch, query)
    assert until - now_ms() > 24 * HOUR_MS


@pytest.mark.parametrize(("table", "change"), [
    ("requests", "plan='no json'"), ("requests", "plan='[]'"), ("requests", "lane=9"),
    ("messages", "vars='{'"), ("messages", "status=9"),
])  # fmt: skip
def test_a_message_whose_row_or_plan_is_unreadable_ends_too(db: Database, table: str, change: str) -> None:
    lost = Lost(db, scheduled_at=now_ms() + 60_000)
    lost.accept("solapi")
    lost.set(table, change)
    lost.bury(Due(kind="scheduled", ids=[lost.ids[0].hex]))
    ends(lost, "9001")


def test_a_message_whose_request_is_gone_ends_too(db: Database) -> None:
    lost = Lost(db, scheduled_at=now_ms() + 60_000)
    lost.accept("solapi")
    db.run(sql.execute, f"DELETE FROM requests WHERE account_id={lost.account_id}")
    lost.bury(Due(kind="scheduled", ids=[lost.ids[0].hex]))
    assert told(lost.later(now_ms() + 100 * HOUR_MS)) == [(str(lost.ids[0]), "failed", "9001")]


def test_what_looks_like_an_id_in_an_unreadable_letter_is_looked_for(db: Database) -> None:
    lost = Lost(db, scheduled_at=now_ms() + 60_000)
    lost.accept("solapi")
    lost.bury(None, f'{{"kind": "scheduled", "ids": ["{lost.ids[0].hex}", "{"0" * 32}"], "hop": ', Due.TYPE)
    ends(lost, "9001")


def test_the_letter_of_an_end_that_failed_itself_brings_no_other(db: Database) -> None:
    lost = Lost(db, scheduled_at=now_ms() + 60_000)
    lost.accept("solapi")
    lost.bury(Due(kind="given_up", ids=[lost.ids[0].hex], letter="x"))
    assert lost.later(now_ms() + 100 * HOUR_MS) == []
