"""`GET /v1/reports`, and sending reports again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar
from uuid import UUID, uuid4

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault
from shared.channels.schema import Content
from shared.domain.errors import Invalid
from shared.domain.events import MAX_MESSAGES, Finished, Report
from shared.domain.ids import lane_of
from shared.edge.callers import Caller, caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.problems import Problem
from shared.stores import feed, lookup
from shared.stores.accounts import Account
from shared.stores.feed import Place, Selection
from shared.stores.former import digest, former_uris
from shared.stores.sql import Connection

MAX_REPLAY = 10_000
EVENT_BYTES = 400 * 1024
T = TypeVar("T")


def _pack(place: Place) -> bytes:
    return place.seq.to_bytes(8, "big") + place.message_id


def _unpack(raw: bytes) -> Place:
    return Place(int.from_bytes(raw[:8], "big"), raw[8:])


_FILTERS: dict[str, reading.Reader] = {
    "cursor": str,
    "limit": reading.limit,
    "request_id": reading.request_id,
    "since": reading.time,
    "until": reading.time,
}


async def list_reports(request: Request, ims: Context) -> Response:
    """Final reports in the order in which they became final, none skipped, from the primary.

    `next` leads on after the last item; it is null when the page is empty and nothing more is to be looked at. A poller
    keeps the last one that it got and asks with it again later. `since` and `until` are when the messages ended.
    """
    who = await caller(request, ims)
    given = reading.query(request, _FILTERS)
    limit, text = given.pop("limit", reading.DEFAULT_LIMIT), given.pop("cursor", None)
    mark = reading.filters_mark("reports", {**given, "caller": who.mark})
    after = Place() if text is None else _unpack(reading.read_cursor(text, mark, 24))
    wanted = Selection(
        who.account.account_id, given.get("request_id"), given.get("since"), given.get("until"), test=who.test
    )
    reports, onward = await ims.searches.primary(wanted.account_id, _page, wanted, after, limit)
    return reading.answer({"items": [r.data for r in reports], "next": _cursor(mark, onward)})


def _page(conn: Connection, wanted: Selection, after: Place, limit: int) -> tuple[list[Report], Place | None]:
    places, onward = feed.read(conn, wanted, after, limit)
    return lookup.reports(conn, wanted.account_id, [p.message_id for p in places]), onward


def _cursor(mark: bytes, onward: Place | None) -> str | None:
    return None if onward is None else reading.cursor(mark, _pack(onward))


class Replay(Content):
    """Which reports to send again; at least one of the filters."""

    since: Annotated[str, Field(max_length=64)] | None = None
    until: Annotated[str, Field(max_length=64)] | None = None
    status: str | None = None
    request_id: str | None = None
    to: str | None = None
    ref: str | None = None
    channel: str | None = None
    code: str | None = None
    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_REPLAY)] | None = None
    undelivered: bool = False
    cursor: Annotated[str, Field(max_length=64)] | None = None

    def read(self, name: str, reader: Callable[[str], T]) -> T | None:
        """A field's value; ValueError when it is none."""
        text = getattr(self, name)
        return None if text is None else reader(text)


async def _faults(wish: Replay) -> list[Fault]:
    faults = []
    for name, reader in _READERS.items():
        try:
            wish.read(name, reader)
        except ValueError as error:
            faults.append(Fault(f"/{name}", "format", str(error)))
    others = (*(getattr(wish, name) for name in _READERS), wish.undelivered or None)
    if all(v is None for v in (*others, wish.ids)):
        faults.append(Fault("", "required", f"name at least one of: ids, {', '.join(_READERS)}, undelivered"))
    if wish.ids is not None and any(v is not None for v in others):
        faults.append(Fault("/ids", "conflict", "give either `ids` or the other filters"))
    for i, text in enumerate(wish.ids or ()):
        try:
            reading.message_id(text)
        except ValueError as error:
            faults.append(Fault(f"/ids/{i}", "format", str(error)))
    return faults


_READERS: dict[str, Callable[[str], Any]] = {
    "since": reading.time,
    "until": reading.time,
    "status": reading.final_status,
    "request_id": reading.request_id,
    "to": reading.to,
    "ref": reading.ref,
    "channel": reading.channel,
    "code": reading.code,
}


async def replay_message(request: Request, ims: Context) -> Response:
    """Send one final message's report again, to the account's present callback or the request's own."""
    who = await caller(request, ims)
    message_id = reading.path_id(request, "message_id", reading.message_id)
    found = await ims.db(lookup.reports, who.account.account_id, [message_id.bytes], test=who.test)
    if not found:
        raise reading.not_found("message")
    if found[0].data["finished_at"] is None:
        detail = f"The message is {found[0].data['status']}; it has no report yet."
        raise Problem(422, detail, [_fault("message_id", "conflict", "has not ended")], kind="not-final")
    account = await _account(ims, who)
    sendable = await _sendable(ims, account, found)
    if not sendable:
        detail = "There is no callback to send to; PUT /v1/callbacks first."
        raise Problem(422, detail, [_fault("callback_uri", "required", "the account has none")], kind="no-callback")
    await ims.bus.publish(events(sendable, uuid4().hex))
    return reading.answer({"replaying": 1}, 202)


