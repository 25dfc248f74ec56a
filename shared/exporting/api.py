"""`/v1/exports`: ask for a file, follow it, fetch it. Who asked, why, and who fetched it stand in the audit."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from shared.channels.common import Fault
from shared.channels.schema import Content
from shared.edge import objects
from shared.edge.auditing import Deed, audited, noted
from shared.edge.callers import Caller, caller
from shared.exporting.sheets import SHEETS
from shared.exporting.work import go_on
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso, new_request_id
from shared.runtime.problems import Problem
from shared.stores import exports as store
from shared.stores.exports import Row

KEPT_MS = 86_400_000
MOST_AT_ONCE = 5
TOP = b"\xff" * 16

Json = dict[str, Any]
Text = Annotated[str, Field(max_length=300)]


class New(Content):
    """An export to be made: the list, its filters as its query has them, and why."""

    what: Literal["messages", "requests", "attempts"]
    filter: Annotated[dict[str, Text], Field(max_length=20)] = Field(default={})
    purpose: Annotated[str, Field(min_length=1, max_length=500)]


def view(row: Row) -> Json:
    """An export as its account sees it."""
    done = row.state == store.DONE
    return {
        "id": str(UUID(bytes=row.export_id)),
        "what": row.what,
        "filter": row.filters,
        "purpose": row.purpose,
        "by": row.author,
        "state": row.state,
        "rows": row.found,
        "size": row.size,
        "time_zone": "Asia/Seoul",
        "file": f"/v1/exports/{UUID(bytes=row.export_id)}/file" if done else None,
        "created_at": iso(row.created_ms),
        "updated_at": iso(row.updated_ms),
        "expires_at": iso(row.expires_ms),
    }


async def create(request: Request, ims: Context) -> Response:
    """Ask for an export; 202 with what it will be."""
    who = await caller(request, ims)
    wish = await reading.body(request, New, _faults)
    now_ms, export_id = ims.now_ms(), new_request_id(ims.now_ms()).bytes
    row = Row(
        export_id, who.account.account_id, who.test, wish.what, wish.filter, wish.purpose, who.actor.name[:254],
        store.RUNNING, 0, 0, 0, TOP, None, 0, now_ms, now_ms, now_ms + KEPT_MS,
    )  # fmt: skip
    after = {"what": wish.what, "filter": wish.filter}
    deed = Deed("exports.create", _named(row), after=after, purpose=wish.purpose)
    if not await audited(ims, who, lambda made: deed if made else None, store.add_bounded, row, MOST_AT_ONCE):
        detail = f"{MOST_AT_ONCE} exports of this account are being made; wait for one to end."
        raise Problem(429, detail, retry_after=10)
    go_on(ims, row)
    return reading.answer(view(row), 202)


async def _faults(wish: New) -> Iterable[Fault]:
    return SHEETS[wish.what].values(wish.filter)[1]


def _named(row: Row) -> str:
    return f"export {UUID(bytes=row.export_id)}"


async def list_all(request: Request, ims: Context) -> Response:
    """The account's exports, newest first."""
    who = await caller(request, ims)
    given = objects.asked(request, "exports", who.mark, {})
    below = given.place if given.place != objects.BOTTOM else TOP
    rows = await ims.db(store.page, who.account.account_id, below, given.limit + 1, test=who.test)
    for row in rows:
        go_on(ims, row)
    return objects.page(given, rows, view, lambda row: row.export_id)


async def _one(request: Request, ims: Context) -> tuple[Caller, Row]:
    who = await caller(request, ims)
    export_id = reading.path_id(request, "id", reading.uuid, "export")
    row = await ims.db(store.one, who.account.account_id, export_id.bytes, test=who.test)
    if row is None:
        raise reading.not_found("export")
    return who, row


async def show(request: Request, ims: Context) -> Response:
    """One export."""
    _, row = await _one(request, ims)
    go_on(ims, row)
    return reading.answer(view(row))


async def remove(request: Request, ims: Context) -> Response:
    """Delete an export with its file."""
    who, row = await _one(request, ims)
    await audited(
        ims, who, Deed("exports.delete", _named(row)), store.remove, row.account_id, row.export_id, test=who.test
    )
    return Response(status_code=204)


async def download(request: Request, ims: Context) -> Response:
    """The file: 409 until it is whole, 410 when its day is over."""
    who, row = await _one(request, ims)
    if row.expires_ms <= ims.now_ms():
        raise Problem(410, "An export is kept for 24 hours; ask for it again.")
    if row.state != store.DONE:
        go_on(ims, row)
        raise Problem(409, f"The file is not whole: the export is {row.state}.", kind="wrong-state", retry_after=2)
    await noted(ims, who, Deed("exports.download", _named(row), after={"rows": row.found}, purpose=row.purpose))
    name = f"{row.what}-{(iso(row.created_ms) or '')[:10]}-{UUID(bytes=row.export_id).hex[:8]}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return StreamingResponse(_file(ims, row), headers=headers, media_type="text/csv; charset=utf-8")


async def _file(ims: Context, row: Row) -> AsyncIterator[bytes]:
    for part in range(row.parts):
        body = await ims.db(store.body, row.export_id, part)
        if body is None:  # deleted meanwhile: what was sent so far must not be taken for the whole
            raise RuntimeError("an export was deleted while it was fetched")
        yield zlib.decompress(body)
