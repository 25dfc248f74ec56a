"""What waited comes due: a release, a client's cancel, a receipt that is missing."""

from __future__ import annotations

from dataclasses import replace

from shared.domain import defaults
from shared.domain.routing.model import (
    CANCELED,
    EXPIRED,
    RECEIPT_TIMEOUT,
    UNCERTAIN,
    Again,
    Check,
    End,
    Ignore,
    Message,
    Plan,
    Start,
    Step,
    Wait,
    World,
)
from shared.domain.routing.starting import hope, morning, need_of, other_vendor, resting, start, wait_ms
from shared.domain.states import State

OVERDUE = 300
"""Units (seconds) after `valid_until` until a dispatch without an answer ends its message as expired."""


def on_release(message: Message, plan: Plan, kind: str, hop: int, cause: bytes, world: World, due_at: int = 0) -> Step:
    """A due row came: scheduled, held, parked, retry, backlog (or a first dispatch).

    `due_at`: what the reservation's time was (ms) when it was taken; a client that moved it since is heard.
    """
    if message.status.final:
        return Again() if message.cause == cause else Ignore()
    if message.in_window and message.hop == max(1, hop) and message.cause == cause:
        return Again()  # this very release has started it, and its dispatch may not have left
    if message.hop != hop or message.in_window or message.status in (State.sending, State.sent, State.uncertain):
        return Ignore()
    if message.cancel:
        return End(State.canceled, CANCELED)
    if kind == "scheduled" and due_at and plan.scheduled_ms not in (None, due_at):
        return Ignore()
    if resting(message, plan, world) and world.now_ms < plan.valid_ms:
        return Wait("held", morning(plan, world), State.held, message.hop, message.step, message.tries)
    return start(message, plan, world, hop=max(1, message.hop), step=message.step, tries=message.tries, avoid=None)


def on_cancel(message: Message, cause: bytes) -> Step:
    """The client cancels: what has left stays. What waits for its first or its next hop was marked under its lock."""
    if message.status.final:
        return Again() if message.cause == cause else Ignore()
    if not message.cancel or message.in_window or message.status in (State.sending, State.sent, State.uncertain):
        return Ignore()
    return End(State.canceled, CANCELED)


def on_timeout(message: Message, plan: Plan, hop: int, cause: bytes, world: World) -> Step:
    """A hop's receipt is missing."""
    if message.status.final or message.hop != hop:
        return Again() if message.cause == cause else Ignore()
    if message.status is State.routed or message.status is State.held:
        return _unsent(message, plan, world)
    uncertain, end = message.status is State.uncertain, _end_ms(message, plan, world)
    if world.now_ms >= end:
        return End(State.failed, UNCERTAIN if uncertain else RECEIPT_TIMEOUT)
    goes_on = plan.on_uncertain == "failover" if uncertain else message.next_place(plan, message.step + 1) is not None
    if not goes_on or world.now_ms >= plan.valid_ms:
        return Check(end)
    again_ms = _too_early(message, plan, world)
    if again_ms is None:
        step = _other_way(message, plan, world, uncertain)
        if isinstance(step, Start):
            return step
        again_ms = world.now_ms + max(wait_ms(plan, message.step, world), world.park_ms)
    return Check(min(again_ms, end))


def _unsent(message: Message, plan: Plan, world: World) -> Step:
    """A dispatch that nobody has taken: it may wait in a topic, but after `valid_until` nobody sends it any more."""
    if not message.in_window:
        return Ignore()
    if world.now_ms >= plan.valid_ms + OVERDUE * world.unit_ms:
        return End(State.expired, EXPIRED)
    return Check(world.now_ms + 60 * world.unit_ms)


def _end_ms(message: Message, plan: Plan, world: World) -> int:
    """When a hop without a receipt ends its message: at the receipt time-out, in doubt at `valid_until`."""
    if message.status is State.uncertain:
        return plan.valid_ms
    sent_ms = message.sent_ms or world.now_ms
    return sent_ms + int(world.receipt_s(message.channel, message.type) * 1000 * world.receipt_scale)


def _too_early(message: Message, plan: Plan, world: World) -> int | None:
    """When to look again at a message whose next hop must not start yet: it may have left long after its dispatch, and
    so has not waited for its receipt, or it is an advertisement at night."""
    if resting(message, plan, world):
        return defaults.next_ad_time(world.now_ms)
    waited_ms = (message.sent_ms or 0) + wait_ms(plan, message.step, world)
    return waited_ms if world.now_ms + world.unit_ms < waited_ms else None


def _other_way(message: Message, plan: Plan, world: World, uncertain: bool) -> Step | None:
    """Another hop for a message without a receipt: the plan's next, or in doubt another vendor; None: there is none.

    In doubt never the same vendor on the same channel. What cannot start now leaves the message where it is: the hop
    that left may still end it.
    """
    if uncertain:
        own = (message.channel, message.vendor or "")
        message = replace(message, doubtful=message.doubtful | {own})
    if plan.max_price is not None:  # it may still be delivered
        need = need_of(message, plan, message.step, world)
        own_cost = world.cost(message.vendor or "", message.vendor_account or "", need)
        message = replace(message, risked=message.risked + own_cost)
    if message.next_place(plan, message.step + 1) is not None:
        if not hope(message, plan, message.step + 1, world):
            return None
        return start(message, plan, world, hop=message.hop + 1, step=message.step + 1, tries=0, avoid=None)
    return other_vendor(message, plan, world)
