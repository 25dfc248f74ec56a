"""What vendors say of hops: answers, receipts and look-ups, decided under the messages' locks."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import replace

from shared.domain import routing
from shared.domain.events import Event, Outcome, Result
from shared.domain.ids import request_bytes
from shared.domain.routing import Again, End, Ignore, Message, Plan, World
from shared.runtime import logs
from shared.stores import messages as store
from shared.stores.claims import HopKey
from shared.stores.routing.applying import apply, locked, plans_of
from shared.stores.routing.ending import flush
from shared.stores.routing.work import Price, Work, cause_of
from shared.stores.sql import Connection

TELLING = ("delivered", "failed", "sent", "unavailable")
"""Results of receipts and look-ups that say what became of a hop; "unavailable": the vendor never got it."""

Closed = tuple[bytes, int, str, str, str | None, str | None]
"""(message, hop, state, code, raw code, raw text) of a hop that has come to its end."""

log = logs.get(__name__)


def outcome(conn: Connection, event: Outcome, world: World, price: Price) -> list[Event]:
    """Decide what the results of a batch of hops mean.

    Where several are told of one message, each is decided after what came of the one before is written. Rounds are as
    many as one message changes in, not as results are told of it.
    """
    waiting = _by_message(event.results)
    changed: set[bytes] = set()
    events: list[Event] = []
    while waiting:
        events += _round(conn, event, waiting, changed, world, price)
    return events


def _by_message(results: Iterable[Result]) -> dict[bytes, deque[Result]]:
    """The results of each message in their order; what one cause says of a hop again is left out, as in the trail."""
    waiting: dict[bytes, deque[Result]] = {}
    said: set[tuple[str, int, str, str]] = set()
    for r in results:
        if (key := (r.id, r.hop, r.state, r.cause)) not in said:
            said.add(key)
            waiting.setdefault(bytes.fromhex(r.id), deque()).append(r)
    return waiting


def _round(
    conn: Connection,
    event: Outcome,
    waiting: dict[bytes, deque[Result]],
    changed: set[bytes],
    world: World,
    price: Price,
) -> list[Event]:
    """Decide the next results of each message up to the first that changes it; `changed`: so in this transaction."""
    work = Work(world, event.lane, price)
    if event.via == "answer":
        _quick_sent(conn, work, event, waiting)
    rows = locked(conn, waiting)
    plans = plans_of(conn, rows)
    left = [((i, r.hop), r) for i, results in waiting.items() for r in results]
    void = _of_others(conn, event, rows, {key for key, _ in left}) | _overtaken(conn, event, rows, left)
    closed: list[Closed] = []
    for message_id in sorted(waiting):
        row, results = rows.get(message_id), waiting[message_id]
        while row is not None and results:
            result = results.popleft()
            if (message_id, result.hop) in void:
                continue
            plan = plans[request_bytes(message_id)]
            if _decide(conn, work, event, (row, plan, result), changed, closed):
                break
        if row is None or not results:
            del waiting[message_id]
    store.finish_hops(conn, closed, world.now_ms)
    return flush(conn, work)


def _decide(
    conn: Connection,
    work: Work,
    event: Outcome,
    told: tuple[Message, Plan, Result],
    changed: set[bytes],
    closed: list[Closed],
) -> bool:
    """Decide one result; whether the message's row is another one now."""
    row, plan, result = told
    cause, message_id, hop = cause_of(result.cause), row.message_id, result.hop
    patient = routing.patient(work.world, event.lane, result.not_before)
    step = routing.on_result(row, plan, result.state, result.code, hop, cause, event.attempt, patient)
    if isinstance(step, Again) and message_id in changed:  # by this event itself: nothing was lost on the way
        step = Ignore(trail=True)
    if isinstance(step, End) and hop != row.hop:
        row = _as_carried(conn, row, hop, event)
    if event.via != "answer" and result.state in TELLING:
        closed.append((message_id, hop, result.state, result.code, result.raw_code, result.raw_text))
    apply(work, row, plan, step, cause, result, event)
    if isinstance(step, Ignore):
        return False
    changed.add(message_id)
    return not isinstance(step, Again)


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
    conn: Connection, event: Outcome, rows: dict[bytes, Message], results: Iterable[tuple[HopKey, Result]]
) -> set[HopKey]:
    """Answers "not taken", told again, of hops that a sender has claimed anew since: they are being sent, or were."""
    if event.via != "answer":
        return set()
    again = {
        key
        for key, result in results
        if result.state == "unavailable" and (row := rows.get(key[0])) is not None and row.hop == key[1]
    }
    return store.taken_again(conn, again)


def _quick_sent(conn: Connection, work: Work, event: Outcome, waiting: dict[bytes, deque[Result]]) -> None:
    """Most answers only say "sent" of routed messages: one UPDATE a (account, hop), no reading. They wait no more."""
    groups: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for message_id, results in waiting.items():
        if results[0].state == "sent" and results[0].account_id:
            groups[results[0].account_id, results[0].hop].append(message_id)
    for (account_id, hop), ids in sorted(groups.items()):
        done = store.mark_sent(conn, account_id, hop, ids, work.world.now_ms)
        work.windows[account_id, event.lane] -= done
        if done == len(ids):
            for message_id in ids:
                waiting[message_id].popleft()
                if not waiting[message_id]:
                    del waiting[message_id]
