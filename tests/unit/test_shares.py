"""Fair shares inside a lane: what goes straight in, what waits its turn, and in which order it leaves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from shared.accepting import surplus
from shared.accepting.packing import cut, pack
from shared.accepting.submission import Submission
from shared.accepting.submit import Submitter
from shared.domain.events import Accepted, PlanHop, Recipient, Request
from shared.domain.lanes import EVENT_MESSAGES, LANES
from shared.domain.shares import LEAST_PART, Standing, fitting, rooms, share
from shared.runtime.clock import new_request_id
from shared.runtime.problems import Problem
from shared.runtime.settings import LaneSettings
from shared.stores.due import Row, _in_turn
from tests.accepting import NOW, Servers, account

counts = st.integers(0, 200_000)
windows = st.integers(1, 50_000)
SMALL = LaneSettings(lane_window_auth=100)


def submission(n: int, number: int = 1, lane: str = "auth") -> Submission:
    people = [Recipient(n=i, to="01012345678", type="sms") for i in range(1, n + 1)]
    request = Request(
        request_id=new_request_id(NOW).hex, account_id=number, username=f"u{number}", lane=lane, accepted_at=NOW,
        total=n, plan=[PlanHop(channel="mt", content={})], messages=people,
    )  # fmt: skip
    return Submission(replace(account(), account_id=number), request, None, 100 * n)


def servers(*, shown: bool = True, lanes: LaneSettings = SMALL, **road: bytes) -> Servers:
    made = Servers()
    made.lanes = lanes
    if shown:
        made.show("auth", **road)
    return made


async def accept(made: Servers, *submissions: Submission) -> list[int]:
    submitter = Submitter(made)  # type: ignore[arg-type]

    async def status(s: Submission) -> int:
        try:
            await submitter.submit(s)
        except Problem as problem:
            return problem.response().status_code
        return 202

    return list(await asyncio.gather(*map(status, submissions)))


def messages(events: Any, number: int | None = None) -> list[tuple[str, int]]:
    """(request, index) of every message in accepted events."""
    requests = [r for e in events for r in e.requests if number is None or r.account_id == number]
    return [(r.request_id, m.n) for r in requests for m in r.messages]


# --- the rule ---------------------------------------------------------------------------------------------------------


@given(counts, counts, counts, st.booleans(), windows, st.integers(0, 1000))
def test_no_more_goes_in_than_the_share_and_never_less_than_is_free(
    n: int, waiting: int, flying: int, held: bool, window: int, active: int
) -> None:
    standing, limit = Standing(waiting, flying, held), share(window, active)
    fits = fitting(n, standing, window, active)
    assert 0 <= fits <= n
    assert fits == 0 or standing.on_road + fits <= limit
    free = limit // (2 if held else 1) - standing.on_road
    assert fits == n or fits == max(0, free)


@given(windows, st.integers(1, 1000))
def test_however_many_are_there_everyone_has_a_part_and_nobody_more_than_the_window(window: int, active: int) -> None:
    assert 1 <= share(window, active) <= max(1, window)
    assert share(window, active) >= window // LEAST_PART
    assert share(window, active) <= max(1, window // active, window // LEAST_PART)


def test_counts_that_were_counted_off_twice_are_nothing() -> None:
    assert Standing(-50, -3).on_road == 0
    assert rooms(10, {1: Standing(-50, 4)}, {1, 2}) == (6, {1: 6, 2: 10})


def row(n: int) -> Row:
    return Row(n, "", "", b"", None)


@given(st.lists(st.lists(st.integers(1, 100), max_size=20), min_size=1, max_size=6), st.integers(1, 1000))
def test_what_waits_leaves_in_turn_while_the_lane_has_room(queues: list[list[int]], total: int) -> None:
    waiting = {a: [(row(i), n) for i, n in enumerate(sizes)] for a, sizes in enumerate(queues)}
    chosen = _in_turn(waiting, dict.fromkeys(waiting, 10**6), dict.fromkeys(waiting, 0), total)
    left = [sum(n for _, _, n in chosen[:i]) for i in range(len(chosen))]
    assert all(before < total for before in left), "nothing leaves once the room is used up"
    each = [sum(1 for a, _, _ in chosen if a == account) for account in range(len(queues))]
    for a, mine in enumerate(each):
        for b, others in enumerate(each):
            assert mine <= others + 1 or others == len(queues[b]), (a, b)


# --- accepting --------------------------------------------------------------------------------------------------------


async def test_a_flood_keeps_what_is_over_its_share_and_another_goes_straight_in() -> None:
    made = servers()
    flood, other = submission(1000), submission(1, number=2)
    assert await accept(made, flood, other) == [202, 202]
    assert len(messages(made.published, 1)) == 50, "half of the window: there are two"
    assert len(messages(made.published, 2)) == 1
    assert list(made.kept) == [1]
    every = messages(made.published, 1) + messages(made.kept[1])
    assert sorted(every) == [(flood.request.request_id, n) for n in range(1, 1001)]
    assert max(e.size() for e in made.kept[1]) <= EVENT_MESSAGES["auth"]
    assert await made.waiting("auth") == {1: 50, 2: 1}
    assert {r.counted for e in made.published for r in getattr(e, "requests", ())} == {NOW}
    assert {r.counted for e in made.kept[1] for r in getattr(e, "requests", ())} == {0}, "counted when they leave"


async def test_alone_an_account_has_the_whole_window() -> None:
    made = servers()
    await accept(made, submission(1000))
    assert len(messages(made.published)) == 100


@pytest.mark.parametrize(
    ("road", "straight"),
    [
        ({}, 100), ({"a1": b"30"}, 70), ({"a1": b"100"}, 0), ({"a1": b"0+"}, 50), ({"a1": b"20+"}, 30),
        ({"a2": b"5"}, 50), ({"a2": b"5+", "a3": b"1", "a4": b"1"}, 25),
        ({f"a{n}": b"1" for n in range(2, 60)}, 10),
    ],
)  # fmt: skip
async def test_what_is_on_the_road_already_and_who_else_is_there_count(road: dict[str, bytes], straight: int) -> None:
    made = servers(**road)
    await accept(made, submission(1000))
    assert len(messages(made.published)) == straight


async def test_many_small_requests_share_as_one_large_one_does() -> None:
    made = servers()
    assert await accept(made, *(submission(1) for _ in range(300))) == [202] * 300
    assert len(messages(made.published)) == 100
    assert len(messages(made.kept[1])) == 200
    assert len(made.kept[1]) < 20, "they are kept in batches, too"


async def test_without_redis_or_a_releaser_all_goes_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = servers(shown=False)
    await accept(alone, submission(1000))
    assert (len(messages(alone.published)), alone.kept) == (1000, {})
    away = servers()

    def broken(**_: Any) -> Any:
        raise ConnectionError("Redis is away")

    monkeypatch.setattr(away.redis.state, "pipeline", broken)
    assert await accept(away, submission(1000)) == [202]
    assert (len(messages(away.published)), away.kept) == (1000, {})
    assert {r.counted for e in away.published for r in getattr(e, "requests", ())} == {0}


@pytest.mark.parametrize("silent", [True, False], ids=["no answer", "an error"])
async def test_what_mysql_does_not_take_is_published_after_all(silent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = servers()
    monkeypatch.setattr(surplus, "SURPLUS_SECONDS", 0.05)
    if silent:

        async def db(*_: Any) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(made, "db", db)
    made.mysql = silent
    flood = submission(1000)
    assert await accept(made, flood) == [202]
    assert sorted(messages(made.published)) == [(flood.request.request_id, n) for n in range(1, 1001)]


async def test_without_kafka_nothing_is_kept_and_nothing_counted() -> None:
    made = servers()
    made.kafka = False
    assert await accept(made, submission(1000)) == [503]
    assert made.kept == {}
    assert set((await made.waiting("auth")).values()) == {0}


async def test_what_is_refused_takes_up_no_share() -> None:
    made = servers()
    refused = replace(account(daily_limit=10), account_id=1)
    s = submission(500)
    s.account = refused
    assert await accept(made, s) == [429]
    assert set((await made.waiting("auth")).values()) == {0}
    await accept(made, submission(1000))
    assert len(messages(made.published)) == 100


@examples(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 400)), min_size=1, max_size=12))
async def test_every_message_goes_exactly_one_way(sent: list[tuple[int, int]]) -> None:
    made = servers()
    submissions = [submission(n, number=a) for a, n in sent]
    assert set(await accept(made, *submissions)) == {202}
    kept = [e for events in made.kept.values() for e in events]
    every = messages(made.published) + messages(kept)
    assert sorted(every) == sorted((s.request.request_id, m + 1) for s in submissions for m in range(s.request.total))
    waiting = await made.waiting("auth")
    straight = {a: len(messages(made.published, a)) for a in waiting}
    assert waiting == straight
    assert all(n <= 100 for n in straight.values())


@given(st.integers(1, 50), st.integers(-5, 60), st.integers(0, 10**6))
def test_a_cut_request_loses_nothing(total: int, at: int, size: int) -> None:
    whole = submission(total).request
    parts = [part for part in cut(whole, size, at) if part is not None]
    assert [m.n for request, _ in parts for m in request.messages] == [m.n for m in whole.messages]
    assert sum(weight for _, weight in parts) == size
    assert all(request.total == total and request.messages for request, _ in parts)


@pytest.mark.parametrize("lane", LANES)
def test_events_of_a_lane_carry_no_more_than_its_size(lane: str) -> None:
    events: list[Accepted] = pack([(submission(1234, lane=lane).request, 1000), (submission(7, lane=lane).request, 10)])
    assert sum(e.size() for e in events) == 1241
    assert max(e.size() for e in events) == EVENT_MESSAGES[lane]
