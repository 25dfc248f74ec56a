"""The end of messages whose event became a dead letter that nobody mended within `valid_until`.

`store` writes the due row for it when it keeps the letter (shared/stores/buried.py). Until then the letter may be
published again, and the message go on: then this does nothing. Else it ends as failed: 9001, or 0300 where a vendor may
have it. Nothing here needs a row or a plan to be readable, for that may be why the event died.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.domain import codes, defaults, routing
from shared.domain.events import Accepted, Due, Event, PlanHop, Request
from shared.domain.ids import Lane, message_bytes, request_bytes
from shared.domain.routing import End, Message, Plan, World
from shared.domain.states import State
from shared.runtime import logs
from shared.stores import dead, sql
from shared.stores import messages as store
from shared.stores.buried import salvaged
from shared.stores.routing.accepting import insert_ended
from shared.stores.routing.ending import flush
from shared.stores.routing.work import Ended, Price, Work, cause_of
from shared.stores.sql import Connection

log = logs.get(__name__)

NOWHERE = End(State.failed, codes.GIVEN_UP)
SOMEWHERE = End(State.failed, codes.UNCERTAIN)


def given_up(conn: Connection, event: Due, world: World, price: Price) -> list[Event]:
    """End what has not moved on since its letter was kept."""
    letter = dead.by_event(conn, event.letter)
    if letter is None or letter.state == dead.REPLAYED:
        return []
    work, cause = Work(world, event.lane, price), cause_of(event.cause)
    ids = [bytes.fromhex(i) for i in event.ids]
    rows = store.lock_messages(conn, ids, lenient=True)
    if event.status is None:
        _end_unstored(conn, work, letter.value, {i for i in ids if i not in rows}, event.cause)
    plans = store.load_plans(conn, {request_bytes(i) for i in rows}, lenient=True)
    doubtful = _maybe_sent(conn, rows)
    for message_id, row in rows.items():
        plan = plans.get(request_bytes(message_id)) or _no_plan(conn, row, event.lane)
        if row.status.final:
            if row.cause == cause:
                work.again.append((row, plan))
        elif _stands_still(row, event):
            step = _step(row, plan, event, world, doubtful)
            if isinstance(step, End):
                work.ended.append(Ended(row, plan, step.status, step.code, cause))
            else:
                store.insert_due(conn, [(step.due_ms, event.kind, _later(event, message_id))])
    return flush(conn, work)


def _stands_still(row: Message, event: Due) -> bool:
    """Whether the message is as it was when its letter was kept."""
    return event.status is not None and (row.hop, int(row.status)) == (event.hop, event.status)


def _step(row: Message, plan: Plan, event: Due, world: World, doubtful: set[bytes]) -> End | routing.Check:
    if row.status is State.sent and not event.last_word:  # its receipt may still come
        life_ms = int(defaults.receipt_timeout_s(row.type) * 1000 * world.receipt_scale)
        end = (row.sent_ms or world.now_ms) + life_ms
        if world.now_ms < end:
            return routing.Check(end)
    if row.status in (State.sending, State.uncertain, State.sent) or row.message_id in doubtful:
        return SOMEWHERE
    if row.cancel:
        return End(State.canceled, codes.CANCELED)
    return NOWHERE


def _later(event: Due, message_id: bytes) -> Due:
    return event.model_copy(update={"ids": [message_id.hex()], "cause": ""})


def _maybe_sent(conn: Connection, rows: Iterable[bytes]) -> set[bytes]:
    """Messages of which a vendor may have some hop."""
    wanted = sorted(rows)
    if not wanted:
        return set()
    found = sql.fetch(
        conn,
        f"SELECT DISTINCT message_id FROM hops WHERE message_id IN ({sql.ids(wanted)}) "  # noqa: S608
        "AND state IN ('sending', 'uncertain', 'sent', 'delivered')",
    )
    return {row[0] for row in found}


def _no_plan(conn: Connection, row: Message, lane: str) -> Plan:
    """What a report needs, of a message whose request is gone."""
    found = sql.fetch(conn, "SELECT username, callback_uri FROM accounts WHERE account_id=%s", (row.account_id,))
    username, callback_uri = found[0] if found else ("", None)
    at, bare = int.from_bytes(row.message_id[:6], "big"), store.bare_hops(row.channel)
    request = request_bytes(row.message_id)
    return Plan(request, row.account_id, username, lane, False, None, callback_uri, bare, "wait", None, at, at)


def _end_unstored(conn: Connection, work: Work, value: bytes, ids: set[bytes], cause: str) -> None:
    """End messages that route never stored: their rows are made as ended ones."""
    try:
        requests = salvaged(value) if ids else []
    except (ValueError, AttributeError):
        return
    for request in requests:
        mine = [m for m in request.messages if _id(request, m.n) in ids]
        if not mine:
            continue
        slice_ = request.model_copy(update={"messages": mine, "cause": cause, "idempotency": None})
        for attempt in (slice_, _bare(slice_)):
            sql.execute(conn, "SAVEPOINT unstored")
            try:
                insert_ended(conn, work, Accepted(lane=request.lane, requests=[attempt]), NOWHERE)
                break
            except Exception as error:  # what it died of may be what MySQL does not take
                sql.execute(conn, "ROLLBACK TO SAVEPOINT unstored")
                log.warning("the rows of a given up request are not taken", error=repr(error)[:300])


def _id(request: Request, n: int) -> bytes:
    return message_bytes(int(request.request_id, 16), n, int(Lane[request.lane]))


def _bare(request: Request) -> Request:
    """The request without all that its report does not need."""
    channel = request.plan[0].channel[:16] if request.plan and request.plan[0].channel.isascii() else "mt"
    messages = [
        m.model_copy(
            update={
                "vars": None, "addresses": None, "to": m.to[:254], "ref": m.ref and m.ref[:255],
                "type": m.type if m.type.isascii() and len(m.type) <= 16 else "sms",
            }
        )
        for m in request.messages
    ]  # fmt: skip
    return request.model_copy(
        update={
            "messages": messages, "plan": [PlanHop(channel=channel, content={})], "max_price": None,
            "request_ref": request.request_ref and request.request_ref[:255], "username": request.username[:32],
            "callback_uri": request.callback_uri if len(request.callback_uri or "") <= 2048 else None,
            "accepted_at": max(0, request.accepted_at), "scheduled_at": None, "total": max(0, request.total),
        }
    )  # fmt: skip
