"""`/v1/admin/due`, `retries`, `jobs`: what waits, for what, and until when; when the clock's tasks last succeeded."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from shared.domain.ids import LANES
from shared.edge.callers import operator
from shared.following import reading
from shared.operating.functions import gone
from shared.reports.courier import host_of
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.runtime.redis import away
from shared.stores import operating as store
from shared.stores import watch
from shared.watch.checks import redis
from shared.watch.tasks import TASKS


async def due(request: Request, ims: Context) -> Response:
    """Work in MySQL by lane, kind and account: reservations, held advertisements, parked batches, retries, questions to
    vendors; overdue first. `held`: reservations of a suspended account."""
    await operator(request, ims)
    given = reading.query(request, {"lane": reading.lane})
    items = [
        {
            "lane": LANES[row.lane], "kind": row.kind, "username": row.username, "batches": row.batches,
            "messages": row.messages, "first": iso(row.first_ms), "last": iso(row.last_ms), "overdue": row.overdue,
            "held": row.held,
        }
        for row in await ims.db(store.due, ims.now_ms())
        if given.get("lane") in (None, LANES[row.lane])
    ]  # fmt: skip
    return reading.answer({"items": items, "next": None})


async def retries(request: Request, ims: Context) -> Response:
    """Reports that wait for another try, by their callback's host (of the 20,000 that are due first)."""
    await operator(request, ims)
    hosts: dict[str, int] = {}
    for uri, count in await ims.db(watch.pending_callbacks):
        hosts[host_of(uri)] = hosts.get(host_of(uri), 0) + count
    try:
        samples = await redis.due_set(ims.redis, {}, ims.now_ms())
    except away() as error:
        raise gone() from error
    facts = {sample.metric: sample.value for sample in samples}
    return reading.answer(
        {
            "waiting": int(facts["retries_waiting"]),
            "overdue_seconds": round(facts["retry_overdue"], 1),
            "items": [{"host": h, "waiting": n} for h, n in sorted(hosts.items(), key=lambda pair: -pair[1])[:200]],
            "next": None,
        }
    )


async def jobs(request: Request, ims: Context) -> Response:
    """The clock's tasks, and when each last succeeded."""
    await operator(request, ims)
    found = await ims.db(watch.successes, TASKS, ims.now_ms())
    items = [{"name": name, "succeeded": iso(at)} for name, at in found.items()]
    return reading.answer({"items": items, "next": None})
