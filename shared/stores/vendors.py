"""Vendor accounts: which there are, which are healthy, and which one carries the next batch."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

import orjson

from shared.accounts.at_rest import VendorPlace, VendorSettings
from shared.domain.errors import Unavailable
from shared.domain.routing import Choose, Hopeless, Need, Offers, Pick
from shared.money import Charge, PriceRow, Prices
from shared.runtime import clock
from shared.stores import sql, stops
from shared.stores.sql import Connection
from shared.vendors.base import Adapter, LooksUp, VendorAccount, able, dispatch_size, list_prices, most_units
from shared.vendors.registry import REGISTRY

TTL_SECONDS = 5.0
ONLY_LISTED = Prices()
FREE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Entry:
    """A vendor account with its adapter. `sandbox` ones serve test keys only; one that is not `enabled` gets nothing
    new, but what it carried before goes on: its receipts count and it is asked about what is uncertain."""

    account: VendorAccount
    adapter: Adapter
    channel: str
    weight: int
    sandbox: bool
    enabled: bool = True
    prices: Prices = ONLY_LISTED
    drained: bool = False
    """An operator lets it finish what it has, and gives it nothing new."""
    pauses: Mapping[str, int] = field(default_factory=dict)
    """Lanes that an operator has paused, each with its end (ms)."""

    def cost(self, need: Need) -> Decimal | None:
        """What it costs here once it is delivered, in KRW; None where there is no price for it. Tests cost nothing."""
        charge = Charge(need.type, need.country, need.units, need.period)
        vendor, account = self.account.vendor, self.account.account
        cost = self.prices.cost(self.channel, vendor, account, charge, list_prices(self.adapter))
        return FREE if need.test and cost is not None else cost

    def carries(self, need: Need) -> bool:
        """Whether it takes such messages, and has a price for them."""
        return (
            self.channel == need.channel
            and need.type in self.adapter.types
            and need.files <= self.adapter.max_files
            and (not need.vendors or self.account.vendor in need.vendors)
            and need.units <= most_units(self.adapter)
            and self.enabled
            and not self.drained
            and self.sandbox == need.test
            and self.cost(need) is not None
        )

    @property
    def name(self) -> str:
        """The name of its breaker."""
        return f"{self.account.vendor}/{self.account.account}/{self.channel}"


class Vendors:
    """The cached table of vendor accounts with their breakers."""

    def __init__(self, db: Any, breakers: Any) -> None:
        self._db, self._breakers = db, breakers
        self._entries: list[Entry] = []
        self._until = 0.0

    async def entries(self) -> list[Entry]:
        """All accounts; what was known before serves while MySQL is away."""
        if time.monotonic() >= self._until:
            try:
                self._entries = await self._db(read_entries)
            except Unavailable:
                if not self._entries:
                    raise
            self._until = time.monotonic() + TTL_SECONDS
        return self._entries

    async def get(self, channel: str, vendor: str, account: str) -> Entry | None:
        """One account."""
        for entry in await self.entries():
            if (entry.channel, entry.account.vendor, entry.account.account) == (channel, vendor, account):
                return entry
        return None

    async def chooser(self) -> Choose:
        """A function that picks among the accounts whose breakers would let a call through now.

        It only asks: the probe of an open breaker is for the sender, who calls. The same wish gets the same account, so
        that what is decided together stays together: two vendors would make two records, two calls and two receipts of
        it at every hop. Weights hold over the batches.
        """
        entries = await self.entries()
        healthy = [e for e in entries if await self._breakers.admits(e.name)]

        @cache
        def choose(need: Need, avoid: frozenset[str], cap: Decimal | None) -> Pick | None:
            return pick(healthy, need, avoid, cap)

        return choose

    async def hopeless(self) -> Hopeless:
        """A function that tells whether no account could ever carry a message, though its channel and type are served:
        a price cap below all of them, a country that none has a price for, more files or parts than any takes."""
        entries = await self.entries()

        @cache
        def answer(need: Need, cap: Decimal | None) -> bool:
            plain = Need(need.channel, need.type, need.test)
            if any(e.carries(need) and _within(e, need, cap) for e in entries):
                return False
            return any(e.carries(plain) for e in entries)

        return answer

    async def prices(self) -> Prices:
        """All prices that an operator has entered, as of now."""
        entries = await self.entries()
        return entries[0].prices if entries else ONLY_LISTED


def offers_of(entries: Sequence[Entry]) -> Callable[[int], Offers]:
    """(moment of acceptance) → a function that tells at which prices accounts would carry a message, lowest first."""
    prices = entries[0].prices if entries else ONLY_LISTED

    def at(accepted_ms: int) -> Offers:
        period = prices.period(accepted_ms)

        @cache
        def offers(need: Need) -> Sequence[Decimal]:
            need = need._replace(period=period)
            costs = (e.cost(need) for e in entries if e.carries(need))
            return sorted(cost for cost in costs if cost is not None)

        return offers

    return at


def pick(entries: Iterable[Entry], need: Need, avoid: Container[str], cap: Decimal | None) -> Pick | None:
    """Choose by weight among the accounts that can carry a message for at most `cap`."""
    fit = [e for e in entries if e.carries(need) and e.account.vendor not in avoid and _within(e, need, cap)]
    if not fit:
        return None
    (chosen,) = random.choices(fit, [max(1, e.weight) for e in fit])
    price = chosen.cost(need) or FREE
    asks = able(chosen.adapter, LooksUp) is not None
    return Pick(chosen.account.vendor, chosen.account.account, price, asks, dispatch_size(chosen.adapter))


def _within(entry: Entry, need: Need, cap: Decimal | None) -> bool:
    return cap is None or (cost := entry.cost(need)) is None or cost <= cap


def read_entries(conn: Connection) -> list[Entry]:
    """Vendor accounts that have an adapter, with the prices that an operator has entered."""
    rows = sql.fetch(conn, "SELECT channel, vendor, account, type, country, from_ms, amount FROM prices")
    prices = Prices(PriceRow(*row) for row in rows)
    pauses, drained = _stopped(conn)
    found = sql.fetch(
        conn, "SELECT channel, vendor, account, base_url, weight, sandbox, settings, enabled FROM vendor_accounts"
    )
    return [
        Entry(
            VendorAccount(
                vendor, account, base_url, VendorSettings(orjson.loads(settings), VendorPlace(channel, vendor, account))
            ),
            REGISTRY.deferred((vendor, channel)),
            channel,
            weight,
            bool(sandbox),
            bool(enabled),
            prices,
            f"{vendor}/{account}/{channel}" in drained,
            pauses,
        )
        for channel, vendor, account, base_url, weight, sandbox, settings, enabled in found
        if (vendor, channel) in REGISTRY
    ]


def _stopped(conn: Connection) -> tuple[dict[str, int], frozenset[str]]:
    """(paused lanes with their ends, names of drained accounts), as of now."""
    holding = stops.holding(conn, clock.now_ms())
    pauses = {stop.object: stop.until_ms or 0 for stop in holding if stop.kind == stops.LANE}
    return pauses, frozenset(stop.object for stop in holding if stop.kind == stops.VENDOR)
