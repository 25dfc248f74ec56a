"""One routing transaction: lock the messages, decide (shared/domain/routing.py), save, and say what to publish.

The decision is saved with its cause (the id of the event that led to it) and committed before anything is published;
when the same event comes again, `Again` publishes what was saved. So a crash before the commit changes nothing, and a
crash after it is repaired by the redelivery.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any

import orjson

from shared.domain import codes, defaults, routing
from shared.domain.events import (
    MAX_MESSAGES,
    Accepted,
    Dispatch,
    Due,
    Event,
    Finished,
    Outcome,
    Poll,
    Recipient,
    Report,
    Request,
    Result,
    Send,
    SendPart,
)
from shared.domain.ids import Lane, dashed, message_bytes, request_bytes
from shared.domain.routing import Again, Ask, Check, End, Mark, Message, Pick, Plan, Start, Step, Wait, World
from shared.domain.states import State
from shared.runtime import logs
from shared.runtime.clock import iso
from shared.stores import messages as store
from shared.stores import sql
from shared.stores.claims import HopKey
from shared.stores.sql import Connection
from shared.stores.usage import Usage

Price = Callable[[str, str, str, str], Decimal]
"""(channel, vendor, account, type) → what a delivered message costs."""


SHOWN = {"released": "failed", "unavailable": "failed"}
"""Words of hops that only senders need, and what clients read instead."""
DEFAULT_WINDOW = 20_000

log = logs.get(__name__)


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

    def price(self, price: Price) -> Decimal:
        """What it costs: the delivering hop's price, nothing for any other end."""
        if self.status is not State.delivered:
            return Decimal(0)
        vendor = self.outcome.vendor if self.outcome else self.row.vendor or ""
        account = self.outcome.account if self.outcome else self.row.vendor_account or ""
        return price(self.row.channel, vendor, account, self.row.type)


