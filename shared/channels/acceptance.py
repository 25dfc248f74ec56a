"""Accept a request: read it, check all of it, and make of it what travels on. Pure; time and ids are passed in.

Every fault of a request is found in one go. A recipient's own fault only keeps that recipient out, unless the client
asked for `strict`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import orjson

from shared.channels import MODULES
from shared.channels.common import (
    AccountView,
    Channel,
    Fault,
    InvalidRequest,
    Size,
    channel,
    read_time,
    time_fault,
    uri_fault,
)
from shared.channels.pricing import Pricing
from shared.channels.reading import read_body, read_object, top_fields
from shared.channels.recipients import Leg, Reader, Rejected
from shared.channels.schema import MAX_AHEAD_S, Shared
from shared.channels.slices import People
from shared.domain import defaults, lanes
from shared.domain.events import PlanHop, Recipient, Request
from shared.domain.routing import Offers, first_place

R = TypeVar("R")

CHUNK = 500
"""Recipients read between two yields."""
VIEWED = 200
"""Messages that a dry run measures between two."""
FOREIGN_SENDER = "1004"
"""A good request, but for a sender number that the account may not use: not allowed, rather than faulty."""
MAX_PLAN = 128 * 1024
"""Bytes of all hops' contents as JSON: they stand in each event of the request (at most 512 KiB)."""
PLAN_VIEW_MESSAGES = 1000
"""Messages that a dry run lists one by one."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A recipient that stands there again: its place, and the place of the first with the same address (from 0)."""

    index: int
    of: int


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What was accepted: the request with its messages, who was left out, how many messages are of each type, and who
    is there more than once."""

    request: Request
    rejected: list[Rejected]
    types: Mapping[str, int]
    duplicates: Sequence[Repeated] = ()

    def plan_view(self, offers: Offers) -> dict[str, Any]:
        """`plan_view_in_steps` in one go."""
        return whole(self.plan_view_in_steps(offers))

    def plan_view_in_steps(self, offers: Offers) -> Generator[None, None, dict[str, Any]]:
        """What a dry run shows: each hop, and per message type, length and price.

        The price is that of its first hop at the dearest account that may get it; None where none can.
        """
        sizes: list[Size] = []
        costs: list[Decimal | None] = []
        pricing = Pricing(self.request.plan, test=self.request.test, cap=self.request.max_price, offers=offers)
        for place, message in enumerate(self.request.messages):
            if place % VIEWED == VIEWED - 1:
                yield
            sizes.append(self._size(message))
            costs.append(pricing.at_most(message))
        known = [cost for cost in costs if cost is not None]
        listed = zip(self.request.messages[:PLAN_VIEW_MESSAGES], sizes, costs, strict=False)
        return {
            "lane": self.request.lane,
            "accepted": len(sizes),
            "types": dict(self.types),
            "price": _won(sum(known, Decimal(0))) if len(known) == len(costs) else None,
            "plan": [{"channel": hop.channel, "wait": hop.wait, **hop.content} for hop in self.request.plan],
            "messages": [self._seen(message, size, cost) for message, size, cost in listed],
            "rejected": self.rejected,
            "duplicates": [asdict(one) for one in self.duplicates],
        }

    def _size(self, message: Recipient) -> Size:
        """The message as the first hop that can carry it would send it."""
        hop = self.request.plan[first_place(message.skips or {})]
        kind = channel(hop.channel)
        size = kind.measure(kind.render(hop.content, message.vars))
        return size._replace(type=message.type) if kind.by_address else size

    def _seen(self, message: Recipient, size: Size, cost: Decimal | None) -> dict[str, Any]:
        skips = message.skips or {}
        return {
            "to": message.to,
            "ref": message.ref,
            "type": size.type,
            "length": size.length,
            "parts": size.units,
            "price": None if cost is None else _won(cost),
            "skipped": [{"hop": n, "channel": self.request.plan[n].channel, "code": c} for n, c in skips.items()],
        }


def _won(amount: Decimal) -> str:
    return f"{amount:.2f}"


def accept(kind: Channel, body: bytes, **known: Any) -> Acceptance:
    """`accept_in_steps` in one go."""
    return whole(accept_in_steps(kind, body, **known))


def whole(steps: Generator[None, None, R]) -> R:
    """What comes of steps that are taken in one go."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: R = end.value
            return result


