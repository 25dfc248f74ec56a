"""One-time passwords while a bulk flood is queued: from the client's request to the vendor, on one clock."""

from __future__ import annotations

import time
from typing import Any

import httpx2

from bench.bed import Client, Load, get, wait
from bench.figures import Figure, Target, percentile
from bench.load import body, number_of
from bench.run import Run
from bench.scenarios.road import client_with_sink

EVERY_S = 0.1
FLOOD_TARGET, IDLE_TARGET = Target(100), Target(15)
FIRST_OTP = 60_000_000
"""Recipients that no load uses."""
SETTLE_S = 30.0


def run(run: Run) -> None:
    """Idle first, then with the flood."""
    count = run.sizes.otps
    idle_client = run.bed.client(batch=1)
    passwords(run, idle_client, FIRST_OTP - 100, 5, "warm-up")
    idle = passwords(run, idle_client, FIRST_OTP, count, "idle")
    run.results.samples["otp_idle_ms"] = idle
    with client_with_sink(run, 500) as (client, sink, _):
        work = run.bed.work(client, run.sizes.flood, 10_000, lane="bulk", connections=2)
        with Load(work) as load:
            wait(lambda: run.bed.simulator("GET", "/stats")["received"] or not load.running, 120, "the flood")
            flooded = passwords(run, idle_client, FIRST_OTP + count, count, "in the flood", (sink, run.sizes.flood))
            queued = run.sizes.flood - get(f"{sink}/stats")["unique"]
            load.result()
            _settle(run, sink)
    run.results.samples["otp_flood_ms"] = flooded
    run.results.add(*figures(idle, flooded, run.sizes.flood, queued))


def figures(idle: list[float], flooded: list[float], flood: int, queued: int) -> list[Figure]:
    """Percentiles of both."""
    note = f"{len(flooded)} sent while {flood:,} were queued or on their way, {queued:,} of them at the last"
    return [
        Figure("otp", "one OTP, accept → vendor, idle: p50", percentile(idle, 0.5), "ms", IDLE_TARGET),
        Figure("otp", "one OTP, idle: p99", percentile(idle, 0.99), "ms"),
        Figure("otp", "one OTP in a bulk flood: p50", percentile(flooded, 0.5), "ms"),
        Figure("otp", "one OTP in a bulk flood: p99", percentile(flooded, 0.99), "ms", FLOOD_TARGET, note=note),
        Figure("otp", "one OTP in a bulk flood: slowest", max(flooded, default=float("nan")), "ms"),
    ]


def passwords(
    run: Run, client: Client, first: int, count: int, what: str, flood: tuple[str, int] | None = None
) -> list[float]:
    """Send one each 100 ms, at most `count` and no longer than the flood lasts; milliseconds to the vendor."""
    sent: dict[str, float] = {}
    headers = {"authorization": f"Bearer {client.key}", "content-type": "application/json"}
    with (
        run.step(f"OTP, {what}", count) as advance,
        httpx2.Client(base_url=run.bed.demo["gateway"], headers=headers, timeout=30, trust_env=False) as http,
    ):
        due = time.monotonic()
        for n in range(count):
            if flood and get(f"{flood[0]}/stats")["unique"] >= flood[1]:
                break
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due, time.monotonic()) + EVERY_S
            content = body(first + n, 1, "auth")
            sent[number_of(first + n)] = time.time() * 1000
            http.post("/v1/mt/messages", content=content).raise_for_status()
            advance(n + 1)
    return _arrivals(run, sent)


def _arrivals(run: Run, sent: dict[str, float]) -> list[float]:
    arrived: dict[str, Any] = {}

    def all_there() -> bool:
        for to in sent.keys() - arrived.keys():
            items = run.bed.simulator("GET", "/received", to=to)["items"]
            if items:
                arrived[to] = items[0]["at_ms"]
        return len(arrived) == len(sent)

    wait(all_there, SETTLE_S, "the passwords to arrive", 0.2)
    return [arrived[to] - at for to, at in sent.items()]


def _settle(run: Run, sink: str) -> None:
    """Let the flood pass before anything else is measured."""
    with run.step("OTP: the rest of the flood", run.sizes.flood) as advance:

        def passed() -> bool:
            unique = get(f"{sink}/stats")["unique"]
            advance(unique)
            return bool(unique >= run.sizes.flood)

        wait(passed, 120 + run.sizes.flood * 0.02, "the flood to pass", 0.5)
