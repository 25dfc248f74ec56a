"""The tries after the first: claim what is due, read it from db0, call, and let it wait again or end.

When the process dies after
    the claim             the lease (15 s) ends and the unit is claimed again
    the call              … and called again; the client knows it by its webhook-id and message ids
    settling in Redis     MySQL still shows the try before; an overdue row that Redis does not know comes back
                          unless db2 notes that its report was taken
    ims.reported          nothing is lost; the bridge's request fails and there is nothing left to claim
"""

from __future__ import annotations

from shared.domain.batches import packed
from shared.domain.errors import Overloaded, Unavailable
from shared.domain.events import Event, ReportDue
from shared.reports import measures
from shared.reports.desk import Desk, reported
from shared.reports.keys import is_report_key
from shared.reports.units import Try, Unit, too_old
from shared.runtime import logs
from shared.runtime.burying import publish
from shared.runtime.letters import Buried, forms
from shared.runtime.redis import away
from shared.stores import reports as store

MESSAGES_A_ROUND = 5000
CALL_MS = 7000
UNKNOWN_RETRY_MS = 5000
SPOILED_MS = 60_000
"""A report that is unreadable in db0 may take so long to reach MySQL; then it is given up."""

log = logs.get(__name__)


async def retries(event: ReportDue, desk: Desk) -> list[Event]:
    """Try the units of the event's keys that are due and that nobody else has claimed."""
    if desk.busy:
        raise Overloaded("too many callbacks are under way")
    now_ms = desk.ims.now_ms()
    try:
        await desk.due.ready()
        claimed = await desk.due.claim(filter(is_report_key, event.keys), now_ms)
        for _, due_ms in claimed:
            measures.LATENESS.observe((now_ms - due_ms) / 1000)
        told: list[Try] = []
        for units in packed((unit for unit, _ in claimed), lambda u: len(u.keys), MESSAGES_A_ROUND):
            told += await _round(desk, units)
    except away() as error:
        raise Unavailable(f"Redis: {type(error).__name__}") from error
    return reported(t for t in told if t.outcome != "deferred")


async def _round(desk: Desk, units: list[Unit]) -> list[Try]:
    now_ms = desk.ims.now_ms()
    units = [u for u in units if u.lease - now_ms > CALL_MS]  # the others' leases end too soon for a call
    unknown = await _load(desk, units)
    lost = [u for u in unknown if u.spoiled and now_ms - (u.since_ms or 0) > SPOILED_MS]
    await _bury(desk, lost)
    tries = [Try(u, "exhausted", now_ms, error="unreadable") for u in lost]
    tries += [Try(u, "deferred", now_ms, now_ms + UNKNOWN_RETRY_MS) for u in unknown if u not in lost]
    unit_s = desk.settings.retry_unit_seconds
    tries += [Try(u, "exhausted", now_ms) for u in units if u.data and too_old(u, now_ms, unit_s)]
    callable_units, disabled = await desk.without_gone([u for u in units if u.data and not too_old(u, now_ms, unit_s)])
    hold_s = desk.settings.report_hold_seconds
    ended, under_way = await desk.courier.round(callable_units, hold_s, wait_when_full=True)
    tries += [*disabled, *ended]
    await desk.settle(tries, now_ms)
    desk.finish_later(under_way, now_ms)
    await desk.open_up(ended)
    return tries


async def _bury(desk: Desk, units: list[Unit]) -> None:
    """Letters of what db0 held in the place of reports that nobody has: the client can still ask for the messages."""
    for unit in units:
        headers = {"ce_id": f"report {unit.webhook_id}"[:64], "ce_type": "report", "key": unit.lead[:255]}
        for value in unit.spoiled:
            log.error("a waiting report is unreadable", key=unit.lead)
            await publish(
                forms(Buried("", headers, value), "report retry: unreadable in Redis", desk.ims.now_ms()), desk.ims
            )


async def _load(desk: Desk, units: list[Unit]) -> list[Unit]:
    """Read the reports: from db0, else from MySQL (and put them back); answers those that neither has yet."""
    missing = await desk.due.load(units)
    if not missing:
        return []
    found = await desk.ims.db(store.data_of, [i for unit in missing for i in unit.ids])
    for unit in missing:
        data = [found.get(i) for i in unit.ids]
        unit.data = [d for d in data if d is not None] if all(data) else []
    await desk.due.restore([u for u in missing if u.data])
    return [u for u in missing if not u.data]
