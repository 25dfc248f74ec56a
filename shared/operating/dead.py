"""`/v1/admin/dead`: records that nobody could take: seen, replayed once, or given up.

A letter's row is locked from the look to the commit, so of two operators one replays it and the other hears by whom. If
the process dies after publishing and before the commit, the letter still waits and may be replayed again: it has the
same id, so those who took it know it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault
from shared.channels.schema import Content
from shared.domain.errors import Unavailable
from shared.edge import objects
from shared.edge.auditing import Deed, audited, noted
from shared.edge.callers import operator
from shared.following import reading
from shared.operating.common import Json, Reason, dry, said
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.runtime.logs import mask
from shared.runtime.problems import Problem
from shared.stores import dead as store
from shared.stores.dead import Letter
from shared.stores.sql import Connection

BODY = 4000
"""Characters of a record that are shown."""
AT_ONCE = 200
"""Letters that one call with a filter takes; call again for the rest."""
PUBLISH_SECONDS = 20.0
TOP = 2**63 - 1


class Filter(Content):
    """Which of those that wait."""

    topic: Annotated[str, Field(max_length=64)] | None = None
    reason: Annotated[str, Field(max_length=255)] | None = None


class Drop(Content):
    """Why they are given up."""

    reason: Reason


class DropMany(Filter):
    """Which, why, and how many (`?dry_run=true` says it)."""

    why: Reason
    count: Annotated[int, Field(ge=1)]


def _state(text: str) -> str:
    if text not in store.STATES:
        raise ValueError(f"states are: {', '.join(store.STATES)}")
    return text


def _short(text: str) -> str:
    if len(text) > 255:
        raise ValueError("at most 255 characters")
    return text


FILTERS: dict[str, reading.Reader] = {"state": _state, "topic": _short, "reason": _short}


def view(letter: Letter, by: tuple[str | None, int | None]) -> Json:
    """A letter without its record."""
    return {
        "id": letter.dead_id,
        "event_id": letter.event_id,
        "topic": letter.topic,
        "type": letter.type,
        "reason": letter.reason,
        "state": letter.state,
        "at": iso(letter.at_ms),
        "decided_by": by[0],
        "decided_at": iso(by[1] or letter.replayed_ms),
    }


def whole(letter: Letter, by: tuple[str | None, int | None]) -> Json:
    """With its record: numbers and secrets are masked, and it is cut where it is long."""
    text = letter.value[: 4 * BODY].decode(errors="replace")[:BODY]
    return {**view(letter, by), "headers": dict(letter.headers), "body": mask(text), "bytes": len(letter.value)}


async def list_all(request: Request, ims: Context) -> Response:
    """Dead letters, the newest first."""
    await operator(request, ims)
    given = objects.asked(request, "dead", "operators", FILTERS, 8)
    below = int.from_bytes(given.place, "big") if "cursor" in request.query_params else TOP
    rows = await ims.db(store.page, dict(given), min(below, TOP), given.limit + 1)
    return objects.page(given, rows, lambda r: view(*r), lambda r: r[0].dead_id.to_bytes(8, "big"))


async def groups(request: Request, ims: Context) -> Response:
    """Those that wait, by topic and reason, with how many and since when."""
    await operator(request, ims)
    found = await ims.db(store.groups)
    items = [
        {"topic": topic, "reason": reason, "count": n, "first": iso(first), "last": iso(last)}
        for topic, reason, n, first, last in found
    ]
    return reading.answer({"items": items, "next": None})


async def show(request: Request, ims: Context) -> Response:
    """One, with its record (numbers masked). Looking at it stands in the audit."""
    who = await operator(request, ims)
    found = await ims.db(store.whole, _id(request))
    if found is None:
        raise reading.not_found("dead letter")
    await noted(ims, who, Deed("dead.look", f"dead:{found[0].dead_id}"))
    return reading.answer(whole(*found))


def _id(request: Request) -> int:
    text = request.path_params["id"]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise reading.not_found("dead letter")
    return int(text)


# --- replaying --------------------------------------------------------------------------------------------------------


async def replay(request: Request, ims: Context) -> Response:
    """Publish a dead letter again, as it was, to where it came from; once: the second time is 409, with by whom."""
    who, only_shown = await operator(request, ims), dry(request)
    dead_id = _id(request)
    if only_shown:
        letter = _waits(await ims.db(store.whole, dead_id))
        record = letter.record()
        return reading.answer({"dry_run": True, "count": int(record is not None), "to": record and record[0]})
    publish, now = _publisher(ims), ims.now_ms()

    def work(conn: Connection) -> tuple[Letter, str | None]:
        letter = _waits(store.whole(conn, dead_id, "FOR UPDATE"))
        record = store.replay(conn, dead_id, now, publish)
        if record is not None:
            store.decided(conn, dead_id, who.actor.name, now)
        return letter, record and record[0]

    letter, topic = await audited(
        ims, who, lambda done: Deed("dead.replay", f"dead:{dead_id}", after={"to": done[1]}) if done[1] else None, work
    )
    if topic is None:
        why = "Only its beginning is kept" if letter.original else "Nobody noted its topic"
        raise Problem(409, f"{why}: replay it with `ims dead replay`.", kind="already")
    return reading.answer({"id": dead_id, "state": store.REPLAYED, "to": topic})


def _waits(found: tuple[Letter, tuple[str | None, int | None]] | None) -> Letter:
    if found is None:
        raise reading.not_found("dead letter")
    letter, (by, at) = found
    if letter.state != store.WAITING:
        when = iso(at or letter.replayed_ms)
        raise Problem(
            409, f"It was {letter.state} by {by or 'somebody'} at {when or 'a time unknown'}.", kind="already",
            by=by, at=when,
        )  # fmt: skip
    return letter


def _publisher(ims: Context) -> store.Publish:
    """Publishes from the thread that holds the transaction."""
    loop = asyncio.get_running_loop()

    def publish(records: Sequence[store.Record]) -> None:
        done = asyncio.run_coroutine_threadsafe(ims.bus.resend(records), loop)
        try:
            done.result(PUBLISH_SECONDS)
        except TimeoutError as error:
            raise Unavailable("Kafka says nothing") from error

    return publish


async def replay_many(request: Request, ims: Context) -> Response:
    """Replay those that wait with a topic or a reason, at most 200 a call; ?dry_run=true says how many there are."""
    who, only_shown = await operator(request, ims), dry(request)
    wish = await reading.body(request, Filter)
    ids = await ims.db(store.matching, wish.topic, wish.reason, AT_ONCE)
    if only_shown:
        count = await ims.db(store.how_many, wish.topic, wish.reason)
        return reading.answer({"dry_run": True, "count": count, "at_once": AT_ONCE})
    publish = _publisher(ims)
    done: list[int] = []
    left: list[int] = []
    for dead_id in ids:
        record = await ims.db(_one_of_many, dead_id, ims.now_ms(), publish, who.actor.name)
        (done if record else left).append(dead_id)
    deed = Deed("dead.replay", "dead", after={"ids": done, "left": left, **wish.model_dump()})
    await audited(ims, who, lambda _: deed if done else None, lambda _: None)
    return reading.answer({"replayed": len(done), "left": left})


def _one_of_many(conn: Connection, dead_id: int, now_ms: int, publish: store.Publish, by: str) -> bool:
    found = store.whole(conn, dead_id, "FOR UPDATE")
    if found is None or found[0].state != store.WAITING:
        return False
    if store.replay(conn, dead_id, now_ms, publish) is None:
        return False
    store.decided(conn, dead_id, by, now_ms)
    return True


# --- giving up --------------------------------------------------------------------------------------------------------


async def drop(request: Request, ims: Context) -> Response:
    """Give a waiting letter up; it is removed after 30 days."""
    who, only_shown = await operator(request, ims), dry(request)
    dead_id = _id(request)

    async def faults(wish: Drop) -> list[Fault]:
        return said(wish.reason)

    wish = await reading.body(request, Drop, faults)

    def work(conn: Connection) -> None:
        _waits(store.whole(conn, dead_id, "FOR UPDATE"))
        if not only_shown:
            store.drop(conn, dead_id)
            store.decided(conn, dead_id, who.actor.name, ims.now_ms())

    if only_shown:
        await ims.db(work)
        return reading.answer({"dry_run": True, "count": 1})
    await audited(ims, who, Deed("dead.drop", f"dead:{dead_id}", purpose=wish.reason), work)
    return reading.answer({"id": dead_id, "state": store.DROPPED})


async def drop_many(request: Request, ims: Context) -> Response:
    """Give up all that wait with a topic or a reason; `count` must be how many there are."""
    who, only_shown = await operator(request, ims), dry(request)

    async def faults(wish: DropMany) -> list[Fault]:
        return said(wish.why)

    wish = await reading.body(request, DropMany, faults)
    if only_shown:
        count = await ims.db(store.how_many, wish.topic, wish.reason)
        return reading.answer({"dry_run": True, "count": count})

    def work(conn: Connection) -> int:
        count = store.how_many(conn, wish.topic, wish.reason)
        if count != wish.count:
            raise Problem(409, f"{count} wait, not {wish.count}; look again.", kind="other-count", count=count)
        return store.drop_matching(conn, wish.topic, wish.reason, who.actor.name, ims.now_ms())

    after: dict[str, Any] = {"topic": wish.topic, "reason": wish.reason, "count": wish.count}
    dropped = await audited(ims, who, Deed("dead.drop", "dead", after=after, purpose=wish.why), work)
    return reading.answer({"dropped": dropped})
