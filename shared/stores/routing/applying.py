"""From a step (shared/domain/routing) to what the transaction gathers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from shared.domain import routing
from shared.domain.events import Outcome, Result, Send
from shared.domain.ids import request_bytes
from shared.domain.routing import Again, Ask, Check, End, Mark, Message, Plan, Start, Step, Wait, World
from shared.domain.states import State
from shared.stores import messages as store
from shared.stores.routing.work import Ended, Work
from shared.stores.sql import Connection


def locked(conn: Connection, ids: Iterable[bytes]) -> dict[bytes, Message]:
    """Lock messages in id order, with the vendors that may have them from earlier hops."""
    rows = store.lock_messages(conn, ids)
    doubts = store.doubtful(conn, [row.message_id for row in rows.values() if row.hop > 1 and not row.status.final])
    for message_id, senders in doubts.items():
        rows[message_id].doubtful = senders
    return rows


def plans_of(conn: Connection, rows: dict[bytes, Message]) -> dict[bytes, Plan]:
    """The plans of messages by request."""
    return store.load_plans(conn, {request_bytes(i) for i in rows})


def weigh(conn: Connection, rows: dict[bytes, Message], plans: dict[bytes, Plan], world: World) -> None:
    """Note what earlier hops of messages with a price cap may yet cost."""
    capped = [
        row
        for row in rows.values()
        if row.hop > 1 and not row.status.final and plans[request_bytes(row.message_id)].max_price is not None
    ]
    for message_id, hops in store.open_hops(conn, [row.message_id for row in capped]).items():
        row = rows[message_id]
        plan = plans[request_bytes(message_id)]
        for channel, vendor, account, kind in hops:
            row.risked += world.cost(vendor, account, routing.carried(row, plan, channel, kind, world))


def apply(
    work: Work, row: Message, plan: Plan, step: Step, cause: bytes, result: Result | None, event: Outcome | None
) -> None:
    """Turn a step into row changes, due work and events."""
    if isinstance(step, Start):
        _apply_start(work, row, plan, step, cause)
    elif isinstance(step, End):
        work.ended.append(Ended(row, plan, step.status, step.code, cause, result, event, step.skipped))
    elif isinstance(step, Mark):
        _apply_mark(work, row, plan, step, cause)
        if step.status is State.uncertain:
            _note(work, row, cause, result, event)
    elif isinstance(step, Ask):
        work.changes.append((row.message_id, (("asked", step.attempt), ("cause", cause))))
        _poll(work, row, step.poll_ms, step.attempt)
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
    elif step.trail:
        _note(work, row, cause, result, event)


def _note(work: Work, row: Message, cause: bytes, result: Result | None, event: Outcome | None) -> None:
    """Keep a result that the hop's row does not show, or not for long."""
    if result is not None and event is not None:
        said = (result.hop, result.state, result.code, result.raw_code, result.raw_text)
        work.trail.append((row.message_id, *said, event.via, cause, result.at))


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
        ("asked", 0),
        ("cause", cause),
    )
    work.changes.append((row.message_id, change))
    work.start(plan, step, [(row.message_id, address_of(row, step.step, step.channel), variables_of(row))])


def variables_of(row: Message) -> dict[str, str] | None:
    """The recipient's values for the text."""
    return None if row.vars is None else orjson.loads(row.vars)


def address_of(row: Message, place: int, channel: str = "") -> str:
    """The recipient's address at a place of the plan, whose channel is the row's unless another is named."""
    return row.address(place, channel or row.channel)


def _apply_mark(work: Work, row: Message, plan: Plan, step: Mark, cause: bytes) -> None:
    """A doubt is saved with its cause, for the question that follows from it is asked once; "sent" leads to nothing."""
    work.leave_window(row, plan)
    change: tuple[tuple[str, Any], ...] = (("status", int(step.status)), ("in_window", 0))
    if step.status is State.sent:
        change = (*change, ("sent_ms", work.world.now_ms))
    else:
        change = (*change, ("asked", step.attempt), ("cause", cause))
    work.changes.append((row.message_id, change))
    if step.poll_ms is not None:
        _poll(work, row, step.poll_ms, step.attempt)
    if step.check_ms is not None:
        work.check(step.check_ms, row.hop, [row.message_id])


def _poll(work: Work, row: Message, due_ms: int, attempt: int) -> None:
    if row.vendor is None or row.vendor_account is None:
        return
    send = Send(id=row.message_id.hex(), hop=row.hop, to=address_of(row, row.step), type=row.type)
    work.polls[due_ms // 100 * 100 + 100, attempt, row.channel, row.vendor, row.vendor_account].append(send)
