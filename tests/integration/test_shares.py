"""Shares of a lane on a real Redis, and schedule's turns over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from functions.schedule.main import Turns
from local.testing import Platform
from shared.domain.events import Accepted, Event, PlanHop, Recipient, Request
from shared.domain.shares import Standing
from shared.runtime import settings
from shared.runtime.clock import new_request_id, now_ms
from shared.runtime.context import Context
from shared.runtime.shares import SLOT_MS, Entered, Shares
from shared.stores import due, messages, sql

LANE = "auth"


class Lane:
    """A lane whose schedule publishes into a list."""

    def __init__(self, ims: Context) -> None:
        self.ims, self.published = ims, list[Event]()

    async def enter(self, at_ms: int, **accounts: int) -> Entered:
        pipe = self.ims.redis.state.pipeline(transaction=False)
        wanted = {int(name[1:]): n for name, n in accounts.items()}
        self.ims.shares.enter(pipe, LANE, wanted, at_ms)
        (answer,) = await pipe.execute()
        return Entered(answer, wanted)

    async def keep(self, account: int, *sizes: int) -> None:
        await self.ims.db(due.keep_surplus, {account: [accepted(account, n) for n in sizes]})


def accepted(account: int, n: int) -> Accepted:
    people = [Recipient(n=i, to="01012345678", type="sms") for i in range(1, n + 1)]
    request = Request(
        request_id=new_request_id().hex, account_id=account, username="demo", lane=LANE, accepted_at=now_ms(), total=n,
        plan=[PlanHop(channel="mt", content={})], messages=people,
    )  # fmt: skip
    return Accepted(lane=LANE, requests=[request])


@pytest.fixture
async def lane(servers: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lane]:
    monkeypatch.setenv("IMS_MYSQL_URL", servers.demo["mysql"])
    monkeypatch.setenv("IMS_REDIS_URL", servers.demo["redis"].rpartition("/")[0])
    monkeypatch.setenv("IMS_LANE_WINDOW_AUTH", "10")
    settings.reset()
    ims = Context("schedule")
    made = Lane(ims)

    async def publish(events: list[Event]) -> None:
        made.published += events

    class Bus:
        def __init__(self) -> None:
            self.publish = publish

        def close(self) -> None:
            made.published.clear()

    vars(ims)["bus"] = Bus()
    await ims.redis.state.flushdb()
    for table in ("due", "windows"):
        await ims.db(sql.execute, f"DELETE FROM {table}")
    yield made
    for table in ("due", "windows"):
        await ims.db(sql.execute, f"DELETE FROM {table}")
    ims.close()
    await ims.redis.state.aclose()
    settings.reset()


async def test_what_enters_is_counted_until_it_leaves(lane: Lane) -> None:
    at = now_ms() // SLOT_MS * SLOT_MS + 1000
    shares = lane.ims.shares
    assert (await lane.enter(at, a1=5, a2=2)).standing(1) == Standing()
    told = await lane.enter(at, a1=1)
    assert told.standing(1) == Standing(waiting=5)
    assert not told.released, "nobody has shown that it lets anything go"
    shares.leave(LANE, 1, 4, at)
    shares.leave(LANE, 1, 1, 0)
    await shares.flush()
    assert (await lane.enter(at, a1=1)).standing(1) == Standing(waiting=2), "what was never counted is not counted off"
    assert await shares.waiting(LANE, at) == {1: 3, 2: 2}
    assert await shares.waiting("bulk", at) == {}


async def test_a_count_that_nobody_counts_off_is_over_with_its_slot(lane: Lane) -> None:
    at = now_ms() // SLOT_MS * SLOT_MS
    await lane.enter(at, a1=7)
    assert (await lane.enter(at + SLOT_MS, a1=1)).standing(1) == Standing(waiting=7)
    assert (await lane.enter(at + 2 * SLOT_MS, a1=1)).standing(1) == Standing(waiting=1)
    lane.ims.shares.leave(LANE, 1, 50, at + 2 * SLOT_MS)
    await lane.ims.shares.flush()
    assert (await lane.enter(at + 3 * SLOT_MS, a1=1)).standing(1) == Standing(), "counted off twice is nothing"
    names = [n async for n in lane.ims.redis.state.scan_iter("fair:*")]
    assert names
    assert all([await lane.ims.redis.state.ttl(n) > 0 for n in names])


async def test_what_is_shown_is_what_accepting_sees(lane: Lane) -> None:
    at = now_ms()
    await lane.ims.shares.show(LANE, {1: Standing(3, 4, True), 2: Standing(0, 6), 3: Standing()})
    told = await lane.enter(at, a1=1, a9=1)
    assert (told.released, told.standing(1), told.standing(9)) == (True, Standing(0, 4, True), Standing())
    assert told.active == 3, "1, 2 and the one that is new; 3 has nothing on the road"
    assert 0 < await lane.ims.redis.state.pttl(f"fair:{{{LANE}}}:road") <= 4000
    await lane.ims.shares.show(LANE, {})
    assert (await lane.enter(at, a1=1)).standing(1).flying == 0


async def test_schedule_lets_go_what_the_lane_has_room_for_and_counts_it(lane: Lane) -> None:
    await lane.keep(7, *[2] * 10)
    await lane.ims.db(messages.move_windows, {(7, LANE): 3})
    await lane.enter(now_ms(), a8=1)
    turns = Turns(LANE, lane.ims)
    assert await turns.take() == 6
    requests: list[Any] = [r for e in lane.published for r in getattr(e, "requests", ())]
    assert all(r.counted for r in requests)
    assert (await lane.ims.shares.waiting(LANE, now_ms()))[7] == 6
    told = await lane.enter(now_ms(), a7=1)
    assert told.standing(7) == Standing(waiting=6, flying=3, held=True)
    for r in requests:
        lane.ims.shares.leave(LANE, 7, len(r.messages), r.counted)
    await lane.ims.shares.flush()
    vars(turns)["_look_at"] = 0.0
    assert await turns.take() == 6, "room for 5 beside 3 on the way to vendors and 2 that entered, two at a time"


async def test_without_redis_the_windows_tell_the_room(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    await lane.keep(7, *[2] * 10)
    await lane.ims.db(messages.move_windows, {(7, LANE): 4})

    async def broken(*_: Any, **__: Any) -> None:
        raise ConnectionError("Redis is away")

    for name in ("waiting", "show", "add"):
        monkeypatch.setattr(Shares, name, broken)
    assert await Turns(LANE, lane.ims).take() == 6
    assert not any(r.counted for e in lane.published for r in getattr(e, "requests", ()))
