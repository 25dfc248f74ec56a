"""`/v1/uploads`: bulk files of an account. Test keys have their own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Channel, Fault, channel
from shared.domain.errors import Unavailable
from shared.domain.ids import request_id
from shared.edge import objects
from shared.edge.auditing import Deed, audited
from shared.edge.callers import Caller, caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.problems import Problem
from shared.stores import uploads as store
from shared.stores.sql import Connection
from shared.stores.uploads import Upload
from shared.uploads import receiving
from shared.uploads.peers import likeness
from shared.uploads.rules import SAID, Rules
from shared.uploads.shapes import UploadChange, UploadSend, content_hash, settings_of, steps, view
from shared.uploads.table import Column, Layout

Json = dict[str, Any]
TOP = b"\xff" * 16
MOST_AT_ONCE, MOST_BYTES = 20, 4 * 1024 * 1024 * 1024
"""Files of an account that may come or be checked at once; bytes that it may keep."""
DAY_MS = 86_400_000
LIKE = 0.5
"""Lists that have so large a share of equal recipients are told."""
STATES = ("checking", "checked", "sending", "paused", "done", "canceled", "failed")
REFUSED_KINDS = ("application/json",)


def _state(text: str) -> str:
    if text not in STATES:
        raise ValueError(f"states are: {', '.join(STATES)}")
    return text


def _name(text: str) -> str:
    if len(text) > 255:
        raise ValueError("at most 255 characters")
    return text


async def create(request: Request, ims: Context) -> Response:
    """Take a CSV or XLSX in, raw or as the file of a form; 202: its check begins."""
    who = await caller(request, ims)
    given = reading.query(request, {"channel": reading.channel, "lane": reading.lane, "name": _name})
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() in REFUSED_KINDS:
        raise Problem(415, "Send the file itself (CSV or XLSX), raw or as a form.", title="Send a CSV or XLSX file")
    now, number = ims.now_ms(), int.from_bytes(os.urandom(8), "big")
    row = _new(who, request_id(now, number).bytes, given, now)
    with _within():
        await _beside(ims, store.begin, row, MOST_AT_ONCE, MOST_BYTES)
    try:
        arrived = await receiving.keep(request, ims, row.upload_id)
    except BaseException:
        with suppress(Unavailable):
            await _beside(ims, store.forget, row.upload_id, ims.now_ms())
        raise
    name = given.get("name") or arrived.name[:255] or "upload"
    after = {"name": name, "size": arrived.size, "channel": row.channel, "lane": row.lane}
    deed = Deed("uploads.create", _named(row), after=after)
    args = (row.upload_id, name, arrived.size, arrived.digest, ims.now_ms())
    await audited(ims, who, deed, store.arrived, *args)
    return objects.shown(view(await _found(ims, who, row.upload_id)), 202)


async def _beside(ims: Context, fn: Any, *args: Any) -> None:
    """In a task of its own, so that an Idempotency-Key counts as used when the file is here, not before."""
    import asyncio

    await asyncio.create_task(_run(ims, fn, *args))


async def _run(ims: Context, fn: Any, *args: Any) -> None:
    await ims.db(fn, *args)


class _within:
    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if isinstance(error, store.Full):
            raise Problem(
                429, f"At most {MOST_AT_ONCE} files may be checked at once, and 4 GiB be kept.", retry_after=30
            ) from error


def _new(who: Caller, upload_id: bytes, given: Json, now: int) -> Upload:
    values: Json = {**dict.fromkeys(Upload._fields, 0), **dict.fromkeys(_NONE)}
    values |= {"upload_id": upload_id, "account_id": who.account.account_id, "test": who.test, "version": 1}
    values |= {"channel": given.get("channel", "mt"), "lane": given.get("lane", "bulk"), "settings": {}, "facts": {}}
    values |= {"name": given.get("name", ""), "state": store.RECEIVING, "created_by": who.actor.name[:254]}
    return Upload(**{**values, "created_ms": now, "updated_ms": now, "erase_ms": now + DAY_MS})


_NONE = ("why", "digest", "content_hash", "people_hash", "sketch", "sent_by", "sent_ms", "ended_ms")


def _named(row: Upload) -> str:
    return f"upload:{UUID(bytes=row.upload_id)}"


async def _found(ims: Context, who: Caller, upload_id: bytes) -> Upload:
    row = await ims.db(store.one, who.account.account_id, upload_id, test=who.test)
    if row is None:
        raise reading.not_found("upload")
    return row


async def one(request: Request, ims: Context) -> tuple[Caller, Upload]:
    """The caller and the file that the path names."""
    who = await caller(request, ims)
    upload_id = reading.path_id(request, "id", reading.uuid, "upload")
    return who, await _found(ims, who, upload_id.bytes)


async def list_all(request: Request, ims: Context) -> Response:
    """The account's files, the newest first."""
    who = await caller(request, ims)
    given = objects.asked(request, "uploads", who.mark, {"state": _state})
    below = given.place if given.place != objects.BOTTOM else TOP
    rows = await ims.db(
        store.page, who.account.account_id, below, given.limit + 1, test=who.test, state=given.get("state")
    )
    return objects.page(given, rows, view, lambda row: row.upload_id)


