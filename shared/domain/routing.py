"""What happens to a message next: the decisions of `route`, pure. Only they start a hop or end a message.

Each decision looks at the message as it is stored (under its row lock), at the plan of its request, and at what came
in; it answers with one of the steps below. Effects (rows, events) are made from the step by shared/stores/routing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

from shared.domain import codes, defaults, retry
from shared.domain.ids import MAX_HOP
from shared.domain.states import State

PARKABLE_HOP = 8
"""From this hop on, an unavailable vendor parks the message instead of using up one more hop."""
ACCOUNT_CODES = frozenset({"1006", "3004"})
"""The vendor refused our account, not the message: another vendor may carry it."""
EXPIRED, CANCELED, UNCERTAIN, RECEIPT_TIMEOUT, VENDOR_ERROR, DUPLICATE = "0301", "0302", "0300", "4008", "3001", "1005"
NO_VENDOR = "3005"


@dataclass(frozen=True, slots=True)
class Plan:
    """What of a request the decisions need. Times in ms; `hops` as in events.PlanHop, as plain dicts."""

    request_id: bytes
    account_id: int
    username: str
    lane: str
    test: bool
    request_ref: str | None
    callback_uri: str | None
    hops: Sequence[dict[str, Any]]
    on_uncertain: str
    max_price: Decimal | None
    accepted_ms: int
    valid_ms: int
    scheduled_ms: int | None = None


@dataclass(slots=True)
class Message:
    """A message's row; `step` is its place in the plan, `tries` the retries done at this step."""

    message_id: bytes
    account_id: int
    recipient: str
    ref: str | None
    type: str
    vars: str | None
    addresses: str | None
    status: State
    hop: int
    step: int
    tries: int
    in_window: bool
    cancel: bool
    channel: str
    vendor: str | None
    vendor_account: str | None
    cause: bytes | None
    sent_ms: int | None
    asked: int = 0
    """The number of the last question about this hop that was planned."""
    doubtful: frozenset[tuple[str, str]] = frozenset()
    """(channel, vendor) of earlier hops of which nobody knows whether they were sent."""

    @classmethod
    def fresh(cls, account_id: int, kind: str, channel: str) -> Message:
        """A message that has no row yet."""
        nothing = (None, None, None, None)
        return cls(
            b"", account_id, "", None, kind, None, None, State.accepted, 0, 0, 0, False, False, channel, *nothing
        )


@dataclass(frozen=True, slots=True)
class Pick:
    """A vendor account chosen for a hop."""

    vendor: str
    account: str
    price: Decimal
    can_look_up: bool


class Need(NamedTuple):
    """What a vendor must be able to carry; a test key's messages go to sandbox accounts only."""

    channel: str
    type: str
    test: bool
    files: int = 0


Choose = Callable[[Need, frozenset[str], Decimal | None], Pick | None]
"""(need, vendors to avoid, price cap) → a vendor account that is healthy and can carry it."""


Hopeless = Callable[[Need, Decimal | None], bool]
"""(need, price cap) → whether the cap or the number of files rules out every vendor account, healthy or not."""


