"""What a message may cost: the cap holds for all that may be charged, and says so when only it keeps vendors away."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from shared.domain import routing
from shared.domain.routing import Check, End, Need, Pick, Start, World
from shared.domain.states import State
from tests.unit.test_routing import CAUSE, NOON_KST, message, plan, world

NINE = Decimal(9)


def priced(seen: list[Decimal | None] | None = None, **changes: Any) -> World:
    """A world in which every hop costs nine."""

    def choose(need: Need, avoid: frozenset[str], cap: Decimal | None) -> Pick | None:
        if seen is not None:
            seen.append(cap)
        return Pick("nhn", "main", NINE, True) if cap is None or cap >= NINE else None

    def hopeless(need: Need, cap: Decimal | None) -> bool:
        return cap is not None and cap < NINE

    return replace(world(), choose=choose, hopeless=hopeless, cost=lambda *_: NINE, **changes)


def begin(around: World, **changes: Any) -> routing.Step:
    row = message(**{name: changes.pop(name) for name in ("risked", "recipient", "vars", "type") if name in changes})
    return routing.start(row, plan(**changes), around, hop=1, step=0, tries=0, avoid=None)


def test_only_the_cap_is_in_the_way() -> None:
    assert begin(priced(), max_price=Decimal("8.99")) == End(State.failed, "3006")
    assert isinstance(begin(priced(), max_price=NINE), Start)


def test_without_any_vendor_at_any_price_the_cap_is_not_to_blame() -> None:
    nobody = priced()
    nobody = replace(nobody, choose=lambda *_: None, hopeless=lambda *_: True)
    assert begin(nobody, max_price=Decimal(1)) == End(State.failed, "3005")


def test_what_earlier_hops_may_yet_cost_is_taken_off_the_cap() -> None:
    assert isinstance(begin(priced(), max_price=Decimal(18), risked=NINE), Start)
    assert begin(priced(), max_price=Decimal("17.99"), risked=NINE) == End(State.failed, "3006")


def test_a_hop_without_a_receipt_may_be_delivered_yet_so_the_next_must_fit_beside_it() -> None:
    caps: list[Decimal | None] = []
    row, late = message(State.sent, sent_ms=NOON_KST - 3_600_000), priced(caps)
    step = routing.on_timeout(row, plan(hops=2, max_price=Decimal(18)), 1, CAUSE, late)
    assert (isinstance(step, Start), caps) == (True, [NINE])
    assert isinstance(routing.on_timeout(row, plan(hops=2, max_price=Decimal("17.99")), 1, CAUSE, late), Check)
    assert isinstance(routing.on_timeout(row, plan(hops=2), 1, CAUSE, late), Start)


def test_a_failed_hop_costs_nothing_so_the_next_has_all_of_the_cap() -> None:
    caps: list[Decimal | None] = []
    row = message(State.sent)
    routing.on_result(row, plan(hops=2, max_price=NINE), "failed", "4004", 1, CAUSE, 0, priced(caps))
    assert caps == [NINE]


def test_a_vendor_is_chosen_by_country_units_and_the_period_of_acceptance() -> None:
    wanted: list[Need] = []

    def choose(need: Need, *_: Any) -> None:
        wanted.append(need)

    around = replace(
        world(), choose=choose, charged=lambda hop, to, values: (to[:2], len(values or "")), period_of=lambda ms: ms
    )
    begin(around, recipient="JP81", vars="abc", accepted_ms=77)
    assert (wanted[0].country, wanted[0].units, wanted[0].period) == ("JP", 3, 77)


def test_a_late_delivery_is_charged_by_the_place_that_makes_its_type_and_in_doubt_by_the_cheapest() -> None:
    hops = [
        {"channel": "mt", "content": {"kind": kind, "units": n}} for kind, n in (("lms", 1), ("sms", 3), ("sms", 2))
    ]
    around = replace(
        world(),
        type_of=lambda hop, values: hop["content"]["kind"],
        charged=lambda hop, to, values: ("JP", hop["content"]["units"]),
    )
    row = message(step=2, hop=3)
    three = replace(plan(), hops=hops)
    assert routing.carried(row, three, "mt", "lms", around).units == 1
    assert routing.carried(row, three, "mt", "sms", around).units == 2
    assert routing.carried(replace(row, step=1), three, "mt", "sms", around).units == 3
    assert routing.carried(row, three, "kakao", "alimtalk", around) == Need("kakao", "alimtalk", False)
