"""New messages: their rows and their first step, whole batches by one decision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from shared.domain import defaults, routing
from shared.domain.events import Accepted, Due, Event, Recipient, Request
from shared.domain.ids import Lane, message_bytes
from shared.domain.routing import End, Message, Plan, Start, Step, Wait, World
from shared.domain.states import State
from shared.stores import messages as store
from shared.stores import sql
from shared.stores.routing.ending import flush
from shared.stores.routing.work import DEFAULT_WINDOW, Ended, Price, Work, cause_of, with_consents
from shared.stores.sql import Connection


def accept(
    conn: Connection, event: Accepted, world: World, price: Price, key_hours: float, window_of: dict[int, int]
) -> list[Event]:
    """Store new messages and decide their first step; `window_of` is each account's window.

    While its window is well used, new messages queue behind an account's backlog: small requests that always fit would
    else keep its large batches waiting for ever.
    """
    world = with_consents(conn, event.lane, world)
    work = Work(world, event.lane, price)
    lost = store.claim_keys(conn, event.requests, world.now_ms + int(key_hours * 3_600_000), world.now_ms)
    store.insert_requests(conn, event.requests)
    in_flight = store.windows(conn, {(r.account_id, r.lane) for r in event.requests})
    limits = {key: window_of.get(key[0], DEFAULT_WINDOW) for key in in_flight}
    queued = store.backlogs(
        conn, [key for key, flying in in_flight.items() if flying > 0 and 2 * flying >= limits[key]]
    )
    decided = []
    for batch in _batches(event.requests, world):
        key, n = (batch.plan.account_id, batch.plan.lane), len(batch.members)
        step, flying = _first_step(batch, lost.get(batch.request.request_id), world), in_flight.get(key, 0)
        if isinstance(step, Start):
            if key in queued or (flying > 0 and flying + n > window_of.get(key[0], DEFAULT_WINDOW)):
                step = Wait("backlog", None, State.accepted, 0)
            else:
                in_flight[key] = flying + n
        decided.append((batch, step))
    _insert(conn, work, decided)
    return flush(conn, work)


def insert_ended(conn: Connection, work: Work, event: Accepted, end: End) -> None:
    """Store messages that were never stored, as such that end now."""
    store.insert_requests(conn, event.requests)
    _insert(conn, work, [(batch, end) for batch in _batches(event.requests, work.world)])


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one request that share a type, country, charged units and the hops that cannot carry them, so one
    decision serves all."""

    request: Request
    plan: Plan
    kind: str
    skips: Mapping[int, str]
    cause: bytes
    members: list[tuple[bytes, Recipient]]


def _batches(requests: Iterable[Request], world: World) -> Iterable[Batch]:
    for request in requests:
        base, lane, cause = int(request.request_id, 16), int(Lane[request.lane]), cause_of(request.cause)
        plan = _plan_of(request)
        alike: dict[tuple[str, str | None, bool, str, int], list[tuple[bytes, Recipient]]] = defaultdict(list)
        for recipient in request.messages:
            rests = _rests(recipient, plan, world)
            key = recipient.type, store.skips_text(recipient.skips), rests, *_charged(recipient, plan, world)
            alike[key].append((message_bytes(base, recipient.n, lane), recipient))
        for (kind, *_), members in alike.items():
            yield Batch(request, plan, kind, members[0][1].skips or {}, cause, members)


def _rests(recipient: Recipient, plan: Plan, world: World) -> bool:
    """Whether it is an advertisement that waits for the morning."""
    if plan.lane != "ad":
        return False
    fresh = Message.fresh(plan.account_id, recipient.type, plan.hops[0]["channel"], recipient.skips or {})
    fresh.recipient, fresh.addresses = recipient.to, _json(recipient.addresses)
    return routing.resting(fresh, plan, world, 0)


def _charged(recipient: Recipient, plan: Plan, world: World) -> tuple[str, int]:
    """The country and units of a message's first hop."""
    first = routing.first_place(recipient.skips or {})
    hop = plan.hops[first]
    address = routing.address_at(recipient.to, recipient.addresses, first, hop["channel"])
    return world.charged(hop, address, recipient.vars)


def _plan_of(request: Request) -> Plan:
    begin = request.scheduled_at or request.accepted_at
    valid = request.valid_until or defaults.valid_until(request.lane, begin, {m.type for m in request.messages})
    return Plan(
        request_id=bytes.fromhex(request.request_id),
        account_id=request.account_id,
        username=request.username,
        lane=request.lane,
        test=request.test,
        request_ref=request.request_ref,
        callback_uri=request.callback_uri,
        hops=[h.model_dump(exclude_none=True) for h in request.plan] or store.bare_hops("mt"),
        on_uncertain=request.on_uncertain,
        max_price=None if request.max_price is None else Decimal(request.max_price),
        accepted_ms=request.accepted_at,
        valid_ms=valid,
    )


def _first_step(batch: Batch, holder: str | None, world: World) -> Step:
    plan, scheduled = batch.plan, batch.request.scheduled_at
    if holder is not None:
        return End(State.failed, routing.DUPLICATE)
    if scheduled is not None and scheduled > world.now_ms:
        return Wait("scheduled", scheduled, State.scheduled, 0)
    first = routing.first_place(batch.skips)
    if routing.resting(_one_of(batch, min(first, len(plan.hops) - 1)), plan, world, 0):
        return Wait("held", min(defaults.next_ad_time(world.now_ms), plan.valid_ms), State.held, 0)
    step = routing.start(_one_of(batch, first), plan, world, hop=1, step=0, tries=0, avoid=None)
    elsewhere = step.step > first if isinstance(step, Start) else isinstance(step, End) and _others(batch, first)
    if elsewhere and world.now_ms < plan.valid_ms:  # each message has its own type, address and price there
        return Wait("parked", world.now_ms, State.routed, 1)
    return step


