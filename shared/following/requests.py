"""`/v1/requests/{request_id}`: counts, cancelling, moving the reservation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.accepting.limits import give_back
from shared.channels.common import Fault, read_time, time_fault
from shared.channels.schema import MAX_AHEAD_S, Content
from shared.domain.errors import Unavailable
from shared.domain.events import Due
from shared.domain.ids import accepted_ms
from shared.edge import objects
from shared.edge.callers import caller
from shared.following import patience, reading
from shared.runtime import Context, logs
from shared.runtime.clock import iso
from shared.runtime.problems import Problem
from shared.stores import requests as store
from shared.stores.lookup import TOP, floor
from shared.stores.requests import Arriving, Left, Listing, RequestRow
from shared.stores.sql import Connection

log = logs.get(__name__)


FILTERS: dict[str, reading.Reader] = {
    "lane": reading.lane,
    "request_ref": reading.ref,
    "since": reading.time,
    "until": reading.time,
}


async def list_requests(request: Request, ims: Context) -> Response:
    """Requests, newest first, each with its messages counted by state; `next` leads on where a page came out short."""
    who = await caller(request, ims)
    given = objects.asked(request, "requests", who.mark, FILTERS)
    high = floor(given["until"]) if "until" in given else TOP
    if given.place != objects.BOTTOM:
        high = min(high, given.place)
    account_id = who.account.account_id
    wanted = Listing(
        account_id, floor(given.get("since", 0)), high, given.limit, who.test, given.get("lane"),
        given.get("request_ref"),
    )  # fmt: skip
    rows, below = await ims.searches(account_id, store.page, wanted)
    onward = reading.cursor(given.mark, below) if below else None
    return reading.answer({"items": [_view(row) for row in rows], "next": onward})


async def get_request(request: Request, ims: Context) -> Response:
    """A request with its messages counted by state, and its reports by what became of them."""
    who = await caller(request, ims)
    request_id = reading.path_id(request, "request_id", reading.request_id)
    account_id = who.account.account_id

    async def read() -> RequestRow | None:
        return await ims.db(store.read, account_id, request_id, who.test)

    try:
        row = await patience.taken_in(ims, account_id, request_id, read, patience.LOOK_S, test=who.test)
    except Arriving as arriving:
        return reading.answer({**_arriving_view(request_id, arriving.total), "reports": _reports(NOTHING_TOLD)})
    if row is None:
        raise reading.not_found("request")
    return reading.answer({**_view(row), "reports": _reports(await ims.db(store.told, request_id))})


def _reports(told: store.Told) -> dict[str, Any]:
    last = None
    if told.last is not None:
        status, error, at_ms = told.last
        last = {"status": status, "error": error, "at": iso(at_ms)}
    counts = {"delivered": told.delivered, "pending": told.pending, "exhausted": told.exhausted}
    return {**counts, "last_answer": last, "next_try": iso(told.next_due_ms)}


NOTHING_TOLD = store.Told(0, 0, 0, None, None)


def _view(row: RequestRow) -> dict[str, Any]:
    counts = dict(row.counts)
    if row.total > row.stored:
        counts["accepted"] = counts.get("accepted", 0) + row.total - row.stored
    return {
        "request_id": str(row.request_id),
        "request_ref": row.request_ref,
        "lane": row.lane,
        "test": row.test,
        "total": row.total,
        "counts": counts,
        "accepted_at": iso(row.accepted_ms),
        "scheduled_at": iso(row.scheduled_ms),
        "valid_until": iso(row.valid_ms),
        "links": _links(row.request_id),
    }


def _arriving_view(request_id: UUID, total: int) -> dict[str, Any]:
    """A request that is accepted and not yet in MySQL."""
    unknown = dict.fromkeys(("request_ref", "lane", "test"))
    times = {"accepted_at": iso(accepted_ms(request_id)), "scheduled_at": None, "valid_until": None}
    known = {"total": total, "counts": {"accepted": total}}
    return {"request_id": str(request_id), **unknown, **known, **times, "links": _links(request_id)}


def _links(request_id: UUID) -> dict[str, str]:
    return {
        "self": f"/v1/requests/{request_id}",
        "messages": f"/v1/messages?request_id={request_id}",
        "reports": f"/v1/reports?request_id={request_id}",
        "cancel": f"/v1/requests/{request_id}/cancel",
    }


async def cancel_request(request: Request, ims: Context) -> Response:
    """Cancel what has not left. From the answer on none of it is sent; its `canceled` reports follow within moments.

    `canceled` counts what this call canceled (0 the second time), `arriving` what could not be seen yet: call again.
    """
    who = await caller(request, ims)
    request_id = reading.path_id(request, "request_id", reading.request_id)
    account_id, canceled, never_left = who.account.account_id, 0, 0
    answer: dict[str, Any] | None = None
    told: list[Due] = []

    async def cancel() -> dict[str, Any] | None:
        """Cancel what is there now; Arriving while there is more to come."""
        nonlocal canceled, never_left, answer
        done = await ims.db(_cancel, account_id, request_id, ims.now_ms(), who.test)
        if done is None:
            return None
        row, more, events, unsent = done
        canceled, never_left = canceled + more, never_left + unsent
        told.extend(events)
        answer = {"canceled": canceled, "arriving": row.total - row.stored, **_view(row)}
        if row.stored < row.total:
            raise Arriving(row.total)
        return answer

    try:
        if await patience.taken_in(ims, account_id, request_id, cancel, patience.CHANGE_S, test=who.test) is None:
            raise reading.not_found("request")
    except Arriving as error:
        if answer is None:
            raise _arriving() from error
    finally:
        await give_back(ims, who.account, accepted_ms(request_id), never_left)
        await _publish(ims, told)  # not in between: what is slow there would be taken for a part that does not come
    return reading.answer(answer)


async def _publish(ims: Context, events: list[Due]) -> None:
    """Tell route now; the due work does so later, too."""
    if not events:
        return
    try:
        await ims.bus.publish(events)
    except Unavailable as error:
        log.warning("the cancellation goes by the due work alone", detail=error.detail)


def _cancel(
    conn: Connection, account_id: int, request_id: UUID, now_ms: int, test: bool
) -> tuple[RequestRow, int, list[Due], int] | None:
    row = store.read(conn, account_id, request_id, test)
    if row is None:
        return None
    canceled, events = store.cancel(conn, account_id, row, now_ms)
    return row, canceled, events, store.never_left(conn, [i for event in events for i in event.ids])


def _arriving() -> Problem:
    return Problem(503, "The request is still being taken in; nothing was done, try again.", retry_after=1)


class Change(Content):
    """What may be changed of a reservation."""

    scheduled_at: Annotated[str, Field(max_length=64)] | None = None
    valid_until: Annotated[str, Field(max_length=64)] | None = None
    ttl: Annotated[int, Field(ge=1, le=MAX_AHEAD_S)] | None = None


async def change_request(request: Request, ims: Context) -> Response:
    """Move the reservation until it leaves.

    The end of validity moves along (its distance to `scheduled_at` stays), unless `valid_until` or `ttl` is given.
    """
    who = await caller(request, ims)
    request_id = reading.path_id(request, "request_id", reading.request_id)
    account_id, now_ms = who.account.account_id, ims.now_ms()
    change = await reading.body(request, Change, partial(_faults, now_ms=now_ms))

    async def move() -> RequestRow | None:
        return await ims.db(_reschedule, account_id, request_id, change, who.test)

    try:
        row = await patience.taken_in(ims, account_id, request_id, move, patience.CHANGE_S, test=who.test)
    except Left as error:
        fault = Fault("/scheduled_at", "conflict", str(error))
        raise reading.invalid([fault]) from error
    except Arriving as error:
        raise _arriving() from error
    if row is None:
        raise reading.not_found("request")
    return reading.answer(_view(row))


async def _faults(change: Change, now_ms: int) -> list[Fault]:
    """The rules of acceptance (shared/channels/acceptance.py)."""
    if change.scheduled_at is None:
        return [Fault("/scheduled_at", "required", "the new time, RFC 3339 with offset")]
    return list(_wrong_times(change, change.scheduled_at, now_ms))


def _wrong_times(change: Change, scheduled_at: str, now_ms: int) -> Iterator[Fault]:
    yield from _time_faults("/scheduled_at", scheduled_at, now_ms, "now")
    if change.valid_until is not None:
        start = read_time(scheduled_at) or now_ms
        yield from _time_faults("/valid_until", change.valid_until, start, "scheduled_at")
        if change.ttl is not None:
            yield Fault("/ttl", "conflict", "give either `ttl` or `valid_until`")


def _time_faults(pointer: str, text: str, start_ms: int, start: str) -> Iterator[Fault]:
    at = read_time(text)
    if at is None:
        yield Fault(pointer, "format", time_fault(text))
    elif at <= start_ms:
        yield Fault(pointer, "range", f"must be later than {start}")
    elif at > start_ms + MAX_AHEAD_S * 1000:
        yield Fault(pointer, "range", f"must be within a year from {start}")


def _reschedule(conn: Connection, account_id: int, request_id: UUID, change: Change, test: bool) -> RequestRow | None:
    row = store.read(conn, account_id, request_id, test)
    if row is None:
        return None
    at_ms = read_time(change.scheduled_at or "") or 0
    valid_ms = at_ms + row.valid_ms - (row.scheduled_ms or row.accepted_ms)
    if change.ttl is not None:
        valid_ms = at_ms + change.ttl * 1000
    elif change.valid_until is not None:
        valid_ms = read_time(change.valid_until) or valid_ms
    store.reschedule(conn, account_id, row, at_ms, valid_ms)
    return store.read(conn, account_id, request_id)