def accept_in_steps(
    kind: Channel,
    body: bytes,
    *,
    account: AccountView,
    now_ms: int,
    request_id: UUID,
    test: bool,
    people: People | None = None,
    offers: Offers | None = None,
) -> Generator[None, None, Acceptance]:
    """Accept a body, giving way after every 500 recipients; raises InvalidRequest with every fault. `people`: those of
    a large body, which holds a placeholder for them. `offers`: a recipient that no vendor would carry, for its length
    or for `max_price`, is refused; without them route finds out.

    The index of a message is its recipient's place in the body plus one, so a retry of the same body makes the same
    message ids, whoever is refused in between.
    """
    draft, faults = read_body(kind.request, body)
    broken = top_fields(faults)
    scheduled, valid = _times(draft, now_ms, faults)
    plan, legs = _plan(kind, draft, account, broken, faults)
    faults += [*_other_faults(draft, account, broken), *_plan_faults(plan)]
    reader = Reader(partial(kind.address, draft), [] if faults else legs, body, people)
    runs = _runs(draft.recipients or []) if people is None else people.runs()
    messages, rejected = yield from _read_all(reader, runs)
    cap = None if draft.max_price is None else f"{draft.max_price:f}"
    if offers is not None and not faults:
        pricing = Pricing(plan, test=test, cap=cap, offers=offers)
        messages, unpaid = yield from _affordable(messages, pricing)
        rejected = sorted([*rejected, *unpaid], key=lambda r: r.index)
    if faults or not messages or (rejected and draft.strict):
        if draft.strict or not messages:
            faults += [Fault(r.pointer, r.code, r.detail) for r in rejected]
        raise InvalidRequest(faults, 403 if all(f.code == FOREIGN_SENDER for f in faults) else 422)
    duplicates = _repeated(messages)
    if draft.distinct and duplicates:
        again = {one.index + 1 for one in duplicates}
        messages = [m for m in messages if m.n not in again]
    types = Counter([m.type for m in messages])
    request = Request(
        request_id=request_id.hex,
        account_id=account.account_id,
        username=account.username,
        lane=draft.lane,
        test=test,
        request_ref=draft.request_ref,
        callback_uri=draft.callback_uri or account.callback_uri,
        accepted_at=now_ms,
        scheduled_at=scheduled,
        valid_until=valid or defaults.valid_until(draft.lane, scheduled or now_ms, types),
        on_uncertain=lanes.on_uncertain(draft.lane, draft.on_uncertain),
        max_price=cap,
        plan=plan,
        total=len(messages),
        messages=messages,
    )
    return Acceptance(request, rejected, types, duplicates)


class Prepared(NamedTuple):
    """What holds for all recipients of a body, checked; `reader` reads runs of them, without a plan where `faults`."""

    draft: Shared
    plan: list[PlanHop]
    names: frozenset[str]
    reader: Reader
    faults: list[Fault]


def prepared(kind: Channel, body: bytes, *, account: AccountView, now_ms: int) -> Prepared:
    """Check a body by the rules of `accept_in_steps`, but for its recipients: those come by themselves."""
    draft, faults = read_body(kind.request, body)
    broken = top_fields(faults)
    _times(draft, now_ms, faults)
    plan, legs = _plan(kind, draft, account, broken, faults)
    faults += [*_other_faults(draft, account, broken), *_plan_faults(plan)]
    names = frozenset(name for leg in legs for name in leg.hop.names)
    return Prepared(draft, plan, names, Reader(partial(kind.address, draft), [] if faults else legs, body), faults)


def _affordable(
    messages: list[Recipient], pricing: Pricing
) -> Generator[None, None, tuple[list[Recipient], list[Rejected]]]:
    """The messages that some vendor would carry at the client's price, and the others."""
    good: list[Recipient] = []
    bad: list[Rejected] = []
    for place, message in enumerate(messages):
        if place % CHUNK == CHUNK - 1:
            yield
        wrong = pricing.fault(message)
        if wrong is None:
            good.append(message)
        else:
            bad.append(Rejected(message.n - 1, message.to, *wrong, f"/recipients/{message.n - 1}"))
    return good, bad


def _repeated(messages: Sequence[Recipient]) -> list[Repeated]:
    """Addresses are compared as they are kept, so in whatever way they were written."""
    first: dict[str, int] = {}
    for message in messages:
        first.setdefault(message.to, message.n)
    if len(first) == len(messages):
        return []
    return [Repeated(m.n - 1, first[m.to] - 1) for m in messages if first[m.to] != m.n]


