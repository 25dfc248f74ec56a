"""`GET /v1/admin/messages`: messages of all accounts, masked. To look for a number is a look at personal data: it needs
a purpose, which stands in the audit, and the account that it is about. `GET /v1/admin/messages/{message_id}`: one, with
its way through the system."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault
from shared.domain.ids import Lane, request_of
from shared.domain.states import State
from shared.edge.auditing import Deed, noted
from shared.edge.callers import operator
from shared.following import reading, shapes
from shared.operating.common import Json
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.stores import every_message as store
from shared.stores import keys, lookup
from shared.stores.every_message import Row

FILTERS: dict[str, reading.Reader] = {
    "username": reading.ref, "to": reading.to, "purpose": reading.ref, "status": reading.status,
    "code": reading.code, "channel": reading.channel, "vendor": reading.vendor, "lane": reading.lane,
    "since": reading.time, "until": reading.time,
}  # fmt: skip
NOW = ("status", "code", "price", "sent_at", "finished_at")
PAGED: dict[str, reading.Reader] = {"limit": reading.limit, "cursor": str}


def masked(recipient: str) -> str:
    """An address of which one sees that it is another, and no more."""
    if len(recipient) < 8:
        return "…"
    name, at, domain = recipient.partition("@")
    return f"{name[:1]}…@{domain}" if at else f"{recipient[:3]}…{recipient[-2:]}"


def view(row: Row) -> Json:
    """A message as operators see it."""
    message_id = UUID(bytes=row.message_id)
    return {
        "message_id": str(message_id),
        "request_id": str(request_of(message_id)),
        "username": row.username,
        "lane": Lane((row.message_id[15] >> 5) & 3).name,
        "to": masked(row.recipient),
        "channel": row.channel,
        "type": row.type,
        "status": State(row.status).name,
        "code": row.code,
        "vendor": row.vendor,
        "account": row.vendor_account,
        "hop": row.hop,
        "price": f"{row.price:.2f}",
        "accepted_at": iso(int.from_bytes(row.message_id[:6], "big")),
        "sent_at": iso(row.sent_ms),
        "finished_at": iso(row.finished_ms),
    }


async def list_all(request: Request, ims: Context) -> Response:
    """Messages of all accounts, the newest first, numbers masked; `to` needs `username` and `purpose`. A page may be
    short and still lead on."""
    who = await operator(request, ims)
    given = reading.query(request, {**FILTERS, **PAGED})
    limit, text = given.pop("limit", reading.DEFAULT_LIMIT), given.pop("cursor", None)
    missing = [n for n in ("username", "purpose") if "to" in given and not given.get(n)]
    if missing:
        raise reading.invalid(Fault(f"/{n}", "required", "to look for a number, say whose and why") for n in missing)
    mark = reading.filters_mark("admin messages", given)
    purpose, username = given.pop("purpose", None), given.pop("username", None)
    high = lookup.floor(given.pop("until")) if "until" in given else lookup.TOP
    low = lookup.floor(given.pop("since", 0))
    if text is not None:
        high = min(high, reading.read_cursor(text, mark, 16))
    about = None
    if username is not None:
        account_id = await ims.db(keys.account_of, username)
        if account_id is None:
            raise reading.not_found("account")
        given["account_id"], about = account_id, (account_id, username)
    if "to" in given:
        await noted(ims, who, Deed("messages.look", "messages", {"to": masked(given["to"])}, None, purpose, about))
    rows, below = await ims.db_replica(store.page, given, low, high, limit)
    onward = reading.cursor(mark, below) if below else None
    return reading.answer({"items": [view(row) for row in rows], "next": onward})


async def show(request: Request, ims: Context) -> Response:
    """One message of any account, masked, with its trail: where it was, and when."""
    await operator(request, ims)
    message_id = reading.path_id(request, "message_id", reading.message_id)
    made = await one(ims.db, message_id.bytes)
    if made is None:
        raise reading.not_found("message")
    return reading.answer(made)


async def one(db: Callable[..., Awaitable[Any]], message_id: bytes) -> Json | None:
    """A message with its trail. Its state is of the trail's moment, not of the row that told whose it is."""
    found = await db(store.one, message_id)
    details = found and await db(lookup.details, found[0], message_id)
    if not details:
        return None
    return {**view(found[1]), **{name: details.report.data[name] for name in NOW}, "trail": shapes.trail(details)}
