"""`GET /v1/messages/{message_id}` and `GET /v1/messages`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from shared.channels.schema import MAX_RECIPIENTS
from shared.domain.errors import Unavailable
from shared.domain.ids import index_of, request_of
from shared.edge.callers import Caller, caller
from shared.following import patience, reading, shapes
from shared.runtime import Context
from shared.stores import callbacks, lookup, push_devices, requests
from shared.stores.lookup import Search
from shared.stores.requests import Arriving, RequestRow
from shared.stores.sql import Connection

FILTERS: dict[str, reading.Reader] = {
    "to": reading.to,
    "ref": reading.ref,
    "request_id": reading.request_id,
    "channel": reading.channel,
    "status": reading.status,
    "code": reading.code,
    "vendor": reading.vendor,
    "lane": reading.lane,
    "request_ref": reading.ref,
    "vendor_ref": reading.ref,
    "since": reading.time,
    "until": reading.time,
    "limit": reading.limit,
    "cursor": str,
}


PLAIN = ("ref", "channel", "status", "code", "vendor", "lane", "request_ref", "vendor_ref")
"""Filters that a search takes as they are read."""


async def get_message(request: Request, ims: Context) -> Response:
    """One message from the primary; before its row is there, the request's key in Redis answers."""
    who = await caller(request, ims)
    message_id = reading.path_id(request, "message_id", reading.message_id)
    account = who.account

    async def read() -> dict[str, Any] | None:
        return await ims.db(_read, account.account_id, account.callback_enabled, message_id, who.test)

    found = await read()
    if found is None and index_of(message_id) <= MAX_RECIPIENTS:
        found = await _arriving(ims, who, message_id, read)
    if found is None:
        raise reading.not_found("message")
    return reading.answer(found)


def _read(conn: Connection, account_id: int, enabled: bool, message_id: UUID, test: bool) -> dict[str, Any] | None:
    found = lookup.details(conn, account_id, message_id.bytes, test=test)
    if found is None:
        return None
    waiting, tries = callbacks.of_message(conn, account_id, message_id.bytes, str(message_id))
    made = shapes.message(found, shapes.callback(found, waiting, tries, enabled))
    if any(hop.channel == "push" for hop in found.hops):
        shapes.add_devices(made["trail"], push_devices.results(conn, message_id.bytes))
    return made


async def _arriving(
    ims: Context, who: Caller, message_id: UUID, read: Callable[[], Awaitable[dict[str, Any] | None]]
) -> dict[str, Any] | None:
    """A message that may be on its way: its request is the account's and not all of it is stored.

    Recipients that were refused leave gaps, so an index may be larger than the number of accepted ones.
    """
    account, request_id = who.account, request_of(message_id)

    async def read_or_miss() -> dict[str, Any] | None:
        row = await ims.db(requests.read, account.account_id, request_id)
        found = await read()
        if found is None and row is not None and row.stored >= row.total:
            raise reading.not_found("message")
        return found

    total = await patience.accepted_total(ims, account.account_id, request_id, who.test)
    if total is None:
        return None
    try:
        return await patience.taken_in(ims, account.account_id, request_id, read_or_miss, patience.LOOK_S, total)
    except Arriving:
        return shapes.arriving(message_id, account.username)


async def list_messages(request: Request, ims: Context) -> Response:
    """Messages that match, newest first; `next` leads on even where a page came out short."""
    who = await caller(request, ims)
    given = reading.query(request, FILTERS)
    limit, text = given.pop("limit", reading.DEFAULT_LIMIT), given.pop("cursor", None)
    mark = reading.filters_mark("messages", {**given, "caller": who.mark})
    high = lookup.floor(given["until"]) if "until" in given else lookup.TOP
    if text is not None:
        high = min(high, reading.read_cursor(text, mark, 16))
    wanted = Search(
        account_id=who.account.account_id,
        low=lookup.floor(given.get("since", 0)),
        high=high,
        limit=limit,
        request=given.get("request_id"),
        test=who.test,
        recipient=given.get("to"),
        **{name: given.get(name) for name in PLAIN},
    )
    items, below = await ims.searches(wanted.account_id, _search, wanted)
    if not items and text is None and wanted.request is not None and await _arrived(ims, wanted, wanted.request):
        items, below = await ims.searches.primary(wanted.account_id, _search, wanted)
    return reading.answer({"items": items, "next": reading.cursor(mark, below) if below else None})


async def _arrived(ims: Context, wanted: Search, request_id: UUID) -> bool:
    """Whether a request was accepted lately and is in MySQL now: a search of the replica may have come too early."""

    async def read() -> RequestRow | None:
        return await ims.db(requests.read, wanted.account_id, request_id)

    try:
        total = await patience.accepted_total(ims, wanted.account_id, request_id, wanted.test)
        if total is None:
            return False
        return await patience.taken_in(ims, wanted.account_id, request_id, read, patience.LOOK_S, total) is not None
    except (Arriving, Unavailable):
        return False


def _search(conn: Connection, wanted: Search) -> tuple[list[dict[str, Any]], bytes | None]:
    lookup.consistent(conn)
    page = lookup.search(conn, wanted)
    found = lookup.reports(conn, wanted.account_id, page.ids)
    return [{**r.data, "state": r.data["status"]} for r in found], page.below