def _one_of(batch: Batch, first: int) -> Message:
    """A message that stands for the batch: at its first hop all of them cost and need the same."""
    plan, (_, recipient) = batch.plan, batch.members[0]
    fresh = Message.fresh(plan.account_id, batch.kind, plan.hops[first]["channel"], batch.skips)
    fresh.recipient, fresh.vars, fresh.addresses = recipient.to, _json(recipient.vars), _json(recipient.addresses)
    return fresh


def _others(batch: Batch, first: int) -> bool:
    """Whether the plan has another hop, and several messages that may fare differently there."""
    places = (place for place in range(first + 1, len(batch.plan.hops)) if place not in batch.skips)
    return len(batch.members) > 1 and any(places)


def _insert(conn: Connection, work: Work, decided: Sequence[tuple[Batch, Step]]) -> None:
    """Insert all rows as their steps leave them, in one statement; batch by batch where some were there before."""
    rows = [row for batch, step in decided for row in _rows_of(batch, step)]
    sql.execute(conn, "SAVEPOINT new_rows")
    if store.insert_messages(conn, rows) == len(rows):
        for batch, step in decided:
            _count_accepted(work, batch, len(batch.members))
            _act(conn, work, batch, step)
        return
    sql.execute(conn, "ROLLBACK TO SAVEPOINT new_rows")
    for batch, step in decided:
        new = store.insert_messages(conn, _rows_of(batch, step))
        _count_accepted(work, batch, new)
        if new < len(batch.members):
            _repeat(conn, work, batch, step, new)
        else:
            _act(conn, work, batch, step)


def _count_accepted(work: Work, batch: Batch, new: int) -> None:
    plan = batch.plan
    if new:
        channel = plan.hops[routing.first_place(batch.skips)]["channel"]
        work.usage.of(plan.account_id, plan.accepted_ms, channel, batch.kind).accepted += new
        work.results.accepted(plan, channel, new)


def _act(conn: Connection, work: Work, batch: Batch, step: Step) -> None:
    """What follows from the first step of new messages."""
    if isinstance(step, Start):
        work.windows[batch.plan.account_id, batch.plan.lane] += len(batch.members)
        where = step.step, step.channel
        work.start(
            batch.plan, step, [(i, routing.address_at(m.to, m.addresses, *where), m.vars) for i, m in batch.members]
        )
    elif isinstance(step, Wait):
        _wait_whole(conn, work, batch.plan, step, [i for i, _ in batch.members])
    elif isinstance(step, End):
        rows = store.lock_messages(conn, [i for i, _ in batch.members])
        work.ended.extend(_ended(row, batch, step) for row in rows.values())


def _ended(row: Message, batch: Batch, step: End) -> Ended:
    return Ended(row, batch.plan, step.status, step.code, batch.cause, skipped=step.skipped)


def _rows_of(batch: Batch, step: Step) -> list[tuple[Any, ...]]:
    account_id, cause, starts = batch.plan.account_id, batch.cause, isinstance(step, Start)
    status, hop, channel = State.accepted, 0, batch.plan.hops[routing.first_place(batch.skips)]["channel"]
    vendor = account = None
    if isinstance(step, Start):
        status, hop, channel = State.routed, step.hop, step.channel
        vendor, account = step.pick.vendor, step.pick.account
    elif isinstance(step, Wait):
        status, hop = step.status, step.hop
    place = step.step if isinstance(step, (Start, Wait)) else 0
    tail = (int(status), hop, place, starts, channel, vendor, account, cause, store.skips_text(batch.skips))
    return [(i, account_id, m.to, m.ref, m.type, _json(m.vars), _json(m.addresses), *tail) for i, m in batch.members]


def _json(value: dict[str, str] | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _wait_whole(conn: Connection, work: Work, plan: Plan, step: Wait, ids: list[bytes]) -> None:
    """A row of its own for a reservation, which its client may move; a backlog joins with others of its account."""
    if step.due_ms is None:
        work.backlog[plan.account_id, step.hop].extend(i.hex() for i in ids)
        return
    event = Due(lane=plan.lane, kind=step.kind, ids=[i.hex() for i in ids], hop=step.hop)
    store.insert_due(conn, [(step.due_ms, step.kind, event)], account_id=plan.account_id, request_id=plan.request_id)


def _repeat(conn: Connection, work: Work, batch: Batch, step: Step, new: int) -> None:
    """Some rows existed: a redelivery, or another delivery of the same request. Finish what was left unfinished."""
    rows = store.lock_messages(conn, [i for i, _ in batch.members])
    mine = [r for r in rows.values() if r.cause == batch.cause]
    work.again.extend((r, batch.plan) for r in mine)
    if not new:
        return
    open_ids = [r.message_id for r in mine if not r.status.final]
    if isinstance(step, Start):
        work.windows[batch.plan.account_id, batch.plan.lane] += new
        work.check(step.check_ms, step.hop, open_ids)
    elif isinstance(step, Wait):
        _wait_whole(conn, work, batch.plan, step, open_ids)
    elif isinstance(step, End):
        ending = [r for r in mine if not r.status.final]
        work.ended.extend(_ended(row, batch, step) for row in ending)
