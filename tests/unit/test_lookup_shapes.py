"""Trails, callbacks and replays as clients see them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.events import MAX_MESSAGES, Report
from shared.domain.ids import LANES, lane_of, message_id, request_id
from shared.following import shapes
from shared.following.reports import destination, events
from shared.runtime.clock import iso
from shared.stores.callbacks import Attempt, Waiting
from shared.stores.feed import Entry, Place, Selection
from shared.stores.former import digest
from shared.stores.lookup import Details, Hop, Note

START = 1_790_000_000_000
REQUEST = request_id(START, 7)
URI = "https://example.com/"


def data(
    status: str = "delivered", code: str | None = "0000", index: int = 1, lane: str = "realtime"
) -> dict[str, Any]:
    return {
        "message_id": str(message_id(REQUEST, index, lane)), "status": status, "code": code, "accepted_at": iso(START),
        "finished_at": iso(START + 9000), "hops": [],
    }  # fmt: skip


def report(**fields: Any) -> Report:
    return Report(account_id=1, username="demo", callback_uri=URI, data=data(**fields))


def details(hops: list[Hop] = [], notes: list[Note] = [], **fields: Any) -> Details:  # noqa: B006 - only read
    known: dict[str, Any] = {"scheduled_ms": None, "finished_ms": START + 9000, "reported_ms": None, "report_tries": 0}
    known |= {name: fields.pop(name) for name in [*known, "report_status"] if name in fields}
    known.setdefault("report_status", None)
    return Details(report=report(**fields), hops=hops, notes=notes, **known)


def hop(number: int, state: str, code: str | None, claimed: int, answered: int | None, finished: int | None) -> Hop:
    times = [None if t is None else START + t for t in (answered, finished)]
    return Hop(number, "mt", "solapi", "main", state, code, "4000", "text", "V1", START + claimed, times[0], times[1])


def states(found: Details) -> list[tuple[str, int | None]]:
    return [(step["state"], step.get("hop")) for step in shapes.trail(found)]


def test_a_fail_over_is_seen_hop_by_hop_in_time() -> None:
    hops = [hop(1, "failed", "3001", 10, 20, 30), hop(2, "delivered", "0000", 40, 50, 60)]
    assert states(details(hops)) == [
        ("accepted", None), ("routed", 1), ("sending", 1), ("sent", 1), ("failed", 1),
        ("routed", 2), ("sending", 2), ("sent", 2), ("delivered", 2),
    ]  # fmt: skip
    times = [step["at"] for step in shapes.trail(details(hops))]
    assert times == sorted(times)


def test_an_end_without_a_hop_has_its_own_step() -> None:
    found = details(scheduled_ms=START + 5000, status="canceled", code="0302")
    assert states(found) == [("accepted", None), ("scheduled", None), ("canceled", None)]
    assert shapes.trail(found)[-1]["code"] == "0302"


def test_an_uncertain_end_keeps_both_the_hop_and_the_end() -> None:
    hops = [hop(1, "uncertain", None, 10, None, None)]
    assert states(details(hops, status="failed", code="0300"))[-2:] == [("uncertain", 1), ("failed", None)]


def test_a_wait_is_seen_with_no_time() -> None:
    hops = [hop(1, "failed", "4001", 10, 20, 30)]
    assert shapes.trail(details(hops, status="held", code=None, finished_ms=None))[-1] == {"state": "held", "at": None}


def test_what_changed_nothing_tells_how_it_came() -> None:
    note = Note(1, "failed", "4008", "9", "late", "receipt", START + 70)
    found = details([hop(1, "delivered", "0000", 10, 20, 30)], [note])
    assert shapes.trail(found)[-1]["via"] == "receipt"


def test_an_answer_later_than_its_receipt_is_shown_once() -> None:
    note = Note(1, "sent", "0000", "2000", None, "answer", START + 20)
    assert states(details([hop(1, "delivered", "0000", 10, 20, 15)], [note]))[-2:] == [("delivered", 1), ("sent", 1)]


def test_an_answer_that_did_not_come_is_uncertain_and_never_sent() -> None:
    """The receipt came before the call timed out, or after."""
    doubt = Note(1, "uncertain", "0300", None, "timed out", "answer", START + 20)
    for finished, last in ((15, ["delivered", "uncertain"]), (30, ["uncertain", "delivered"])):
        found = details([hop(1, "delivered", "0000", 10, 20, finished)], [doubt])
        assert [state for state, _ in states(found)] == ["accepted", "routed", "sending", *last]
    open_doubt = details([hop(1, "uncertain", "0300", 10, None, None)], [doubt], status="uncertain", finished_ms=None)
    assert [state for state, _ in states(open_doubt)] == ["accepted", "routed", "sending", "uncertain"]


def test_a_look_up_that_ends_a_doubt_tells_when_the_hop_was_known_to_be_sent() -> None:
    doubt = Note(1, "uncertain", "0300", None, None, "answer", START + 20)
    found = details([hop(1, "sent", "0000", 10, 20, 40)], [doubt], status="sent", finished_ms=None)
    assert states(found)[-2:] == [("uncertain", 1), ("sent", 1)]
    assert shapes.trail(found)[-1]["at"] == iso(START + 40)


def test_a_callback_is_none_pending_delivered_or_exhausted() -> None:
    def state(found: Details, waiting: Waiting | None = None, enabled: bool = True) -> str:
        return str(shapes.callback(found, waiting, [], enabled)["state"])

    def row(name: str) -> Waiting:
        return Waiting("w", URI, name, 3, START if name == "pending" else None, 500, None, START)

    assert state(details(finished_ms=None)) == "none"
    assert state(details(), enabled=False) == "none"
    assert state(details()) == "pending"
    assert state(details(), row("pending")) == "pending"
    assert state(details(), row("exhausted")) == state(details(), row("disabled")) == "exhausted"
    assert state(details(reported_ms=START, report_tries=1, report_status=204)) == "delivered"


def test_a_first_delivery_is_told_from_the_message_and_a_later_one_once() -> None:
    found = details(reported_ms=START + 1, report_tries=2, report_status=200)
    failed, taken = Attempt(1, "failed", 500, None, 5, START), Attempt(2, "delivered", 200, None, 5, START + 1)
    first = shapes.callback(details(reported_ms=START, report_tries=1, report_status=204), None, [], True)
    assert [(a["attempt"], a["outcome"], a["status"]) for a in first["attempts"]] == [(1, "delivered", 204)]
    later = shapes.callback(found, None, [failed, taken], True)
    assert [a["attempt"] for a in later["attempts"]] == [1, 2]


def test_a_replay_follows_the_account_but_not_away_from_the_requests_own_uri() -> None:
    former = frozenset({digest("https://old.example/")})
    assert destination("https://old.example/", URI, former) == URI
    assert destination("https://own.example/", URI, former) == "https://own.example/"
    assert destination("https://old.example/", None, former) == "https://old.example/"
    assert destination(None, URI, former) == URI
    assert destination(None, None, former) is None


@given(st.lists(st.tuples(st.integers(1, 9999), st.sampled_from(LANES)), max_size=1300), st.integers(0, 4000))
def test_replayed_events_lose_nothing_and_stay_in_bounds(members: list[tuple[int, str]], weight: int) -> None:
    reports = [report(index=n, lane=lane) for n, lane in members]
    for one in reports:
        one.data["detail"] = "x" * weight
    made = events(reports, "wish")
    assert sorted(r.data["message_id"] for e in made for r in e.reports) == sorted(
        r.data["message_id"] for r in reports
    )
    for event in made:
        assert 1 <= event.size() <= MAX_MESSAGES
        assert len(event.model_dump_json()) <= 512 * 1024
        assert event.replay == "wish"
        assert {lane_of(UUID(r.data["message_id"])) for r in event.reports} == {event.lane}


def test_a_selection_takes_what_it_names() -> None:
    entry = Entry(Place(1, b"x" * 16), START, 11, START)
    assert Selection(1).takes(entry)
    assert Selection(1, since_ms=START, until_ms=START + 1, status="delivered").takes(entry)
    assert not Selection(1, since_ms=START + 1).takes(entry)
    assert not Selection(1, until_ms=START).takes(entry)
    assert not Selection(1, status="failed").takes(entry)
    assert not Selection(1, undelivered=True).takes(entry)
