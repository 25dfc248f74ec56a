"""What vendors say of hops: answers, receipts and look-ups, decided under the messages' locks."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import replace

from shared.domain import routing
from shared.domain.codes import UNCERTAIN
from shared.domain.events import Event, Outcome, Result
from shared.domain.ids import request_bytes
from shared.domain.routing import Again, End, Ignore, Message, Plan, World
from shared.runtime import logs
from shared.stores import messages as store
from shared.stores import suppressions
from shared.stores.claims import HopKey
from shared.stores.routing.applying import address_of, apply, locked, plans_of, weigh
from shared.stores.routing.ending import flush
from shared.stores.routing.work import Price, Work, cause_of, with_consents
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
    world = with_consents(conn, event.lane, world)
    work = Work(world, event.lane, price)
    if event.via == "answer":
        _quick_sent(conn, work, event, waiting)
    rows = locked(conn, waiting)
    plans = plans_of(conn, rows)
    weigh(conn, rows, plans, world)
    left = [((i, r.hop), r) for i, results in waiting.items() for r in results]
    channels = _channels(conn, event, rows, {key for key, _ in left})
    void = {key for key, _ in left if key not in channels} | _overtaken(conn, event, rows, left)
    closed: list[Closed] = []
    for message_id in sorted(waiting):
        row, results = rows.get(message_id), waiting[message_id]
        while row is not None and results:
            result = results.popleft()
            if (message_id, result.hop) in void:
                continue
            plan = plans[request_bytes(message_id)]
            told, result = _as_of(event, result, channels[message_id, result.hop], world)
            result = _doubt(result)
            if _decide(conn, work, told, (row, plan, result), changed, closed):
                break
        if row is None or not results:
            del waiting[message_id]
    store.finish_hops(conn, closed, world.now_ms)
    suppressions.suppress(conn, work.bounced, world.now_ms)
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
    if result.state == "failed" and result.code == suppressions.SUPPRESSED and result.raw_code:
        work.bounced.append(_bounced(row, plan, event, result))
    if event.via != "answer" and result.state in TELLING:
        closed.append((message_id, hop, result.state, result.code, result.raw_code, result.raw_text))
    apply(work, row, plan, step, cause, result, event)
    if isinstance(step, Ignore):
        return False
    changed.add(message_id)
    return not isinstance(step, Again)


def _bounced(row: Message, plan: Plan, event: Outcome, result: Result) -> suppressions.Bounced:
    """The address of the channel's first hop: a bounce may come when the message has long gone another way."""
    place = next((n for n, hop in enumerate(plan.hops) if hop["channel"] == event.channel), row.step)
    reason = suppressions.COMPLAINT if result.raw_code == suppressions.COMPLAINT else suppressions.BOUNCE
    address = address_of(row, place, event.channel)
    return suppressions.Bounced(
        row.account_id, event.channel, address, reason, result.raw_text, result.raw_code, row.message_id
    )


def _channels(
    conn: Connection, event: Outcome, rows: dict[bytes, Message], results: Iterable[HopKey]
) -> dict[HopKey, str]:
    """The channel that carried each hop.

    A receipt belongs to a vendor account, whatever its channels: the hop's own row says which it was. Receipts for hops
    that another account carried, or nobody, are left out: they count for nothing.
    """
    if event.via != "receipt":
        return dict.fromkeys(results, event.channel)
    sender = (event.vendor, event.account)
    found: dict[HopKey, str] = {}
    doubtful = set()
    for message_id, hop in results:
        row = rows.get(message_id)
        if row is not None and row.hop == hop and (row.vendor, row.vendor_account) == sender:
            found[message_id, hop] = row.channel
        else:
            doubtful.add((message_id, hop))
    carried = store.carriers(conn, doubtful)
    found |= {key: carrier[0] for key, carrier in carried.items() if carrier[1:] == sender}
    if others := doubtful - found.keys():
        log.warning("receipts for hops that this account did not carry", vendor="/".join(sender), n=len(others))
    return found


def _as_of(event: Outcome, result: Result, channel: str, world: World) -> tuple[Outcome, Result]:
    """An outcome as the channel that carried the hop understands it: a raw code may mean something else there."""
    if channel == event.channel:
        return event, result
    code = world.meaning(event.vendor, channel, result.raw_code or "") if result.state == "failed" else None
    told = event.model_copy(update={"channel": channel})
    return told, result if code is None else result.model_copy(update={"code": code})


def _doubt(result: Result) -> Result:
    """A receipt whose code says that nobody knows yet (KakaoTalk's 3005: it may still arrive) ends nothing."""
    if result.state == "failed" and result.code == UNCERTAIN:
        return result.model_copy(update={"state": "uncertain"})
    return result


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
