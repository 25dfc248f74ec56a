"""What a vendor says of a hop, by its answer, a receipt or a look-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from shared.domain import codes, defaults, retry
from shared.domain.ids import MAX_HOP
from shared.domain.routing.model import (
    ACCOUNT_CODES,
    EXPIRED,
    PARKABLE_HOP,
    Again,
    Ask,
    End,
    Ignore,
    Mark,
    Message,
    Plan,
    Step,
    Wait,
    World,
)
from shared.domain.routing.starting import hope, need_of, other_vendor, pick_for, start
from shared.domain.states import State


def on_result(
    message: Message, plan: Plan, state: str, code: str, hop: int, cause: bytes, attempt: int, world: World
) -> Step:
    """A vendor's answer, receipt or look-up for hop `hop`."""
    if message.status.final:
        return Again() if message.cause == cause else Ignore(trail=True)
    if state == "delivered":
        return End(State.delivered, "0000")
    if message.hop != hop:
        return Again() if message.cause == cause and hop == message.hop - 1 else Ignore(trail=True)
    return _BY_STATE[state](message, plan, code, cause, attempt, world)


def patient(world: World, lane: str, not_before: int) -> World:
    """The world after a vendor has said when to ask it again: what no other vendor takes is parked until then.

    One-time passwords are not: until then they would be useless, and another vendor may be back earlier.
    """
    wait_ms = not_before - world.now_ms
    return replace(world, park_ms=wait_ms) if wait_ms > world.park_ms and lane != "auth" else world


def _sent(message: Message, plan: Plan, code: str, cause: bytes, attempt: int, world: World) -> Step:
    return Mark(State.sent) if message.status < State.sent else Ignore()


def _expired(message: Message, plan: Plan, code: str, cause: bytes, attempt: int, world: World) -> Step:
    return End(State.expired, EXPIRED)


def _uncertain(message: Message, plan: Plan, code: str, cause: bytes, attempt: int, world: World) -> Step:
    if message.cause == cause:
        return Again()
    if message.status is State.sent or (message.status is State.uncertain and attempt < message.asked):
        return Ignore()
    due = retry.next_poll_at(world.now_ms, attempt + 1)
    if due is not None:
        due = world.now_ms + (due - world.now_ms) * world.unit_ms // 1000
    if message.status is State.uncertain:
        return Ignore() if due is None else Ask(due, attempt + 1)
    return Mark(State.uncertain, due, attempt + 1, None if plan.on_uncertain == "failover" else plan.valid_ms)


def _unavailable(message: Message, plan: Plan, code: str, cause: bytes, attempt: int, world: World) -> Step:
    if message.status is State.sent or (message.status is not State.uncertain and not message.in_window):
        return Again() if message.cause == cause else Ignore()
    if message.hop < PARKABLE_HOP:
        pick = pick_for(message, need_of(message, plan, message.step, world), plan, world, message.vendor)
        if pick is not None and pick.vendor != message.vendor:
            return start(
                message, plan, world, hop=message.hop + 1, step=message.step, tries=message.tries, avoid=message.vendor
            )
    if message.status is State.uncertain:
        return start(
            message, plan, world, hop=message.hop + 1, step=message.step, tries=message.tries, avoid=message.vendor
        )
    if world.now_ms >= plan.valid_ms:
        return End(State.expired, EXPIRED)
    due_ms = min(world.now_ms + world.park_ms, plan.valid_ms)
    return Wait("parked", due_ms, State.routed, message.hop, message.step, message.tries)


def _failed(message: Message, plan: Plan, code: str, cause: bytes, attempt: int, world: World) -> Step:
    if codes.holds(code) and defaults.in_night_window(world.now_ms) and message.hop < MAX_HOP:
        due_ms = defaults.next_ad_time(world.now_ms)
        if due_ms < plan.valid_ms:
            return Wait("held", due_ms, State.held, message.hop + 1, message.step, message.tries)
    if codes.retryable(code):
        delay = retry.hop_retry_delay_s(plan.lane, message.tries)
        if delay is not None and world.now_ms + delay * world.unit_ms < plan.valid_ms and message.hop < MAX_HOP:
            return Wait(
                "retry",
                world.now_ms + delay * world.unit_ms,
                State.held,
                message.hop + 1,
                message.step,
                message.tries + 1,
            )
    if code in ACCOUNT_CODES and message.hop < PARKABLE_HOP:
        other = other_vendor(message, plan, world)
        if other is not None:
            return other
    following = message.step + 1
    another = codes.fails_over(code, plan.lane) and world.now_ms < plan.valid_ms and message.hop < MAX_HOP
    if another and message.next_place(plan, following) is None:
        return End(State.failed, code, message.skipped(plan, following, len(plan.hops), message.hop + 1))
    if another and hope(message, plan, following, world):
        avoid = message.vendor if code in ACCOUNT_CODES else None
        return start(message, plan, world, hop=message.hop + 1, step=following, tries=0, avoid=avoid)
    return End(State.failed, code)


_BY_STATE: dict[str, Callable[[Message, Plan, str, bytes, int, World], Step]] = {
    "sent": _sent,
    "expired": _expired,
    "uncertain": _uncertain,
    "unavailable": _unavailable,
    "failed": _failed,
}
