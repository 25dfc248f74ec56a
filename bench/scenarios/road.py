"""End to end: accepted at the gateway, sent, receipted, reported with a signature, all rows stored."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from bench import cpu
from bench.bed import Client, Load, address, get, wait
from bench.figures import Beside, Figure, Target, micros_each
from bench.load import Work
from bench.run import Advance, Run

WARM_UP = 200
SECONDS_A_MESSAGE = 0.02
"""The slowest that a run may be before it counts as stuck."""
PATIENCE = 120.0
BULK_TARGET, SINGLE_TARGET = Target(350), Target(1200)


@dataclass
class Trip:
    """What one run over the whole road found."""

    messages: int
    usage: cpu.Usage
    accept_s: float
    total_s: float
    load: dict[str, Any]
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def micros(self) -> float:
        """CPU µs a message of IMS and its servers."""
        return micros_each(self.usage.of(), self.messages)

    @property
    def rate(self) -> float:
        """Messages a second, from the first accept to the last report."""
        return self.messages / self.total_s if self.total_s else 0.0

    @property
    def wrong(self) -> int:
        """Messages missing or doubled anywhere."""
        return sum(self.counts.values())


@contextlib.contextmanager
def client_with_sink(run: Run, batch: int) -> Iterator[tuple[Client, str, cpu.Process]]:
    """A client whose reports arrive at a verifying sink of its own: the client, the sink's address and process."""
    port = run.bed.platform.options.ports["sink"]
    client = run.bed.client(address(port, "/reports"), batch)
    with run.bed.run("sink", "bench.sink", "--secret", client.secret, port=port) as process:
        yield client, address(port), process


def travel(run: Run, client: Client, sink: str, process: cpu.Process, works: list[Work], what: str) -> Trip:
    """Send the works one after the other and wait until every report is there and every row is stored."""
    messages = sum(w.messages for w in works)
    run.bed.simulator("DELETE", "/received")
    _reset(sink)
    stored = _counted(run, client.account_id), _rows(run, client.account_id)
    watched = {**run.bed.processes(), "sink": process}
    before = cpu.read(watched)
    with run.step(what, messages) as advance:
        loads = [_load(work, lambda: advance(_unique(sink))) for work in works]
        _wait_reported(sink, sum(r["accepted"] for r in loads), advance)
    _wait_stored(run, client.account_id, stored, messages)
    now = {**run.bed.processes(), "sink": process}
    used = cpu.between(before, cpu.read(now), {name: p.kind for name, p in now.items()})
    return _trip(run, client, sink, loads, messages, used, stored[1])


def _trip(
    run: Run, client: Client, sink: str, loads: list[dict[str, Any]], messages: int, used: cpu.Usage, before: int
) -> Trip:
    told, received = get(f"{sink}/stats"), run.bed.simulator("GET", "/stats")
    load_cpu = sum(r["cpu"] for r in loads)
    usage = cpu.Usage({**used.seconds, "load": load_cpu}, {**used.kinds, "load": "load"})
    started, accepted_at = loads[0]["first_at"], max(r["last_at"] for r in loads)
    counts = {
        "not accepted": messages - sum(r["accepted"] for r in loads),
        "not at a handset": max(0, messages - received["unique_references"]),
        "twice at a handset": max(0, received["received"] - messages),
        "not reported": messages - told["unique"],
        "reported twice": told["duplicates"],
        "bad signatures": told["unverified"],
        "not delivered": messages - told["statuses"].get("delivered", 0) + told["duplicates"],
        "rows missing": messages - (_rows(run, client.account_id) - before),
    }
    return Trip(messages, usage, accepted_at - started, told["last_ms"] / 1000 - started, loads[-1], counts)


def _load(work: Work, show: Callable[[], None]) -> dict[str, Any]:
    with Load(work) as load:
        while load.running:
            show()
            time.sleep(0.2)
        return load.result()


def _wait_reported(sink: str, messages: int, advance: Advance) -> None:
    """Until all have been reported; what is missing after a generous time shows in the counts."""

    def all_reported() -> bool:
        unique = _unique(sink)
        advance(unique)
        return unique >= messages

    with contextlib.suppress(TimeoutError):
        wait(all_reported, PATIENCE + messages * SECONDS_A_MESSAGE, f"{messages} reports")


