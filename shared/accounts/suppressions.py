"""/v1/suppressions: addresses that the account may not mail any more, and how they are lifted."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.channels.schema import Content
from shared.edge import objects
from shared.edge.auditing import Deed, audited
from shared.edge.callers import caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.runtime.problems import Problem
from shared.stores import suppressions as store

Json = dict[str, Any]


class Lifting(Content):
    """Why an address may be mailed again. One that complained comes back only by the recipient's own wish."""

    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    recipient_asked: bool = False


def _reason(text: str) -> str:
    if text not in store.REASONS:
        raise ValueError(f"one of {', '.join(store.REASONS)}")
    return text


def _to(text: str) -> str:
    if len(text) > store.MAX_ADDRESS:
        raise ValueError(f"at most {store.MAX_ADDRESS} characters")
    return text.strip()


_FILTERS: dict[str, reading.Reader] = {"to": _to, "channel": reading.channel, "reason": _reason}


def view(row: store.Row) -> Json:
    """One suppression as its owner sees it; `code` is what a message to it ends with."""
    return {
        "id": str(UUID(bytes=row.suppression_id)),
        "channel": row.channel,
        "to": row.address,
        "reason": row.reason,
        "code": store.OPTED_OUT if row.reason == store.UNSUBSCRIBED else store.SUPPRESSED,
        "detail": row.detail,
        "raw_code": row.raw_code,
        "message_id": None if row.message_id is None else str(UUID(bytes=row.message_id)),
        "created_at": iso(row.created_ms),
    }


async def list_all(request: Request, ims: Context) -> Response:
    """A page of them."""
    who = await caller(request, ims)
    given = objects.asked(request, "suppressions", who.mark, _FILTERS)
    rows = await ims.db(store.page, who.account.account_id, given.place, given.limit + 1, given)
    return objects.page(given, rows, view, lambda row: row.suppression_id)


async def show(request: Request, ims: Context) -> Response:
    """One of them."""
    who = await caller(request, ims)
    return reading.answer(view(await _mine(request, ims, who.account.account_id)))


async def lift(request: Request, ims: Context) -> Response:
    """Let the address be mailed again; its next bounce puts it back."""
    who = await caller(request, ims)
    wish = await reading.body(request, Lifting)
    row = await _mine(request, ims, who.account.account_id)
    if row.reason == store.COMPLAINT and not wish.recipient_asked:
        raise Problem(403, "The recipient has complained: only the recipient's own wish (recipient_asked) lifts it.")
    deed = Deed("suppression.lift", f"suppression:{UUID(bytes=row.suppression_id)}", view(row), purpose=wish.reason)
    await audited(ims, who, deed, store.remove, who.account.account_id, row.suppression_id)
    return Response(status_code=204)


async def _mine(request: Request, ims: Context, account_id: int) -> store.Row:
    wanted = reading.path_id(request, "id", reading.uuid, "suppression")
    row = await ims.db(store.one, account_id, wanted.bytes)
    if row is None:
        raise reading.not_found("suppression")
    return row
