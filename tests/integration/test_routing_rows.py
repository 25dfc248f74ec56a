"""What route and the senders make of the rows, on a real MySQL: claims, receipts of others, answers told again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from shared.domain.events import (
    Accepted,
    Dispatch,
    Due,
    Event,
    Finished,
    Outcome,
    PlanHop,
    Poll,
    Recipient,
    Request,
    Result,
)
from shared.domain.ids import message_id
from shared.domain.routing import Need, Pick, World
from shared.domain.states import State
from shared.runtime.clock import new_request_id, now_ms
from shared.runtime.mysql import Database
from shared.stores import claims, due, requests, routing, sql
from tests.ports import running

OFFSET = 2200
SOLAPI, NHN = ("mt", "solapi", "main"), ("mt", "nhn", "main")
NOBODY: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with running(tmp_path_factory.mktemp("rows"), {}, OFFSET, servers_only=True) as platform:
        database = Database(platform.demo["mysql"])
        yield database
        database.close()


def world(*vendors: str) -> World:
    def choose(need: Need, avoid: frozenset[str], cap: Decimal | None) -> Pick | None:
        able = [v for v in vendors if v not in avoid]
        return Pick(able[0], "main", Decimal(8), True) if able else None

    return World(now_ms=now_ms(), choose=choose, type_of=lambda *_: "sms", park_ms=0)


def price(*_: str) -> Decimal:
    return Decimal(8)


class Road:
    """One message of an account of its own, moved by hand."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.account_id = int.from_bytes(os.urandom(3), "big") + 1
        self.id = b""

    def accept(self, *vendors: str, n: int = 1, window: int = 20_000, **fields: Any) -> list[Event]:
        at = now_ms()
        request = Request(
            request_id=new_request_id(at).hex, account_id=self.account_id, username="demo", lane="realtime",
            **fields, accepted_at=at, valid_until=at + 3_600_000, total=n, cause=os.urandom(16).hex(),
            plan=[PlanHop(channel="mt", content={"text": "hi", "sender": "0215441234"})],
            messages=[Recipient(n=i, to="01012345678", type="sms") for i in range(1, n + 1)],
        )  # fmt: skip
        windows = {self.account_id: window}
        events = self.db.run(routing.accept, Accepted(requests=[request]), world(*vendors), price, 24.0, windows)
        self.id = message_id(UUID(hex=request.request_id), 1, "realtime").bytes
        return events

    def claim(self, vendor: tuple[str, str, str], hop: int = 1) -> claims.Claims:
        return self.db.run(claims.claim, [(self.id, hop, "sms")], vendor, os.urandom(8), now_ms(), 10_000)

    def answer(self, vendor: tuple[str, str, str], state: str, hop: int = 1) -> None:
        row = (self.id, hop, "sms", state, "0000", None, None, "V" * 200, now_ms())
        self.db.run(claims.save_answers, vendor, [row])

    def outcome(
        self,
        vendor: tuple[str, str, str],
        via: Any,
        state: Any,
        *vendors: str,
        hop: int = 1,
        cause: str = "",
        attempt: int = 0,
    ) -> list[Event]:
        result = Result(
            id=self.id.hex(), hop=hop, state=state, code="0000", at=now_ms(), account_id=self.account_id,
            cause=cause or os.urandom(16).hex(),
        )  # fmt: skip
        channel, name, account = vendor
        event = Outcome(channel=channel, vendor=name, account=account, via=via, attempt=attempt, results=[result])
        return self.db.run(routing.outcome, event, world(*vendors), price)

    def release(self, *vendors: str) -> list[Event]:
        """What schedule takes, decided by route."""
        taken: list[Any] = []
        self.db.run(due.take, "realtime", now_ms() + 1000, taken.extend)
        events: list[Event] = []
        for event in taken:
            if isinstance(event, Due) and self.id.hex() in event.ids and event.kind != "timeout":
                event.stamp(os.urandom(16).hex())
                events += self.db.run(routing.due, event, world(*vendors), price)
        return events

    def row(self) -> tuple[State, int, str]:
        query = "SELECT status, hop, vendor FROM messages WHERE message_id=%s"
        ((status, hop, vendor),) = self.db.run(sql.fetch, query, (self.id,))
        return State(status), hop, vendor

    def in_flight(self) -> int:
        found = self.db.run(sql.fetch, "SELECT in_flight FROM windows WHERE account_id=%s", (self.account_id,))
        return int(found[0][0]) if found else 0


