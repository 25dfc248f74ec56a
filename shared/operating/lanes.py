"""`/v1/admin/lanes`: what waits in each lane, and pausing it: its messages wait in MySQL, and expire unsent."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault
from shared.channels.schema import Content
from shared.domain.ids import LANES, Lane
from shared.edge.auditing import Deed, audited
from shared.edge.callers import operator
from shared.following import reading
from shared.operating.common import DAY_MINUTES, MINUTE_MS, Json, Reason, dry, said, stop_view
from shared.runtime import Context
from shared.stores import operating as store
from shared.stores import stops
from shared.stores.sql import Connection
from shared.stores.stops import Stop

PAUSE_MINUTES = 60


class Pause(Content):
    """Why, and for how long; a lane never stays paused because somebody forgot it."""

    reason: Reason
    minutes: Annotated[int, Field(ge=1, le=DAY_MINUTES)] = PAUSE_MINUTES


def _lane(request: Request) -> str:
    name = str(request.path_params["lane"])
    if name not in LANES:
        raise reading.not_found("lane")
    return name


def shown(conn: Connection, now_ms: int) -> list[Json]:
    """All lanes."""
    paused = {stop.object: stop for stop in stops.holding(conn, now_ms, stops.LANE)}
    waiting = store.waiting(conn, now_ms)
    return [
        {"lane": lane, "paused": stop_view(paused[lane]) if lane in paused else None, **waiting[Lane[lane]]._asdict()}
        for lane in LANES
    ]


async def list_all(request: Request, ims: Context) -> Response:
    """What waits in each lane in MySQL: due work, what waits for its turn, for room or for the end of a pause, and what
    is on the way to vendors."""
    await operator(request, ims)
    return reading.answer({"items": await ims.db(shown, ims.now_ms()), "next": None})


async def pause(request: Request, ims: Context) -> Response:
    """Let nothing of a lane leave for vendors, from some seconds after on, for some minutes: what comes meanwhile is
    accepted and waits, and what expires meanwhile is never sent."""
    who = await operator(request, ims)
    lane, onlyshown = _lane(request), dry(request)

    async def faults(wish: Pause) -> list[Fault]:
        return said(wish.reason)

    wish = await reading.body(request, Pause, faults)
    now = ims.now_ms()
    stop = Stop(stops.LANE, lane, wish.reason.strip(), who.actor.name, "", now, now + wish.minutes * MINUTE_MS)
    if onlyshown:
        return reading.answer({"dry_run": True, **await _effect(ims, lane), "stop": stop_view(stop)})

    def change(conn: Connection) -> tuple[Stop | None, Stop]:
        before = stops.one(conn, stops.LANE, lane, now, "FOR UPDATE")
        stops.put(conn, stop)
        return before, stop

    def deed(done: tuple[Stop | None, Stop]) -> Deed:
        before, after = done
        return Deed("lane.pause", f"lane:{lane}", before and stop_view(before), stop_view(after), wish.reason)

    await audited(ims, who, deed, change)
    return reading.answer(await _one(ims, lane))


async def resume(request: Request, ims: Context) -> Response:
    """Let a lane go on: what waited leaves now, but for what has expired."""
    who = await operator(request, ims)
    lane = _lane(request)
    if dry(request):
        return reading.answer({"dry_run": True, **await _effect(ims, lane)})
    deed = Deed("lane.resume", f"lane:{lane}")
    await audited(ims, who, lambda ended: deed if ended else None, stops.resume, lane, ims.now_ms())
    return reading.answer(await _one(ims, lane))


async def _one(ims: Context, lane: str) -> Json:
    return next(one for one in await ims.db(shown, ims.now_ms()) if one["lane"] == lane)


async def _effect(ims: Context, lane: str) -> Json:
    """What a pause holds up, and what its end lets go."""
    one = await _one(ims, lane)
    return {
        "lane": lane,
        "holds_up": one["on_the_way"] + one["for_turn"] + one["for_room"],
        "lets_go": one["for_pause"],
    }
