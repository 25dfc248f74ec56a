"""What is told row by row: faults, one row as it would be sent, and the results of what was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from shared.channels.acceptance import accept
from shared.channels.common import InvalidRequest, channel
from shared.domain.ids import message_id
from shared.domain.states import State
from shared.edge import csv_out, objects
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import new_request_id
from shared.stores import sql
from shared.stores import uploads as store
from shared.stores.sql import Connection
from shared.stores.uploads import Part, Upload
from shared.stores.vendors import offers_of
from shared.uploads import parts
from shared.uploads.api import one
from shared.uploads.reading import letter
from shared.uploads.rules import body_of, view_of

CLASSES = ("columns", "number", "variable", "content", "cell", "twice", "opted_out")
BESIDE = frozenset({"twice", "opted_out"})
"""Classes that are no faults: they are told when they are asked for."""
CSV = "text/csv"
FEW = 20
"""Parts read at once."""

Json = dict[str, Any]


def _class(text: str) -> str:
    if text not in CLASSES:
        raise ValueError(f"classes are: {', '.join(CLASSES)}")
    return text


def _format(text: str) -> str:
    if text not in ("json", "csv"):
        raise ValueError("must be json or csv")
    return text


def _wanted(faults: Sequence[Json], kind: str | None) -> list[Json]:
    return [f for f in faults if (f["class"] == kind if kind else f["class"] not in BESIDE)]


async def faults(request: Request, ims: Context) -> Response:
    """Why rows cannot be sent, by row, column and value; `?class=` one kind, `twice` and `opted_out` too. As text/csv
    (or `?format=csv`): those rows as they came, with a column that says why."""
    who, row = await one(request, ims)
    mark = (*who.mark, row.upload_id.hex(), row.generation)
    given = objects.asked(request, "faults", mark, {"class": _class, "format": _format})
    kind = given.get("class")
    if given.get("format") == "csv" or CSV in request.headers.get("accept", ""):
        return _csv(_fault_lines(ims, row, kind), f"{row.name}.faults.csv")
    first, skip = int.from_bytes(given.place[:8], "big"), int.from_bytes(given.place[8:], "big")
    found: list[tuple[Json, bytes]] = []
    if given.place == objects.BOTTOM and kind in (None, "columns"):
        found = [(f, bytes(16)) for f in row.facts.get("column_faults", [])]
    async for part in _parts(ims, row, first - 1, bad=True):
        listed = [f for bad in parts.bad(part.bad_rows) for f in _wanted(bad.faults, kind)]
        start = skip if part.first_row == first else 0
        found += [(f, _place(part.first_row, n + 1)) for n, f in enumerate(listed) if n >= start]
        if len(found) > given.limit:
            break
    page = objects.page(given, found[: given.limit + 1], lambda pair: pair[0], lambda pair: pair[1])
    return page


def _place(first_row: int, taken: int) -> bytes:
    return first_row.to_bytes(8, "big") + taken.to_bytes(8, "big")


async def _parts(ims: Context, row: Upload, above: int, **wanted: bool) -> AsyncIterator[Part]:
    while True:
        found = await ims.db(store.parts, row, above, FEW, **wanted)
        for part in found:
            yield part
        if len(found) < FEW:
            return
        above = found[-1].first_row


def _csv(lines: AsyncIterator[bytes], name: str) -> Response:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)[-100:]
    headers = {"content-disposition": f'attachment; filename="{plain}"', "cache-control": "no-store"}
    return StreamingResponse(lines, headers=headers, media_type="text/csv; charset=utf-8")


async def _fault_lines(ims: Context, row: Upload, kind: str | None) -> AsyncIterator[bytes]:
    """The rows with their cells as they came, so that they can be mended and sent up again."""
    names = row.facts.get("columns", [])
    width = max(row.facts.get("places", []), default=len(names) - 1) + 1
    places = row.facts.get("places") or list(range(width))
    yield (csv_out.MARK + csv_out.lines([[*names, "reason"]])).encode()
    async for part in _parts(ims, row, -1, bad=True):
        told = []
        for bad in parts.bad(part.bad_rows):
            why = _wanted(bad.faults, kind)
            if why:
                cells = [bad.cells[at] if at < len(bad.cells) else "" for at in places]
                told.append([*cells, "; ".join(f"{f['column'] or ''}: {f['detail']}".lstrip(": ") for f in why)])
        yield csv_out.lines(told).encode()


async def show_row(request: Request, ims: Context) -> Response:
    """One row, by its number in the sheet: as it would be sent, or why it would not."""
    who, row = await one(request, ims)
    text = request.path_params["n"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    part = await ims.db(store.part_of, row, number)
    for bad in parts.bad(part.bad_rows if part else None):
        if bad.row == number:
            return reading.answer({"row": number, "good": False, "cells": _named(row, bad.cells), "faults": bad.faults})
    for good in parts.good(part.good_rows if part else None):
        if good.row == number:
            shown = await _rendered(ims, row, good, who.account) if row.settings.get("content") else None
            return reading.answer({"row": number, "good": True, "recipient": good.item, "message": shown})
    raise reading.not_found("row among those that were checked")


def _named(row: Upload, cells: Sequence[str]) -> Json:
    names = dict(zip(row.facts.get("places", []), row.facts.get("columns", []), strict=False))
    return {names.get(at, letter(at)): cell for at, cell in enumerate(cells) if cell or at in names}


async def _rendered(ims: Context, row: Upload, good: parts.Good, account: Any) -> Json | None:
    kind, now = channel(row.channel), ims.now_ms()
    body = body_of(row.settings["content"], row.lane, [good.item])
    view = await ims.db(view_of, account, kind, body, test=row.test)
    try:
        made = accept(kind, body, account=view, now_ms=now, request_id=new_request_id(now), test=row.test)
    except InvalidRequest:
        return None
    seen = made.plan_view(offers_of(await ims.vendors.entries())(now))["messages"][0]
    first = made.request.plan[0]
    payload = channel(first.channel).render(first.content, made.request.messages[0].vars)
    texts = {
        n: getattr(payload, n)
        for n in ("subject", "title", "text", "body")
        if isinstance(getattr(payload, n, None), str)
    }
    return {**{k: seen[k] for k in ("to", "type", "length", "parts", "price")}, **texts}


async def results(request: Request, ims: Context) -> Response:
    """What became of each good row, as CSV: its number in the sheet, its message and the status of the moment."""
    _, row = await one(request, ims)
    return _csv(_result_lines(ims, row), f"{row.name}.results.csv")


RESULT = ("row", "to", "ref", "message_id", "status", "code", "reason")


async def _result_lines(ims: Context, row: Upload) -> AsyncIterator[bytes]:
    yield (csv_out.MARK + csv_out.lines([RESULT])).encode()
    async for part in _parts(ims, row, -1, good=True):
        rows = parts.good(part.good_rows)
        ids = _ids(part, row.lane, len(rows))
        known = await ims.db(statuses, [i.bytes for i in ids]) if ids else {}
        out = {number: (code, detail) for number, code, detail in orjson.loads(part.left_out or "[]")}
        yield csv_out.lines(_result(one, ids, place, out, known) for place, one in enumerate(rows)).encode()


def _ids(part: Part, lane: str, count: int) -> list[UUID]:
    if part.state != store.SENT or not part.request_id:
        return []
    request = UUID(bytes=bytes(part.request_id))
    return [message_id(request, n, lane) for n in range(1, count + 1)]


def _result(
    one: parts.Good,
    ids: Sequence[UUID],
    place: int,
    out: dict[int, tuple[str, str]],
    known: dict[bytes, tuple[str, str | None]],
) -> list[Any]:
    head = [one.row, _shown(one.item["to"]), one.item.get("ref")]
    if one.row in out:
        code, detail = out[one.row]
        return [*head, None, "refused", code, detail]
    if not ids:
        return [*head, None, "waiting", None, None]
    status, result = known.get(ids[place].bytes, ("accepted", None))
    return [*head, ids[place], status, result, None]


def _shown(to: str) -> str:
    """A mobile number as people write it, so that a spreadsheet keeps its 0."""
    if len(to) == 11 and to.isdigit() and to.startswith("01"):
        return f"{to[:3]}-{to[3:7]}-{to[7:]}"
    return to


def statuses(conn: Connection, ids: Sequence[bytes]) -> dict[bytes, tuple[str, str | None]]:
    """Message id → status and code, of those that route has taken in."""
    query = f"SELECT message_id, status, code FROM messages WHERE message_id IN ({sql.ids(ids)})"  # noqa: S608
    return {bytes(i): (State(status).name, code) for i, status, code in sql.fetch(conn, query)}