def _unique(sink: str) -> int:
    return int(get(f"{sink}/stats")["unique"])


def _reset(sink: str) -> None:
    httpx2.delete(f"{sink}/stats", timeout=30, trust_env=False)


def _rows(run: Run, account_id: int) -> int:
    """Messages of the account that have ended and whose report is noted."""
    where = f"account_id = {account_id} AND finished_ms IS NOT NULL AND reported_ms IS NOT NULL"
    ((found,),) = run.bed.sql(f"SELECT COUNT(*) FROM messages WHERE {where}")
    return int(found)


def _counted(run: Run, account_id: int) -> int:
    """What `store` has counted of the account: each message once accepted and once ended."""
    totals = "SELECT COALESCE(SUM(accepted + delivered + failed), 0) FROM usage_daily WHERE account_id = %s"
    ((counted,),) = run.bed.sql(totals, account_id)
    return int(counted)


def _wait_stored(run: Run, account_id: int, before: tuple[int, int], messages: int) -> None:
    def complete() -> bool:
        if _counted(run, account_id) - before[0] < 2 * messages:
            return False
        return _rows(run, account_id) - before[1] >= messages

    with contextlib.suppress(TimeoutError):  # what is missing then shows in the counts
        wait(complete, PATIENCE + messages * SECONDS_A_MESSAGE / 5, "all rows to be stored", 0.5)


def trip_of(run: Run, what: str, works: list[tuple[int, int]], batch: int, lane: str, connections: int) -> Trip:
    """One trip of `(messages, a request)` works with a fresh client, after a short warm-up."""
    with client_with_sink(run, batch) as (client, sink, process):
        make = run.bed.work
        warm = make(client, WARM_UP, min(works[0][1], WARM_UP), lane=lane)
        travel(run, client, sink, process, [warm], f"{what}: warm-up")
        todo = [make(client, n, per, lane=lane, connections=connections) for n, per in works]
        return travel(run, client, sink, process, todo, what)


def figures(scenario: str, trip: Trip, target: Target, beside: Beside | None) -> list[Figure]:
    """The lines of one trip."""
    wrong = ", ".join(f"{n:,} {what}" for what, n in trip.counts.items() if n)
    separate = {name: micros_each(trip.usage.seconds.get(name, 0), trip.messages) for name in ("simulator", "sink")}
    separate["load generator"] = micros_each(trip.usage.seconds["load"], trip.messages)
    apart = ", ".join(f"{name} {value:,.0f}" for name, value in separate.items())
    return [
        Figure(
            scenario,
            f"{scenario}: CPU of all processes, servers included",
            trip.micros,
            "µs a message",
            target,
            beside,
            f"{trip.messages:,} messages; apart: {apart}",
        ),
        Figure(scenario, f"{scenario}: first accept to last report", trip.rate, "messages/s"),
        Figure(scenario, f"{scenario}: accepted", trip.messages / max(trip.accept_s, 1e-9), "messages/s"),
        Figure(scenario, f"{scenario}: missing or doubled anywhere", trip.wrong, "messages", Target(0), note=wrong),
    ]


def note(run: Run, name: str, trip: Trip) -> None:
    """Keep the shares of the processes for the tables and the plot."""
    run.results.shares[name] = trip.usage.each(trip.messages)
    run.results.kinds |= trip.usage.kinds


def bulk(run: Run) -> None:
    """500 recipients a request and one large request; reports 500 a callback."""
    works = [(run.sizes.bulk, 500), (run.sizes.large, run.sizes.large)]
    trip = trip_of(run, "bulk", works, 500, "bulk", 4)
    note(run, "bulk", trip)
    run.results.add(*figures("end to end in bulk", trip, BULK_TARGET, _bare(run)))


def single(run: Run) -> None:
    """One message a request, one report a callback, at full load."""
    trip = trip_of(run, "single", [(run.sizes.single, 1)], 1, "realtime", 64)
    note(run, "single", trip)
    run.results.add(*figures("end to end, one a request", trip, SINGLE_TARGET, None))


def _bare(run: Run) -> Beside | None:
    found = run.results.samples.get("bare_mysql_us")
    return Beside("MySQL alone, the same rows", found) if found else None
