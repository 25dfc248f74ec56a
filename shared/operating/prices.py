"""`/v1/admin/prices`: what vendors charge us, from a moment on; and `routes`: who would carry what, at which price."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault, read_time, time_fault
from shared.channels.schema import Content
from shared.edge.auditing import Deed, audited
from shared.edge.callers import operator
from shared.following import reading
from shared.money import PriceRow
from shared.operating.common import Json, dry
from shared.operating.vendors import known, shown
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.stores import operating as store
from shared.stores.sql import Connection
from shared.vendors.registry import REGISTRY

MOST = Decimal(100_000)
Short = Annotated[str, Field(max_length=32)]


class New(Content):
    """A price in KRW for one charged unit, as a text; `account` empty: of each account of the vendor. It never changes
    what was accepted before `from`."""

    channel: Short
    vendor: Short
    type: Annotated[str, Field(max_length=16)]
    amount: Annotated[str, Field(max_length=16)]
    from_: Annotated[str, Field(alias="from", max_length=64)]
    account: Short = ""
    country: Annotated[str, Field(pattern=r"^([A-Z]{2}|\*)$")] = "KR"


def _amount(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    exponent = value.as_tuple().exponent
    right = value.is_finite() and 0 <= value <= MOST and isinstance(exponent, int) and exponent >= -4
    return value if right else None


def view(row: PriceRow, now_ms: int, held: set[tuple[str, ...]]) -> Json:
    """A price; `state` past, now or future."""
    kind = (row.channel, row.vendor, row.account, row.type, row.country)
    state = "future" if row.from_ms > now_ms else "past" if kind in held else "now"
    if state == "now":
        held.add(kind)
    return {
        "channel": row.channel, "vendor": row.vendor, "account": row.account, "type": row.type, "country": row.country,
        "from": iso(row.from_ms), "amount": f"{row.amount:.4f}", "state": state,
    }  # fmt: skip


async def list_all(request: Request, ims: Context) -> Response:
    """Prices that were entered, the newest first; where there is none, the vendor's list price holds."""
    await operator(request, ims)
    given = reading.query(request, {"channel": reading.channel, "vendor": reading.vendor})
    held: set[tuple[str, ...]] = set()
    rows = [
        row
        for row in await ims.db(store.prices)
        if given.get("channel") in (None, row.channel) and given.get("vendor") in (None, row.vendor)
    ]
    return reading.answer({"items": [view(row, ims.now_ms(), held) for row in rows], "next": None})


async def create(request: Request, ims: Context) -> Response:
    """Enter a price from a moment on, which lies in the future: what was accepted keeps its price."""
    who, only_shown, now = await operator(request, ims), dry(request), ims.now_ms()

    async def faults(wish: New) -> list[Fault]:
        return list(_faults(wish, now))

    wish = await reading.body(request, New, faults)
    amount, from_ms = _amount(wish.amount) or Decimal(0), read_time(wish.from_) or 0
    row = PriceRow(wish.channel, wish.vendor, wish.account, wish.type, wish.country, from_ms, amount)
    before = [one for one in await ims.db(store.prices) if one[:5] == row[:5] and one.from_ms <= from_ms]
    was = f"{before[0].amount:.4f}" if before else None
    if only_shown:
        return reading.answer({"dry_run": True, **view(row, now, set()), "before": was})

    def work(conn: Connection) -> None:
        store.add_price(conn, row)

    deed = Deed("price.set", f"price:{row.channel}/{row.vendor}/{row.type}", was, view(row, now, set()))
    await audited(ims, who, deed, work)
    return reading.answer({**view(row, now, set()), "before": was}, 201)


def _faults(wish: New, now_ms: int) -> list[Fault]:
    wrong = []
    adapter = REGISTRY.get((wish.vendor, wish.channel)) if (wish.vendor, wish.channel) in REGISTRY else None
    if adapter is None:
        wrong.append(Fault("/vendor", "not_found", "there is no such vendor on that channel"))
    elif wish.type not in adapter.types:
        wrong.append(Fault("/type", "range", f"its types are: {', '.join(adapter.types)}"))
    if _amount(wish.amount) is None:
        wrong.append(Fault("/amount", "format", "KRW from 0 to 100000, at most four places"))
    at = read_time(wish.from_)
    if at is None:
        wrong.append(Fault("/from", "format", time_fault(wish.from_)))
    elif at <= now_ms:
        wrong.append(Fault("/from", "range", "must lie in the future"))
    return wrong


async def routes(request: Request, ims: Context) -> Response:
    """By channel, who carries new messages, with which share; test keys have vendors of their own."""
    await operator(request, ims)
    rows: dict[tuple[str, bool], list[Json]] = {}
    for one in await shown(ims, await ims.db(known, ims.now_ms())):
        place = rows.setdefault((one["channel"], one["sandbox"]), [])
        is_open = one["enabled"] and not one["drained"] and one["breaker"]["state"] != "open"
        place.append({"vendor": one["vendor"], "account": one["account"], "share": one["share"], "open": is_open})
    items = [{"channel": c, "test": t, "vendors": listed} for (c, t), listed in sorted(rows.items())]
    return reading.answer({"items": items, "next": None})
