"""Lateness of report retries with many pending: units in the real due-set, called by the real bridge and function."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx2
import orjson

from bench.bed import Client, address, get, wait
from bench.figures import Figure, Target, histogram_percentile, percentile
from bench.run import Advance, Run
from bench.scenarios.road import client_with_sink
from shared.domain.ids import message_id
from shared.reports.desk import due_set
from shared.reports.due import DueSet
from shared.reports.keys import report_key
from shared.reports.units import Unit
from shared.runtime.clock import iso, new_request_id, now_ms
from shared.runtime.redis import RedisClients
from shared.runtime.settings import RedisSettings, ReportSettings

LATE_TARGET = Target(1000)
CHUNK = 500
LEAD_MS, FAR_MS = 3_000, 3_600_000
BUCKET = re.compile(r'^ims_report_lateness_seconds_bucket\{le="([^"]+)"\} ([0-9.e+]+)$', re.MULTILINE)


def run(run: Run) -> None:
    """Most are due in an hour, some within the next seconds; how late are those at the client?"""
    sizes = run.sizes
    with client_with_sink(run, 1) as (client, sink, _):
        waiting = [unit(client, f"{sink}/reports", new_request_id()) for _ in range(sizes.pending - sizes.due)]
        soon = [unit(client, f"{sink}/reports", new_request_id()) for _ in range(sizes.due)]
        before = _buckets(run)
        dues = asyncio.run(_put(run, waiting, soon))
        _wait(run, sink, len(soon))
        times: dict[str, int] = get(f"{sink}/times")
        after = _buckets(run)
        duplicates = get(f"{sink}/stats")["duplicates"]
        asyncio.run(_clear(run, waiting))
    late = [times[u.webhook_id] - due for u, due in zip(soon, dues, strict=True) if u.webhook_id in times]
    run.results.samples["retry_late_ms"] = late
    claimed = {le: after[le] - before.get(le, 0) for le in after}
    run.results.add(*figures(late, claimed, len(soon), sizes.pending, duplicates))


def figures(late: Sequence[float], claimed: dict[float, float], due: int, pending: int, doubled: int) -> list[Figure]:
    """At the client (the call included), and at the claim as the function's own histogram says."""
    note = f"{due:,} due of {pending:,} pending"
    claim = histogram_percentile(claimed, 0.99) * 1000
    return [
        Figure("retry", "report retry lateness, due → at the client: p50", percentile(late, 0.5), "ms"),
        Figure(
            "retry",
            "report retry lateness, due → at the client: p99",
            percentile(late, 0.99),
            "ms",
            LATE_TARGET,
            note=note,
        ),
        Figure("retry", "report retry lateness, due → claimed: p99 is at most", claim, "ms", LATE_TARGET),
        Figure("retry", "report retries missing", due - len(late), "reports", Target(0)),
        Figure("retry", "report retries doubled", doubled, "reports"),
    ]


def unit(client: Client, url: str, request: UUID) -> Unit:
    """A report that has failed once."""
    name = str(message_id(request, 1, "realtime"))
    now = iso(now_ms())
    data: dict[str, Any] = {
        "message_id": name,
        "request_id": str(request),
        "username": client.username,
        "channel": "mt",
        "type": "sms",
        "to": "01020000000",
        "status": "delivered",
        "code": "0000",
        "detail": "delivered",
        "hops": [],
        "price": "8.40",
        "currency": "KRW",
        "accepted_at": now,
        "sent_at": now,
        "finished_at": now,
    }
    key = report_key(data)
    body = [orjson.dumps(data)]
    return Unit(client.account_id, client.username, url, name, (key,), tries=1, since_ms=now_ms(), data=body)


def _due_set(run: Run) -> tuple[RedisClients, DueSet]:
    address = run.bed.demo["redis"].removesuffix("/0")
    clients = RedisClients(
        RedisSettings(redis_url=address, redis_cluster=run.bed.platform.options.redis_cluster, redis_timeout_seconds=30)
    )
    return clients, due_set(clients, ReportSettings())


async def _put(run: Run, waiting: Sequence[Unit], soon: Sequence[Unit]) -> list[int]:
    """Add those that wait, then those that fall due evenly over the next seconds; the latter's due times."""
    clients, due = _due_set(run)
    try:
        with run.step("retry: filling the due-set", len(waiting) + len(soon)) as advance:
            await _add(due, waiting, [now_ms() + FAR_MS] * len(waiting), advance, 0)
            start, span = now_ms() + LEAD_MS, run.sizes.due_seconds * 1000
            dues = [round(start + span * i / len(soon)) for i in range(len(soon))]
            await _add(due, soon, dues, advance, len(waiting))
        return dues
    finally:
        await _close(clients)


async def _add(due: DueSet, units: Sequence[Unit], dues: Sequence[int], advance: Advance, done: int) -> None:
    for i in range(0, len(units), CHUNK):
        await due.add(units[i : i + CHUNK], dues[i : i + CHUNK], now_ms())
        advance(done + i)


async def _clear(run: Run, units: Sequence[Unit]) -> None:
    clients, due = _due_set(run)
    try:
        for i in range(0, len(units), CHUNK):
            await due.end(units[i : i + CHUNK])
    finally:
        await _close(clients)


async def _close(clients: RedisClients) -> None:
    for client in {id(c): c for c in (clients.reports, clients.timers, clients.state)}.values():
        await client.aclose()


def _wait(run: Run, sink: str, wanted: int) -> None:
    with run.step("retry: reports falling due", wanted) as advance:

        def all_there() -> bool:
            unique = get(f"{sink}/stats")["unique"]
            advance(unique)
            return bool(unique >= wanted)

        wait(all_there, run.sizes.due_seconds + 120, "the retries", 0.25)


def _buckets(run: Run) -> dict[float, float]:
    """The cumulative counts of the function's own histogram."""
    port = run.bed.processes_ports()["report_retry"]
    text = httpx2.get(address(port, "/metrics"), timeout=30, trust_env=False).text
    return {float(le): float(count) for le, count in BUCKET.findall(text)}
