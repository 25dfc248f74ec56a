"""What route's decisions look at, and the steps that they answer with."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from shared.domain.defaults import receipt_timeout_s
from shared.domain.phone import KOREA
from shared.domain.states import State

PARKABLE_HOP = 8
"""From this hop on, an unavailable vendor parks the message instead of using up one more hop."""
ACCOUNT_CODES = frozenset({"1006", "3004"})
"""The vendor refused our account, not the message: another vendor may carry it."""
EXPIRED, CANCELED, UNCERTAIN, RECEIPT_TIMEOUT, VENDOR_ERROR, DUPLICATE = "0301", "0302", "0300", "4008", "3001", "1005"
NO_VENDOR, OVER_CAP = "3005", "3006"


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
    skips: Mapping[int, str] = field(default_factory=dict)
    """The places of the plan that cannot carry it, each with its code."""
    risked: Decimal = Decimal(0)
    """What earlier hops cost should they still be delivered: nobody knows that they are not."""

    @classmethod
    def fresh(cls, account_id: int, kind: str, channel: str, skips: Mapping[int, str] | None = None) -> Message:
        """A message that has no row yet."""
        nothing = (None, None, None, None)
        return cls(
            b"", account_id, "", None, kind, None, None, State.accepted, 0, 0, 0, False, False, channel, *nothing,
            skips=skips or {},
        )  # fmt: skip

    def address(self, place: int, channel: str) -> str:
        """Where a hop at a place of the plan goes."""
        further = json.loads(self.addresses) if place and self.addresses else None
        return address_at(self.recipient, further, place, channel)

    def next_place(self, plan: Plan, place: int) -> int | None:
        """The first place of the plan, from `place` on, that can carry it."""
        return next((n for n in range(place, len(plan.hops)) if n not in self.skips), None)

    def skipped(self, plan: Plan, start: int, end: int, hop: int) -> tuple[Skip, ...]:
        """The hops from `hop` on that the message would have taken at the places from `start` to before `end`."""
        places = [n for n in range(start, end) if n in self.skips]
        return tuple(Skip(hop + i, plan.hops[n]["channel"], self.skips[n]) for i, n in enumerate(places))


def address_at(to: str, addresses: Mapping[str, str] | None, place: int, channel: str) -> str:
    """The first hop goes to `to`; a further one to the address of its place or channel, else to `to`, as phones do."""
    if not place or not addresses:
        return to
    return addresses.get(str(place)) or addresses.get(channel) or to


def first_place(skips: Mapping[int, str]) -> int:
    """The first place of a plan that can carry a message; its type is the message's."""
    place = 0
    while place in skips:
        place += 1
    return place


class Skip(NamedTuple):
    """A hop that cannot carry the message: it takes its number and ends with its code, and no vendor hears of it."""

    hop: int
    channel: str
    code: str


@dataclass(frozen=True, slots=True)
class Pick:
    """A vendor account chosen for a hop."""

    vendor: str
    account: str
    price: Decimal
    can_look_up: bool
    batch: int = 500
    """How many messages one event brings to its sender at most."""


class Need(NamedTuple):
    """What a vendor must be able to carry, and what decides its price; a test key's messages go to sandbox accounts
    only, and cost nothing."""

    channel: str
    type: str
    test: bool
    files: int = 0
    country: str = KOREA
    units: int = 1
    """What is charged: the parts of a foreign text."""
    period: int = sys.maxsize
    """The period of prices in which it was accepted (shared/money.py)."""
    vendors: tuple[str, ...] = ()
    """Only these may carry it, whose vendors have approved its template; empty: any."""


Choose = Callable[[Need, frozenset[str], Decimal | None], Pick | None]
"""(need, vendors to avoid, price cap) → a vendor account that is healthy and can carry it."""


Hopeless = Callable[[Need, Decimal | None], bool]
"""(need, price cap) → whether the cap, the country, its length or the number of files rules out every vendor account,
healthy or not."""


Offers = Callable[[Need], Sequence[Decimal]]
"""need → the prices (KRW) at which vendor accounts would carry it, the lowest first: what acceptance knows of them."""


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
    skipped: tuple[Skip, ...] = ()
    """What was passed over on the way here."""


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
    """The message ends; `skipped` is what was left of its plan and could not carry it."""

    status: State
    code: str
    skipped: tuple[Skip, ...] = ()


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
    type_at: Callable[[dict[str, Any], str, str], str] = lambda hop, kind, to: kind
    """(hop of a plan, the type by `type_of`, address) → the type at that address."""
    hopeless: Hopeless = lambda *_: False
    charged: Callable[[dict[str, Any], str, str | Mapping[str, str] | None], tuple[str, int]] = lambda *_: (KOREA, 1)
    """(hop of a plan, address, the recipient's variables, as JSON or not) → the country and units that are charged."""
    period_of: Callable[[int], int] = lambda at_ms: sys.maxsize
    """(moment of acceptance) → its period of prices."""
    cost: Callable[[str, str, Need], Decimal] = lambda *_: Decimal(0)
    """(vendor, account, what it carried) → KRW, once delivered."""
    files_of: Callable[[dict[str, Any]], int] = lambda hop: 0
    """(hop of a plan) → how many files each of its messages carries."""
    vendors_of: Callable[[dict[str, Any]], tuple[str, ...]] = lambda hop: ()
    """(hop of a plan) → the vendors that alone may carry it; empty: any."""
    receipt_s: Callable[[str, str], int] = lambda channel, kind: receipt_timeout_s(kind)
    """(channel, message type) → seconds after sending at which a missing receipt counts as a failure."""
    meaning: Callable[[str, str, str], str | None] = lambda vendor, channel, raw: None
    """(vendor, channel, raw code) → the IMS code that it has on that channel; None when its table does not have it."""
    awake: Callable[[int, str, str], bool] = lambda *_: False
    """(account, channel, address) → whether the recipient has agreed to advertisements at night."""
    park_ms: int = 2000
    unit_ms: int = 1000
    """One second of the hop retries and polls."""
    receipt_scale: float = 1.0
