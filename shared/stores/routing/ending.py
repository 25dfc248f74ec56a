"""The end of a routing transaction: everything gathered is written in the lock order, and said as events."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from shared.domain.events import MAX_MESSAGES, Due, Event, Finished, Poll, Report, Send
from shared.domain.states import State
from shared.stores import messages as store
from shared.stores.routing.applying import address_of, variables_of
from shared.stores.routing.reports import hop_of_result, hop_view, report_of, saved_reports
from shared.stores.routing.work import Work, chunks
from shared.stores.sql import Connection


def flush(conn: Connection, work: Work) -> list[Event]:
    """Write what was gathered, in the lock order, and return the events to publish after the commit."""
    work.skipped.extend((end.row.message_id, skip) for end in work.ended for skip in end.skipped)
    store.insert_skipped(conn, work.skipped, work.world.now_ms)
    finished, told = _end(conn, work), _again(conn, work)
    store.update_messages(conn, work.changes)
    store.insert_trail(conn, work.trail)
    waiting = [*_due_rows(work.lane, work.checks), *_due_rows(work.lane, work.waits)]
    for (due_ms, attempt, channel, vendor, account), members in work.polls.items():
        poll = partial(Poll, lane=work.lane, channel=channel, vendor=vendor, account=account, attempt=attempt)
        waiting.extend((due_ms, "poll", poll(messages=part)) for part in chunks(members, MAX_MESSAGES))
    store.insert_due(conn, waiting)
    for (account_id, hop), ids in work.backlog.items():
        backlog = (Due(lane=work.lane, kind="backlog", ids=part, hop=hop) for part in chunks(ids, MAX_MESSAGES))
        store.insert_due(conn, [(None, "backlog", event) for event in backlog], account_id=account_id)
    store.move_windows(conn, work.windows)
    _count_ends(work)
    work.usage.save(conn)
    work.results.save(conn)
    _number_feeds(conn, work)
    reports = [Finished(lane=work.lane, reports=part) for part in chunks([*finished, *told], MAX_MESSAGES)]
    return [*work.dispatches(), *reports]


def _due_rows(lane: str, groups: dict[tuple[int, str, int], list[str]]) -> Iterable[tuple[int | None, str, Event]]:
    for (due_ms, kind, hop), members in groups.items():
        for part in chunks(members, MAX_MESSAGES):
            yield due_ms, kind, Due(lane=lane, kind=kind, ids=part, hop=hop)


def _end(conn: Connection, work: Work) -> list[Report]:
    """The reports of the messages that end here."""
    several = [
        e.row.message_id
        for e in work.ended
        if e.result is None or e.row.hop > 1 or e.skipped or e.result.hop != e.row.hop
    ]
    earlier = store.load_hops(conn, several)
    reports = []
    for end in work.ended:
        work.leave_window(end.row, end.plan)
        hops = [hop_view(h) for h in earlier.get(end.row.message_id, ())]
        if not hops and end.result is not None and end.outcome is not None:
            hops = [hop_of_result(end.result, end.outcome, work.world.now_ms)]
        price = end.price(work.price, work.world)
        reports.append(report_of(end.row, end.plan, end.status, end.code, hops, price, work.world.now_ms))
    return reports


def _count_ends(work: Work) -> None:
    for end in work.ended:
        count = work.usage.of(end.row.account_id, end.plan.accepted_ms, end.row.channel, end.row.type)
        work.results.ended(end.plan, end.row.channel, end.row.message_id, (end.status, end.code), work.world.now_ms)
        if end.status is State.delivered:
            count.delivered += 1
            count.price += end.price(work.price, work.world)
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
            ("price", end.price(work.price, work.world)),
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
            to = address_of(row, row.step)
            send = Send(id=row.message_id.hex(), hop=row.hop, to=to, type=row.type, vars=variables_of(row))
            work.send(plan, row.step, (row.vendor, row.vendor_account), row.channel, send)
    return saved_reports(conn, ended)