async def show(request: Request, ims: Context) -> Response:
    """One file, with how far its check or sending is, and which like it were sent within a day."""
    _, row = await one(request, ims)
    return objects.shown(view(row, await _same(ims, row)))


async def _same(ims: Context, row: Upload) -> list[Json]:
    if row.state != store.CHECKED or row.content_hash is None:
        return []
    return [told for _, told in _alike(row, await ims.db(store.sent_since, row, ims.now_ms() - DAY_MS))]


def _alike(row: Upload, others: Iterable[Upload]) -> list[tuple[bool, Json]]:
    """Which were sent with the same content to the same people, or many of them; whether it is the very same."""
    found = []
    for other in others:
        same = other.digest == row.digest or (row.good > 0 and other.people_hash == row.people_hash)
        share = 1.0 if same else likeness(row.sketch or b"", other.sketch or b"")
        if share >= LIKE:
            seen = view(other)
            told = {"id": seen["id"], "name": other.name, "sent_at": seen["sent_at"], "sent_by": other.sent_by}
            found.append((same, {**told, "share": round(share, 2)}))
    return found


async def change(request: Request, ims: Context) -> Response:
    """Say what is to be sent and which column is what; the file is checked anew."""
    who, row = await one(request, ims)
    objects.matches(request, row.version)
    wish = await reading.body(request, UploadChange, partial(_faults, ims, who, row))
    deed = partial(_changed, wish)
    changed = await audited(ims, who, deed, _change, row.account_id, row.upload_id, who.test, wish, ims.now_ms())
    return objects.shown(view(changed))


def _changed(wish: UploadChange, row: Upload) -> Deed:
    return Deed("uploads.change", _named(row), after=wish.model_dump(exclude_none=True))


def _change(conn: Connection, account_id: int, upload_id: bytes, test: bool, wish: UploadChange, now_ms: int) -> Upload:
    row = _locked(conn, account_id, upload_id, test)
    if row.state not in (store.CHECKING, store.CHECKED, store.FAILED):
        _misplaced(row, "what is sent, and how the file is read, can be changed before it is sent only")
    settings = settings_of(row, wish)
    return store.recheck(conn, row, now_ms, settings, content_hash(row, settings.get("content")))


def _locked(conn: Connection, account_id: int, upload_id: bytes, test: bool) -> Upload:
    row = store.one(conn, account_id, upload_id, test=test, lock="FOR UPDATE")
    if row is None:
        raise reading.not_found("upload")
    return row


def _misplaced(row: Upload, detail: str) -> NoReturn:
    title = "It does not fit the state"
    raise Problem(409, f"The upload is {row.state}: {detail}.", kind="wrong-state", title=title, state=row.state)


async def _faults(ims: Context, who: Caller, row: Upload, wish: UploadChange) -> list[Fault]:
    """What is wrong with the content by the rules of accepting, and with columns that are not there."""
    return [*_mapping_faults(row, wish), *(await _content_faults(ims, who, row, wish))]


