"""The decisions of route: what a message does next, whatever comes in whatever order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.channels import mt
from shared.domain import routing
from shared.domain.routing import (
    Again,
    Ask,
    Check,
    End,
    Ignore,
    Mark,
    Message,
    Need,
    Pick,
    Plan,
    Start,
    Step,
    Wait,
    World,
)
from shared.domain.states import State

NOON_KST = 1_790_000_000_000 // 86_400_000 * 86_400_000 + 3 * 3_600_000
CAUSE, OTHER = b"c" * 16, b"o" * 16


def vendors(*names: str) -> routing.Choose:
    def choose(need: Need, avoid: frozenset[str], cap: Decimal | None) -> Pick | None:
        able = [n for n in names if n not in avoid]
        return Pick(able[0], "main", Decimal("8.40"), True) if able else None

    return choose


def world(*names: str, now: int = NOON_KST) -> World:
    return World(now, vendors(*(names or ("solapi", "nhn"))), lambda hop, variables: "lms")


def plan(lane: str = "realtime", hops: int = 1, **changes: Any) -> Plan:
    content = {"channel": "mt", "content": {"text": "hello", "sender": "0215441234", "type": "sms"}}
    base = Plan(
        b"r" * 16, 1, "demo", lane, False, None, None, [content] * hops, "wait", None, NOON_KST, NOON_KST + 90_000_000
    )
    return replace(base, **changes)


def message(status: State = State.routed, **changes: Any) -> Message:
    fresh = Message.fresh(1, "sms", "mt")
    values = {"message_id": b"m" * 16, "status": status, "hop": 1, "vendor": "solapi", "vendor_account": "main"}
    return replace(fresh, **{**values, "in_window": status is State.routed, **changes})


def result(
    m: Message, state: str, code: str = "0000", p: Plan | None = None, hop: int | None = None, **more: Any
) -> Step:
    cause, attempt, around = more.get("cause", CAUSE), more.get("attempt", 0), more.get("around", world())
    return routing.on_result(m, p or plan(), state, code, m.hop if hop is None else hop, cause, attempt, around)


def test_an_answer_marks_a_routed_message_sent() -> None:
    assert result(message(), "sent") == Mark(State.sent)


def test_a_receipt_before_the_answer_ends_the_message() -> None:
    assert result(message(), "delivered") == End(State.delivered, "0000")


@pytest.mark.parametrize("state", ["sent", "failed", "uncertain", "unavailable", "delivered", "expired"])
def test_nothing_changes_a_message_that_has_ended(state: str) -> None:
    assert result(message(State.failed, cause=OTHER), state) == Ignore(trail=True)


def test_the_cause_of_the_end_publishes_the_end_again() -> None:
    assert result(message(State.delivered, cause=CAUSE), "delivered") == Again()


def test_a_delivery_by_an_older_hop_still_counts() -> None:
    assert result(message(hop=2), "delivered", hop=1) == End(State.delivered, "0000")


def test_a_failure_of_an_older_hop_only_extends_the_trail() -> None:
    assert result(message(hop=2), "failed", "4001", hop=1) == Ignore(trail=True)


def test_a_dead_number_ends_the_message_with_its_code() -> None:
    assert result(message(State.sent), "failed", "4001") == End(State.failed, "4001")


def test_a_handset_that_is_off_is_tried_again_as_a_new_hop_after_ten_seconds() -> None:
    assert result(message(State.sent), "failed", "4002") == Wait("retry", NOON_KST + 10_000, State.held, 2, 0, 1)


def test_retries_end_with_the_last_code() -> None:
    assert result(message(State.sent, hop=4, tries=3), "failed", "4002") == End(State.failed, "4002")


def test_a_retry_beyond_valid_until_is_not_planned() -> None:
    assert result(message(State.sent), "failed", "4002", plan(valid_ms=NOON_KST + 5_000)) == End(State.failed, "4002")


def test_a_failure_that_fails_over_starts_the_plans_next_hop() -> None:
    step = result(message(State.sent), "failed", "4004", plan(hops=2))
    assert isinstance(step, Start)
    assert (step.hop, step.step, step.type) == (2, 1, "lms")


def test_an_account_that_a_vendor_refuses_moves_to_the_other_vendor() -> None:
    step = result(message(State.sent), "failed", "3004")
    assert isinstance(step, Start)
    assert (step.hop, step.pick.vendor) == (2, "nhn")


def test_an_unavailable_vendor_is_replaced_by_a_new_hop_at_another() -> None:
    step = result(message(), "unavailable", "3001")
    assert isinstance(step, Start)
    assert (step.hop, step.pick.vendor) == (2, "nhn")


def test_without_another_vendor_the_message_is_parked_at_the_same_hop() -> None:
    step = result(message(), "unavailable", "3001", around=world("solapi"))
    assert step == Wait("parked", NOON_KST + 2_000, State.routed, 1, 0, 0)


@pytest.mark.parametrize(
    ("lane", "said_s", "parked_s"),
    [("realtime", 30, 30), ("bulk", 300, 300), ("realtime", 1, 2), ("realtime", 0, 2), ("auth", 30, 2)],
)
def test_a_message_is_parked_until_its_only_vendor_wants_to_be_asked_again(
    lane: str, said_s: int, parked_s: int
) -> None:
    around = routing.patient(world("solapi"), lane, NOON_KST + said_s * 1000 if said_s else 0)
    step = result(message(), "unavailable", "3002", plan(lane), around=around)
    assert step == Wait("parked", NOON_KST + parked_s * 1000, State.routed, 1, 0, 0)


def test_a_message_is_not_parked_beyond_its_validity() -> None:
    around = routing.patient(world("solapi"), "realtime", NOON_KST + 60_000)
    step = result(message(), "unavailable", "3002", plan(valid_ms=NOON_KST + 20_000), around=around)
    assert step == Wait("parked", NOON_KST + 20_000, State.routed, 1, 0, 0)


def test_a_vendor_that_wants_to_wait_is_left_for_another_at_once() -> None:
    around = routing.patient(world(), "realtime", NOON_KST + 60_000)
    step = result(message(), "unavailable", "3002", around=around)
    assert isinstance(step, Start)
    assert step.pick.vendor == "nhn"


def test_a_parked_message_is_not_parked_twice() -> None:
    assert result(message(in_window=False), "unavailable", "3001") == Ignore()
    assert result(message(State.held, in_window=False), "unavailable", "3001") == Ignore()


def test_a_time_out_at_the_vendor_is_uncertain_and_asked_about_after_two_seconds() -> None:
    end = plan().valid_ms
    assert result(message(), "uncertain", "0300") == Mark(State.uncertain, NOON_KST + 2_000, 1, end)


def test_questions_go_on_at_five_fifteen_and_sixty_seconds_then_stop() -> None:
    asked = message(State.uncertain)
    steps = [result(asked, "uncertain", "0300", attempt=n) for n in (1, 2, 3, 4)]
    assert steps == [Ask(NOON_KST + 5_000, 2), Ask(NOON_KST + 15_000, 3), Ask(NOON_KST + 60_000, 4), Ignore()]


def test_a_doubt_told_again_plans_no_second_question() -> None:
    marked = message(State.uncertain, cause=CAUSE, asked=1)
    assert result(marked, "uncertain", "0300") == Again()
    assert result(marked, "uncertain", "0300", cause=OTHER) == Ignore(), "the sender told its answer again"
    assert result(marked, "uncertain", "0300", cause=OTHER, attempt=1) == Ask(NOON_KST + 5_000, 2)
    assert result(replace(marked, asked=2), "uncertain", "0300", cause=OTHER, attempt=1) == Ignore()


def test_uncertain_never_overtakes_sent() -> None:
    assert result(message(State.sent), "uncertain", "0300") == Ignore()


def test_a_message_the_vendor_does_not_know_is_sent_anew() -> None:
    step = result(message(State.uncertain), "unavailable", "0300", attempt=3)
    assert isinstance(step, Start)
    assert step.hop == 2


def test_an_uncertain_message_waits_when_the_client_says_so() -> None:
    step = routing.on_timeout(message(State.uncertain), plan(), 1, CAUSE, world())
    assert isinstance(step, Check)


def test_an_uncertain_password_fails_over_to_another_vendor_never_to_the_same() -> None:
    otp = plan("auth", on_uncertain="failover")
    step = routing.on_timeout(message(State.uncertain), otp, 1, CAUSE, world())
    assert isinstance(step, Start)
    assert step.pick.vendor == "nhn"
    assert isinstance(routing.on_timeout(message(State.uncertain), otp, 1, CAUSE, world("solapi")), Check)


def test_a_password_in_doubt_at_every_vendor_is_not_sent_to_one_of_them_again() -> None:
    otp = plan("auth", on_uncertain="failover", valid_ms=NOON_KST + 180_000)
    doubtful = message(State.uncertain, hop=2, vendor="nhn", doubtful=frozenset({("mt", "solapi")}))
    assert routing.on_timeout(doubtful, otp, 2, CAUSE, world()) == Check(NOON_KST + 15_000)
    late = world(now=NOON_KST + 180_000)
    assert routing.on_timeout(doubtful, otp, 2, CAUSE, late) == End(State.failed, "0300")


def test_a_doubt_moves_to_no_vendor_that_is_in_doubt_whatever_comes() -> None:
    doubtful = frozenset({("mt", "solapi")})
    step = result(message(hop=2, vendor="nhn", doubtful=doubtful), "unavailable", "3001")
    assert step == Wait("parked", NOON_KST + 2_000, State.routed, 2, 0, 0)
    waiting = message(State.held, hop=2, vendor="nhn", doubtful=doubtful)
    step = routing.on_release(waiting, plan(), "retry", 2, CAUSE, world())
    assert isinstance(step, Start)
    assert step.pick.vendor == "nhn"


def test_a_second_vendor_in_doubt_is_looked_at_as_soon_as_the_first() -> None:
    otp = plan("auth", on_uncertain="failover", valid_ms=NOON_KST + 180_000)
    step = routing.on_timeout(message(State.uncertain), otp, 1, CAUSE, world())
    assert isinstance(step, Start)
    assert step.check_ms == NOON_KST + 15_000


@pytest.mark.parametrize("status", [State.sent, State.uncertain])
def test_a_fallback_that_cannot_go_leaves_the_message_to_the_hop_that_left(status: State) -> None:
    left = message(status, sent_ms=NOON_KST if status is State.sent else None)
    two = plan(hops=2, on_uncertain="failover")
    late = world(now=NOON_KST + 300_000)
    nobody = replace(late, choose=only("none"))
    assert routing.on_timeout(left, two, 1, CAUSE, nobody) == Check(NOON_KST + 600_000), "until a vendor is back"
    dear = replace(nobody, hopeless=lambda *wish: True)
    assert routing.on_timeout(left, two, 1, CAUSE, dear) == Check(NOON_KST + 600_000), "it may still arrive"


def test_a_failure_whose_fallback_is_too_dear_ends_with_its_own_code() -> None:
    dear = replace(world(), choose=only("none"), hopeless=lambda *wish: True)
    assert result(message(State.sent), "failed", "4004", plan(hops=2), around=dear) == End(State.failed, "4004")


def test_an_advertisement_rests_no_longer_than_it_is_of_use() -> None:
    night, short = world(now=NIGHT), plan("ad", valid_ms=NIGHT + 60_000)
    waiting = message(State.scheduled, hop=0, vendor=None)
    step = routing.on_release(waiting, short, "scheduled", 0, CAUSE, night)
    assert step == Wait("held", NIGHT + 60_000, State.held, 0, 0, 0)
    later = world(now=NIGHT + 60_000)
    held = message(State.held, hop=0, vendor=None)
    assert routing.on_release(held, short, "held", 0, CAUSE, later) == End(State.expired, "0301")


def test_an_uncertain_message_ends_0300_at_its_end() -> None:
    late = world(now=NOON_KST + 100_000_000)
    assert routing.on_timeout(message(State.uncertain), plan(), 1, CAUSE, late) == End(State.failed, "0300")


def test_a_missing_receipt_ends_4008_after_the_receipt_time_out() -> None:
    sent = message(State.sent, sent_ms=NOON_KST)
    assert isinstance(routing.on_timeout(sent, plan(), 1, CAUSE, world(now=NOON_KST + 1_000)), Check)
    late = world(now=NOON_KST + 25 * 3_600_000)
    assert routing.on_timeout(sent, plan(valid_ms=NOON_KST), 1, CAUSE, late) == End(State.failed, "4008")


def test_a_missing_receipt_starts_the_next_hop_of_the_plan() -> None:
    late = world(now=NOON_KST + 300_000)
    step = routing.on_timeout(message(State.sent, sent_ms=NOON_KST), plan(hops=2), 1, CAUSE, late)
    assert isinstance(step, Start)


def test_a_message_that_left_late_waits_for_its_receipt_from_then_on() -> None:
    sent = message(State.sent, sent_ms=NOON_KST + 250_000)
    step = routing.on_timeout(sent, plan(hops=2), 1, CAUSE, world(now=NOON_KST + 300_000))
    assert step == Check(NOON_KST + 550_000)


def test_who_asks_for_failover_gets_it_in_every_lane_after_the_wait() -> None:
    asked = plan(on_uncertain="failover")
    pick = vendors("solapi")(Need("mt", "sms", False), frozenset(), None)
    assert pick is not None
    assert routing.check_ms(asked, "sms", 0, pick, world()) == NOON_KST + 300_000


NIGHT = NOON_KST + 9 * 3_600_000


@pytest.mark.parametrize(
    "step",
    [
        routing.on_release(message(State.held, hop=2, tries=1), plan("ad"), "retry", 2, CAUSE, world(now=NIGHT)),
        result(message(State.sent), "failed", "4004", plan("ad", hops=2), around=world(now=NIGHT)),
        result(message(), "unavailable", "3001", plan("ad"), around=world(now=NIGHT)),
        result(message(), "failed", "3004", plan("ad"), around=world(now=NIGHT)),
        result(message(), "failed", "1008", plan("ad"), around=world(now=NIGHT)),
    ],
    ids=["retry", "fallback", "other vendor", "refused account", "refused hour"],
)
def test_no_hop_of_an_advertisement_starts_at_night(step: Step) -> None:
    assert isinstance(step, Wait)
    assert (step.kind, step.status, step.hop) == ("held", State.held, 2)
    assert step.due_ms == NOON_KST + 20 * 3_600_000


def test_an_advertisement_without_receipt_starts_its_next_hop_in_the_morning() -> None:
    sent = message(State.sent, sent_ms=NOON_KST)
    step = routing.on_timeout(sent, plan("ad", hops=2), 1, CAUSE, world(now=NIGHT))
    assert step == Check(NOON_KST + 20 * 3_600_000)


def only(kind_wanted: str) -> routing.Choose:
    def choose(need: Need, avoid: frozenset[str], cap: Decimal | None) -> Pick | None:
        return Pick("nhn", "main", Decimal("25.90"), True) if need.type == kind_wanted else None

    return choose


def test_what_was_parked_on_its_way_to_the_fallback_has_the_fallbacks_type_when_it_leaves() -> None:
    nobody = replace(world(), choose=only("none"))
    parked = result(message(State.sent), "failed", "4004", plan(hops=2), around=nobody)
    assert isinstance(parked, Wait)
    row = follow(message(), parked)
    step = routing.on_release(row, plan(hops=2), "parked", 2, CAUSE, replace(world(), choose=only("lms")))
    assert isinstance(step, Start)
    assert (step.step, step.type) == (1, "lms")


def test_with_no_vendor_for_any_place_of_the_plan_the_first_is_tried_again() -> None:
    nobody = replace(world(), choose=only("none"))
    step = routing.start(message(), plan(hops=2), nobody, hop=1, step=0, tries=2, avoid=None)
    assert step == Wait("parked", NOON_KST + 2000, State.routed, 1, 0, 2)


def test_only_a_vendor_that_carries_all_pictures_is_asked_for() -> None:
    content = {"channel": "mt", "content": {"text": "hello", "files": ["a", "b", "c"]}}
    wanted: list[Need] = []

    def choose(need: Need, avoid: frozenset[str], cap: Decimal | None) -> Pick | None:
        wanted.append(need)
        return None

    picky = replace(world(), choose=choose, files_of=lambda hop: len(mt.CHANNEL.files(hop["content"])))
    routing.start(message(type="mms"), plan(), picky, hop=1, step=0, tries=0, avoid=None)
    three = replace(plan(), hops=[content])
    routing.start(message(type="mms"), three, picky, hop=1, step=0, tries=0, avoid=None)
    result(message(type="mms"), "unavailable", "3001", three, around=picky)
    assert [need.files for need in dict.fromkeys(wanted)] == [0, 3]


def test_a_price_cap_below_every_vendor_ends_the_message_instead_of_parking_it() -> None:
    dear = replace(world(), choose=only("none"), hopeless=lambda *wish: True)
    assert routing.start(message(), plan(), dear, hop=1, step=0, tries=0, avoid=None) == End(State.failed, "3005")


def test_a_release_of_an_older_hop_is_ignored() -> None:
    waiting = message(State.held, hop=2)
    assert routing.on_release(waiting, plan(), "retry", 1, CAUSE, world()) == Ignore()


def test_a_release_starts_what_waits_and_the_same_release_repeats_it() -> None:
    waiting = message(State.scheduled, hop=0, vendor=None)
    assert isinstance(routing.on_release(waiting, plan(), "scheduled", 0, CAUSE, world()), Start)
    gone = message(cause=CAUSE)
    assert routing.on_release(gone, plan(), "scheduled", 0, CAUSE, world()) == Again(), "it waited for its first hop"
    assert routing.on_release(gone, plan(), "parked", 1, CAUSE, world()) == Again()
    assert routing.on_release(gone, plan(), "scheduled", 0, OTHER, world()) == Ignore()
    assert routing.on_release(message(hop=2, cause=CAUSE), plan(), "retry", 1, CAUSE, world()) == Ignore()


def test_a_dispatch_that_nobody_has_taken_ends_some_time_after_it_could_be_sent() -> None:
    lost = message(State.routed)
    late = replace(world(), now_ms=plan().valid_ms + 299_000)
    assert isinstance(routing.on_timeout(lost, plan(), 1, CAUSE, late), Check)
    assert routing.on_timeout(lost, plan(), 1, CAUSE, replace(late, now_ms=plan().valid_ms + 300_000)) == End(
        State.expired, "0301"
    )


def test_a_release_for_a_time_that_its_client_has_changed_since_is_ignored() -> None:
    waiting, moved = message(State.scheduled, hop=0, vendor=None), plan(scheduled_ms=NOON_KST + 60_000)
    assert routing.on_release(waiting, moved, "scheduled", 0, CAUSE, world(), NOON_KST) == Ignore()
    assert isinstance(routing.on_release(waiting, moved, "scheduled", 0, CAUSE, world(), NOON_KST + 60_000), Start)
    assert isinstance(routing.on_release(waiting, moved, "scheduled", 0, CAUSE, world()), Start), "of an older version"
    assert isinstance(routing.on_release(waiting, moved, "backlog", 0, CAUSE, world(), NOON_KST), Start)


def test_a_cancelled_message_ends_at_its_release() -> None:
    waiting = message(State.scheduled, hop=0, cancel=True)
    assert routing.on_release(waiting, plan(), "scheduled", 0, CAUSE, world()) == End(State.canceled, "0302")


@pytest.mark.parametrize("status", [State.accepted, State.scheduled, State.held])
def test_what_waits_can_be_cancelled(status: State) -> None:
    assert routing.on_cancel(message(status, hop=0, cancel=True), CAUSE) == End(State.canceled, "0302")


def test_what_waits_for_its_next_hop_can_be_cancelled_and_then_starts_none() -> None:
    waiting = message(State.held, hop=2, tries=1, cancel=True)
    assert routing.on_cancel(waiting, CAUSE) == End(State.canceled, "0302")
    assert routing.on_release(waiting, plan(), "retry", 2, CAUSE, world()) == End(State.canceled, "0302")


@pytest.mark.parametrize("status", [State.routed, State.sent, State.uncertain])
def test_what_has_left_cannot_be_cancelled(status: State) -> None:
    assert routing.on_cancel(message(status, cancel=True), CAUSE) == Ignore()


def test_an_advertisement_released_at_night_waits_for_the_morning() -> None:
    night = NOON_KST + 9 * 3_600_000
    step = routing.on_release(message(State.scheduled, hop=0), plan("ad"), "scheduled", 0, CAUSE, world(now=night))
    assert isinstance(step, Wait)
    assert step.status is State.held
    assert step.due_ms is not None
    assert step.due_ms > night


def test_what_is_too_late_expires() -> None:
    assert routing.start(message(), plan(valid_ms=NOON_KST), world(), hop=1, step=0, tries=0, avoid=None) == End(
        State.expired, "0301"
    )


STATES = st.sampled_from(["sent", "uncertain", "delivered", "failed", "unavailable", "expired"])
CODES = st.sampled_from(["0000", "0300", "1001", "3001", "3004", "4001", "4002", "4004", "4008"])
INPUTS = st.lists(st.tuples(STATES, CODES, st.integers(1, 4), st.integers(0, 4)), max_size=25)


def follow(m: Message, step: Step) -> Message:
    """The row after a step, as the store would write it."""
    if isinstance(step, Start):
        changes: dict[str, Any] = {"status": State.routed, "hop": step.hop, "step": step.step, "tries": step.tries}
        return replace(m, in_window=True, asked=0, vendor=step.pick.vendor, **changes)
    if isinstance(step, Wait):
        return replace(m, status=step.status, hop=step.hop, step=step.step, tries=step.tries, in_window=False)
    if isinstance(step, Mark):
        return replace(m, status=step.status, in_window=False)
    if isinstance(step, End):
        return replace(m, status=step.status, in_window=False)
    return m


@settings(max_examples=400)
@given(inputs=INPUTS, hops=st.integers(1, 3), lane=st.sampled_from(["auth", "realtime", "bulk"]))
def test_whatever_comes_a_message_ends_once_and_never_goes_back(
    inputs: list[tuple[str, str, int, int]], hops: int, lane: str
) -> None:
    row, p = message(), plan(lane, hops)
    for n, (state, code, hop, attempt) in enumerate(inputs):
        step = routing.on_result(row, p, state, code, hop, bytes([n]) * 16, attempt, world())
        after = follow(row, step)
        if row.status.final:
            assert after == row
        else:
            assert after.hop >= row.hop
            assert after.status.final or after.hop > row.hop or after.status >= row.status
        assert after.hop <= 31
        row = after
