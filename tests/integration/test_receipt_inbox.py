"""Receipts that name their message only by the vendor's reference, on a real MySQL: whenever they come, they count."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

from shared.domain.events import REGISTRY, Event, Outcome, Receipts
from shared.domain.states import State
from shared.runtime.clock import now_ms
from shared.runtime.mysql import Database
from shared.stores import inbox, routing, sql
from shared.vendors.base import Adapter
from tests.contract.vendor_bench import TEXT_ADAPTERS, Bench, outbound, running_bench
from tests.contract.vendor_bench import now_ms as wall_ms
from tests.integration.test_routing_rows import NHN, SOLAPI, Road, price, world
from tests.wiring.functions import loaded


@pytest.fixture
def road(rows: Database) -> Road:
    return Road(rows)


class Vendor:
    """A vendor that reports one message by its own reference only."""

    def __init__(self, road: Road, sender: tuple[str, str, str] = SOLAPI) -> None:
        self.road, self.sender, self.ref = road, sender, os.urandom(8).hex()

    def receipts(self, state: Any = "delivered") -> Receipts:
        channel, vendor, account = self.sender
        said = {"vendor_ref": self.ref, "state": state, "code": "0000" if state == "delivered" else "4001", "at": 1}
        return Receipts.model_validate({"channel": channel, "vendor": vendor, "account": account, "receipts": [said]})

    def report(self, state: Any = "delivered") -> list[Outcome]:
        """What route makes of a webhook."""
        known, early = self.road.db.run(inbox.match, self.receipts(state))
        if early is None:
            return known
        self.road.db.run(inbox.keep, early, now_ms())
        return known + self.road.db.run(inbox.match, early, lock=True)[0]

    def answer(self, state: str = "sent", hop: int = 1) -> None:
        """The sender writes the vendor's answer."""
        row = (self.road.id, hop, "sms", state, "0000", None, None, self.ref, now_ms())
        self.road.db.run(inbox.record_answers, self.sender, [row], now_ms())

    def waiting(self) -> int:
        query = "SELECT COUNT(*) FROM receipt_inbox WHERE vendor_ref=%s"
        return int(self.road.db.run(sql.fetch, query, (self.ref,))[0][0])


def handed_over(road: Road) -> list[Outcome]:
    """The receipts that are due for a message."""
    found = road.db.run(sql.fetch, "SELECT type, payload FROM due WHERE kind='receipt'")
    events: list[Event] = [REGISTRY[kind].model_validate_json(payload) for kind, payload in found]
    return [e for e in events if isinstance(e, Outcome) and e.results[0].id == road.id.hex()]


def decide(road: Road, *outcomes: Outcome) -> None:
    for event in outcomes:
        event.stamp(os.urandom(16).hex())
        road.db.run(routing.outcome, event, world("solapi"), price)


def sending(road: Road, sender: tuple[str, str, str] = SOLAPI) -> Vendor:
    """A message whose vendor is being called."""
    road.accept(sender[1])
    road.claim(sender)
    return Vendor(road, sender)


def test_a_receipt_after_the_answer_finds_its_hop(road: Road) -> None:
    vendor = sending(road)
    vendor.answer()
    outcomes = vendor.report()
    assert vendor.waiting() == 0
    decide(road, *outcomes)
    assert road.row()[0] is State.delivered


def test_a_receipt_before_the_answer_waits_and_ends_the_message(road: Road) -> None:
    vendor = sending(road)
    assert vendor.report() == []
    assert vendor.waiting() == 1
    vendor.answer()
    assert vendor.waiting() == 0
    (event,) = handed_over(road)
    assert (event.lane, event.via, event.results[0].vendor_ref) == ("realtime", "receipt", vendor.ref)
    decide(road, event)
    assert road.row()[0] is State.delivered
    road.outcome(SOLAPI, "answer", "sent")
    assert road.row()[0] is State.delivered, "the answer's own outcome comes last"


