"""What vendors say of hops: answers, receipts and look-ups, decided under the messages' locks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from shared.domain import routing
from shared.domain.events import Event, Outcome, Result
from shared.domain.ids import request_bytes
from shared.domain.routing import End, Message, World
from shared.runtime import logs
from shared.stores import messages as store
from shared.stores.claims import HopKey
from shared.stores.routing.applying import apply, locked, plans_of
from shared.stores.routing.ending import flush
from shared.stores.routing.work import Price, Work, cause_of
from shared.stores.sql import Connection

TELLING = ("delivered", "failed", "sent", "unavailable")
"""Results of receipts and look-ups that say what became of a hop; "unavailable": the vendor never got it."""

log = logs.get(__name__)


def outcome(conn: Connection, event: Outcome, world: World, price: Price) -> list[Event]:
    """Decide what the results of a batch of hops mean."""
    work = Work(world, event.lane, price)
    results, later = _one_each(event.results)
    rest = _quick_sent(conn, work, event, results) if event.via == "answer" else results
    rows = locked(conn, [i for i, _ in rest])
    plans = plans_of(conn, rows)
    void = _of_others(conn, event, rows, rest) | _overtaken(conn, event, rows, rest)
    closed = []
    for (message_id, hop), result in sorted(rest.items()):
        row = rows.get(message_id)
        if row is None or (message_id, hop) in void:
            continue
        plan, cause = plans[request_bytes(message_id)], cause_of(result.cause)
        patient = routing.patient(world, event.lane, result.not_before)
        step = routing.on_result(row, plan, result.state, result.code, hop, cause, event.attempt, patient)
        if isinstance(step, End) and hop != row.hop:
            row = _as_carried(conn, row, hop, event)
        if event.via != "answer" and result.state in TELLING:
            closed.append((message_id, hop, result.state, result.code, result.raw_code, result.raw_text))
        apply(work, row, plan, step, cause, result, event)
    store.finish_hops(conn, closed, world.now_ms)
    events = flush(conn, work)
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
    """Answers "not taken", told again, of hops that a sender has claimed anew since: they are being sent, or were."""
    if event.via != "answer":
        return set()
    again = {
        key
        for key, result in results.items()
        if result.state == "unavailable" and (row := rows.get(key[0])) is not None and row.hop == key[1]
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