@pytest.fixture
def road(db: Database) -> Road:
    return Road(db)


def test_a_receipt_counts_only_for_a_hop_of_its_own_vendor_and_account(road: Road) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.outcome(SOLAPI, "answer", "sent")
    for stranger in (NHN, ("mt", "solapi", "other")):
        assert road.outcome(stranger, "receipt", "delivered") == []
        assert road.outcome(stranger, "receipt", "failed") == []
        assert road.outcome(stranger, "receipt", "delivered", hop=2) == []
    assert road.row() == (State.sent, 1, "solapi")
    road.outcome(SOLAPI, "receipt", "delivered")
    assert road.row() == (State.delivered, 1, "solapi")


def test_a_late_receipt_of_an_older_hop_counts_for_the_vendor_that_carried_it(road: Road) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "uncertain")
    road.outcome(SOLAPI, "answer", "uncertain")
    road.outcome(SOLAPI, "poll", "unavailable", "nhn")
    assert road.row() == (State.routed, 2, "nhn")
    road.outcome(NHN, "receipt", "delivered", hop=1)
    assert road.row() == (State.routed, 2, "nhn")
    road.outcome(SOLAPI, "receipt", "delivered", hop=1)
    assert road.row()[0] is State.delivered
    assert road.in_flight() == 0


def test_a_parked_hop_that_another_vendor_takes_over_belongs_to_that_vendor(road: Road) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "released")
    road.outcome(SOLAPI, "answer", "unavailable", *NOBODY)
    (sent,) = road.release("nhn")
    assert isinstance(sent, Dispatch)
    assert (sent.vendor, sent.parts[0].messages[0].hop) == ("nhn", 1)
    assert not road.claim(SOLAPI).mine, "the first dispatch, delivered again"
    assert road.claim(NHN).mine
    query = "SELECT vendor, state FROM hops WHERE message_id=%s"
    assert road.db.run(sql.fetch, query, (road.id,)) == [("nhn", "sending")]
    assert road.in_flight() == 1


def test_an_unavailable_told_again_does_not_move_what_is_being_sent_now(road: Road) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "released")
    cause = os.urandom(16).hex()
    road.outcome(SOLAPI, "answer", "unavailable", *NOBODY, cause=cause)
    road.release("solapi")
    assert road.claim(SOLAPI).mine
    assert road.outcome(SOLAPI, "answer", "unavailable", "nhn", cause=cause) == []
    assert road.row() == (State.routed, 1, "solapi")
    road.answer(SOLAPI, "sent")
    road.outcome(SOLAPI, "answer", "sent")
    assert road.row() == (State.sent, 1, "solapi")
    assert road.in_flight() == 0


def test_a_claim_that_was_found_too_old_is_not_renewed(road: Road) -> None:
    road.accept("solapi")
    key, mine, other = (road.id, 1), os.urandom(8), os.urandom(8)
    began = now_ms() - 20_000
    road.db.run(claims.claim, [(*key, "sms")], SOLAPI, mine, began, 10_000)
    assert road.db.run(claims.renew, [key], mine, now_ms() - 15_000) == {key}
    assert road.db.run(claims.claim, [(*key, "sms")], SOLAPI, other, now_ms(), 10_000).stale == {key}
    assert road.db.run(claims.renew, [key], mine, now_ms()) == set()


def test_an_older_hop_that_delivers_ends_the_message_as_it_carried_it(road: Road) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.db.run(sql.execute, f"UPDATE hops SET type='lms' WHERE message_id=0x{road.id.hex()}")
    road.answer(SOLAPI, "uncertain")
    road.db.run(sql.execute, f"UPDATE hops SET type='lms' WHERE message_id=0x{road.id.hex()}")
    road.outcome(SOLAPI, "answer", "uncertain")
    road.outcome(SOLAPI, "poll", "unavailable", "nhn")
    (finished,) = road.outcome(SOLAPI, "receipt", "delivered", hop=1)
    assert isinstance(finished, Finished)
    assert finished.reports[0].data["type"] == "lms"
    query = "SELECT type FROM messages WHERE message_id=%s"
    assert road.db.run(sql.fetch, query, (road.id,)) == [("lms",)]


