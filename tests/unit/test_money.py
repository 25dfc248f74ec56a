"""One function prices the dry run, the cap and the charge: by account, type, country, units and moment."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import ABROAD, KOREA, Charge, PriceRow, Prices

LISTED = {"sms": {KOREA: Decimal("8.40"), ABROAD: Decimal(100)}, "lms": {KOREA: Decimal("25.90")}}


def row(amount: str, *, account: str = "", country: str = KOREA, since: int = 0, kind: str = "sms") -> PriceRow:
    return PriceRow("mt", "solapi", account, kind, country, since, Decimal(amount))


def cost(prices: Prices, charge: Charge, account: str = "main") -> Decimal | None:
    return prices.cost("mt", "solapi", account, charge, LISTED)


def test_without_rows_the_vendors_list_holds() -> None:
    assert cost(Prices(), Charge("sms")) == Decimal("8.40")
    assert cost(Prices(), Charge("sms", "JP", units=3)) == 300


def test_a_country_without_any_price_has_none() -> None:
    assert cost(Prices(), Charge("lms", "JP")) is None
    assert cost(Prices(), Charge("fax")) is None


@pytest.mark.parametrize(
    ("rows", "charge", "expected"),
    [
        ([row("7")], Charge("sms"), "7"),
        ([row("7"), row("6", account="main")], Charge("sms"), "6"),
        ([row("7"), row("6", account="other")], Charge("sms"), "7"),
        ([row("20", country="US"), row("90", country=ABROAD)], Charge("sms", "US", 2), "40"),
        ([row("20", country="US"), row("90", country=ABROAD)], Charge("sms", "FR"), "90"),
        ([row("20", country="US")], Charge("sms", "FR"), "100"),
        ([row("90", country=ABROAD, account="main"), row("20", country="US")], Charge("sms", "US"), "20"),
        ([row("90", country=ABROAD)], Charge("sms"), "8.40"),
        ([row("7", kind="lms")], Charge("sms"), "8.40"),
    ],
)
def test_the_row_that_says_most_holds(rows: list[PriceRow], charge: Charge, expected: str) -> None:
    assert cost(Prices(rows), charge) == Decimal(expected)


def test_the_price_of_the_moment_of_acceptance_holds() -> None:
    prices = Prices([row("7", since=100), row("9", since=200), row("50", since=150, country="US")])
    told = {at: cost(prices, Charge("sms", period=prices.period(at))) for at in (0, 99, 100, 150, 199, 200, 10**15)}
    assert told == {0: Decimal("8.40"), 99: Decimal("8.40"), 100: 7, 150: 7, 199: 7, 200: 9, 10**15: 9}


@given(st.lists(st.tuples(st.integers(0, 50), st.decimals(0, 1000, places=2)), max_size=8), st.integers(0, 60))
def test_the_last_row_that_began_holds(history: list[tuple[int, Decimal]], at: int) -> None:
    latest = dict(sorted(history, key=lambda pair: pair[0]))
    prices = Prices([row(str(amount), since=since) for since, amount in latest.items()])
    begun = [amount for since, amount in latest.items() if since <= at]
    expected = begun[-1] if begun else Decimal("8.40")
    assert cost(prices, Charge("sms", period=prices.period(at))) == expected