async def replay_reports(request: Request, ims: Context) -> Response:
    """Send many reports again, at most 10,000 a call; `next` goes as `cursor` into the next call's body.

    `since` and `until` are when the messages ended; `undelivered`: only those that no callback has taken. What a call
    looks at is bounded, too (stores/feed.py): it may have found few, or none, and still have a `next`.

    `skipped` are those among them that cannot be sent: no callback is set for them, theirs may not be called, or what
    `ids` names has not ended or is not there. The others go.
    """
    who = await caller(request, ims)
    wish = await reading.body(request, Replay, _faults)
    account = await _account(ims, who)
    if wish.ids is not None:
        named = [reading.message_id(i).bytes for i in wish.ids]
        ids = await ims.db(feed.final_of, account.account_id, named, who.test)
        onward = None
    else:
        ids, onward = await _select(ims, who, wish)
    wanted = len(ids) if wish.ids is None else len(set(map(reading.message_id, wish.ids)))
    mark, sent = uuid4().hex, 0
    for i in range(0, len(ids), MAX_MESSAGES):
        found = await ims.db(lookup.reports, account.account_id, ids[i : i + MAX_MESSAGES])
        sendable = await _sendable(ims, account, found)
        await ims.bus.publish(events(sendable, mark))
        sent += len(sendable)
    return reading.answer({"replaying": sent, "skipped": wanted - sent, "next": onward}, 202)


async def _select(ims: Context, who: Caller, wish: Replay) -> tuple[list[bytes], str | None]:
    values = {name: wish.read(name, reader) for name, reader in _READERS.items()}
    mark = reading.filters_mark("replay", {**values, "undelivered": wish.undelivered, "caller": who.mark})
    after = _unpack(reading.read_cursor(wish.cursor, mark, 24)) if wish.cursor else Place()
    wanted = Selection(
        account_id=who.account.account_id,
        test=who.test,
        request=values["request_id"],
        since_ms=values["since"],
        until_ms=values["until"],
        undelivered=wish.undelivered,
        recipient=values["to"],
        **{name: values[name] for name in ("status", "ref", "channel", "code")},
    )
    places, onward = await ims.searches.primary(wanted.account_id, feed.select, wanted, after, MAX_REPLAY)
    return [p.message_id for p in places], _cursor(mark, onward)


async def _account(ims: Context, who: Caller) -> Account:
    """The account as it is now, not as some seconds ago; 422 when it wants no callbacks."""
    ims.accounts.forget(who.account.account_id)
    account = await ims.accounts.by_id(who.account.account_id) or who.account
    if not account.callback_enabled:
        detail = "Callbacks are switched off; PUT /v1/callbacks with enabled: true first."
        raise Problem(422, detail, [_fault("enabled", "conflict", "the account's is false")], kind="no-callback")
    return account


def _fault(field: str, code: str, detail: str) -> dict[str, str]:
    return {"pointer": f"/{field}", "code": code, "detail": detail}


async def _sendable(ims: Context, account: Account, reports: Iterable[Report]) -> list[Report]:
    """The reports that have somewhere to go, each with the address where it goes now."""
    former = await ims.db(former_uris, account.account_id)
    out = []
    for report in reports:
        report.callback_uri = destination(report.callback_uri, account.callback_uri, former)
        if report.callback_uri and _may_call(ims, report.callback_uri):
            out.append(report)
    return out


def _may_call(ims: Context, uri: str) -> bool:
    """Whether an address is one that is called at all; where its name leads is only known at the call."""
    try:
        ims.egress.policy.check(uri)
    except Invalid:
        return False
    return True


def destination(requested: str | None, present: str | None, former: frozenset[bytes]) -> str | None:
    """Where a replay goes: the request's own URI, but the account's present one instead of one that it had before.

    A request that gave no URI carries the account's of that time, so that one gives way when the account has moved.
    """
    if requested is None or digest(requested) in former:
        return present or requested
    return requested


def events(reports: Iterable[Report], mark: str) -> list[Finished]:
    """Events of one lane each, at most 500 messages and about 400 KiB."""
    groups: list[Finished] = []
    open_groups: dict[str, tuple[Finished, int]] = {}
    for report in reports:
        lane, size = lane_of(UUID(report.data["message_id"])), len(orjson.dumps(report.data))
        event, used = open_groups.get(lane, (None, 0))
        if event is None or used + size > EVENT_BYTES or len(event.reports) == MAX_MESSAGES:
            event, used = Finished(lane=lane, replay=mark, reports=[]), 0
            groups.append(event)
        event.reports.append(report)
        open_groups[lane] = (event, used + size)
    return groups