def test_a_small_request_does_not_overtake_a_backlog_while_the_window_is_well_used(road: Road) -> None:
    assert isinstance(road.accept("solapi", window=2)[0], Dispatch)
    road.accept("solapi", window=2, n=2)
    assert road.accept("solapi", window=2) == []
    query = "SELECT messages FROM due WHERE account_id=%s AND kind='backlog' ORDER BY due_id"
    assert road.db.run(sql.fetch, query, (road.account_id,)) == [(2,), (1,)]
    assert road.in_flight() == 1


def test_only_what_fits_its_window_is_let_go_so_that_its_place_is_kept(road: Road) -> None:
    columns, values = "account_id, username, callback_secrets, created_ms, send_window", (os.urandom(6).hex(), "[]")
    road.db.run(sql.insert, "accounts", columns, [(road.account_id, *values, now_ms(), 3)])
    road.accept("solapi", window=3, n=2)
    road.accept("solapi", window=3, n=2)
    taken: list[Any] = []
    assert road.db.run(due.take_backlog, "realtime", now_ms(), taken.extend, due.Backlogs()).batches == 0
    road.db.run(sql.execute, f"UPDATE windows SET in_flight=1 WHERE account_id={road.account_id}")
    assert road.db.run(due.take_backlog, "realtime", now_ms(), taken.extend, due.Backlogs()).batches == 1
    assert len(taken[0].ids) == 2


def test_a_release_keeps_to_the_window_of_its_account_in_a_process_that_has_never_met_it(road: Road) -> None:
    road.db.run(
        sql.execute,
        "INSERT INTO accounts (account_id, username, callback_secrets, send_window, created_ms) "
        f"VALUES ({road.account_id}, 'w{road.account_id}', '[]', 2, 0)",
    )
    road.accept("solapi", n=2, window=2)
    assert road.accept("solapi", n=2, window=2) == [], "they wait in the backlog"
    waiting = Due(kind="backlog", ids=[road.id.hex()], hop=0)
    waiting.stamp(os.urandom(16).hex())
    assert road.db.run(routing.due, waiting, world("solapi"), price) == []
    assert road.in_flight() == 2


def test_a_release_whose_dispatch_could_not_be_published_is_dispatched_when_it_comes_again(road: Road) -> None:
    at = now_ms() + 60_000
    assert road.accept("solapi", n=2, scheduled_at=at) == []
    request_id = UUID(int=int.from_bytes(road.id, "big") & ~0x1FFFFF)
    ids = [message_id(request_id, n, "realtime").hex for n in (1, 2)]
    reservation = Due(kind="scheduled", ids=ids, hop=0, due_at=at)
    reservation.stamp(os.urandom(16).hex())
    sent = [[m.id for d in _dispatches(road, reservation) for part in d.parts for m in part.messages] for _ in range(2)]
    assert sent == [ids, ids]
    assert road.in_flight() == 2
    other = reservation.model_copy()
    other.stamp(os.urandom(16).hex())
    assert _dispatches(road, other) == []


def _dispatches(road: Road, event: Due) -> list[Dispatch]:
    return [e for e in road.db.run(routing.due, event, world("solapi"), price) if isinstance(e, Dispatch)]


def cancel(road: Road) -> int:
    """A client cancels; route decides what was marked."""
    request_id = UUID(int=int.from_bytes(road.id, "big") & ~0x1FFFFF)
    row = road.db.run(requests.read, road.account_id, request_id)
    assert row is not None
    count, events = road.db.run(requests.cancel, road.account_id, row, now_ms())
    for event in events:
        event.stamp(os.urandom(16).hex())
        road.db.run(routing.due, event, world("solapi"), price)
    return count


def fails(road: Road, code: str, via: Any = "receipt") -> list[Event]:
    result = Result(id=road.id.hex(), hop=1, state="failed", code=code, at=now_ms(), cause=os.urandom(16).hex())
    event = Outcome(channel="mt", vendor="solapi", account="main", via=via, results=[result])
    return road.db.run(routing.outcome, event, world("solapi"), price)


