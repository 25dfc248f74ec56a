"""Accepting alone: `api_mt` in a process of its own, with Kafka, Redis and MySQL; nobody reads what it publishes."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import cpu
from bench.bed import Client, Load, address, wait
from bench.figures import Beside, Figure, Target, median, micros_each, percentile, spread
from bench.load import FIRST_NUMBER, NUMBERS, SENDER, TEXT, Work
from bench.run import Run
from bench.scenarios.profile import collect, sampled

API_PORT, ECHO_PORT = 30450, 30451
"""Of api_mt's own range, where replicas would be."""
CONNECTIONS = 64
WARM_UP_S = 2.0
STILL = 4
"""Looks, a second apart, at which nothing has changed: all is done."""
RATIO_TARGET, BATCH_TARGET = Target(0.5, at_least=True), Target(20)
SOURCES = ("kafka_source-fast", "kafka_source-slow")
BODY = f'{{"sender":"{SENDER}","lane":"realtime","text":"{TEXT}","recipients":[{{"to":"0%d"}}]}}'

SCRIPT = """
local n = 0
local body = [==[{body}]==]
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer {key}"
request = function()
  n = n + 1
  return wrk.format(nil, nil, nil, string.format(body, {first} + n % {numbers}))
end
done = function(summary, latency)
  local errors = summary.errors.status + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format('\\n{{"requests": %d, "seconds": %f, "errors": %d, "p50_ms": %f, "p99_ms": %f}}\\n',
    summary.requests, summary.duration / 1e6, errors, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Round:
    """One round against one server."""

    requests: int
    seconds: float
    errors: int
    cpu_s: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def micros(self) -> float:
        """CPU µs of the server's process a request."""
        return micros_each(self.cpu_s, self.requests)


def run(run: Run) -> None:
    """Single requests in turns with the bare echo, then requests of 500."""
    bed = run.bed
    client = bed.client()
    api, echo = bed.port(API_PORT), bed.port(ECHO_PORT)
    function = ("shared.runtime", "--host", "127.0.0.1", "--function", "api_mt")
    with bed.held(*SOURCES):
        with (
            bed.run("bench-api_mt", *function, port=api, path="/readyz") as api_process,
            bed.run("echo", "bench.echo", port=echo, path="/") as echo_process,
        ):
            _single(run, client, {"api": (api, api_process), "echo": (echo, echo_process)})
            _batch(run, client, api, api_process)
        if bed.own:
            purge(bed.demo["kafka"])
    if not bed.own:
        _drain(run, client)


def _single(run: Run, client: Client, servers: dict[str, tuple[int, cpu.Process]]) -> None:
    drive = wrk(client, run.bed.scratch) if shutil.which("wrk") else own(client)
    rounds: dict[str, list[Round]] = {name: [] for name in servers}
    total = run.sizes.rounds * len(servers)
    with run.step("accept: in turns with the echo", total) as advance:
        for name in servers:
            drive(servers[name][0], min(WARM_UP_S, run.sizes.round_seconds))
        for i in range(total):
            name = ("echo", "api")[i % 2]
            port, process = servers[name]
            before = cpu.cpu_seconds(process.pid) or 0.0
            told = drive(port, run.sizes.round_seconds)
            used = (cpu.cpu_seconds(process.pid) or 0.0) - before
            rounds[name].append(Round(cpu_s=used, **told))
            advance(i + 1)
    _profile(run, drive, *servers["api"])
    run.results.add(*single_figures(rounds["api"], rounds["echo"], "wrk" if shutil.which("wrk") else "bench.load"))


def _profile(run: Run, drive: Any, port: int, process: cpu.Process) -> None:
    """One more round under the sampler."""
    pids = {"api_mt": process.pid}
    before = cpu.cpu_seconds(process.pid) or 0.0
    with sampled(pids):
        told = drive(port, run.sizes.round_seconds)
    micros = micros_each((cpu.cpu_seconds(process.pid) or 0.0) - before, told["requests"])
    run.results.profiles["accept, one a request"] = collect(run, pids, told["requests"], {"api_mt": micros})


