"""Decide the next step of every message in a batch; only this function starts a hop or ends a message."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import orjson

from shared.channels import common
from shared.domain import defaults
from shared.domain.events import Accepted, Due, Event, Outcome, Receipts, Unread
from shared.domain.routing import Need, World
from shared.money import Charge, Prices
from shared.receiving import read_again
from shared.runtime import Context, event_function
from shared.stores import inbox, routing
from shared.vendors.base import list_prices
from shared.vendors.registry import REGISTRY


async def route(event: Accepted | Outcome | Receipts | Unread | Due, ims: Context) -> list[Event]:
    """One transaction a batch: rows first, events after the commit; the same cause again publishes the same events."""
    if isinstance(event, Receipts):
        return await _find_hops(event, ims)
    if isinstance(event, Unread):
        return read_again(await ims.vendors.entries(), event, ims.now_ms())
    prices = await ims.vendors.prices()
    price = partial(_price, prices)
    world = await _world(ims, prices)
    if isinstance(event, Outcome):
        return await ims.db(routing.outcome, event, world, price)
    if isinstance(event, Due):
        return await ims.db(routing.due, event, world, price, ims.lanes.window(event.lane))
    limit = ims.lanes.window(event.lane)
    windows = await ims.accounts.windows(r.account_id for r in event.requests)
    windows = {account: min(own, limit) for account, own in windows.items()}
    out = await ims.db(routing.accept, event, world, price, ims.accept.idempotency_hours, windows)
    for request in event.requests:
        ims.shares.leave(request.lane, request.account_id, len(request.messages), request.counted)
    return out


async def _find_hops(event: Receipts, ims: Context) -> list[Event]:
    """The outcomes of receipts that name only the vendor's reference; what comes too early waits in the inbox."""
    known, early = await ims.db(inbox.match, event)
    if early is None:
        return [*known]
    await ims.db(inbox.keep, early, ims.now_ms())
    meanwhile, _ = await ims.db(inbox.match, early, lock=True)
    return [*known, *meanwhile]


def _price(prices: Prices, channel: str, vendor: str, account: str, charge: Charge) -> Decimal:
    """What a delivered message costs; also at an account that is not there any more."""
    listed = list_prices(REGISTRY[vendor, channel]) if (vendor, channel) in REGISTRY else {}
    return prices.cost(channel, vendor, account, charge, listed) or Decimal(0)


async def _world(ims: Context, prices: Prices) -> World:
    settings = ims.vendor_settings

    def cost(vendor: str, account: str, need: Need) -> Decimal:
        charge = Charge(need.type, need.country, need.units, need.period)
        return Decimal(0) if need.test else _price(prices, need.channel, vendor, account, charge)

    return World(
        now_ms=ims.now_ms(),
        choose=await ims.vendors.chooser(),
        type_of=_type_of,
        type_at=_type_at,
        hopeless=await ims.vendors.hopeless(),
        files_of=_files_of,
        vendors_of=_vendors_of,
        receipt_s=_receipt_s,
        meaning=_meaning,
        charged=_charged,
        period_of=prices.period,
        cost=cost,
        park_ms=int(settings.park_seconds * 1000),
        unit_ms=int(settings.hop_unit_seconds * 1000),
        receipt_scale=settings.receipt_timeout_scale,
    )


def _type_of(hop: dict[str, Any], variables: str | None) -> str:
    values = None if variables is None else orjson.loads(variables)
    return common.channel(hop["channel"]).type_of(hop["content"], values)


def _type_at(hop: dict[str, Any], kind: str, to: str) -> str:
    return common.channel(hop["channel"]).type_at(kind, to)


def _charged(hop: dict[str, Any], address: str, variables: str | Mapping[str, str] | None) -> tuple[str, int]:
    kind, content = common.channel(hop["channel"]), hop["content"]
    country = kind.country(address)
    if not kind.by_units(content):
        return country, 1
    values = orjson.loads(variables) if isinstance(variables, str) else variables
    return country, kind.measure(kind.render(content, values)).units


def _files_of(hop: dict[str, Any]) -> int:
    return len(common.channel(hop["channel"]).files(hop["content"]))


def _vendors_of(hop: dict[str, Any]) -> tuple[str, ...]:
    return common.channel(hop["channel"]).vendors(hop["content"])


def _receipt_s(channel: str, kind: str) -> int:
    return common.channel(channel).receipt_s.get(kind, defaults.RECEIPT_TIMEOUT_OTHERS_S)


def _meaning(vendor: str, channel: str, raw: str) -> str | None:
    row = REGISTRY[vendor, channel].codes.get(raw) if (vendor, channel) in REGISTRY else None
    return row.ims if row else None


main = event_function(route)