def test_a_message_that_waits_for_its_next_hop_is_canceled_and_not_sent_again(road: Road) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "sent")
    road.outcome(SOLAPI, "answer", "sent")
    fails(road, "4002")
    assert road.row()[:2] == (State.held, 2)
    assert cancel(road) == 1
    assert road.row()[0] is State.canceled
    retry = Due(kind="retry", ids=[road.id.hex()], hop=2)
    retry.stamp(os.urandom(16).hex())
    assert road.db.run(routing.due, retry, world("solapi"), price) == []
    assert cancel(road) == 0


def test_a_message_whose_earlier_hop_may_still_deliver_has_left(road: Road) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "sent")
    road.outcome(SOLAPI, "answer", "sent")
    road.db.run(sql.execute, f"UPDATE messages SET status=3, hop=2 WHERE message_id=0x{road.id.hex()}")
    assert cancel(road) == 0


def test_a_hop_that_the_vendor_never_got_does_not_keep_its_message_from_being_canceled(road: Road) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "uncertain")
    road.outcome(SOLAPI, "answer", "uncertain")
    road.outcome(SOLAPI, "poll", "unavailable", *NOBODY)
    assert road.row()[:2] == (State.routed, 2)
    assert cancel(road) == 1
    assert road.row()[0] is State.canceled


def questions(road: Road) -> list[int]:
    found = road.db.run(sql.fetch, "SELECT payload FROM due WHERE kind='poll' ORDER BY due_id")
    polls = [Poll.model_validate_json(payload) for (payload,) in found]
    return [poll.attempt for poll in polls if poll.messages[0].id == road.id.hex()]


def test_a_doubt_told_again_is_asked_about_once(road: Road) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "uncertain")
    cause = os.urandom(16).hex()
    for told in (cause, cause, os.urandom(16).hex()):
        road.outcome(SOLAPI, "answer", "uncertain", cause=told)
    assert questions(road) == [1]
    for told in (cause, cause, os.urandom(16).hex()):
        road.outcome(SOLAPI, "poll", "uncertain", cause=told, attempt=1)
    assert questions(road) == [1, 2]
    assert road.in_flight() == 0


@pytest.mark.parametrize(("test", "cost"), [(False, "8.00"), (True, "0.00")])
def test_a_test_keys_message_costs_nothing_anywhere(road: Road, test: bool, cost: str) -> None:
    road.accept("solapi", test=test)
    road.claim(SOLAPI)
    (finished,) = road.outcome(SOLAPI, "receipt", "delivered")
    assert isinstance(finished, Finished)
    assert finished.reports[0].data["price"] == cost
    usage = "SELECT delivered, price FROM usage_daily WHERE account_id=%s"
    assert road.db.run(sql.fetch, usage, (road.account_id,)) == [(1, Decimal(cost))]
    row = "SELECT price FROM messages WHERE message_id=%s"
    assert road.db.run(sql.fetch, row, (road.id,)) == [(Decimal(cost),)]


def test_hops_that_another_process_sends_now_are_left_to_it_and_the_others_are_claimed(road: Road) -> None:
    road.accept("solapi", n=2)
    first, second = (road.id, 1), ((int.from_bytes(road.id, "big") + (1 << 7)).to_bytes(16, "big"), 1)
    began = now_ms()
    road.db.run(claims.claim, [(*first, "sms")], SOLAPI, os.urandom(8), began, 10_000)
    both = [(*first, "sms"), (*second, "sms")]
    found = road.db.run(claims.claim, both, SOLAPI, os.urandom(8), now_ms(), 10_000)
    assert (found.mine, found.busy, found.stale) == ({second}, {first: began}, set())


def test_an_unavailable_told_again_does_not_move_what_became_uncertain_since(road: Road) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "released")
    cause = os.urandom(16).hex()
    road.outcome(SOLAPI, "answer", "unavailable", *NOBODY, cause=cause)
    road.release("solapi")
    assert road.claim(SOLAPI).mine
    road.answer(SOLAPI, "uncertain")
    road.outcome(SOLAPI, "answer", "uncertain")
    assert road.outcome(SOLAPI, "answer", "unavailable", "nhn", cause=cause) == []
    assert road.row() == (State.uncertain, 1, "solapi")


