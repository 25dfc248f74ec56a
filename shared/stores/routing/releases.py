"""Due work: releases of what waited, missing receipts, cancellations."""

from __future__ import annotations

from collections import defaultdict

from shared.domain import routing
from shared.domain.events import Due, Event
from shared.domain.ids import request_bytes
from shared.domain.routing import Message, Plan, Start, World
from shared.stores import messages as store
from shared.stores.accounts import send_windows
from shared.stores.buried import GIVEN_UP
from shared.stores.routing.applying import apply, locked, plans_of, weigh
from shared.stores.routing.ending import flush
from shared.stores.routing.given_up import given_up
from shared.stores.routing.work import DEFAULT_WINDOW, Price, Work, cause_of, with_consents
from shared.stores.sql import Connection


def due(conn: Connection, event: Due, world: World, price: Price, lane_window: int = DEFAULT_WINDOW) -> list[Event]:
    """Decide what is due of a batch: a release, a time-out check, a cancellation, the end of what was given up.

    No account has more on the way to vendors than the lane's window, whatever its own.
    """
    if event.kind == GIVEN_UP:
        return given_up(conn, event, world, price)
    world = with_consents(conn, event.lane, world)
    work = Work(world, event.lane, price)
    rows = locked(conn, [bytes.fromhex(i) for i in event.ids])
    plans, cause = plans_of(conn, rows), cause_of(event.cause)
    weigh(conn, rows, plans, world)
    starting: dict[bytes, list[tuple[Message, Start]]] = defaultdict(list)
    for message_id, row in rows.items():
        plan = plans[request_bytes(message_id)]
        if event.kind == "timeout":
            step = routing.on_timeout(row, plan, event.hop, cause, world)
        elif event.kind == "cancel":
            step = routing.on_cancel(row, cause)
        else:
            step = routing.on_release(row, plan, event.kind, event.hop, cause, world, event.due_at)
            if isinstance(step, Start):
                starting[plan.request_id].append((row, step))
                continue
        apply(work, row, plan, step, cause, None, None)
    _release(conn, work, starting, plans, cause, lane_window)
    return flush(conn, work)


def _release(
    conn: Connection,
    work: Work,
    starting: dict[bytes, list[tuple[Message, Start]]],
    plans: dict[bytes, Plan],
    cause: bytes,
    lane_window: int,
) -> None:
    """Start what was waiting (by request), unless its account's window is full."""
    in_flight = store.windows(conn, {(plans[r].account_id, plans[r].lane) for r in starting})
    window_of = send_windows(conn, {plans[r].account_id for r in starting})
    for request_id, members in starting.items():
        plan = plans[request_id]
        key, limit = (plan.account_id, plan.lane), min(lane_window, window_of.get(plan.account_id, DEFAULT_WINDOW))
        flying = in_flight.get(key, 0)
        if flying > 0 and flying + len(members) > limit:
            hop = members[0][0].hop
            work.backlog[plan.account_id, hop].extend(m.message_id.hex() for m, _ in members)
            continue
        in_flight[key] = flying + len(members)
        for row, step in members:
            apply(work, row, plan, step, cause, None, None)
