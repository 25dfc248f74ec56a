"""The first try of each finished message.

The order of effects, and what happens when the process dies after each:

    claim in db2          the event comes again and waits until the claim has run out (6 s)
    call                  … and is sent once more; the client knows it by its message id
    due-set (failures)    … and is found there: not called, only told again
    note in db2           … and is found noted: not called, only told again
    ims.reported          published by the runtime before the 2xx; store keeps it
    2xx                   nothing is left to do

So a report is always in one of: the event, the due-set, MySQL. Without Redis the first reports go out all the same,
perhaps more than once, and failures reach MySQL, from where they return to the due-set.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from shared.domain.errors import Unavailable
from shared.domain.events import Attempt, Event, Finished, Report, Reported
from shared.reports.claims import BUSY, CLOSED, ENDED, GONE, NEW, PENDING, was_taken
from shared.reports.desk import Desk, reported
from shared.reports.keys import check, message_of
from shared.reports.units import Account, Try, Unit, plan
from shared.runtime import logs
from shared.runtime.redis import away

NOT_CALLED = "its URL is gone, or the account wants no callbacks"

log = logs.get(__name__)


async def first_tries(event: Finished, desk: Desk) -> list[Event]:
    """Send what nobody has sent; tell again what was sent already."""
    for report in event.reports:
        check(report.data)  # what fails on a report must come before its neighbours' claims
    claimed_ms = desk.ims.now_ms()
    mark = hashlib.sha256(event.replay.encode()).digest()[:8] if event.replay else b""
    reports = {str(r.data["message_id"]): r for r in event.reports}
    claims = await _claim(desk, list(reports), claimed_ms, mark)
    fresh = [r for m, r in reports.items() if claims.get(m, NEW) == NEW]
    again = await _known(desk, reports, claims, claimed_ms, replay=bool(mark))
    tries, silent = await _send(desk, fresh, claimed_ms, mark)
    if BUSY in claims.values():
        raise Unavailable("some of these reports are being sent by another process", retry_after=2)
    return [*reported([*again, *tries]), *_untold(silent)]


async def _claim(desk: Desk, message_ids: list[str], now_ms: int, mark: bytes) -> dict[str, str]:
    try:
        await desk.due.ready()
        return await desk.claims.claim(message_ids, now_ms, mark)
    except away() as error:
        log.warning("Redis is away: first reports go out unclaimed", error=type(error).__name__)
        return {}


async def _send(desk: Desk, reports: list[Report], claimed_ms: int, mark: bytes) -> tuple[list[Try], list[Report]]:
    if not reports:
        return [], []
    accounts = await _accounts(desk, reports)
    units, silent = plan(reports, accounts)
    disabled: list[Try] = []
    if not mark:
        units, disabled = await desk.without_gone(units)
    ended, under_way = await desk.courier.round(units, desk.settings.report_hold_seconds, wait_when_full=False)
    tries = [*disabled, *ended]
    try:
        tries += await _shelve(desk, ended, under_way, claimed_ms)
        await desk.note(tries, claimed_ms, mark)
        await desk.open_up(ended)
        await desk.claims.note({r.data["message_id"]: ENDED for r in silent}, claimed_ms, mark)
    except away() as error:
        log.warning("Redis is away: failed reports wait in MySQL", error=type(error).__name__)
        tries += await asyncio.gather(*(task for unit, task in under_way if not _told(unit, tries)))
    return tries, silent


async def _accounts(desk: Desk, reports: Sequence[Report]) -> dict[int, Account]:
    numbers = {r.account_id for r in reports}
    found = await asyncio.gather(*(desk.ims.accounts.by_id(n) for n in numbers))
    return {n: account for n, account in zip(numbers, found, strict=True) if account is not None}


async def _shelve(
    desk: Desk, ended: Sequence[Try], under_way: Sequence[tuple[Unit, asyncio.Task[Try]]], claimed_ms: int
) -> list[Try]:
    """Put into the due-set what failed, what found no slot, and, under a lease, what is still under way."""
    now_ms = desk.ims.now_ms()
    lease_ms = now_ms + int(desk.settings.report_lease_seconds * 1000)
    waiting = [(t.unit, t.due_ms) for t in ended if t.due_ms is not None]
    for unit, _ in under_way:
        unit.lease = lease_ms
        waiting.append((unit, lease_ms))
    if waiting:
        await desk.due.add([u for u, _ in waiting], [due for _, due in waiting], now_ms)
    held = [Try(_untried(unit), "deferred", now_ms, lease_ms) for unit, _ in under_way]
    desk.finish_later(under_way, claimed_ms)
    return held


def _untried(unit: Unit) -> Unit:
    """A copy as it was before the try that is under way, which counts its try in the unit."""
    return Unit(unit.account_id, unit.username, unit.callback_uri, unit.webhook_id, unit.keys, data=unit.data)


def _told(unit: Unit, tries: Sequence[Try]) -> bool:
    return any(t.unit.lead == unit.lead for t in tries)


async def _known(
    desk: Desk, reports: dict[str, Report], claims: dict[str, str], now_ms: int, *, replay: bool
) -> list[Try]:
    """What is to be told again of reports that were sent before; a replay of one that waits starts its tries anew."""
    known = {m: said for m, said in claims.items() if said not in (NEW, BUSY)}
    if not known:
        return []
    units, _ = plan([reports[m] for m in known], await _accounts(desk, [reports[m] for m in known]))
    tries = [again for unit in _one_each(units) if (again := _retold(unit, known, now_ms)) is not None]
    waiting = [m for m, said in known.items() if said == PENDING]
    if waiting:
        leads = set((await desk.due.leads_of(waiting)).values())
        if replay:
            await desk.due.restart(leads, now_ms)
        tries += [_waiting(u, due, reports, now_ms) for u, due in await desk.due.waiting(leads)]
    return tries


def _one_each(units: Sequence[Unit]) -> list[Unit]:
    return [
        Unit(u.account_id, u.username, u.callback_uri, message_of(key), (key,), data=[data])
        for u in units
        for key, data in zip(u.keys, u.data, strict=True)
    ]


def _retold(unit: Unit, known: dict[str, str], now_ms: int) -> Try | None:
    """How a first try had ended, for whoever has not heard of it: the process may have died before it was told."""
    said = known[message_of(unit.lead)]
    if was_taken(said) or said == GONE:
        unit.tries = 1
        return Try(unit, "disabled" if said == GONE else "delivered", now_ms, status=int(said))
    return Try(unit, "disabled", now_ms, error=NOT_CALLED) if said == CLOSED else None


def _waiting(unit: Unit, due_ms: int, reports: dict[str, Report], now_ms: int) -> Try:
    import orjson

    here = [reports[message_of(key)] for key in unit.keys if message_of(key) in reports]
    unit.data = [orjson.dumps(r.data) for r in here]
    return Try(unit, "failed" if unit.tries else "deferred", now_ms, due_ms)


def _untold(reports: Sequence[Report]) -> list[Event]:
    """Reports nobody is called for: one attempt without a call for each account."""
    groups: dict[int, list[Report]] = {}
    for report in reports:
        groups.setdefault(report.account_id, []).append(report)
    attempts = [
        Attempt(
            webhook_id="",
            ids=[r.data["message_id"].replace("-", "") for r in group],
            account_id=account_id,
            username=group[0].username,
            attempt=0,
            outcome="none",
            at=0,
        )
        for account_id, group in groups.items()
    ]
    return [Reported(attempts=attempts)] if attempts else []
