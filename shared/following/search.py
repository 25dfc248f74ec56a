"""`GET /v1/search?q=`: whatever somebody has in hand, looked for under every name that an index knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault
from shared.domain.phone import mask
from shared.edge.callers import caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.stores import lookup, requests
from shared.stores.lookup import TOP, Search
from shared.stores.requests import Listing, RequestRow
from shared.stores.sql import Connection

Json = dict[str, Any]
MOST = 20
"""So many are shown for each name."""
BOTTOM = b"\0" * 16


def _text(text: str) -> str:
    found = text.strip()
    if len(found) > reading.MAX_TO:
        raise ValueError(f"at most {reading.MAX_TO} characters")
    return found


QUERY: dict[str, reading.Reader] = {"q": _text}
MESSAGES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "ref": ("ref", reading.ref),
    "vendor_ref": ("vendor_ref", reading.ref),
    "to": ("recipient", reading.to),
}
"""What is looked at → a search's field, and how the text is read as that; what cannot be read so is not looked for."""


async def search(request: Request, ims: Context) -> Response:
    """Messages and requests with this id, `ref`, `request_ref`, vendor's reference or recipient (numbers in any
    writing); exact ids come first, then by name, the newest first, at most 20 each. `looked_at` says which names the
    text could be."""
    who = await caller(request, ims)
    text = reading.query(request, QUERY).get("q")
    if not text:
        raise reading.invalid([Fault("/q", "required", "what to look for")])
    account_id = who.account.account_id
    items, looked_at = await ims.searches(account_id, _find, account_id, who.test, text)
    return reading.answer({"items": items, "looked_at": looked_at})


def _read(reader: Callable[[str], Any], text: str) -> Any:
    try:
        return reader(text)
    except ValueError:
        return None


def _find(conn: Connection, account_id: int, test: bool, text: str) -> tuple[list[Json], list[str]]:
    lookup.consistent(conn)
    found: dict[tuple[str, str], Json] = {}
    looked_at: list[str] = []
    for name, items in _looks(conn, account_id, test, text):
        looked_at.append(name)
        for item in items:
            found.setdefault((item["kind"], item["id"]), item)
    return list(found.values()), looked_at


def _looks(conn: Connection, account_id: int, test: bool, text: str) -> Iterator[tuple[str, list[Json]]]:
    """Each name that the text may be, with what bears it."""
    wanted = Search(account_id, BOTTOM, TOP, MOST, test=test)
    if (request_id := _read(reading.request_id, text)) is not None:
        row = requests.read(conn, account_id, request_id, test)
        yield "request_id", [_request(row)] if row is not None else []
    elif (message_id := _read(reading.message_id, text)) is not None:
        yield "message_id", _messages(conn, wanted, [message_id.bytes])
    listing = Listing(account_id, BOTTOM, TOP, MOST, test, None, text)
    yield "request_ref", [_request(row) for row in requests.page(conn, listing)[0]]
    for name, (field, reader) in MESSAGES.items():
        value = _read(reader, text)
        if value is not None:
            page = lookup.search(conn, replace(wanted, **{field: value}))
            yield name, _messages(conn, wanted, page.ids)


def _messages(conn: Connection, wanted: Search, ids: list[bytes]) -> list[Json]:
    found = lookup.reports(conn, wanted.account_id, ids, test=wanted.test)
    return [_message(report.data) for report in found]


def _message(data: Json) -> Json:
    title = " ".join(str(part) for part in (data["channel"], _masked(data["to"]), data["status"], data["code"]) if part)
    return {"kind": "message", "id": data["message_id"], "title": title, "at": data["accepted_at"]}


def _masked(to: str | None) -> str:
    """A number as logs have it; of any other address, its first letter and what stands behind the @."""
    if not to:
        return ""
    name, at, domain = to.partition("@")
    return f"{name[:1]}…@{domain}" if at else mask(to)


def _request(row: RequestRow) -> Json:
    title = " ".join(part for part in (row.lane, row.request_ref, f"{row.total} message(s)") if part)
    return {"kind": "request", "id": str(row.request_id), "title": title, "at": iso(row.accepted_ms)}
