"""What a message costs: one function for the dry run, the cap (`max_price`) and the charge.

A price is KRW a charged unit (a part of a foreign text; else the whole message). It depends on the vendor account, the
channel, the message type, the country that it goes to and the moment of its acceptance: what the client was told then
holds, whenever it is delivered.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from shared.domain import phone

KOREA, ABROAD = phone.KOREA, phone.ELSEWHERE
"""Every country outside Korea that has no price of its own."""
EVERY_ACCOUNT = ""


class PriceRow(NamedTuple):
    """One row of the table `prices`: `amount` holds from `from_ms` until a later row of the same kind."""

    channel: str
    vendor: str
    account: str
    type: str
    country: str
    from_ms: int
    amount: Decimal


class Charge(NamedTuple):
    """What is priced: one message on one hop."""

    type: str
    country: str = KOREA
    units: int = 1
    period: int = sys.maxsize
    """The period of prices in which the message was accepted (`Prices.period`); by default the newest."""


ListPrices = Mapping[str, Mapping[str, Decimal]]
"""An adapter's own prices, type → country → KRW: what holds where the operator has entered none."""


class Prices:
    """All prices. Immutable; a changed table makes a new one."""

    def __init__(self, rows: Iterable[PriceRow] = ()) -> None:
        rows = sorted(rows, key=lambda row: row.from_ms)
        self._changes = sorted({row.from_ms for row in rows})
        self._rows: dict[tuple[str, str, str, str, str], tuple[list[int], list[Decimal]]] = {}
        for row in rows:
            since, amounts = self._rows.setdefault(
                (row.channel, row.vendor, row.account, row.type, row.country), ([], [])
            )
            since.append(self.period(row.from_ms))
            amounts.append(row.amount)

    def period(self, at_ms: int) -> int:
        """A number that is the same for all moments between which no price changes."""
        return bisect_right(self._changes, at_ms)

    def cost(self, channel: str, vendor: str, account: str, charge: Charge, listed: ListPrices) -> Decimal | None:
        """What a message costs there, in KRW; None where the vendor account has no price for that country."""
        countries = (charge.country,) if charge.country == KOREA else (charge.country, ABROAD)
        for country in countries:
            for whose in (account, EVERY_ACCOUNT):
                amount = self._entered((channel, vendor, whose, charge.type, country), charge.period)
                if amount is not None:
                    return amount * charge.units
        known = listed.get(charge.type, {})
        amount = next((known[country] for country in countries if country in known), None)
        return None if amount is None else amount * charge.units

    def countries(self, channel: str, vendor: str, account: str, kind: str) -> set[str]:
        """The countries that have a price of their own for a type there."""
        of = {(channel, vendor, whose, kind) for whose in (account, EVERY_ACCOUNT)}
        return {country for *where, country in self._rows if tuple(where) in of}

    def _entered(self, kind: tuple[str, str, str, str, str], period: int) -> Decimal | None:
        found = self._rows.get(kind)
        if found is None:
            return None
        since, amounts = found
        place = bisect_right(since, period)
        return amounts[place - 1] if place else None
