"""Vendor accounts: which there are, which are healthy, and which one carries the next batch."""

from __future__ import annotations

import random
import time
from collections.abc import Container, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import orjson

from shared.domain.errors import Unavailable
from shared.domain.routing import Choose, Hopeless, Need, Pick
from shared.stores import sql
from shared.stores.sql import Connection
from shared.vendors.base import Adapter, LooksUp, VendorAccount, able, dispatch_size
from shared.vendors.registry import REGISTRY

TTL_SECONDS = 5.0


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
        a price cap below all of them, or more files than any takes."""
        entries = await self.entries()

        def answer(need: Need, cap: Decimal | None) -> bool:
            if cap is None and not need.files:
                return False
            return pick(entries, need, (), cap) is None and pick(entries, need._replace(files=0), (), None) is not None

        return answer

    async def prices(self) -> dict[tuple[str, str, str, str], Decimal]:
        """(channel, vendor, account, type) → KRW a delivered message."""
        return {
            (e.channel, e.account.vendor, e.account.account, kind): price
            for e in await self.entries()
            for kind, price in e.adapter.prices.items()
        }


def pick(entries: Iterable[Entry], need: Need, avoid: Container[str], cap: Decimal | None) -> Pick | None:
    """Choose by weight among the accounts that can carry a message for at most `cap`."""
    kind = need.type
    fit = [
        e
        for e in entries
        if e.channel == need.channel
        and kind in e.adapter.types
        and need.files <= e.adapter.max_files
        and e.enabled
        and e.sandbox == need.test
        and e.account.vendor not in avoid
        and (cap is None or e.adapter.prices.get(kind, Decimal(0)) <= cap)
    ]
    if not fit:
        return None
    (chosen,) = random.choices(fit, [max(1, e.weight) for e in fit])
    price = chosen.adapter.prices.get(kind, Decimal(0))
    asks = able(chosen.adapter, LooksUp) is not None
    return Pick(chosen.account.vendor, chosen.account.account, price, asks, dispatch_size(chosen.adapter))


def read_entries(conn: Connection) -> list[Entry]:
    """Vendor accounts that have an adapter."""
    found = sql.fetch(
        conn, "SELECT channel, vendor, account, base_url, weight, sandbox, settings, enabled FROM vendor_accounts"
    )
    return [
        Entry(
            VendorAccount(vendor, account, base_url, orjson.loads(settings)),
            REGISTRY.deferred((vendor, channel)),
            channel,
            weight,
            bool(sandbox),
            bool(enabled),
        )
        for channel, vendor, account, base_url, weight, sandbox, settings, enabled in found
        if (vendor, channel) in REGISTRY
    ]