@dataclass
class Work:
    """What one transaction gathers until its end."""

    world: World
    lane: str
    price: Price
    windows: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    changes: list[tuple[bytes, tuple[tuple[str, Any], ...]]] = field(default_factory=list)
    sends: dict[tuple[Any, ...], list[Send]] = field(default_factory=lambda: defaultdict(list))
    plans: dict[bytes, Plan] = field(default_factory=dict)
    checks: dict[tuple[int, str, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    waits: dict[tuple[int, str, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    backlog: dict[tuple[int, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    """(account, hop) → messages that wait for their account's window."""
    polls: dict[tuple[int, int, str, str, str], list[Send]] = field(default_factory=lambda: defaultdict(list))
    ended: list[Ended] = field(default_factory=list)
    again: list[tuple[Message, Plan]] = field(default_factory=list)
    trail: list[tuple[Any, ...]] = field(default_factory=list)
    usage: Usage = field(init=False)

    def __post_init__(self) -> None:
        self.usage = Usage(self.lane)

    def leave_window(self, message: Message, plan: Plan) -> None:
        """The message is no longer in ims.send.*."""
        if message.in_window:
            self.windows[message.account_id, plan.lane] -= 1

    def send(self, plan: Plan, step: int, pick: Pick | tuple[str, str], channel: str, message: Send) -> None:
        """Queue a message for a vendor account."""
        vendor, account = (pick.vendor, pick.account) if isinstance(pick, Pick) else pick
        self.plans[plan.request_id] = plan
        self.sends[channel, vendor, account, plan.request_id, step].append(message)

    def start(self, plan: Plan, step: Start, members: Iterable[tuple[bytes, str, dict[str, str] | None]]) -> None:
        """Queue a hop of messages (id, address, variables) and the check of its receipt."""
        ids = []
        for message_id, to, variables in members:
            ids.append(message_id)
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
            for part in _chunks(members, MAX_MESSAGES):
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
            events.extend(make(parts=group) for group in _pack(parts))
        return events


def _chunks(items: Sequence[Any], size: int) -> Iterable[Any]:
    return (items[i : i + size] for i in range(0, len(items), size))


def _pack(parts: list[SendPart]) -> Iterable[list[SendPart]]:
    """Parts joined to groups of at most 500 messages."""
    group: list[SendPart] = []
    size = 0
    for part in parts:
        if group and size + len(part.messages) > MAX_MESSAGES:
            yield group
            group, size = [], 0
        group.append(part)
        size += len(part.messages)
    if group:
        yield group


def _cause(event_id: str) -> bytes:
    """The 16 bytes by which a row remembers the event that changed it."""
    compact = event_id.replace("-", "")
    try:
        raw = bytes.fromhex(compact)
    except ValueError:
        raw = event_id.encode()
    if len(raw) != 16:
        import hashlib

        raw = hashlib.blake2b(event_id.encode(), digest_size=16).digest()
    return raw


# --- accepted -------------------------------------------------------------------------------------------------------


def accept(
    conn: Connection, event: Accepted, world: World, price: Price, key_hours: float, window_of: dict[int, int]
) -> list[Event]:
    """Store new messages and decide their first step; `window_of` is each account's window.

    While its window is well used, new messages queue behind an account's backlog: small requests that always fit would
    else keep its large batches waiting for ever.
    """
    work = Work(world, event.lane, price)
    lost = store.claim_keys(conn, event.requests, world.now_ms + int(key_hours * 3_600_000), world.now_ms)
    store.insert_requests(conn, event.requests)
    in_flight = store.windows(conn, {(r.account_id, r.lane) for r in event.requests})
    limits = {key: window_of.get(key[0], DEFAULT_WINDOW) for key in in_flight}
    queued = store.backlogs(
        conn, [key for key, flying in in_flight.items() if flying > 0 and 2 * flying >= limits[key]]
    )
    decided = []
    for batch in _batches(event.requests):
        key, n = (batch.plan.account_id, batch.plan.lane), len(batch.members)
        step, flying = _first_step(batch, lost.get(batch.request.request_id), world), in_flight.get(key, 0)
        if isinstance(step, Start):
            if key in queued or (flying > 0 and flying + n > window_of.get(key[0], DEFAULT_WINDOW)):
                step = Wait("backlog", None, State.accepted, 0)
            else:
                in_flight[key] = flying + n
        decided.append((batch, step))
    _insert(conn, work, decided)
    return _flush(conn, work)


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one request that share a type, so one decision serves all."""

    request: Request
    plan: Plan
    kind: str
    cause: bytes
    members: list[tuple[bytes, Recipient]]


def _batches(requests: Iterable[Request]) -> Iterable[Batch]:
    for request in requests:
        base, lane, cause = int(request.request_id, 16), int(Lane[request.lane]), _cause(request.cause)
        plan = _plan_of(request)
        by_type: dict[str, list[tuple[bytes, Recipient]]] = defaultdict(list)
        for recipient in request.messages:
            by_type[recipient.type].append((message_bytes(base, recipient.n, lane), recipient))
        for kind, members in by_type.items():
            yield Batch(request, plan, kind, cause, members)


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
        hops=[h.model_dump(exclude_none=True) for h in request.plan],
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
    if plan.lane == "ad" and defaults.in_night_window(world.now_ms):
        return Wait("held", defaults.next_ad_time(world.now_ms), State.held, 0)
    fresh = Message.fresh(plan.account_id, batch.kind, plan.hops[0]["channel"])
    step = routing.start(fresh, plan, world, hop=1, step=0, tries=0, avoid=None)
    if isinstance(step, Start) and step.step > 0:  # each message has its own type and address there
        return Wait("parked", world.now_ms, State.routed, 1)
    return step


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
        work.usage.of(plan.account_id, plan.accepted_ms, plan.hops[0]["channel"], batch.kind).accepted += new


def _act(conn: Connection, work: Work, batch: Batch, step: Step) -> None:
    """What follows from the first step of new messages."""
    if isinstance(step, Start):
        work.windows[batch.plan.account_id, batch.plan.lane] += len(batch.members)
        work.start(batch.plan, step, [(i, m.to, m.vars) for i, m in batch.members])
    elif isinstance(step, Wait):
        _wait_whole(conn, work, batch.plan, step, [i for i, _ in batch.members])
    elif isinstance(step, End):
        rows = store.lock_messages(conn, [i for i, _ in batch.members])
        work.ended.extend(Ended(row, batch.plan, step.status, step.code, batch.cause) for row in rows.values())


def _rows_of(batch: Batch, step: Step) -> list[tuple[Any, ...]]:
    account_id, cause, starts = batch.plan.account_id, batch.cause, isinstance(step, Start)
    status, hop, channel = State.accepted, 0, batch.plan.hops[0]["channel"]
    vendor = account = None
    if isinstance(step, Start):
        status, hop, channel = State.routed, step.hop, step.channel
        vendor, account = step.pick.vendor, step.pick.account
    elif isinstance(step, Wait):
        status, hop = step.status, step.hop
    place = step.step if isinstance(step, (Start, Wait)) else 0
    tail = (int(status), hop, place, starts, channel, vendor, account, cause)
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
        work.ended.extend(Ended(row, batch.plan, step.status, step.code, batch.cause) for row in ending)


# --- outcomes and due work ------------------------------------------------------------------------------------------


def outcome(conn: Connection, event: Outcome, world: World, price: Price) -> list[Event]:
    """Decide what the results of a batch of hops mean."""
    work = Work(world, event.lane, price)
    results, later = _one_each(event.results)
    rest = _quick_sent(conn, work, event, results) if event.via == "answer" else results
    rows = store.lock_messages(conn, [i for i, _ in rest])
    plans = _plans(conn, rows)
    void = _of_others(conn, event, rows, rest) | _overtaken(conn, event, rows, rest)
    closed = []
    for (message_id, hop), result in sorted(rest.items()):
        row = rows.get(message_id)
        if row is None or (message_id, hop) in void:
            continue
        plan, cause = plans[request_bytes(message_id)], _cause(result.cause)
        step = routing.on_result(row, plan, result.state, result.code, hop, cause, event.attempt, world)
        if isinstance(step, End) and hop != row.hop:
            row = _as_carried(conn, row, hop, event)
        if event.via != "answer" and result.state in ("delivered", "failed"):
            closed.append((message_id, hop, result.state, result.code, result.raw_code, result.raw_text))
        _apply(work, row, plan, step, cause, result, event)
    store.finish_hops(conn, closed, world.now_ms)
    events = _flush(conn, work)
    if later:
        events += outcome(conn, event.model_copy(update={"results": later}), world, price)
    return events


def _of_others(conn: Connection, event: Outcome, rows: dict[bytes, Message], results: Iterable[HopKey]) -> set[HopKey]:
    """Receipts for hops that another vendor or account carried, or nobody: they count for nothing."""
    if event.via != "receipt":
        return set()
    sender = (event.channel, event.vendor, event.account)
    doubtful = set()
    for message_id, hop in results:
        row = rows.get(message_id)
        if row is None or row.hop != hop or (row.channel, row.vendor, row.vendor_account) != sender:
            doubtful.add((message_id, hop))
    carried = store.carriers(conn, doubtful)
    others = {key for key in doubtful if carried.get(key) != sender}
    if others:
        log.warning(
            "receipts for hops that this account did not carry", vendor=f"{sender[1]}/{sender[2]}", n=len(others)
        )
    return others


def _as_carried(conn: Connection, row: Message, hop: int, event: Outcome) -> Message:
    """A message that an older hop has delivered: it ends as that hop carried it."""
    kind = store.hop_types(conn, [(row.message_id, hop)]).get((row.message_id, hop), row.type)
    return replace(row, channel=event.channel, type=kind)


def _overtaken(
    conn: Connection, event: Outcome, rows: dict[bytes, Message], results: dict[HopKey, Result]
) -> set[HopKey]:
    """Answers "not taken", told again, of hops that a sender has claimed anew since: they are being sent now."""
    if event.via != "answer":
        return set()
    again = {
        key
        for key, result in results.items()
        if result.state == "unavailable"
        and (row := rows.get(key[0])) is not None
        and row.in_window
        and row.hop == key[1]
    }
    return store.taken_again(conn, again)


def _one_each(results: Sequence[Result]) -> tuple[dict[tuple[bytes, int], Result], list[Result]]:
    """The first result of each message, and the others: those are decided after the first has been written."""
    first: dict[str, Result] = {}
    later = [r for r in results if first.setdefault(r.id, r) is not r]
    return {(bytes.fromhex(r.id), r.hop): r for r in first.values()}, later


def _quick_sent(
    conn: Connection, work: Work, event: Outcome, results: dict[tuple[bytes, int], Result]
) -> dict[tuple[bytes, int], Result]:
    """Most answers only say "sent" of routed messages: one UPDATE a (account, hop), no reading. What is left over."""
    groups: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for (message_id, hop), result in results.items():
        if result.state == "sent" and result.account_id:
            groups[result.account_id, hop].append(message_id)
    done: set[tuple[bytes, int]] = set()
    for (account_id, hop), ids in sorted(groups.items()):
        changed = store.mark_sent(conn, account_id, hop, ids, work.world.now_ms)
        work.windows[account_id, event.lane] -= changed
        if changed == len(ids):
            done.update((i, hop) for i in ids)
    return {k: v for k, v in results.items() if k not in done}


def due(conn: Connection, event: Due, world: World, price: Price, window_of: dict[int, int]) -> list[Event]:
    """Decide what is due of a batch: a release, a time-out check or a cancellation."""
    work = Work(world, event.lane, price)
    rows = store.lock_messages(conn, [bytes.fromhex(i) for i in event.ids])
    plans, cause = _plans(conn, rows), _cause(event.cause)
    starting: dict[bytes, list[tuple[Message, Start]]] = defaultdict(list)
    for message_id, row in rows.items():
        plan = plans[request_bytes(message_id)]
        if event.kind == "timeout":
            step = routing.on_timeout(row, plan, event.hop, cause, world)
        elif event.kind == "cancel":
            step = routing.on_cancel(row, cause)
        else:
            step = routing.on_release(row, plan, event.kind, event.hop, cause, world)
            if isinstance(step, Start):
                starting[plan.request_id].append((row, step))
                continue
        _apply(work, row, plan, step, cause, None, None)
    _release(conn, work, starting, plans, cause, window_of)
    return _flush(conn, work)


def _release(
    conn: Connection,
    work: Work,
    starting: dict[bytes, list[tuple[Message, Start]]],
    plans: dict[bytes, Plan],
    cause: bytes,
    window_of: dict[int, int],
) -> None:
    """Start what was waiting (by request), unless its account's window is full."""
    in_flight = store.windows(conn, {(plans[r].account_id, plans[r].lane) for r in starting})
    for request_id, members in starting.items():
        plan = plans[request_id]
        key, limit = (plan.account_id, plan.lane), window_of.get(plan.account_id, DEFAULT_WINDOW)
        flying = in_flight.get(key, 0)
        if flying > 0 and flying + len(members) > limit:
            hop = members[0][0].hop
            work.backlog[plan.account_id, hop].extend(m.message_id.hex() for m, _ in members)
            continue
        in_flight[key] = flying + len(members)
        for row, step in members:
            _apply(work, row, plan, step, cause, None, None)


def _plans(conn: Connection, rows: dict[bytes, Message]) -> dict[bytes, Plan]:
    return store.load_plans(conn, {request_bytes(i) for i in rows})


def _apply(
    work: Work, row: Message, plan: Plan, step: Step, cause: bytes, result: Result | None, event: Outcome | None
) -> None:
    """Turn a step into row changes, due work and events."""
    if isinstance(step, Start):
        _apply_start(work, row, plan, step, cause)
    elif isinstance(step, End):
        work.ended.append(Ended(row, plan, step.status, step.code, cause, result, event))
    elif isinstance(step, Mark):
        _apply_mark(work, row, plan, step)
    elif isinstance(step, Ask):
        _poll(work, row, plan, step.poll_ms, step.attempt)
    elif isinstance(step, Wait):
        work.leave_window(row, plan)
        change = (("status", int(step.status)), ("hop", step.hop), ("step", step.step), ("tries", step.tries))
        work.changes.append((row.message_id, (*change, ("in_window", 0), ("cause", cause))))
        due_ms = (step.due_ms or 0) // 100 * 100 + 100
        work.waits[due_ms, step.kind, step.hop].append(row.message_id.hex())
    elif isinstance(step, Check):
        work.check(step.due_ms, row.hop, [row.message_id])
    elif isinstance(step, Again):
        work.again.append((row, plan))
    elif step.trail and result is not None and event is not None:
        work.trail.append(
            (
                row.message_id,
                result.hop,
                result.state,
                result.code,
                result.raw_code,
                result.raw_text,
                event.via,
                cause,
                result.at,
            )
        )


def _apply_start(work: Work, row: Message, plan: Plan, step: Start, cause: bytes) -> None:
    if not row.in_window:
        work.windows[row.account_id, plan.lane] += 1
    change = (
        ("status", int(State.routed)),
        ("hop", step.hop),
        ("step", step.step),
        ("tries", step.tries),
        ("channel", step.channel),
        ("type", step.type),
        ("vendor", step.pick.vendor),
        ("vendor_account", step.pick.account),
        ("in_window", 1),
        ("cause", cause),
    )
    work.changes.append((row.message_id, change))
    work.start(plan, step, [(row.message_id, _address(row, step.channel), _variables(row))])


def _variables(row: Message) -> dict[str, str] | None:
    return None if row.vars is None else orjson.loads(row.vars)


def _address(row: Message, channel: str) -> str:
    addresses = {} if row.addresses is None else orjson.loads(row.addresses)
    return str(addresses.get(channel, row.recipient))


def _apply_mark(work: Work, row: Message, plan: Plan, step: Mark) -> None:
    work.leave_window(row, plan)
    change: tuple[tuple[str, Any], ...] = (("status", int(step.status)), ("in_window", 0))
    if step.status is State.sent:
        change = (*change, ("sent_ms", work.world.now_ms))
    work.changes.append((row.message_id, change))
    if step.poll_ms is not None:
        _poll(work, row, plan, step.poll_ms, step.attempt)


def _poll(work: Work, row: Message, plan: Plan, due_ms: int, attempt: int) -> None:
    if row.vendor is None or row.vendor_account is None:
        return
    send = Send(id=row.message_id.hex(), hop=row.hop, to=_address(row, row.channel), type=row.type)
    work.polls[due_ms // 100 * 100 + 100, attempt, row.channel, row.vendor, row.vendor_account].append(send)


# --- the end of the transaction -------------------------------------------------------------------------------------


def _flush(conn: Connection, work: Work) -> list[Event]:
    """Write what was gathered, in the lock order, and return the events to publish after the commit."""
    finished, told = _end(conn, work), _again(conn, work)
    store.update_messages(conn, work.changes)
    store.insert_trail(conn, work.trail)
    waiting = [*_due_rows(work.lane, work.checks), *_due_rows(work.lane, work.waits)]
    for (due_ms, attempt, channel, vendor, account), members in work.polls.items():
        poll = partial(Poll, lane=work.lane, channel=channel, vendor=vendor, account=account, attempt=attempt)
        waiting.extend((due_ms, "poll", poll(messages=part)) for part in _chunks(members, MAX_MESSAGES))
    store.insert_due(conn, waiting)
    for (account_id, hop), ids in work.backlog.items():
        backlog = (Due(lane=work.lane, kind="backlog", ids=part, hop=hop) for part in _chunks(ids, MAX_MESSAGES))
        store.insert_due(conn, [(None, "backlog", event) for event in backlog], account_id=account_id)
    store.move_windows(conn, work.windows)
    _count_ends(work)
    work.usage.save(conn)
    _number_feeds(conn, work)
    reports = [Finished(lane=work.lane, reports=part) for part in _chunks([*finished, *told], MAX_MESSAGES)]
    return [*work.dispatches(), *reports]


def _due_rows(lane: str, groups: dict[tuple[int, str, int], list[str]]) -> Iterable[tuple[int | None, str, Event]]:
    for (due_ms, kind, hop), members in groups.items():
        for part in _chunks(members, MAX_MESSAGES):
            yield due_ms, kind, Due(lane=lane, kind=kind, ids=part, hop=hop)


def _end(conn: Connection, work: Work) -> list[Report]:
    """The reports of the messages that end here."""
    several = [e.row.message_id for e in work.ended if e.result is None or e.row.hop > 1 or e.result.hop != e.row.hop]
    earlier = store.load_hops(conn, several)
    reports = []
    for end in work.ended:
        work.leave_window(end.row, end.plan)
        hops = [_hop_view(h) for h in earlier.get(end.row.message_id, ())]
        if not hops and end.result is not None and end.outcome is not None:
            hops = [_hop_of_result(end.result, end.outcome, work.world.now_ms)]
        price = end.price(work.price)
        reports.append(_report(end.row, end.plan, end.status, end.code, hops, price, work.world.now_ms))
    return reports


def _count_ends(work: Work) -> None:
    for end in work.ended:
        count = work.usage.of(end.row.account_id, end.plan.accepted_ms, end.row.channel, end.row.type)
        if end.status is State.delivered:
            count.delivered += 1
            count.price += end.price(work.price)
        else:
            count.failed += 1


def _number_feeds(conn: Connection, work: Work) -> None:
    """Write the ends, with each account's next feed number; the last statements before the commit."""
    numbers = store.next_feed_numbers(conn, {e.row.account_id for e in work.ended})
    changes = []
    for end in work.ended:
        change: tuple[tuple[str, Any], ...] = (
            ("status", int(end.status)),
            ("code", end.code),
            ("cause", end.cause),
            ("in_window", 0),
            ("price", end.price(work.price)),
            ("finished_ms", work.world.now_ms),
            ("feed_seq", numbers[end.row.account_id]),
        )
        if end.result is not None and end.result.hop != end.row.hop:
            change = (*change, ("channel", end.row.channel), ("type", end.row.type))
        if end.status is State.delivered and end.row.sent_ms is None:
            change = (*change, ("sent_ms", work.world.now_ms))
        changes.append((end.row.message_id, change))
    store.update_messages(conn, changes)


def _again(conn: Connection, work: Work) -> list[Report]:
    """Publish saved decisions once more: the dispatch of what is still routed, the report of what has ended."""
    ended = [(row, plan) for row, plan in work.again if row.status.final]
    for row, plan in work.again:
        if row.status is State.routed and row.in_window and row.vendor and row.vendor_account:
            to = _address(row, row.channel)
            send = Send(id=row.message_id.hex(), hop=row.hop, to=to, type=row.type, vars=_variables(row))
            work.send(plan, row.step, (row.vendor, row.vendor_account), row.channel, send)
    return saved_reports(conn, ended)


def saved_reports(conn: Connection, ended: Sequence[tuple[Message, Plan]]) -> list[Report]:
    """The reports of messages that ended before, made from their rows."""
    if not ended:
        return []
    ids = [row.message_id for row, _ in ended]
    hops = store.load_hops(conn, ids)
    found = sql.fetch(
        conn,
        f"SELECT message_id, status, code, price, finished_ms FROM messages WHERE message_id IN ({sql.ids(ids)})",  # noqa: S608
    )
    ends = {r[0]: r[1:] for r in found}
    reports = []
    for row, plan in ended:
        status, code, price, finished_ms = ends[row.message_id]
        views = [_hop_view(h) for h in hops.get(row.message_id, ())]
        reports.append(_report(row, plan, State(status), code, views, price, finished_ms))
    return reports


def _hop_view(hop: tuple[Any, ...]) -> dict[str, Any]:
    _, channel, vendor, state, code, raw_code, at = hop
    state = SHOWN.get(state, state)
    return {"channel": channel, "vendor": vendor, "status": state, "code": code, "raw_code": raw_code, "at": iso(at)}


def _hop_of_result(result: Result, event: Outcome, now_ms: int) -> dict[str, Any]:
    state, code, raw = result.state, result.code, result.raw_code
    view = {"channel": event.channel, "vendor": event.vendor, "status": state, "code": code, "raw_code": raw}
    return {**view, "at": iso(now_ms)}


def _report(
    row: Message, plan: Plan, status: State, code: str, hops: list[dict[str, Any]], price: Decimal, finished_ms: int
) -> Report:
    data = {
        "message_id": dashed(row.message_id.hex()),
        "request_id": dashed(plan.request_id.hex()),
        "request_ref": plan.request_ref,
        "ref": row.ref,
        "username": plan.username,
        "channel": row.channel,
        "type": row.type,
        "to": row.recipient,
        "status": status.name,
        "code": code,
        "detail": codes.detail(code),
        "hops": hops,
        "price": f"{price:.2f}",
        "currency": "KRW",
        "accepted_at": iso(plan.accepted_ms),
        "sent_at": iso(finished_ms if row.sent_ms is None and status is State.delivered else row.sent_ms),
        "finished_at": iso(finished_ms),
    }
    return Report(account_id=plan.account_id, username=plan.username, callback_uri=plan.callback_uri, data=data)