def _mapping_faults(row: Upload, wish: UploadChange) -> list[Fault]:
    if wish.mapping is None or "columns" not in row.facts or wish.model_fields_set & {"header_row", "sheet"}:
        return []
    found = Layout(0, [Column(at, name) for at, name in enumerate(row.facts["columns"])])
    named = [("to", wish.mapping.to), ("ref", wish.mapping.ref)]
    named += [(f"variables/{name}", column) for name, column in wish.mapping.variables.items()]
    named += [(f"addresses/{name}", column) for name, column in wish.mapping.addresses.items()]
    known = ", ".join(row.facts["columns"][:20])
    return [
        Fault(f"/mapping/{path}", "not_found", f"there is no column {column[:60]!r}; there are: {known}")
        for path, column in named
        if column is not None and not found.named(column)
    ]


async def _content_faults(ims: Context, who: Caller, row: Upload, wish: UploadChange) -> list[Fault]:
    if wish.content is None:
        return []
    said = [Fault(f"/content/{name}", "conflict", "the upload itself says it") for name in SAID & wish.content.keys()]
    if said:
        return said
    kind: Channel = channel(row.channel)
    rules = Rules(who.account, kind, row.lane, wish.content, who.test, ims.now_ms())
    made = await ims.db(rules.prepare)
    return [Fault(f"/content{f.pointer}", f.code, f.detail) for f in made.faults]


async def send(request: Request, ims: Context) -> Response:
    """Send the good rows, as a job. 409 `sent-already` where the same was sent to the same within 24 hours."""
    who, row = await one(request, ims)
    wish = await reading.body(request, UploadSend)
    args = (row.account_id, row.upload_id, who.test, wish.again, who.actor.name[:254], ims.now_ms())
    deed = Deed("uploads.send", _named(row), after={"good": row.good, "again": wish.again})
    return objects.shown(view(await audited(ims, who, deed, _send, *args)), 202)


def _send(conn: Connection, account_id: int, upload_id: bytes, test: bool, again: bool, by: str, now: int) -> Upload:
    store.lock_account(conn, account_id)
    row = _locked(conn, account_id, upload_id, test)
    if row.state != store.CHECKED:
        _misplaced(row, "it can be sent when it is checked")
    if row.settings.get("content") is None:
        _misplaced(row, "say what to send first: PUT its content")
    if not row.good:
        _misplaced(row, "it has no good row")
    same = [told for is_same, told in _alike(row, store.sent_since(conn, row, now - DAY_MS)) if is_same]
    if same and not again:
        raise Problem(
            409,
            'The same content was sent to the same list within 24 hours; with {"again": true} it is sent again.',
            kind="sent-already",
            title="It was sent already",
            same_as=same,
        )
    return store.change(
        conn, row, now, state=store.SENDING, sent_ms=now, sent_by=by, progress=0, erase_ms=None, why=None
    )


async def _step(name: str, request: Request, ims: Context) -> Response:
    who, row = await one(request, ims)
    deed = Deed(f"uploads.{name}", _named(row), before={"state": row.state})
    args = (name, row.account_id, row.upload_id, who.test, ims.now_ms())
    return objects.shown(view(await audited(ims, who, deed, _take_step, *args)))


def _take_step(conn: Connection, name: str, account_id: int, upload_id: bytes, test: bool, now: int) -> Upload:
    row = _locked(conn, account_id, upload_id, test)
    states, after = steps()[name]
    if row.state not in states:
        _misplaced(row, f"{name} fits {' and '.join(states)}")
    ended = {"ended_ms": now, "erase_ms": now + store.KEEP_MS} if after == store.CANCELED else {}
    return store.change(conn, row, now, state=after, why=None, **ended)


async def pause(request: Request, ims: Context) -> Response:
    """Stop sending for now; what was accepted goes on."""
    return await _step("pause", request, ims)


async def resume(request: Request, ims: Context) -> Response:
    """Go on sending."""
    return await _step("resume", request, ims)


async def cancel(request: Request, ims: Context) -> Response:
    """Send no more of it; what was accepted goes on, and can be cancelled by its requests."""
    return await _step("cancel", request, ims)
