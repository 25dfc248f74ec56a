"""From the start of a function's process to its first answer and its first piece of work, and the memory it takes."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from bench import cpu
from bench.bed import Client, address, wait
from bench.figures import Beside, Figure, Target, median
from bench.load import body
from bench.run import Run
from local.checks import is_free
from local.home import ROOT
from shared import flow

PORTS = range(18_000, 18_500)
"""Below the ports that the system gives to outgoing connections, which could take one between two starts."""
CPU_TARGET, MEMORY_TARGET = Target(400), Target(80)
SECONDS = 60.0
BARE = "functions_framework.aio imported"


@dataclass(frozen=True)
class Start:
    """One start: CPU and wall-clock ms to the first /readyz, then of the first piece of work; memory after it."""

    cpu_ms: float
    wall_ms: float
    work_cpu_ms: float | None
    work_wall_ms: float | None
    rss_mb: float


@dataclass(frozen=True)
class Work:
    """One request that a fresh process is given."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes


def run(run: Run) -> None:
    """Every process of the map, one after the other."""
    client = run.bed.client(batch=1)
    _send_one(run, client)
    works = {p.name: work_for(run, client, p) for p in flow.processes()}
    bare = [_import(run.bed.env) for _ in range(run.sizes.starts)]
    bare_cpu, bare_rss = median([b[0] for b in bare]), median([b[1] for b in bare])
    found: dict[str, Start] = {}
    with run.step("cold start", len(works)) as advance:
        for n, process in enumerate(flow.processes()):
            starts = [_start(run, process, works[process.name]) for _ in range(run.sizes.starts)]
            found[process.name] = _median(starts)
            advance(n + 1)
    run.results.samples["cold"] = {name: vars(start) for name, start in found.items()}
    run.results.add(*figures(found, bare_cpu, bare_rss))


def figures(found: dict[str, Start], bare_cpu: float, bare_rss: float) -> list[Figure]:
    """The slowest and the largest function, beside the bare import."""
    slowest, largest = max(found, key=lambda n: found[n].cpu_ms), max(found, key=lambda n: found[n].rss_mb)
    worked = {name: start.work_cpu_ms for name, start in found.items() if start.work_cpu_ms is not None}
    lines = [
        Figure(
            "cold",
            "cold start to the first answer: CPU of the slowest function",
            found[slowest].cpu_ms,
            "ms",
            CPU_TARGET,
            Beside(BARE, bare_cpu),
            slowest,
        ),
        Figure("cold", "the same: wall-clock", found[slowest].wall_ms, "ms", note=slowest),
        Figure(
            "cold",
            "memory after the first work: the largest function",
            found[largest].rss_mb,
            "MB",
            MEMORY_TARGET,
            Beside(BARE, bare_rss),
            largest,
        ),
    ]
    if worked:
        dearest = max(worked, key=lambda n: worked[n])
        lines.append(Figure("cold", "first work of a fresh process: CPU", worked[dearest], "ms", note=dearest))
    return lines


def _send_one(run: Run, client: Client) -> None:
    """One message over the whole road, so that every topic has a record to give to fresh processes."""
    headers = {"authorization": f"Bearer {client.key}", "content-type": "application/json"}
    for lane in ("realtime", "bulk"):
        content = body(50_000_000, 1, lane)
        url = f"{run.bed.demo['gateway']}/v1/mt/messages"
        httpx2.post(url, content=content, headers=headers, timeout=30, trust_env=False).raise_for_status()
    ended = "SELECT COUNT(*) FROM messages WHERE account_id = %s AND finished_ms IS NOT NULL"
    wait(lambda: run.bed.sql(ended, client.account_id)[0][0] >= 2, SECONDS, "two messages to end")


