"""Calls to an account's 080 number, as NHN tells of them: noted once, by the time of the call, for nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.events import Dead
from shared.runtime.clock import now_ms
from shared.stores import optouts, sql
from shared.stores.optouts import Consent, Optout
from shared.stores.sql import Connection
from tests.integration.test_prices import World, hook
from tests.integration.test_prices import road as road
from tests.integration.test_prices import world as world
from tests.memory import Json, Road

TO, NUMBER = "01021110041", "0801234567"
CALL = {"recipientNo": "010-2111-0041", "unsubscribeNo": "080-123-4567", "createdDateTime": "2026-11-30 10:00:00"}
PHONES = ["kakao", "mt", "rcs"]


def owns(conn: Connection, account_id: int, number: str = NUMBER, state: str = "approved") -> None:
    columns = "account_id, channel, kind, value, purpose, state, created_ms"
    sql.execute(conn, f"DELETE FROM identities WHERE value={sql.literal(number)}")
    sql.insert(conn, "identities", columns, [(account_id, "mt", "number", number, "optout", state, 1)])


def noted(road: Road, state: str = "active") -> list[Optout]:
    return road.ims.db.run(lambda conn: optouts.page(conn, road.account_id, bytes(16), 50, {"to": TO, "state": state}))


async def call(road: Road, *hooks: Json) -> None:
    await hook(road, "UNSUBSCRIBE", list(hooks))


async def test_a_call_is_an_opt_out_on_the_phone_once_however_often_it_is_told(road: Road) -> None:
    road.ims.db.run(owns, road.account_id)
    await call(road, CALL)
    await call(road, CALL, CALL)
    found = noted(road, "all")
    assert sorted(one.channel for one in found) == PHONES
    assert {(one.scope, one.source, one.evidence) for one in found} == {("ads", "080", f"called {NUMBER}")}
    assert {one.ended_ms for one in found} == {None}


async def test_the_later_wish_holds_whichever_arrives_first(road: Road) -> None:
    road.ims.db.run(owns, road.account_id)
    ten_past = Consent(
        b"c" * 8 + now_ms().to_bytes(8, "big"), road.account_id, "mt", TO, True, False, "form", 0, now_ms()
    )
    await call(road, CALL)
    (told,) = [one for one in noted(road) if one.channel == "mt"]
    road.ims.db.run(optouts.agree, ten_past._replace(at_ms=told.at_ms + 600_000))
    await call(road, CALL)
    assert sorted(one.channel for one in noted(road)) == ["kakao", "rcs"]
    early = {**CALL, "createdDateTime": "2026-11-30 10:05:00"}
    await call(road, early)
    assert sorted(one.channel for one in noted(road)) == ["kakao", "rcs"]
    assert len([one for one in noted(road, "ended") if one.channel == "mt"]) == 2
    await call(road, {**CALL, "createdDateTime": "2026-11-30 10:20:00"})
    assert sorted(one.channel for one in noted(road)) == PHONES


@pytest.mark.parametrize("state", ["pending", "rejected"])
async def test_a_number_that_nobody_owns_touches_nobody_and_is_kept(road: Road, state: str) -> None:
    road.ims.db.run(owns, road.account_id, NUMBER, state)
    await call(road, CALL)
    assert noted(road, "all") == []
    (letter,) = [event for event in road.published if isinstance(event, Dead)]
    assert "080-123-4567" in letter.body


async def test_what_cannot_be_read_does_not_hold_up_the_rest(road: Road) -> None:
    road.ims.db.run(owns, road.account_id)
    bad: list[Any] = [{}, 7, None, {**CALL, "recipientNo": "nobody"}, {**CALL, "unsubscribeNo": ["x"]}]
    await call(road, *bad, {**CALL, "createdDateTime": "yesterday"})
    assert sorted(one.channel for one in noted(road)) == PHONES


async def test_a_call_stops_advertisements_and_nothing_else(road: Road, world: World) -> None:
    road.ims.db.run(owns, road.account_id)
    await call(road, CALL)
    assert {lane for lane in ("auth", "realtime", "bulk", "ad") if stopped(road, lane)} == {"ad"}
    assert world.sent == []


def stopped(road: Road, lane: str) -> bool:
    wanted = {(road.account_id, TO)}
    return bool(road.ims.db.run(lambda conn: optouts.barred(conn, optouts.Holding(), "mt", wanted, lane)))
