"""`/v1/files`: what an account keeps, within which quota, and removing it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from shared.edge.callers import caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso, now_ms
from shared.runtime.problems import Problem
from shared.runtime.settings import RetentionSettings, load
from shared.stores import files as store
from shared.stores.files import FileRow, Full, Quota, Used

TOP = b"\xff" * 16

Json = dict[str, Any]


def quota(ims: Context) -> Quota:
    """What holds for accounts without limits of their own."""
    keep_ms = int(load(RetentionSettings).retention_content_days * store.DAY_MS)
    return Quota(ims.accept.files_count, ims.accept.files_bytes, keep_ms)


@contextmanager
def within() -> Iterator[None]:
    """413 for a file that never fits into the quota, 429 with when it will; both say what is used."""
    try:
        yield
    except Full as full:
        more: Json = {"used": _stored(full.used), "limit": _stored(full.quota)}
        kept = f"{full.used.files} files with {full.used.bytes} bytes are kept"
        if full.frees_ms is None:
            detail = f"The file is larger than all that this account may keep; {kept}."
            raise Problem(413, detail, kind="file-quota", **more, frees_at=None) from full
        detail = f"{kept[0].upper()}{kept[1:]}; delete some, or wait until enough have run out."
        wait_s = max(1.0, (full.frees_ms - now_ms()) / 1000)
        raise Problem(429, detail, retry_after=wait_s, kind="files-full", **more, frees_at=iso(full.frees_ms)) from full


def _stored(what: Used | Quota) -> Json:
    return {"count": what.files, "bytes": what.bytes}


def view(row: FileRow, keep_ms: int) -> Json:
    """A file as its account sees it."""
    return {
        "id": str(UUID(bytes=row.file_id)),
        "file_id": str(UUID(bytes=row.file_id)),
        "name": row.name,
        "media_type": row.media_type,
        "size": row.size,
        "width": row.width,
        "height": row.height,
        "created_at": iso(row.created_ms),
        "updated_at": iso(row.created_ms),
        "needed_until": iso(row.needed_until_ms) if row.needed_until_ms else None,
        "expires_at": iso(row.used_ms + keep_ms),
    }


async def list_files(request: Request, ims: Context) -> Response:
    """The account's files, the newest first, with what is used of its quota."""
    who = await caller(request, ims)
    given = reading.query(request, {"limit": reading.limit, "cursor": str})
    limit, mark = given.get("limit", reading.DEFAULT_LIMIT), reading.filters_mark("files", {"caller": who.mark})
    below = reading.read_cursor(given["cursor"], mark, 16) if "cursor" in given else TOP
    account_id, allowed = who.account.account_id, quota(ims)
    rows = await ims.db(store.page, account_id, below, limit + 1, who.test)
    allowed = await ims.db(store.quota_of, account_id, allowed)
    used = await ims.db(store.used, account_id, who.test, allowed.keep_ms, ims.now_ms())
    onward = reading.cursor(mark, rows[limit - 1].file_id) if len(rows) > limit else None
    items = [view(row, allowed.keep_ms) for row in rows[:limit]]
    told = {"used": _stored(used), "limit": _stored(allowed)}
    return reading.answer({"items": items, "next": onward, **told})


async def get_file(request: Request, ims: Context) -> Response:
    """One file."""
    who = await caller(request, ims)
    file_id = reading.path_id(request, "id", reading.uuid, "file")
    row = await ims.db(store.one, who.account.account_id, file_id.bytes, who.test)
    if row is None:
        raise reading.not_found("file")
    return reading.answer(view(row, quota(ims).keep_ms))


async def delete_file(request: Request, ims: Context) -> Response:
    """Remove a file; 409 while a message may need it."""
    who = await caller(request, ims)
    file_id = reading.path_id(request, "id", reading.uuid, "file")
    row = await ims.db(store.remove, who.account.account_id, file_id.bytes, ims.now_ms(), who.test)
    if row is None:
        raise reading.not_found("file")
    if row.needed_until_ms > ims.now_ms():
        until = iso(row.needed_until_ms)
        raise Problem(409, f"A message may need this file until {until}.", kind="in-use", needed_until=until)
    return Response(status_code=204)
