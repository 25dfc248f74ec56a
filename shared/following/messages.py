"""`GET /v1/messages/{message_id}` and `GET /v1/messages`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from shared.accepting import seen
from shared.accepting.callers import caller
from shared.channels.schema import MAX_RECIPIENTS
from shared.domain.errors import Unavailable
from shared.domain.ids import index_of, request_of
from shared.following import reading, shapes
from shared.runtime import Context
from shared.runtime.redis import away
from shared.stores import callbacks, lookup, requests
from shared.stores.accounts import Account
from shared.stores.lookup import Search
from shared.stores.sql import Connection

_FILTERS: dict[str, reading.Reader] = {
    "to": reading.to,
    "ref": reading.ref,
    "request_id": reading.request_id,
    "channel": reading.channel,
    "status": reading.status,
    "code": reading.code,
    "since": reading.time,
    "until": reading.time,
    "limit": reading.limit,
    "cursor": str,
}


async def get_message(request: Request, ims: Context) -> Response:
    """One message from the primary; before its row is there, the request's key in Redis answers."""
    who = await caller(request, ims, "messages:read")
    message_id = reading.path_id(request, "message_id", reading.message_id)
    account = who.account

    async def read() -> dict[str, Any] | None:
        return await ims.db(_read, account.account_id, account.callback_enabled, message_id)

    found = await read()
    if found is None and index_of(message_id) <= MAX_RECIPIENTS:
        found = await _arriving(ims, account, message_id) or await read()
    if found is None:
        raise reading.not_found("message")
    return reading.answer(found)


def _read(conn: Connection, account_id: int, enabled: bool, message_id: UUID) -> dict[str, Any] | None:
    found = lookup.details(conn, account_id, message_id.bytes)
    if found is None:
        return None
    waiting, tries = callbacks.of_message(conn, account_id, message_id.bytes, str(message_id))
    return shapes.message(found, shapes.callback(found, waiting, tries, enabled))


async def _arriving(ims: Context, account: Account, message_id: UUID) -> dict[str, Any] | None:
    """A message that is on its way: its request is the account's and not all of it is stored.

    Recipients that were refused leave gaps, so an index may be larger than the number of accepted ones.
    """
    request_id = request_of(message_id)
    if await accepted_total(ims, account.account_id, request_id) is None:
        return None
    row = await ims.db(requests.read, account.account_id, request_id)
    return shapes.arriving(message_id, account.username) if row is None or row.stored < row.total else None


async def accepted_total(ims: Context, account_id: int, request_id: UUID) -> int | None:
    """How many messages a request of the account has, as acceptance noted it some minutes ago."""
    try:
        found = await seen.find(ims.redis.state, request_id)
    except away() as error:
        raise Unavailable(f"Redis: {type(error).__name__}") from error
    return found[1] if found is not None and found[0] == account_id else None


async def list_messages(request: Request, ims: Context) -> Response:
    """Messages that match, newest first; `next` leads on even where a page came out short."""
    who = await caller(request, ims, "messages:read")
    given = reading.query(request, _FILTERS)
    limit, text = given.pop("limit", reading.DEFAULT_LIMIT), given.pop("cursor", None)
    mark = reading.filters_mark("messages", given)
    high = _floor(given["until"]) if "until" in given else lookup.TOP
    if text is not None:
        high = min(high, reading.read_cursor(text, mark, 16))
    wanted = Search(
        account_id=who.account.account_id,
        low=_floor(given.get("since", 0)),
        high=high,
        limit=limit,
        request=given.get("request_id"),
        recipient=given.get("to"),
        **{name: given.get(name) for name in ("ref", "channel", "status", "code")},
    )
    items, below = await ims.db_replica(_search, wanted)
    return reading.answer({"items": items, "next": reading.cursor(mark, below) if below else None})


def _floor(ms: int) -> bytes:
    """The smallest id that can be made at a time: ids begin with their time."""
    return min(ms << 80, (1 << 128) - 1).to_bytes(16, "big")


def _search(conn: Connection, wanted: Search) -> tuple[list[dict[str, Any]], bytes | None]:
    lookup.consistent(conn)
    page = lookup.search(conn, wanted)
    found = lookup.reports(conn, wanted.account_id, page.ids)
    return [{**r.data, "state": r.data["status"]} for r in found], page.below
