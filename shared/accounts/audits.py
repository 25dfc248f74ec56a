"""`/v1/audit` and `/v1/admin/audit`: who changed, or looked at, what; whether a row of it was changed or removed."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from shared.edge import csv_out, objects
from shared.edge.auditing import Deed, anchored, noted
from shared.edge.callers import caller, operator
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.stores import audit
from shared.stores.audit import Filter, Row

Json = dict[str, Any]
TOP = b"\xff" * 8
EXPORTED = 100_000
COLUMNS = ("id", "at", "actor_kind", "actor", "from", "username", "action", "object", "before", "after", "purpose")


def _text(value: str) -> str:
    if len(value) > 300:
        raise ValueError("at most 300 characters")
    return value


OWN = {"actor": _text, "action": _text, "object": _text, "since": reading.time, "until": reading.time}
ALL = {**OWN, "username": _text}


def view(row: Row) -> Json:
    """A row as it is shown."""
    one = row.entry
    return {
        "id": row.seq,
        "at": iso(one.at_ms),
        "actor": {"kind": one.actor_kind, "id": one.actor_id, "name": one.actor_name},
        "from": one.address,
        "username": one.username or None,
        "action": one.action,
        "object": one.object,
        "before": None if one.before_json is None else orjson.loads(one.before_json),
        "after": None if one.after_json is None else orjson.loads(one.after_json),
        "purpose": one.purpose,
    }


async def list_own(request: Request, ims: Context) -> Response:
    """What was done in the account, the newest first; also by operators."""
    who = await caller(request, ims)
    return await _list(request, ims, OWN, who.account.account_id, who.mark)


async def list_all(request: Request, ims: Context) -> Response:
    """What was done in the whole installation."""
    await operator(request, ims)
    return await _list(request, ims, ALL, None, "operators")


async def _list(
    request: Request, ims: Context, readers: dict[str, reading.Reader], account_id: int | None, owner: object
) -> Response:
    given = objects.asked(request, "audit", owner, readers, 8)
    below = int.from_bytes(given.place if "cursor" in request.query_params else TOP, "big")
    below = min(below, 2**63 - 1)
    rows = await ims.db(audit.page, Filter(**{"account_id": account_id, **given}), below, given.limit + 1)
    return objects.page(given, rows, view, lambda row: row.seq.to_bytes(8, "big"))


async def verify(request: Request, ims: Context) -> Response:
    """Walk the chain; `broken_at` is the first row that is missing, changed or out of place."""
    await operator(request, ims)
    found = await ims.db(audit.verify, await anchored(ims))
    shown = {"ok": found.ok, "rows": found.rows, "head": found.head.hex(), "broken_at": found.broken_at}
    return reading.answer(shown)


async def export(request: Request, ims: Context) -> Response:
    """The same as a CSV file, of at most 100,000 rows; the look itself is noted."""
    who = await operator(request, ims)
    given = reading.query(request, {**ALL, "purpose": _text})
    purpose = given.pop("purpose", None)
    rows = await ims.db(audit.page, Filter(**given), 2**63 - 1, EXPORTED)
    await noted(ims, who, Deed("audit.export", "audit", after={"rows": len(rows), **given}, purpose=purpose))
    text = csv_out.MARK + csv_out.lines([COLUMNS, *map(_cells, rows)])
    headers = {"content-disposition": 'attachment; filename="audit.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _cells(row: Row) -> list[str]:
    e = row.entry
    return [
        str(row.seq), str(iso(e.at_ms)), e.actor_kind, e.actor_name, e.address, e.username, e.action, e.object,
        e.before_json or "", e.after_json or "", e.purpose or "",
    ]  # fmt: skip
