"""`GET /v1/prices`: what a message costs now, or at a moment, by channel, type, country and vendor."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared.edge.callers import caller
from shared.following import reading
from shared.money import KOREA, Charge
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.stores.vendors import Entry
from shared.vendors.base import list_prices

Json = dict[str, Any]


async def show(request: Request, ims: Context) -> Response:
    """The prices of a delivered message, in KRW: those of the moment of its acceptance count. Test keys pay nothing."""
    await caller(request, ims)
    given = reading.query(request, {"at": reading.time, "channel": reading.channel})
    at_ms = given.get("at", ims.now_ms())
    entries = [e for e in await ims.vendors.entries() if e.enabled and not e.sandbox]
    chosen = [e for e in entries if given.get("channel") in (None, e.channel)]
    return reading.answer({"at": iso(at_ms), "currency": "KRW", "items": listed(chosen, at_ms)})


def listed(entries: Iterable[Entry], at_ms: int) -> list[Json]:
    """One line a channel, type, country and vendor; of several accounts at a vendor the lowest and the highest."""
    found: dict[tuple[str, str, str, str], list[Decimal]] = {}
    for entry in entries:
        for kind in entry.adapter.types:
            for country, price in _prices(entry, kind, at_ms):
                found.setdefault((entry.channel, kind, country, entry.account.vendor), []).append(price)
    return [
        {
            "channel": channel, "type": kind, "country": country, "vendor": vendor,
            "price": f"{min(prices):.2f}", "highest": f"{max(prices):.2f}",
            "unit": "message" if country == KOREA else "part",
        }
        for (channel, kind, country, vendor), prices in sorted(found.items())
    ]  # fmt: skip


def _prices(entry: Entry, kind: str, at_ms: int) -> Iterable[tuple[str, Decimal]]:
    vendor, account = entry.account.vendor, entry.account.account
    own = list_prices(entry.adapter)
    countries = {KOREA, *own.get(kind, {}), *entry.prices.countries(entry.channel, vendor, account, kind)}
    period = entry.prices.period(at_ms)
    for country in sorted(countries):
        price = entry.prices.cost(entry.channel, vendor, account, Charge(kind, country, 1, period), own)
        if price is not None:
            yield country, price