def _runs(items: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
    return ((start, items[start : start + CHUNK]) for start in range(0, len(items), CHUNK))


def _read_all(
    reader: Reader, runs: Iterable[tuple[int, Sequence[Any]]]
) -> Generator[None, None, tuple[list[Recipient], list[Rejected]]]:
    messages: list[Recipient] = []
    rejected: list[Rejected] = []
    for start, items in runs:
        if start:
            yield
        good, bad = reader.read(items, start)
        messages += good
        rejected += bad
    return messages, rejected


def _other_faults(draft: Shared, account: AccountView, broken: frozenset[str]) -> Iterator[Fault]:
    if draft.callback_uri is not None:
        if wrong := uri_fault(draft.callback_uri):
            yield Fault("/callback_uri", "format", wrong)
        elif not account.may_call(draft.callback_uri):
            yield Fault("/callback_uri", "forbidden_address", "this address is not reachable from here")
    if draft.recipients is None and "recipients" not in broken:
        yield Fault("/recipients", "required", 'name at least one recipient: [{"to": "01012345678"}]')


def _plan_faults(plan: Sequence[PlanHop]) -> Iterator[Fault]:
    """Only the names of variables can make a checked text that long."""
    sizes = [len(orjson.dumps(hop.content)) for hop in plan]
    if sum(sizes) > MAX_PLAN:
        place = sizes.index(max(sizes))
        where = f"/fallback/{place - 1}/text" if place else "/text"
        detail = f"the contents of all hops have {sum(sizes)} bytes as JSON, at most {MAX_PLAN}"
        yield Fault(where, "range", detail)


def _plan(
    kind: Channel, draft: Shared, account: AccountView, broken: frozenset[str], faults: list[Fault]
) -> tuple[list[PlanHop], list[Leg]]:
    first, wrong = kind.compile(draft, account, draft.lane, "", broken)
    faults += wrong
    where, wait, hops = "/fallback", draft.wait, list(enumerate(draft.fallback or ()))
    if draft.fallback is None and "fallback" not in broken:
        usual, patience = account.usual(draft.lane, kind.name)
        where, hops = f"/defaults/{draft.lane}/fallback", list(usual)
        wait = patience if wait is None and hops else wait
    waits = [(wait, Leg(kind, draft, first) if first else None)]
    for place, raw in hops:
        waits.append(further(raw, account, draft.lane, f"{where}/{place}", faults))
    sound = [(wait, leg) for wait, leg in waits if leg is not None]
    plan = [PlanHop(channel=leg.kind.name, content=leg.hop.content, wait=wait) for wait, leg in sound]
    return plan, [leg for _, leg in sound]


def further(
    raw: Any, account: AccountView, lane: str, pointer: str, faults: list[Fault]
) -> tuple[float | None, Leg | None]:
    """A further hop as the client wrote it: its wait and what it is once checked; its faults are added to `faults`."""
    if not isinstance(raw, dict):
        faults.append(Fault(pointer, "type", "must be an object with `channel` and that channel's content"))
        return None, None
    name = raw.get("channel")
    if not isinstance(name, str) or name not in MODULES:
        faults.append(Fault(f"{pointer}/channel", "unknown_channel", f"channels are: {', '.join(MODULES)}"))
        return None, None
    kind = channel(name)
    content, wrong = read_object(kind.hop, raw, pointer)
    hop, more = kind.compile(content, account, lane, pointer, top_fields(wrong, pointer))
    faults += [*wrong, *more]
    return content.wait, Leg(kind, content, hop) if hop else None


def _times(draft: Shared, now_ms: int, faults: list[Fault]) -> tuple[int | None, int | None]:
    """When the request leaves and when it ends, each None where the client does not say."""
    scheduled = _time(draft.scheduled_at, "/scheduled_at", now_ms, "now", faults)
    start = scheduled or now_ms
    if draft.ttl is not None:
        if draft.valid_until is not None:
            faults.append(Fault("/ttl", "conflict", "give either `ttl` or `valid_until`"))
        return scheduled, start + draft.ttl * 1000
    after = "scheduled_at" if scheduled else "now"
    return scheduled, _time(draft.valid_until, "/valid_until", start, after, faults)


def _time(text: str | None, pointer: str, start_ms: int, start: str, faults: list[Fault]) -> int | None:
    if text is None:
        return None
    at = read_time(text)
    if at is None:
        faults.append(Fault(pointer, "format", time_fault(text)))
    elif at <= start_ms:
        faults.append(Fault(pointer, "range", f"must be later than {start}"))
    elif at > start_ms + MAX_AHEAD_S * 1000:
        faults.append(Fault(pointer, "range", f"must be within a year from {start}"))
    return at
