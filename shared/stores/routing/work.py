"""What one routing transaction gathers until its end: row changes, due work, messages to dispatch, ends."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any

from shared.domain import routing
from shared.domain.batches import packed
from shared.domain.defaults import in_night_window
from shared.domain.events import MAX_MESSAGES, Dispatch, Event, Outcome, Result, Send, SendPart
from shared.domain.routing import Message, Pick, Plan, Skip, Start, World
from shared.domain.states import State
from shared.money import Charge
from shared.stores.optouts import night_reader
from shared.stores.results import Results
from shared.stores.sql import Connection
from shared.stores.suppressions import Bounced
from shared.stores.usage import Usage

Price = Callable[[str, str, str, Charge], Decimal]
"""(channel, vendor, account, what was carried) → what a delivered message costs."""


DEFAULT_WINDOW = 20_000


def with_consents(conn: Connection, lane: str, world: World) -> World:
    """The world of an event: of advertisements at night it knows who has agreed to them."""
    if lane != "ad" or not in_night_window(world.now_ms):
        return world
    return replace(world, awake=night_reader(conn))


@dataclass(frozen=True, slots=True)
class Ended:
    """A message that ends in this transaction, by `result` of `outcome` where a vendor said so."""

    row: Message
    plan: Plan
    status: State
    code: str
    cause: bytes
    result: Result | None = None
    outcome: Outcome | None = None
    skipped: tuple[Skip, ...] = ()

    def price(self, price: Price, world: World) -> Decimal:
        """What it costs: the delivering hop's price, nothing for any other end, nor for a test key's message."""
        if self.status is not State.delivered or self.plan.test:
            return Decimal(0)
        vendor = self.outcome.vendor if self.outcome else self.row.vendor or ""
        account = self.outcome.account if self.outcome else self.row.vendor_account or ""
        return price(self.row.channel, vendor, account, self._charge(world))

    def _charge(self, world: World) -> Charge:
        """What the delivering hop carried: the present one, or an earlier one whose receipt came late."""
        row, plan = self.row, self.plan
        if self.result is None or self.result.hop == row.hop:
            need = routing.priced(row, plan, row.step, row.type, world)
        else:
            need = routing.carried(row, plan, row.channel, row.type, world)
        return Charge(row.type, need.country, need.units, need.period)


@dataclass
class Work:
    """What one transaction gathers until its end."""

    world: World
    lane: str
    price: Price
    windows: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    changes: list[tuple[bytes, tuple[tuple[str, Any], ...]]] = field(default_factory=list)
    sends: dict[tuple[Any, ...], list[Send]] = field(default_factory=lambda: defaultdict(list))
    batches: dict[tuple[str, str], int] = field(default_factory=dict)
    """(channel, vendor) → messages that one event brings to it at most."""
    plans: dict[bytes, Plan] = field(default_factory=dict)
    checks: dict[tuple[int, str, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    waits: dict[tuple[int, str, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    backlog: dict[tuple[int, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    """(account, hop) → messages that wait for their account's window."""
    polls: dict[tuple[int, int, str, str, str], list[Send]] = field(default_factory=lambda: defaultdict(list))
    ended: list[Ended] = field(default_factory=list)
    again: list[tuple[Message, Plan]] = field(default_factory=list)
    trail: list[tuple[Any, ...]] = field(default_factory=list)
    skipped: list[tuple[bytes, Skip]] = field(default_factory=list)
    bounced: list[Bounced] = field(default_factory=list)
    usage: Usage = field(init=False)
    results: Results = field(init=False)

    def __post_init__(self) -> None:
        self.usage, self.results = Usage(self.lane), Results(self.lane)

    def leave_window(self, message: Message, plan: Plan) -> None:
        """The message is no longer in ims.send.*."""
        if message.in_window:
            self.windows[message.account_id, plan.lane] -= 1

    def send(self, plan: Plan, step: int, pick: Pick | tuple[str, str], channel: str, message: Send) -> None:
        """Queue a message for a vendor account."""
        vendor, account = (pick.vendor, pick.account) if isinstance(pick, Pick) else pick
        if isinstance(pick, Pick):
            self.batches[channel, vendor] = pick.batch
        self.plans[plan.request_id] = plan
        self.sends[channel, vendor, account, plan.request_id, step].append(message)

    def start(self, plan: Plan, step: Start, members: Iterable[tuple[bytes, str, dict[str, str] | None]]) -> None:
        """Queue a hop of messages (id, address, variables) and the check of its receipt."""
        ids = []
        for message_id, to, variables in members:
            ids.append(message_id)
            self.skipped.extend((message_id, skip) for skip in step.skipped)
            send = Send(id=message_id.hex(), hop=step.hop, to=to, type=step.type, vars=variables)
            self.send(plan, step.step, step.pick, step.channel, send)
        self.check(step.check_ms, step.hop, ids)

    def check(self, due_ms: int, hop: int, ids: Iterable[bytes]) -> None:
        """Look at messages again at `due_ms`, rounded up to the second so that batches share a row."""
        self.checks[due_ms // 1000 * 1000 + 1000, "timeout", hop].extend(i.hex() for i in ids)

    def dispatches(self) -> list[Event]:
        """The Dispatch events of all queued messages, at most 500 messages each."""
        grouped: dict[tuple[str, str, str], list[SendPart]] = defaultdict(list)
        for (channel, vendor, account, request, step), members in self.sends.items():
            plan = self.plans[request]
            content = plan.hops[step]["content"]
            for part in chunks(members, self.batches.get((channel, vendor), MAX_MESSAGES)):
                grouped[channel, vendor, account].append(
                    SendPart(
                        account_id=plan.account_id,
                        username=plan.username,
                        test=plan.test,
                        content=content,
                        valid_until=plan.valid_ms,
                        messages=part,
                    )
                )
        events: list[Event] = []
        for (channel, vendor, account), parts in grouped.items():
            make = partial(Dispatch, lane=self.lane, channel=channel, vendor=vendor, account=account)
            most = self.batches.get((channel, vendor), MAX_MESSAGES)
            events.extend(make(parts=group) for group in packed(parts, lambda p: len(p.messages), most))
        return events


def chunks(items: Sequence[Any], size: int) -> Iterable[Any]:
    """Cut a list into pieces of at most `size`."""
    return (items[i : i + size] for i in range(0, len(items), size))


def cause_of(event_id: str) -> bytes:
    """The 16 bytes by which a row remembers the event that changed it."""
    compact = event_id.replace("-", "")
    try:
        raw = bytes.fromhex(compact)
    except ValueError:
        raw = event_id.encode()
    if len(raw) != 16:
        raw = hashlib.blake2b(event_id.encode(), digest_size=16).digest()
    return raw
