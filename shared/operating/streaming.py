"""`GET /v1/admin/stream`: what operators' pages show, pushed each 2 s as server-sent events: one event a topic, only
what has changed, the whole state first.

A stream ends after 50 s and when the function drains, and the browser comes back by itself; so no connection is long.
Who may look is asked anew each 8 s: a revoked key or a role that was taken ends the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from shared.domain.errors import Unavailable
from shared.edge.callers import operator
from shared.following import reading
from shared.operating import alarms, flowing, functions, lanes, stopping, vendors
from shared.operating.common import Json, stop_view
from shared.runtime import Context
from shared.runtime.problems import Problem
from shared.runtime.redis import away

LIFE_S, EVERY_S, STEP_S, RIGHTS_EVERY = 50.0, 2.0, 0.25, 4
RETRY = b"retry: 500\n\n"


async def _lanes(ims: Context) -> Json:
    return {"items": await ims.db(lanes.shown, ims.now_ms())}


async def _vendors(ims: Context) -> Json:
    return {"items": await vendors.shown(ims, await ims.db(vendors.known, ims.now_ms()))}


async def _functions(ims: Context) -> Json:
    return {"items": await functions.shown(ims.redis.state, ims.now_ms())}


async def _alarms(ims: Context) -> Json:
    found, mutes = await ims.db(alarms.known, ims.now_ms())
    return {"items": [alarms.view(one, mutes) for one in found]}


async def _stops(ims: Context) -> Json:
    return {"items": [stop_view(stop) for stop in await ims.db(stopping.holding, ims.now_ms())]}


TOPICS: dict[str, Callable[[Context], Awaitable[Json]]] = {
    "lanes": _lanes, "vendors": _vendors, "functions": _functions, "alarms": _alarms, "flow": flowing.whole,
    "stops": _stops,
}  # fmt: skip


class Stream(StreamingResponse):
    """An answer whose parts come one by one; of its own it has no body (with one, it would be given its length)."""

    def __init__(self, parts: AsyncIterator[bytes], headers: dict[str, str]) -> None:
        super().__init__(parts, headers=headers, media_type="text/event-stream")
        self.body = b""


def _topics(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= TOPICS.keys():
        raise ValueError(f"topics are: {', '.join(TOPICS)}")
    return names


async def stream(request: Request, ims: Context) -> Response:
    """Changes of `topics` (comma-separated, by default all) as server-sent events. It ends after 50 s: come back."""
    await operator(request, ims)
    topics = reading.query(request, {"topics": _topics}).get("topics", tuple(TOPICS))
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Stream(events(request, ims, topics), headers)


async def events(request: Request, ims: Context, topics: tuple[str, ...]) -> AsyncIterator[bytes]:
    """The stream's parts."""
    loop = asyncio.get_running_loop()
    end, turn, told = loop.time() + LIFE_S, 0, dict.fromkeys(topics, b"")
    yield RETRY
    while loop.time() < end and not ims.draining:
        if turn % RIGHTS_EVERY == RIGHTS_EVERY - 1 and not await _may(request, ims):
            return
        for name in topics:
            text = await _text(name, ims)
            if text != told[name]:
                told[name] = text
                yield b"event: %s\ndata: %s\n\n" % (name.encode(), text)
        yield b": %d\n\n" % turn  # so that whoever listens knows that it goes on
        turn += 1
        await _pause(ims, min(end, loop.time() + EVERY_S))


async def _may(request: Request, ims: Context) -> bool:
    try:
        await operator(request, ims)
    except (Problem, Unavailable):
        return False
    return True


async def _text(name: str, ims: Context) -> bytes:
    """A topic's state; of one that cannot be asked now, that it is not known."""
    try:
        return orjson.dumps(await TOPICS[name](ims))
    except (Unavailable, *away()):
        return b'{"unknown":true}'


async def _pause(ims: Context, until: float) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < until and not ims.draining:  # noqa: ASYNC110 - the mark of a drain is no event
        await asyncio.sleep(min(STEP_S, max(0.0, until - loop.time())))
