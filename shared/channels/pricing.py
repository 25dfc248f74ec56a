"""What a request's messages would cost, before anything is sent: for the dry run, and against `max_price`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from shared.channels.common import channel
from shared.domain.codes import OVER_CAP
from shared.domain.events import PlanHop, Recipient
from shared.domain.routing import Need, Offers, address_at, first_place

TOO_LONG = "1002"


class Pricing:
    """Prices messages of one plan by what vendor accounts offer. `cap` is the client's `max_price`."""

    def __init__(self, plan: Sequence[PlanHop], *, test: bool, cap: str | None, offers: Offers) -> None:
        self._plan, self._test, self._offers = plan, test, offers
        self._cap = None if cap is None else Decimal(cap)

    def at_most(self, message: Recipient) -> Decimal | None:
        """The price of the first hop that can go at the dearest account that may get it; None where none can."""
        for need in self._needs(message):
            allowed = [cost for cost in self._offers(need) if self._cap is None or cost <= self._cap]
            if allowed:
                return allowed[-1]
        return None

    def fault(self, message: Recipient) -> tuple[str, str] | None:
        """Why no vendor would carry a message though there are some for it: its length, or the cap (code, detail).

        None where nobody serves it at all: an account may be added before it leaves, and route says what is missing.
        """
        needs = list(self._needs(message))
        costs = [cost for need in needs for cost in self._offers(need)]
        if costs:
            if self._cap is None or min(costs) <= self._cap:
                return None
            return OVER_CAP, f"max_price {self._cap:f} is below every price; the cheapest is {min(costs):.2f}"
        if any(need.units > 1 and self._offers(need._replace(units=1)) for need in needs):
            return TOO_LONG, f"no vendor carries a text of {max(need.units for need in needs)} parts there"
        return None

    def _needs(self, message: Recipient) -> Iterator[Need]:
        """What each hop that can carry the message asks of a vendor, in their order."""
        skips = message.skips or {}
        first = first_place(skips)
        for place in range(first, len(self._plan)):
            if place in skips:
                continue
            hop = self._plan[place]
            kind = channel(hop.channel)
            units, name = 1, message.type
            if kind.by_units(hop.content):
                size = kind.measure(kind.render(hop.content, message.vars))
                units, name = size.units, size.type
            elif place > first:
                name = kind.type_of(hop.content, message.vars)
            files = len(kind.files(hop.content))
            country = kind.country(address_at(message.to, message.addresses, place, hop.channel))
            yield Need(hop.channel, name, self._test, files, country, units, vendors=kind.vendors(hop.content))
