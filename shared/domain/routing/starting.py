"""Starting a hop: where in the plan, at which vendor, and when it is looked at again."""

from __future__ import annotations

from decimal import Decimal

from shared.domain import defaults
from shared.domain.ids import MAX_HOP
from shared.domain.routing.model import (
    CANCELED,
    EXPIRED,
    NO_VENDOR,
    OVER_CAP,
    VENDOR_ERROR,
    End,
    Message,
    Need,
    Pick,
    Plan,
    Start,
    Step,
    Wait,
    World,
    first_place,
)
from shared.domain.states import State


def start(message: Message, plan: Plan, world: World, *, hop: int, step: int, tries: int, avoid: str | None) -> Step:
    """Start a hop at `step` of the plan, or the first later one that can go; park when only vendors are lacking."""
    if message.cancel:
        return End(State.canceled, CANCELED)
    if world.now_ms >= plan.valid_ms:
        return End(State.expired, EXPIRED)
    if hop > MAX_HOP:
        return End(State.failed, VENDOR_ERROR)
    if resting(message, plan, world, step):
        return Wait("held", morning(plan, world), State.held, hop, step, tries)
    for place in range(step, len(plan.hops)):
        if place in message.skips:
            continue
        skipped = message.skipped(plan, step, place, hop)
        number = hop + len(skipped)
        if number > MAX_HOP:
            return End(State.failed, VENDOR_ERROR)
        need = need_of(message, plan, place, world)
        pick = pick_for(message, need, plan, world, avoid if place == step else None)
        if pick is not None:
            check = check_ms(plan, need.type, place, pick, world, message)
            kept = tries if place == step else 0
            return Start(number, place, kept, need.channel, need.type, pick, check, skipped)
    if not hope(message, plan, step, world):
        return End(State.failed, OVER_CAP if _only_the_cap(message, plan, step, world) else NO_VENDOR)
    return Wait("parked", world.now_ms + world.park_ms, State.routed, hop, step, tries)


def pick_for(message: Message, need: Need, plan: Plan, world: World, avoid: str | None = None) -> Pick | None:
    """A vendor for a hop: none that may have the message already, and rather not `avoid`."""
    never = frozenset(vendor for channel, vendor in message.doubtful if channel == need.channel)
    cap = cap_of(message, plan)
    pick = world.choose(need, never | {avoid}, cap) if avoid else None
    return pick or world.choose(need, never, cap)


def cap_of(message: Message, plan: Plan) -> Decimal | None:
    """What one more hop may cost: the plan's cap without what earlier hops may yet cost."""
    return None if plan.max_price is None else plan.max_price - message.risked


def hope(message: Message, plan: Plan, step: int, world: World) -> bool:
    """Whether some vendor account could ever carry the message at `step` of the plan or later."""
    return not all(world.hopeless(need, cap_of(message, plan)) for need in _needs(message, plan, step, world))


def _only_the_cap(message: Message, plan: Plan, step: int, world: World) -> bool:
    """Whether a message without hope would have some at a higher price."""
    if plan.max_price is None:
        return False
    return not all(world.hopeless(need, None) for need in _needs(message, plan, step, world))


def _needs(message: Message, plan: Plan, step: int, world: World) -> list[Need]:
    """What each hop that could go from `step` on asks of a vendor."""
    places = [place for place in range(step, len(plan.hops)) if place not in message.skips]
    return [need_of(message, plan, place, world) for place in places]


def _type_at(message: Message, plan: Plan, place: int, world: World) -> str:
    """The message's type at a place of the plan. Its row may still show an earlier place's."""
    if place == first_place(message.skips):
        return message.type
    hop = plan.hops[place]
    return world.type_at(hop, world.type_of(hop, message.vars), message.address(place, hop["channel"]))


def need_of(message: Message, plan: Plan, place: int, world: World) -> Need:
    """What a hop at a place of the plan asks of a vendor."""
    hop = plan.hops[place]
    kind, files = _type_at(message, plan, place, world), world.files_of(hop)
    return priced(message, plan, place, kind, world)._replace(files=files, vendors=world.vendors_of(hop))


def priced(message: Message, plan: Plan, place: int, kind: str, world: World) -> Need:
    """What a message of a type at a place of the plan is charged by."""
    hop = plan.hops[place]
    country, units = world.charged(hop, message.address(place, hop["channel"]), message.vars)
    period = world.period_of(plan.accepted_ms)
    return Need(hop["channel"], kind, plan.test, country=country, units=units, period=period)


def carried(message: Message, plan: Plan, channel: str, kind: str, world: World) -> Need:
    """What a hop that left on a channel as a type is charged by.

    Its place of the plan is the last of that channel, up to the present one, that makes such a type; of several the one
    with the fewest units: in doubt a client pays less.
    """
    places = [n for n in range(min(message.step + 1, len(plan.hops))) if plan.hops[n]["channel"] == channel]
    if len(places) > 1:
        places = [n for n in places if world.type_of(plan.hops[n], message.vars) == kind] or places
    needs = [priced(message, plan, place, kind, world) for place in reversed(places)]
    return min(needs, key=lambda need: need.units) if needs else Need(channel, kind, plan.test)


NIGHT_FREE = frozenset({"email"})
"""Channels whose advertisements may come at night (정보통신망법 시행령 제61조 ②)."""


def resting(message: Message, plan: Plan, world: World, step: int | None = None) -> bool:
    """Whether nothing of the message may leave now: an advertisement at night to who has not agreed to that."""
    if plan.lane != "ad" or not defaults.in_night_window(world.now_ms):
        return False
    begin = message.step if step is None else step
    place = message.next_place(plan, begin)
    place = min(begin, len(plan.hops) - 1) if place is None else place
    channel = plan.hops[place]["channel"]
    if channel in NIGHT_FREE:
        return False
    return not world.awake(plan.account_id, channel, message.address(place, channel))


def morning(plan: Plan, world: World) -> int:
    """Until when a resting advertisement waits: no longer than it is of use."""
    return min(defaults.next_ad_time(world.now_ms), plan.valid_ms)


def check_ms(plan: Plan, kind: str, step: int, pick: Pick, world: World, message: Message | None = None) -> int:
    """When a hop without a receipt must be looked at: at the plan's `wait` if there is another way, else at its end."""
    end = world.now_ms + int(world.receipt_s(plan.hops[step]["channel"], kind) * 1000 * world.receipt_scale)
    has_next = step + 1 < len(plan.hops) if message is None else message.next_place(plan, step + 1) is not None
    if has_next or plan.on_uncertain == "failover":
        return min(end, world.now_ms + wait_ms(plan, step, world))
    return end


def wait_ms(plan: Plan, step: int, world: World) -> int:
    """How long a hop waits for its receipt before the next."""
    wait = plan.hops[step].get("wait")
    return int((defaults.hop_wait_s(plan.lane) if wait is None else float(wait)) * world.unit_ms)


def other_vendor(message: Message, plan: Plan, world: World) -> Step | None:
    """The same step of the plan at another vendor; None when there is none, or it is too late."""
    if message.hop >= MAX_HOP or world.now_ms >= plan.valid_ms:
        return None
    if resting(message, plan, world):
        return Wait("held", morning(plan, world), State.held, message.hop + 1, message.step, message.tries)
    need = need_of(message, plan, message.step, world)
    pick = pick_for(message, need, plan, world, message.vendor)
    if pick is None or pick.vendor == message.vendor:
        return None
    check = check_ms(plan, need.type, message.step, pick, world, message)
    return Start(message.hop + 1, message.step, message.tries, need.channel, need.type, pick, check)