def single_figures(api: list[Round], echo: list[Round], by: str) -> list[Figure]:
    """The lines of the comparison: medians of the rounds."""
    rates, limits = [r.rate for r in api], [r.rate for r in echo]
    ratios = [a / b for a, b in zip(rates, limits, strict=True)]
    errors = sum(r.errors for r in [*api, *echo])
    scenario, bare = "accept", "bare functions_framework.aio echo"
    return [
        Figure(
            scenario,
            "accept, one message a request: share of the bare echo's requests/s",
            median(ratios),
            "of the echo",
            RATIO_TARGET,
            note=f"{spread(ratios)}; driven by {by}",
        ),
        Figure(scenario, "accept, one: requests", median(rates), "requests/s", beside=Beside(bare, median(limits))),
        Figure(
            scenario,
            "accept, one: CPU of the function",
            median([r.micros for r in api]),
            "µs a request",
            beside=Beside(bare, median([r.micros for r in echo])),
        ),
        Figure(
            scenario,
            "accept, one: p99 at full load",
            percentile([r.p99_ms for r in api], 0.5),
            "ms",
            beside=Beside(bare, percentile([r.p99_ms for r in echo], 0.5)),
        ),
        Figure(scenario, "accept, one: answers other than 2xx", errors, "requests", Target(0)),
    ]


def _batch(run: Run, client: Client, port: int, process: cpu.Process) -> None:
    url = address(port, "/v1/mt/messages")
    make = run.bed.work
    Load(make(client, 1_000, 500, url=url, lane="bulk")).result()
    watched = {**run.bed.processes(), "bench-api_mt": cpu.Process(process.pid, "function")}
    kinds = {name: p.kind for name, p in watched.items()}
    messages = run.sizes.batch_requests * 500
    with run.step("accept: 500 a request", 1):
        before = cpu.read(watched)
        told = Load(make(client, messages, 500, url=url, lane="bulk", connections=2)).result()
        used = cpu.between(before, cpu.read(watched), kinds)
    run.results.shares["accept 500"] = used.each(messages)
    run.results.kinds |= kinds
    seconds = told["last_at"] - told["first_at"]
    kafka = run.results.samples.get("bare_kafka_us")
    run.results.add(
        Figure(
            "accept",
            "accept, 500 a request: CPU of the function",
            micros_each(used.seconds["bench-api_mt"], messages),
            "µs a message",
            BATCH_TARGET,
        ),
        Figure(
            "accept",
            "accept, 500: CPU of all processes",
            micros_each(used.of(), messages),
            "µs a message",
            beside=Beside("Kafka alone, the same bytes", kafka) if kafka else None,
        ),
        Figure("accept", "accept, 500: messages", messages / seconds, "messages/s"),
        Figure("accept", "accept, 500: not accepted", messages - told["accepted"], "messages", Target(0)),
    )


def wrk(client: Client, folder: Path) -> Any:
    """A driver: (port, seconds) → what a round found, by wrk with one thread."""
    script = folder / "accept.lua"
    script.write_text(SCRIPT.format(body=BODY, key=client.key, first=FIRST_NUMBER, numbers=NUMBERS))

    def drive(port: int, seconds: float) -> dict[str, Any]:
        duration = f"{max(1, round(seconds))}s"
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{duration}", "-s", str(script), "--latency"]
        url = address(port, "/v1/mt/messages")
        done = subprocess.run([*command, url], capture_output=True, text=True, timeout=seconds + 60, check=True)
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found

    return drive


def own(client: Client) -> Any:
    """The same by our own generator, where there is no wrk."""

    def drive(port: int, seconds: float) -> dict[str, Any]:
        url = address(port, "/v1/mt/messages")
        told = Load(Work(url, client.key, seconds=seconds, connections=CONNECTIONS)).result()
        bad = sum(n for status, n in told["statuses"].items() if not status.startswith("2"))
        took = told["last_at"] - told["first_at"]
        times = {name: told[name] for name in ("p50_ms", "p99_ms")}
        return {"requests": told["requests"], "seconds": took, "errors": bad, **times}

    return drive


def purge(bootstrap: str) -> None:
    """Delete what was published, so that the platform does not have to carry it afterwards."""
    from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

    from shared import flow

    consumer, admin = KafkaConsumer(bootstrap_servers=bootstrap), KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        topics = [t for t in flow.topics() if t.startswith("ims.accepted.")]
        parts = [TopicPartition(t, p) for t in topics for p in consumer.partitions_for_topic(t) or ()]
        ends = consumer.end_offsets(parts)
        admin.delete_records({part: end for part, end in ends.items() if end})
    finally:
        consumer.close()
        admin.close()


def _drain(run: Run, client: Client) -> None:
    """A platform that is not ours keeps what was accepted: wait until it has been sent."""

    seen: list[tuple[int, int]] = []

    def sent() -> bool:
        totals = "SELECT SUM(accepted), SUM(delivered + failed) FROM usage_daily WHERE account_id = %s"
        ((came, ended),) = run.bed.sql(totals, client.account_id)
        seen.append((int(came or 0), int(ended or 0)))
        return len(seen) > STILL and len(set(seen[-STILL:])) == 1 and seen[-1][0] == seen[-1][1] > 0

    wait(sent, 900, "the accepted messages to be sent", 1)
