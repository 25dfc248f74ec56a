"""Ordinary rates: one message a request, so many a second; functions that share hosts beside functions apart, in turns.

At full load a step does the work of many messages at once; at ordinary rates each message pays for every wake-up on its
way alone, and for what the platform does when it has nothing to do.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bench import cpu
from bench.bed import Load
from bench.figures import Beside, Figure, Target, percentile
from bench.run import Run, apart
from bench.scenarios.otp import passwords
from bench.scenarios.road import Trip, client_with_sink, travel
from local.options import APART

RATES: dict[int, Target | None] = {5: None, 20: Target(12), 80: Target(6), 200: None}
"""Messages a second, and the milliseconds of CPU that one may take with hosts."""
OURS = frozenset({"function", "source", "bridge"})
CONNECTIONS = 16
FIRST_OTP = 61_000_000
IDLE_TARGET, MEMORY_TARGET = Target(6), Target(1200)


@dataclass(frozen=True)
class Paced:
    """One way at one rate: the trip, and how long passwords took beside it (ms)."""

    trip: Trip
    otp_ms: list[float]

    def each(self, kinds: frozenset[str] = cpu.COUNTED) -> float:
        """CPU milliseconds a message."""
        return self.trip.usage.of(kinds) * 1000 / self.trip.messages


def run(run: Run) -> None:
    """Both ways at each rate."""
    with _ways(run) as ways:
        for name, way in ways.items():
            run.results.add(*_idle(name, way))
        for place, rate in enumerate(RATES):
            found = {name: _at(way, rate, place) for name, way in ways.items()}
            run.results.add(*figures(rate, found))
            for name, paced in found.items():
                run.results.shares[f"{rate}/s, {name}"] = paced.trip.usage.each(paced.trip.messages)
                run.results.kinds |= paced.trip.usage.kinds


@contextlib.contextmanager
def _ways(run: Run) -> Iterator[dict[str, Run]]:
    """The run's own platform, and a second one apart; the platform that a user started is measured alone."""
    own = run.bed.platform.options.hosts
    if not run.bed.own or own == APART:
        yield {own: run}
        return
    with apart(run) as other:
        yield {own: run, APART: other}


def _idle(name: str, run: Run) -> list[Figure]:
    watched = run.bed.processes()
    before = cpu.read(watched)
    with run.step(f"idle, {name}", 1):
        time.sleep(run.sizes.idle_seconds)
    used = cpu.between(before, cpu.read(watched), {n: p.kind for n, p in watched.items()}).of()
    memory = sum(cpu.rss_mb(p.pid) for p in watched.values() if p.kind in cpu.COUNTED)
    hosted = name != APART
    share = used / run.sizes.idle_seconds * 100
    return [
        Figure("paced", f"idle, {name}: CPU of all processes", share, "% of one core", IDLE_TARGET if hosted else None),
        Figure("paced", f"idle, {name}: memory of all processes", memory, "MB", MEMORY_TARGET if hosted else None),
    ]


def _at(run: Run, rate: int, place: int) -> Paced:
    seconds = run.sizes.paced_seconds
    with client_with_sink(run, 1) as (client, sink, process):
        work = run.bed.work(client, round(rate * seconds), per_second=float(rate), connections=CONNECTIONS)
        warm = replace(work, messages=min(20, work.messages), first=work.first + 500_000)
        travel(run, client, sink, process, [warm], f"{rate}/s: warm-up")
        trip = travel(run, client, sink, process, [work], f"{rate}/s")
        with Load(replace(work, first=work.first + 600_000)) as load:
            first = FIRST_OTP + place * 100_000
            otp_ms = passwords(run, run.bed.client(batch=1), first, min(30, run.sizes.otps), f"beside {rate}/s")
            load.result()
    return Paced(trip, otp_ms)


def figures(rate: int, found: dict[str, Paced]) -> list[Figure]:
    """The lines of one rate; hosts are held against what is apart."""
    alone = found.get(APART)
    lines: list[Figure] = []
    for name, paced in found.items():
        beside = Beside("apart", alone.each()) if alone and name != APART else None
        note = f"without servers and gateway {paced.each(OURS):.1f}; {paced.trip.messages:,} messages"
        what, target = f"{rate} messages a second, {name}", RATES[rate] if name != APART else None
        lines.append(
            Figure("paced", f"{what}: CPU of all processes", paced.each(), "ms a message", target, beside, note)
        )
        slow = Beside("apart", percentile(alone.otp_ms, 0.5)) if alone and name != APART else None
        lines.append(Figure("paced", f"{what}: one OTP beside, p50", percentile(paced.otp_ms, 0.5), "ms", None, slow))
        lines.append(Figure("paced", f"{what}: missing or doubled", paced.trip.wrong, "messages", Target(0)))
    return lines
