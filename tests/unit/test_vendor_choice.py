"""Which vendor accounts may carry a message, and when no account ever will."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from shared.domain.routing import Need
from shared.following.prices import listed
from shared.money import PriceRow, Prices
from shared.stores.vendors import Entry, Vendors, offers_of, pick
from shared.vendors.base import VendorAccount
from shared.vendors.registry import REGISTRY


def entry(vendor: str, **changes: Any) -> Entry:
    account = VendorAccount(vendor, "main", "http://vendor", {})
    return replace(Entry(account, REGISTRY[vendor, "mt"], "mt", 1, sandbox=False), **changes)


BOTH = [entry("solapi"), entry("nhn")]
MMS = Need("mt", "mms", test=False, files=3)


def vendors(*entries: Entry) -> Vendors:
    async def db(_: Any) -> list[Entry]:
        return list(entries)

    async def admits(_: str) -> bool:
        return True

    return Vendors(db, SimpleNamespace(admits=admits))


@pytest.mark.parametrize("files", [1, 2, 3])
def test_pictures_go_only_to_a_vendor_that_carries_as_many(files: int) -> None:
    for _ in range(20):
        chosen = pick(BOTH, MMS._replace(files=files), (), None)
        assert chosen is not None
        assert REGISTRY[chosen.vendor, "mt"].max_files >= files


def test_of_more_pictures_than_any_vendor_takes_there_is_no_hope() -> None:
    assert pick(BOTH, MMS._replace(files=4), (), None) is None
    assert pick([entry("solapi")], MMS, (), None) is None


async def test_hopeless_is_what_no_account_could_ever_carry() -> None:
    hopeless = await vendors(*BOTH).hopeless()
    assert hopeless(MMS._replace(files=4), None)
    assert not hopeless(MMS, None)
    assert hopeless(MMS._replace(files=0), Decimal("10"))
    assert not hopeless(MMS._replace(files=1), Decimal("70"))
    assert hopeless(MMS, Decimal("70")), "three pictures go by the dearer vendor only"


async def test_without_any_account_for_a_channel_there_is_hope_of_one() -> None:
    hopeless = await vendors(entry("nhn", enabled=False)).hopeless()
    assert not hopeless(MMS, Decimal("1"))


async def test_what_is_decided_together_goes_by_one_account_and_the_batches_by_all_of_them() -> None:
    sms, known = Need("mt", "sms", test=False), vendors(*BOTH)
    batches = []
    for _ in range(60):
        choose = await known.chooser()
        together = {choose(sms, frozenset(), None) for _ in range(20)}
        assert len(together) == 1
        (chosen,) = together
        assert chosen is not None
        batches.append(chosen.vendor)
        other = choose(sms, frozenset({chosen.vendor}), None)
        assert other is not None
        assert other.vendor != chosen.vendor
    assert set(batches) == {"solapi", "nhn"}


def test_a_message_by_a_template_goes_only_where_it_is_approved() -> None:
    sms = Need("mt", "sms", test=False)
    for _ in range(20):
        chosen = pick(BOTH, sms._replace(vendors=("nhn",)), (), None)
        assert chosen is not None
        assert chosen.vendor == "nhn"
    assert pick(BOTH, sms._replace(vendors=("nobody",)), (), None) is None


SMS = Need("mt", "sms", test=False)


async def test_a_country_without_a_price_is_hopeless_for_that_type_only() -> None:
    hopeless = await vendors(*BOTH).hopeless()
    assert hopeless(SMS._replace(type="lms", country="US"), None)
    assert not hopeless(SMS._replace(country="US"), None)
    assert pick(BOTH, SMS._replace(type="lms", country="US"), (), None) is None


async def test_a_text_of_many_parts_goes_only_to_who_joins_them() -> None:
    long = SMS._replace(country="US", units=5)
    assert {chosen.vendor for _ in range(20) if (chosen := pick(BOTH, long, (), None))} == {"nhn"}
    hopeless = await vendors(*BOTH).hopeless()
    assert hopeless(long._replace(units=6), None)
    assert hopeless(long, Decimal("549.99"))
    assert not hopeless(long, Decimal(550))


def test_the_operators_prices_beat_the_list_from_their_moment_on() -> None:
    prices = Prices([PriceRow("mt", "nhn", "", "sms", "KR", 100, Decimal(7))])
    nhn = entry("nhn", prices=prices)
    before, after = (SMS._replace(period=prices.period(at)) for at in (99, 100))
    assert (nhn.cost(before), nhn.cost(after)) == (Decimal("9.90"), Decimal(7))
    chosen = pick([nhn], after, (), Decimal(7))
    assert chosen is not None
    assert chosen.price == 7
    assert pick([nhn], before, (), Decimal(7)) is None
    offers = offers_of([nhn, entry("solapi", prices=prices)])
    assert list(offers(99)(SMS)) == [Decimal("8.40"), Decimal("9.90")]
    assert list(offers(100)(SMS)) == [Decimal(7), Decimal("8.40")]
    assert list(offers(100)(SMS._replace(test=True))) == []


def test_a_test_costs_nothing_and_so_no_cap_keeps_it_back() -> None:
    assert pick([entry("nhn", sandbox=True)], SMS._replace(test=True), (), Decimal(0)) is not None
    assert list(offers_of([entry("nhn", sandbox=True)])(0)(SMS._replace(test=True))) == [0]


def test_prices_are_listed_by_country_and_vendor_at_their_moment() -> None:
    rows = [
        PriceRow("mt", "nhn", "", "sms", "US", 0, Decimal("20.00")),
        PriceRow("mt", "nhn", "", "sms", "US", 5_000, Decimal("21.50")),
        PriceRow("mt", "nhn", "second", "sms", "US", 0, Decimal("30.00")),
    ]
    accounts = [entry("nhn", prices=Prices(rows)), entry("nhn", prices=Prices(rows))]
    second = VendorAccount("nhn", "second", "http://vendor", {})
    accounts[1] = replace(accounts[1], account=second)

    def of(at_ms: int, kind: str, country: str) -> list[tuple[str, str, str]]:
        found = listed(accounts, at_ms)
        return [(p["price"], p["highest"], p["unit"]) for p in found if (p["type"], p["country"]) == (kind, country)]

    assert of(1_000, "sms", "US") == [("20.00", "30.00", "part")]
    assert of(5_000, "sms", "US") == [("21.50", "30.00", "part")]
    assert [unit for _, _, unit in of(5_000, "sms", "KR")] == ["message"]
    assert of(5_000, "mms", "US") == []
