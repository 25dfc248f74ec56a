"""A reservation that its client moves while `schedule` lets it go, on a real MySQL: the client's last word counts."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from shared.channels.common import FileInfo
from shared.domain.events import Accepted, Dispatch, Due, Event, PlanHop, Recipient, Request
from shared.domain.states import State
from shared.runtime.clock import new_request_id, now_ms
from shared.runtime.mysql import Database
from shared.stores import due, files, requests, routing, sql
from tests.integration.test_routing_rows import price, world

ACCOUNT = 4_000_007
PICTURE = UUID(int=7)


class Reservation:
    """One request for in a minute."""

    def __init__(self, db: Database) -> None:
        self.db, self.at = db, now_ms() + 60_000
        self.id = new_request_id(now_ms())
        request = Request(
            request_id=self.id.hex, account_id=ACCOUNT, username="demo", lane="realtime", accepted_at=now_ms(),
            scheduled_at=self.at, valid_until=self.at + 9_000_000, total=1, cause=os.urandom(16).hex(),
            plan=[PlanHop(channel="mt", content={"text": "hi", "sender": "0215441234"})],
            messages=[Recipient(n=1, to="01012345678", type="sms")],
        )  # fmt: skip
        db.run(routing.accept, Accepted(requests=[request]), world("solapi"), price, 24.0, {})

    def take(self, at: int, die: bool = False) -> list[Event]:
        """What schedule publishes at a time; `die`: before its commit."""
        taken: list[Event] = []

        def publish(events: Sequence[Event]) -> None:
            taken.extend(events)
            if die:
                raise KeyboardInterrupt

        try:
            self.db.run(due.take, "realtime", at, publish)
        except KeyboardInterrupt:
            assert die
        return taken

    def move(self, at: int) -> None:
        """PATCH /v1/requests/{id}."""
        row = self.db.run(requests.read, ACCOUNT, self.id)
        assert row is not None
        self.db.run(requests.reschedule, ACCOUNT, row, at, at + 9_000_000)

    def route(self, events: list[Event], db: Database | None = None) -> list[Event]:
        """What route makes of them."""
        out: list[Event] = []
        for event in events:
            assert isinstance(event, Due)
            event.stamp(os.urandom(16).hex())
            out += (db or self.db).run(routing.due, event, world("solapi"), price)
        return out

    def state(self) -> State:
        low, high = f"0x{self.id.hex}", f"0x{UUID(int=self.id.int | 0x1FFFFF).hex}"
        ((status,),) = self.db.run(sql.fetch, f"SELECT status FROM messages WHERE message_id BETWEEN {low} AND {high}")
        return State(status)


@pytest.fixture
def reserved(rows: Database) -> Iterator[Reservation]:
    rows.run(sql.execute, "DELETE FROM due")
    yield Reservation(rows)
    rows.run(sql.execute, "DELETE FROM due")


def test_a_reservation_moved_after_schedule_died_leaves_at_its_new_time_only(reserved: Reservation) -> None:
    published = reserved.take(reserved.at, die=True)
    reserved.move(reserved.at + 60_000)
    assert len(published) == 1
    assert reserved.route(published) == []
    assert reserved.state() is State.scheduled
    assert reserved.take(reserved.at + 59_000) == []
    (sent,) = reserved.route(reserved.take(reserved.at + 60_000))
    assert isinstance(sent, Dispatch)
    assert reserved.state() is State.routed


def test_a_reservation_that_route_has_let_go_cannot_be_moved_any_more(reserved: Reservation) -> None:
    published = reserved.take(reserved.at, die=True)
    assert len(reserved.route(published)) == 1
    with pytest.raises(requests.Left):
        reserved.move(reserved.at + 60_000)
    assert reserved.route(reserved.take(reserved.at)) == [], "taken again, it leaves once"


def test_a_change_that_meets_route_at_work_waits_for_it(reserved: Reservation) -> None:
    published = reserved.take(reserved.at, die=True)
    ends: list[Any] = []

    def change() -> None:
        try:
            reserved.move(reserved.at + 60_000)
            ends.append("moved")
        except requests.Left:
            ends.append("left")

    changing = threading.Thread(target=change)

    def slowly(conn: Any) -> None:
        event = published[0]
        assert isinstance(event, Due)
        event.stamp(os.urandom(16).hex())
        routing.due(conn, event, world("solapi"), price)
        changing.start()
        time.sleep(0.5)
        ends.append("routed")

    reserved.db.run(slowly)
    changing.join(20)
    assert ends == ["routed", "left"]
    assert reserved.state() is State.routed


def test_a_reservation_that_is_moved_keeps_its_picture_for_its_new_time(reserved: Reservation) -> None:
    reserved.db.run(sql.execute, f"DELETE FROM files WHERE file_id=0x{PICTURE.hex}")
    info = FileInfo("image/jpeg", 1, 1, 1)
    reserved.db.run(files.insert_file, PICTURE.bytes, ACCOUNT, "a.jpg", info, b"x", now_ms())
    plan = f'[{{"channel": "mt", "content": {{"files": ["{PICTURE}"]}}}}]'
    reserved.db.run(sql.execute, f"UPDATE requests SET plan='{plan}' WHERE request_id=0x{reserved.id.hex}")
    later = reserved.at + 300 * 86_400_000
    reserved.move(later)
    ((used_ms,),) = reserved.db.run(sql.fetch, "SELECT used_ms FROM files WHERE file_id=%s", (PICTURE.bytes,))
    assert used_ms >= later
