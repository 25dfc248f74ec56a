"""Where the CPU time goes: what a sampler in each Python process finds at work, in bulk and one by one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.bed import wait
from bench.run import Run
from bench.scenarios.road import client_with_sink, travel

SAMPLED = frozenset({"function", "source", "bridge"})
TOP = 15
SETTLE_S = 20.0


def run(run: Run) -> None:
    """Both kinds of load under the sampler; only on a platform of the bench's own, whose processes carry it."""
    if not run.bed.own:
        run.results.failures["profile"] = "needs a platform of its own: leave --platform out"
        return
    for name, count, per, batch, lane, connections in (
        ("bulk", run.sizes.profile, 500, 500, "bulk", 4),
        ("one a request", max(500, run.sizes.profile // 10), 1, 1, "realtime", 64),
    ):
        with client_with_sink(run, batch) as (client, sink, process):
            work = run.bed.work(client, count, per, lane=lane, connections=connections)
            warm = run.bed.work(client, 200, min(per, 200), lane=lane)
            travel(run, client, sink, process, [warm], f"profile, {name}: warm-up")
            pids = {name: p.pid for name, p in run.bed.processes().items() if p.kind in SAMPLED}
            with sampled(pids):
                trip = travel(run, client, sink, process, [work], f"profile, {name}")
            run.results.profiles[name] = collect(run, pids, trip.messages, trip.usage.each(trip.messages))


@contextlib.contextmanager
def sampled(pids: Mapping[str, int]) -> Iterator[None]:
    """The samplers of these processes work within the block (bench/site)."""
    for pid in pids.values():
        os.kill(pid, signal.SIGUSR2)
    yield
    for pid in pids.values():
        os.kill(pid, signal.SIGUSR2)


def collect(run: Run, pids: Mapping[str, int], messages: int, micros: dict[str, float]) -> dict[str, Any]:
    """What the samplers wrote, with each process's µs a message."""
    files = {name: run.bed.profiles / f"{pid}.json" for name, pid in pids.items()}
    with contextlib.suppress(TimeoutError):  # one that was restarted has nothing to say
        wait(lambda: all(f.exists() for f in files.values()), SETTLE_S, "the samplers")
    found = {name: json.loads(f.read_text()) for name, f in files.items() if f.exists()}
    for file in files.values():
        file.unlink(missing_ok=True)
    return {"messages": messages, "processes": summarise(found, micros)}


def summarise(found: dict[str, Any], micros: dict[str, float]) -> dict[str, Any]:
    """By process, the dearest first: its µs a message, and the lines of code with their share of them."""
    order = sorted(found, key=lambda name: -micros.get(name, 0))
    return {
        name: {
            "micros": micros.get(name, 0.0),
            "samples": found[name]["samples"],
            "own": _top(found[name]["own"], found[name]["samples"], ours=False),
            "with callees": _top(found[name]["total"], found[name]["samples"], ours=True),
        }
        for name in order
    }


def _top(counts: dict[str, int], samples: int, ours: bool) -> list[tuple[str, float]]:
    names = {place: n for place, n in counts.items() if not ours or is_ours(place)}
    return [(short(place), n / samples) for place, n in sorted(names.items(), key=lambda i: -i[1])[:TOP]]


def is_ours(place: str) -> bool:
    """Whether a place in the code belongs to this project rather than to a library."""
    return "site-packages" not in place and any(f"/{part}/" in place for part in ("shared", "functions", "bridges"))


def short(place: str) -> str:
    """`path:line:name` without what stands before the package."""
    path, line, name = place.rsplit(":", 2)
    for mark in ("site-packages/", "lib/python3"):
        if mark in path:
            path = path.split(mark, 1)[1].split("/", 1)[1] if mark == "lib/python3" else path.split(mark, 1)[1]
            return f"{path}:{line} {name}"
    root = Path(__file__).resolve().parents[2]
    if path.startswith(f"{root}/"):
        path = path.removeprefix(f"{root}/")
    return f"{path}:{line} {name}"