def test_no_later_hop_goes_to_a_vendor_of_which_nobody_knows_whether_it_sent(road: Road) -> None:
    road.accept("solapi", on_uncertain="failover")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "uncertain")
    road.outcome(SOLAPI, "answer", "uncertain")
    late = Due(kind="timeout", ids=[road.id.hex()], hop=1)
    late.stamp(os.urandom(16).hex())
    road.db.run(routing.due, late, world("solapi", "nhn"), price)
    assert road.row() == (State.routed, 2, "nhn")
    road.claim(NHN, hop=2)
    road.answer(NHN, "released", hop=2)
    road.outcome(NHN, "answer", "unavailable", "solapi", "nhn", hop=2)
    assert road.row() == (State.routed, 2, "nhn"), "parked: solapi may have it"
    assert road.in_flight() == 0
    assert road.outcome(SOLAPI, "poll", "unavailable", hop=1) == []
    (sent,) = road.release("solapi")
    assert isinstance(sent, Dispatch)
    assert sent.vendor == "solapi", "which certainly never got it"


def test_a_doubt_that_nobody_clears_ends_at_valid_until(road: Road) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "uncertain")
    road.outcome(SOLAPI, "answer", "uncertain")
    query = "SELECT due_ms, payload FROM due WHERE kind='timeout' ORDER BY due_ms"
    mine = [due_ms for due_ms, payload in road.db.run(sql.fetch, query) if road.id.hex() in bytes(payload).decode()]
    assert mine[0] - now_ms() <= 3_601_000, "valid_until is in an hour, the receipt time-out in 25"


def told(road: Road, *said: tuple[str, str], cause: str = "") -> list[Event]:
    """Receipts of one message in one event: (state, raw text)."""
    cause = cause or os.urandom(16).hex()
    results = [
        Result(id=road.id.hex(), hop=1, state=state, code="0000", raw_text=text, at=now_ms(), cause=cause or str(n))  # type: ignore[arg-type]
        for n, (state, text) in enumerate(said)
    ]
    event = Outcome(channel="mt", vendor="solapi", account="main", via="receipt", results=results)
    return road.db.run(routing.outcome, event, world("solapi"), price)


@pytest.mark.parametrize("text", ["the same", "another {n}"])
def test_a_thousand_receipts_of_one_message_end_it_once(road: Road, text: str) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "sent")
    many = [("delivered", text.format(n=n)) for n in range(1000)]
    (finished,) = told(road, *many)
    assert isinstance(finished, Finished)
    assert finished.size() == 1
    assert road.row()[0] is State.delivered


def test_a_thousand_receipts_of_many_causes_end_it_once_and_leave_their_trail(road: Road) -> None:
    """As they are merged when they come one by one."""
    road.accept("solapi")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "sent")
    results = [
        Result(id=road.id.hex(), hop=1, state="delivered", code="0000", at=now_ms(), cause=os.urandom(16).hex())
        for _ in range(1000)
    ]
    event = Outcome(channel="mt", vendor="solapi", account="main", via="receipt", results=results)
    events = road.db.run(routing.outcome, event, world("solapi"), price)
    assert [type(e) for e in events] == [Finished]
    query = "SELECT COUNT(*) FROM trail WHERE message_id=%s"
    assert road.db.run(sql.fetch, query, (road.id,)) == [(999,)]


def test_failed_and_delivered_in_one_event_are_decided_in_their_order(road: Road) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "sent")
    (finished,) = told(road, ("failed", "no"), ("delivered", "yes"), ("failed", "no"))
    assert isinstance(finished, Finished)
    assert [r.data["status"] for r in finished.reports] == ["failed"]


def test_the_same_event_again_tells_its_end_again_once(road: Road) -> None:
    road.accept("solapi")
    road.claim(SOLAPI)
    road.answer(SOLAPI, "sent")
    cause = os.urandom(16).hex()
    many = [("delivered", ""), ("failed", ""), *(("delivered", str(n)) for n in range(100))]
    for _ in range(2):
        (finished,) = told(road, *many, cause=cause)
        assert finished.size() == 1
