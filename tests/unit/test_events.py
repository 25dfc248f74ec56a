"""Every event survives its own JSON, newer fields included, and merging loses nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.events import REGISTRY, Accepted, Due, Finished, Outcome, Recipient, Report, Request, Result
from shared.domain.ids import LANES

LANE_NAMES = st.sampled_from(LANES)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
RECIPIENTS = st.builds(Recipient, n=st.integers(1, 10_000), to=TEXTS, type=TEXTS, ref=st.none() | TEXTS)
REQUESTS = st.builds(
    Request,
    request_id=TEXTS,
    account_id=st.integers(1, 9),
    username=TEXTS,
    lane=LANE_NAMES,
    accepted_at=st.integers(0, 2**48),
    on_uncertain=st.sampled_from(["wait", "failover"]),
    plan=st.just([]),
    total=st.integers(1, 10),
    messages=st.lists(RECIPIENTS, max_size=3),
)
ACCEPTED = st.builds(Accepted, lane=LANE_NAMES, requests=st.lists(REQUESTS, max_size=3))
RESULTS = st.builds(Result, id=TEXTS, hop=st.integers(1, 31), code=TEXTS, at=st.integers(0, 2**48), cause=st.just(""))


@given(ACCEPTED)
def test_an_event_read_back_from_its_json_is_the_same(event: Accepted) -> None:
    assert Accepted.model_validate_json(event.model_dump_json()) == event


def test_an_older_reader_takes_a_newer_writers_event() -> None:
    event = Due.model_validate_json('{"lane": "bulk", "kind": "held", "ids": ["a"], "tomorrow": 1}')
    assert event.ids == ["a"]


@given(st.lists(ACCEPTED, max_size=5))
def test_merging_keeps_every_message_in_its_lane(events: list[Accepted]) -> None:
    merged = Accepted.merge(events)
    assert len({e.lane for e in merged}) == len(merged)
    for lane in LANES:
        before = [r for e in events if e.lane == lane for r in e.requests]
        assert [r for e in merged if e.lane == lane for r in e.requests] == before


@given(st.lists(st.builds(Finished, lane=LANE_NAMES, reports=st.just([])), max_size=5))
def test_merged_events_go_to_the_topic_of_their_lane(events: list[Finished]) -> None:
    assert {e.topic for e in Finished.merge(events)} == {f"ims.finished.{e.lane}" for e in events}


@given(st.lists(RESULTS, max_size=4), TEXTS)
def test_an_outcome_notes_its_cause_on_each_result(results: list[Result], event_id: str) -> None:
    event = Outcome(channel="mt", vendor="v", account="a", via="receipt", results=results)
    event.stamp(event_id)
    assert all(r.cause == event_id for r in event.results)
    assert event.size() == len(results)


def test_reports_carry_their_data_unchanged() -> None:
    report = Report(account_id=1, username="demo", callback_uri=None, data={"price": "8.40", "hops": [{"a": None}]})
    assert Report.model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_every_event_type_is_versioned_and_reverse_dns(kind: str) -> None:
    assert kind.startswith("com.ims.")
    assert kind.endswith(".v1")
    assert kind == REGISTRY[kind].TYPE