@dataclass(frozen=True, slots=True)
class Start:
    """Start hop `hop` at `pick`; its receipt is missed at `check_ms`."""

    hop: int
    step: int
    tries: int
    channel: str
    type: str
    pick: Pick
    check_ms: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Come back at `due_ms` (None: when the account's window frees).

    `status` is what the message shows meanwhile, `kind` the due row's kind.
    """

    kind: str
    due_ms: int | None
    status: State
    hop: int
    step: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """Only the status moves on (sent, uncertain); the vendor is asked at `poll_ms` as question number `attempt`, and
    the message looked at again at `check_ms`."""

    status: State
    poll_ms: int | None = None
    attempt: int = 0
    check_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the vendor of the current hop again; the status stays."""

    poll_ms: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Check:
    """Nothing to do now; look again at `due_ms`."""

    due_ms: int


@dataclass(frozen=True, slots=True)
class End:
    """The message ends."""

    status: State
    code: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """Changes nothing; `trail` tells whether the trail should show it."""

    trail: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """The same cause came again: publish what was decided then."""


Step = Start | Wait | Mark | Ask | Check | End | Ignore | Again


@dataclass(frozen=True, slots=True)
class World:
    """What a decision may know of the moment."""

    now_ms: int
    choose: Choose
    type_of: Callable[[dict[str, Any], str | None], str]
    """(hop of a plan, the recipient's variables as JSON) → the message type it will have."""
    hopeless: Hopeless = lambda *_: False
    park_ms: int = 2000
    unit_ms: int = 1000
    """One second of the hop retries and polls."""
    receipt_scale: float = 1.0


def start(message: Message, plan: Plan, world: World, *, hop: int, step: int, tries: int, avoid: str | None) -> Step:
    """Start a hop at `step` of the plan, or the first later one that can go; park when only vendors are lacking."""
    if message.cancel:
        return End(State.canceled, CANCELED)
    if world.now_ms >= plan.valid_ms:
        return End(State.expired, EXPIRED)
    if hop > MAX_HOP:
        return End(State.failed, VENDOR_ERROR)
    if _resting(plan, world):
        return Wait("held", _morning(plan, world), State.held, hop, step, tries)
    for place in range(step, len(plan.hops)):
        need = _need(message, plan, place, world)
        pick = _pick(message, need, plan, world, avoid if place == step else None)
        if pick is not None:
            check = check_ms(plan, need.type, place, pick, world)
            return Start(hop, place, tries if place == step else 0, need.channel, need.type, pick, check)
    if not _hope(message, plan, step, world):
        return End(State.failed, NO_VENDOR)
    return Wait("parked", world.now_ms + world.park_ms, State.routed, hop, step, tries)


def _pick(message: Message, need: Need, plan: Plan, world: World, avoid: str | None = None) -> Pick | None:
    """A vendor for a hop: none that may have the message already, and rather not `avoid`."""
    never = frozenset(vendor for channel, vendor in message.doubtful if channel == need.channel)
    pick = world.choose(need, never | {avoid}, plan.max_price) if avoid else None
    return pick or world.choose(need, never, plan.max_price)


def _hope(message: Message, plan: Plan, step: int, world: World) -> bool:
    """Whether some vendor account could ever carry the message at `step` of the plan or later."""
    places = range(step, len(plan.hops))
    return not all(world.hopeless(_need(message, plan, place, world), plan.max_price) for place in places)


def _type_at(message: Message, plan: Plan, place: int, world: World) -> str:
    """The message's type at a place of the plan. Its row may still show an earlier place's."""
    return message.type if place == 0 else world.type_of(plan.hops[place], message.vars)


def _need(message: Message, plan: Plan, place: int, world: World) -> Need:
    """What a hop at a place of the plan asks of a vendor."""
    hop = plan.hops[place]
    files = len(hop.get("content", {}).get("files") or ())
    return Need(hop["channel"], _type_at(message, plan, place, world), plan.test, files)


def _resting(plan: Plan, world: World) -> bool:
    """Whether nothing of the message may leave now: an advertisement at night, whichever hop it is."""
    return plan.lane == "ad" and defaults.in_night_window(world.now_ms)


def _morning(plan: Plan, world: World) -> int:
    """Until when a resting advertisement waits: no longer than it is of use."""
    return min(defaults.next_ad_time(world.now_ms), plan.valid_ms)


def check_ms(plan: Plan, kind: str, step: int, pick: Pick, world: World) -> int:
    """When a hop without a receipt must be looked at: at the plan's `wait` if there is another way, else at its end."""
    end = world.now_ms + int(defaults.receipt_timeout_s(kind) * 1000 * world.receipt_scale)
    has_next = step + 1 < len(plan.hops)
    if has_next or plan.on_uncertain == "failover":
        return min(end, world.now_ms + _wait_ms(plan, step, world))
    return end


def _wait_ms(plan: Plan, step: int, world: World) -> int:
    """How long a hop waits for its receipt before the next."""
    wait = plan.hops[step].get("wait")
    return int((defaults.hop_wait_s(plan.lane) if wait is None else float(wait)) * world.unit_ms)


def on_release(message: Message, plan: Plan, kind: str, hop: int, cause: bytes, world: World, due_at: int = 0) -> Step:
    """A due row came: scheduled, held, parked, retry, backlog (or a first dispatch).

    `due_at`: what the reservation's time was (ms) when it was taken; a client that moved it since is heard.
    """
    if message.status.final:
        return Again() if message.cause == cause else Ignore()
    if message.hop != hop or message.status in (State.sending, State.sent, State.uncertain):
        return Ignore()
    if message.in_window:
        return Again() if message.cause == cause else Ignore()
    if message.cancel:
        return End(State.canceled, CANCELED)
    if kind == "scheduled" and due_at and plan.scheduled_ms not in (None, due_at):
        return Ignore()
    if _resting(plan, world) and world.now_ms < plan.valid_ms:
        return Wait("held", _morning(plan, world), State.held, message.hop, message.step, message.tries)
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
        return Check(world.now_ms + 60 * world.unit_ms) if message.in_window else Ignore()
    uncertain, end = message.status is State.uncertain, _end_ms(message, plan, world)
    if world.now_ms >= end:
        return End(State.failed, UNCERTAIN if uncertain else RECEIPT_TIMEOUT)
    goes_on = plan.on_uncertain == "failover" if uncertain else message.step + 1 < len(plan.hops)
    if not goes_on or world.now_ms >= plan.valid_ms:
        return Check(end)
    again_ms = _too_early(message, plan, world)
    if again_ms is None:
        step = _other_way(message, plan, world, uncertain)
        if isinstance(step, Start):
            return step
        again_ms = world.now_ms + max(_wait_ms(plan, message.step, world), world.park_ms)
    return Check(min(again_ms, end))


def _end_ms(message: Message, plan: Plan, world: World) -> int:
    """When a hop without a receipt ends its message: at the receipt time-out, in doubt at `valid_until`."""
    if message.status is State.uncertain:
        return plan.valid_ms
    sent_ms = message.sent_ms or world.now_ms
    return sent_ms + int(defaults.receipt_timeout_s(message.type) * 1000 * world.receipt_scale)


def _too_early(message: Message, plan: Plan, world: World) -> int | None:
    """When to look again at a message whose next hop must not start yet: it may have left long after its dispatch, and
    so has not waited for its receipt, or it is an advertisement at night."""
    if _resting(plan, world):
        return defaults.next_ad_time(world.now_ms)
    waited_ms = (message.sent_ms or 0) + _wait_ms(plan, message.step, world)
    return waited_ms if world.now_ms + world.unit_ms < waited_ms else None


def _other_way(message: Message, plan: Plan, world: World, uncertain: bool) -> Step | None:
    """Another hop for a message without a receipt: the plan's next, or in doubt another vendor; None: there is none.

    In doubt never the same vendor on the same channel. What cannot start now leaves the message where it is: the hop
    that left may still end it.
    """
    if uncertain:
        own = (message.channel, message.vendor or "")
        message = replace(message, doubtful=message.doubtful | {own})
    if message.step + 1 < len(plan.hops):
        if not _hope(message, plan, message.step + 1, world):
            return None
        return start(message, plan, world, hop=message.hop + 1, step=message.step + 1, tries=0, avoid=None)
    return _other_vendor(message, plan, world)


def _other_vendor(message: Message, plan: Plan, world: World) -> Step | None:
    if message.hop >= MAX_HOP or world.now_ms >= plan.valid_ms:
        return None
    if _resting(plan, world):
        return Wait("held", _morning(plan, world), State.held, message.hop + 1, message.step, message.tries)
    need = _need(message, plan, message.step, world)
    pick = _pick(message, need, plan, world, message.vendor)
    if pick is None or pick.vendor == message.vendor:
        return None
    check = check_ms(plan, need.type, message.step, pick, world)
    return Start(message.hop + 1, message.step, message.tries, need.channel, need.type, pick, check)


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
        pick = _pick(message, _need(message, plan, message.step, world), plan, world, message.vendor)
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
    return Wait("parked", world.now_ms + world.park_ms, State.routed, message.hop, message.step, message.tries)


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
        other = _other_vendor(message, plan, world)
        if other is not None:
            return other
    following = message.step + 1
    goes_on = following < len(plan.hops) and world.now_ms < plan.valid_ms and message.hop < MAX_HOP
    if goes_on and codes.fails_over(code, plan.lane) and _hope(message, plan, following, world):
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