def work_for(run: Run, client: Client, process: flow.Process) -> Work | None:
    """A request for an HTTP function, the last real record for an event function; None where neither fits."""
    json = {"content-type": "application/json"}
    key = {"authorization": f"Bearer {client.key}"}
    known = {
        "api_mt": Work("POST", "/v1/mt/messages", json | key, body(50_000_001, 1, "realtime")),
        "api_report": Work("GET", "/v1/messages?limit=1", key, b""),
        "api_receipt": Work("POST", "/v1/receipts/solapi/main", json, b"[]"),
        "report_retry": Work("POST", "/", json | _attributes("com.ims.report.due.v1"), b'{"keys":[]}'),
    }
    if process.function.name in known:
        return known[process.function.name]
    topics = [t for s in flow.sources() if s.process.name == process.name for t in s.topics]
    return _last_record(run.bed.demo["kafka"], topics)


def _attributes(kind: str) -> dict[str, str]:
    return {"ce-specversion": "1.0", "ce-id": "bench", "ce-source": "/bench", "ce-type": kind}


def _last_record(bootstrap: str, topics: list[str]) -> Work | None:
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=bootstrap.split(","))
    try:
        parts = [TopicPartition(t, p) for t in topics for p in sorted(consumer.partitions_for_topic(t) or ())]
        ends, begins = consumer.end_offsets(parts), consumer.beginning_offsets(parts)
        for part in parts:
            if ends[part] > begins[part]:
                consumer.assign([part])
                consumer.seek(part, ends[part] - 1)
                for records in consumer.poll(timeout_ms=5000).values():
                    headers = {k.replace("ce_", "ce-"): v.decode() for k, v in records[-1].headers}
                    return Work("POST", "/", headers, records[-1].value)
    finally:
        consumer.close()
    return None


@contextmanager
def _process(run: Run, process: flow.Process, port: int) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    pool = {"IMS_POOL": process.pool or "", "IMS_LANES": ",".join(process.lanes)}
    module = ("shared.runtime", "--host", "127.0.0.1", "--function", process.function.name, "--port", str(port))
    with (run.bed.scratch / "cold.log").open("ab") as log:
        started = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", *module], env=run.bed.env | pool, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        yield child, started
    finally:
        child.kill()
        child.wait()


def _start(run: Run, process: flow.Process, work: Work | None) -> Start:
    port = next(port for port in PORTS if is_free(port))
    with _process(run, process, port) as (child, started):
        _await_answer(port, child)
        wall, used = time.perf_counter() - started, cpu.exact_seconds(child.pid) or 0.0
        work_wall = work_cpu = None
        if work is not None:
            began = time.perf_counter()
            httpx2.request(
                work.method, address(port, work.path), headers=work.headers, content=work.content, trust_env=False,
                timeout=SECONDS,
            )  # fmt: skip
            work_wall = (time.perf_counter() - began) * 1000
            work_cpu = ((cpu.exact_seconds(child.pid) or used) - used) * 1000
        return Start(used * 1000, wall * 1000, work_cpu, work_wall, cpu.rss_mb(child.pid))


def _await_answer(port: int, child: subprocess.Popen[bytes]) -> None:
    """Ask /readyz every few milliseconds until it answers."""
    request = b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(request)
                if connection.recv(64).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        time.sleep(0.005)
    raise TimeoutError("the function did not answer /readyz")


def _import(env: Mapping[str, str]) -> tuple[float, float]:
    """CPU ms and MB of a Python that only imports the framework, as it sees itself."""
    code = (
        "import functions_framework.aio, os, time\n"
        "pages = int(open('/proc/self/statm').read().split()[1])\n"
        "print(time.process_time() * 1e3, pages * os.sysconf('SC_PAGE_SIZE') / 1e6)"
    )
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=SECONDS)
    cpu_ms, rss = map(float, told.stdout.split())
    return cpu_ms, rss


def _median(starts: list[Start]) -> Start:
    columns: dict[str, list[Any]] = {name: [vars(s)[name] for s in starts] for name in vars(starts[0])}
    medians: dict[str, Any] = {name: None if None in column else median(column) for name, column in columns.items()}
    return Start(**medians)