def test_the_same_receipts_twice_and_the_same_answer_twice_are_one(road: Road) -> None:
    vendor = sending(road)
    vendor.report()
    vendor.report()
    assert vendor.waiting() == 1
    vendor.answer()
    vendor.answer()
    assert len(handed_over(road)) == 1
    (again,) = vendor.report()
    decide(road, *handed_over(road), again)
    assert road.row()[0] is State.delivered


def test_a_receipt_is_nobody_elses(road: Road) -> None:
    vendor = sending(road)
    for sender in (NHN, ("mt", "solapi", "other"), ("kakao", "solapi", "other")):
        stranger = Vendor(road, sender)
        stranger.ref = vendor.ref
        stranger.report("failed")
    vendor.answer()
    assert handed_over(road) == []
    assert vendor.waiting() == 3
    vendor.ref = vendor.ref.upper()
    assert vendor.report() == [], "references differ by case"


def test_a_look_up_that_learns_the_reference_lets_the_receipt_go(road: Road) -> None:
    vendor = sending(road)
    road.answer(SOLAPI, "uncertain")
    road.db.run(sql.execute, f"UPDATE hops SET vendor_ref=NULL WHERE message_id=0x{road.id.hex()}")
    road.outcome(SOLAPI, "answer", "uncertain")
    vendor.report("failed")
    road.db.run(inbox.record_references, SOLAPI, {(road.id, 1): vendor.ref}, now_ms())
    decide(road, *handed_over(road))
    assert road.row()[0] is State.failed


def test_while_the_answer_is_being_written_the_second_look_waits_for_it(road: Road) -> None:
    vendor = sending(road)
    written, go = threading.Event(), threading.Event()

    def answer_slowly(conn: Any) -> None:
        row = (road.id, 1, "sms", "sent", "0000", None, None, vendor.ref, now_ms())
        inbox.record_answers(conn, SOLAPI, [row], now_ms())
        written.set()
        go.wait(60)

    writer = threading.Thread(target=lambda: road.db.run(answer_slowly))
    writer.start()
    written.wait(60)
    found: list[Outcome] = []
    reader = threading.Thread(target=lambda: found.extend(vendor.report()))
    reader.start()
    time.sleep(0.3)
    assert not found
    go.set()
    writer.join(60)
    reader.join(60)
    assert [r.id for e in found for r in e.results] == [road.id.hex()]
    assert vendor.waiting() == 0


def test_what_nobody_claims_within_a_week_is_forgotten(road: Road) -> None:
    old, fresh = Vendor(road), Vendor(road)
    road.db.run(inbox.keep, old.receipts(), now_ms() - inbox.KEEP_MS - 1)
    road.db.run(inbox.keep, fresh.receipts(), now_ms())
    assert (old.waiting(), fresh.waiting()) == (0, 1)


@pytest.mark.parametrize("adapter", TEXT_ADAPTERS, ids=lambda a: f"{a.name}-{a.channel}")
async def test_a_webhook_without_our_reference_before_the_answer_ends_the_message(adapter: Adapter, road: Road) -> None:
    sender = (adapter.channel, adapter.name, "main")
    road.accept(adapter.name)
    road.claim(sender)
    async with running_bench() as bench:
        answer, hook = await _exchange(adapter, bench)
    account = bench.account(adapter)
    read = adapter.read_receipt(account, hook.headers, hook.body.replace(answer.reference.encode(), b""), wall_ms())
    entry = type("Entry", (), {"channel": adapter.channel, "account": account})()
    (event,) = loaded("api_receipt").routes[0].handler.__globals__["outcomes"](entry, read, wall_ms())
    assert isinstance(event, Receipts)
    vendor = Vendor(road, sender)
    vendor.ref = event.receipts[0].vendor_ref
    assert vendor.report() == []
    row = (road.id, 1, "sms", "sent", "0000", None, None, answer.vendor_ref, now_ms())
    road.db.run(inbox.record_answers, sender, [row], now_ms())
    decide(road, *handed_over(road))
    assert road.row()[0] is State.delivered


async def _exchange(adapter: Adapter, bench: Bench) -> tuple[Any, Any]:
    message = outbound()
    sent = (await bench.sent(adapter, message))[message.reference]
    await bench.receipts(adapter)
    (hook,) = bench.webhooks
    return sent, hook
