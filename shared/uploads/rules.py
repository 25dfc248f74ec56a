"""The rules of accepting, applied to rows: what holds for all of them, and what each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from shared.channels.acceptance import Prepared, prepared
from shared.channels.common import AccountView, Channel, Fault, channel
from shared.channels.pricing import Pricing
from shared.channels.wanting import wanted
from shared.domain.events import Recipient
from shared.domain.routing import Offers
from shared.stores import optouts
from shared.stores.accounts import Account
from shared.stores.known import Known, look_up
from shared.stores.sql import Connection

NOBODY = Fault("/recipients", "required", "")
SAID = frozenset({"lane", "recipients"})
"""Fields of a request that an upload's content has not: the file says them."""


def body_of(content: Mapping[str, Any], lane: str, recipients: Sequence[Any], ref: str = "") -> bytes:
    """A request's body."""
    named = {"request_ref": ref} if ref and "request_ref" not in content else {}
    return orjson.dumps({**named, **content, "lane": lane, "recipients": list(recipients)})


def view_of(conn: Connection, account: Account, kind: Channel, body: bytes, *, test: bool) -> AccountView:
    """What is known of the account that a body asks for."""
    wants = wanted(kind, body, None, account.defaults)
    known = look_up(conn, account.account_id, wants, test) if wants else Known()
    return AccountView(
        account.account_id, account.username, account.senders, account.callback_uri, *known, _any, account.defaults
    )


def _any(_: str) -> bool:
    return True  # judged when the content is set, and again at each request


@dataclass
class Rules:
    """The content of an upload, compiled once; channels that look recipients up are asked for each run."""

    account: Account
    kind: Channel
    lane: str
    content: Mapping[str, Any] | None
    test: bool
    now_ms: int
    offers: Offers | None = None

    def __post_init__(self) -> None:
        self._made: Prepared | None = None
        self._pricing: Pricing | None = None
        self._prices: dict[tuple[str, bool], Decimal | None] = {}
        self._holding = optouts.Holding()

    def prepare(self, conn: Connection, recipients: Sequence[Any] = ()) -> Prepared:
        """What holds for all rows; with the faults of the content."""
        content = {} if self.content is None else self.content
        body = body_of(content, self.lane, recipients)
        view = view_of(conn, self.account, self.kind, body, test=self.test)
        made = prepared(self.kind, body_of(content, self.lane, [{"to": ""}]), account=view, now_ms=self.now_ms)
        return made._replace(faults=[f for f in made.faults if f.pointer != NOBODY.pointer])

    def _ready(self, conn: Connection, items: Sequence[Any]) -> Prepared:
        if self._made is None or any(channel(hop.channel).by_address for hop in self._made.plan):
            self._made = self.prepare(conn, items)
        return self._made

    def read(self, conn: Connection, items: Sequence[dict[str, Any]]) -> tuple[list[Recipient], list[Any]]:
        """Recipients and the refused ones, by their places (`n` from 1, `index` from 0)."""
        made = self._ready(conn, items)
        good, bad = made.reader.read(items, 0)
        if self.content is not None and not made.faults and self.offers is not None and self._asks():
            return self._affordable(made, good, bad)
        return good, bad

    def _asks(self) -> bool:
        content = self.content or {}
        return "max_price" in content or "international" in content

    def _price(self, made: Prepared) -> Pricing:
        if self._pricing is None:
            cap = None if made.draft.max_price is None else f"{made.draft.max_price:f}"
            self._pricing = Pricing(made.plan, test=self.test, cap=cap, offers=self.offers or (lambda _: []))
        return self._pricing

    def _affordable(self, made: Prepared, good: list[Recipient], bad: list[Any]) -> tuple[list[Recipient], list[Any]]:
        from shared.channels.recipients import Rejected

        kept, refused = [], list(bad)
        for message in good:
            wrong = self._price(made).fault(message)
            if wrong is None:
                kept.append(message)
            else:
                refused.append(Rejected(message.n - 1, message.to, *wrong, f"/recipients/{message.n - 1}"))
        return kept, refused

    def price(self, message: Recipient) -> Decimal | None:
        """What a message costs at most; None where nobody knows."""
        made = self._made
        if made is None or made.faults or self.offers is None or not made.plan:
            return None
        if message.skips or any(channel(h.channel).by_units(h.content) for h in made.plan):
            return self._price(made).at_most(message)
        key = message.type, message.to.startswith("+")
        if key not in self._prices or key[1]:
            self._prices[key] = self._price(made).at_most(message)
        return self._prices[key]

    def opted_out(self, conn: Connection, addresses: Sequence[str]) -> set[str]:
        """Those who want no such message on the first channel, or whose address is suppressed there."""
        wants = {(self.account.account_id, address) for address in addresses}
        name = self.kind.name
        found = optouts.stops(conn, self._holding, name, wants, self.lane, self.kind.suppresses) if wants else {}
        return {address for _, address in found}
