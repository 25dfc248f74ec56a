"""At the door: bodies that never come, large and costly bodies, searches that read much."""

from __future__ import annotations

import time

import httpx2

from bench import cpu
from bench.attack import Attack
from bench.bed import address
from bench.figures import Beside, Figure, Target, percentile
from bench.load import body
from bench.run import Run, Scenario
from bench.scenarios.hold import EVERY_S, Attacking, beside, others, seconds, with_key

REST_S = 60.0
FIRST_SEARCHED = 66_500_000
"""A recipient that no load uses."""
ACCEPT, RECEIPT = "/v1/mt/messages", "/v1/receipts/solapi/main"


def silent(run: Run) -> None:
    """Connections that promise a body and send none, with no key, to the receipts, and with one client's key."""
    gateway = run.bed.demo["gateway"]
    ports = run.bed.processes_ports()
    with others(run) as them:
        calm = them.times(run.sizes.hold, "calm")
        bad = run.bed.client()
        json = {"content-type": "application/json"}
        for what, base, path, headers, count in (
            ("silent bodies, no key, at the function", address(ports["api_mt"]), ACCEPT, json, 1300),
            ("silent bodies, no key, at the gateway", gateway, ACCEPT, json, 1300),
            ("silent receipts", gateway, RECEIPT, json, 1200),
            ("silent bodies with one key", gateway, ACCEPT, with_key(bad), 1200),
        ):
            beside(run, them, calm, Attack("silent", base + path, count, seconds(run), headers=headers), what)


def costly(run: Run) -> None:
    """Eight connections that send bodies of 10 MB which cost more to read than to send, one kind after the other."""
    url = run.bed.demo["gateway"] + ACCEPT + "?dry_run=true"
    with others(run) as them:
        calm = them.times(run.sizes.hold, "calm")
        headers = with_key(run.bed.client())
        for shape in ("objects", "files", "fields", "variables", "strings", "twins", "deep", "good"):
            attack = Attack("bodies", url, 8, seconds(run), headers=headers, size=10_000_000, shape=shape)
            beside(run, them, calm, attack, f"8 × 10 MB of {shape}")


def memory(run: Run) -> None:
    """Large valid dry runs, large receipts without proof and strange requests: the peak, and what is left of it."""
    gateway, strange = run.bed.demo["gateway"], address(run.bed.processes_ports()["route-fast"], "/x")
    json = {"content-type": "application/json"}
    key = with_key(run.bed.client())
    for name, attack in (
        ("api_mt", Attack("bodies", f"{gateway}{ACCEPT}?dry_run=true", 50, 60.0, "POST", key, 10_000_000, "good", 1)),
        ("api_receipt", Attack("bodies", gateway + RECEIPT, 150, 60.0, "POST", json, 10_000_000, "objects", 1)),
        (
            "route-fast",
            Attack("bodies", strange, 30, 60.0, "POST", json, 2_000, "deep", 1000),
        ),
    ):
        pid = run.bed.platform.processes()[name]["pid"]
        peak, answers = _peak(run, pid, attack, name)
        note = ", ".join(f"{count:,} × {answer}" for answer, count in sorted(answers.items()))
        run.results.add(
            Figure("hold", f"{name}, attacked with large and strange bodies: peak", peak, "MB", Target(200), note=note),
            Figure("hold", f"{name}: {REST_S:.0f} s later", cpu.rss_mb(pid), "MB", Target(110)),
        )


def _peak(run: Run, pid: int, attack: Attack, what: str) -> tuple[float, dict[str, int]]:
    """The largest memory of a process within an attack; then it has time to give it back."""
    peak = cpu.rss_mb(pid)
    with Attacking(attack) as going, run.step(f"memory of {what}", 1):
        while going.running:
            peak = max(peak, cpu.rss_mb(pid))
            time.sleep(0.02)
        answers = going.result()
    time.sleep(REST_S)
    return peak, answers


def searches(run: Run) -> None:
    """48 heavy searches at once, again and again, while another client looks up one message by its id."""
    headers = with_key(run.bed.client())
    reader = run.bed.client()
    content = body(FIRST_SEARCHED, 1, "realtime")
    base = run.bed.demo["gateway"]
    with httpx2.Client(base_url=base, headers=with_key(reader), timeout=30, trust_env=False) as http:
        found = http.post(ACCEPT, content=content).json()["messages"][0]["message_id"]
        calm = _look_ups(run, http, found)
        attack = Attack("gets", f"{base}/v1/messages?code=9999&limit=200", 48, seconds(run), "GET", headers)
        with Attacking(attack) as going:
            time.sleep(1.0)
            times = _look_ups(run, http, found)
            answers = going.result()
    note = ", ".join(f"{count:,} × {answer}" for answer, count in sorted(answers.items()))
    beside_it = Beside("without it", percentile(calm, 0.5))
    run.results.add(
        Figure(
            "hold", "48 searches at once: GET of a message: p50", percentile(times, 0.5), "ms", None, beside_it, note
        )
    )


def _look_ups(run: Run, http: httpx2.Client, message_id: str) -> list[float]:
    times = []
    for _ in range(run.sizes.hold):
        began = time.monotonic()
        http.get(f"/v1/messages/{message_id}").raise_for_status()
        times.append((time.monotonic() - began) * 1000)
        time.sleep(EVERY_S / 2)
    return times


SCENARIOS: dict[str, tuple[str, Scenario]] = {
    "hold-silent": ("bodies that never come", silent),
    "hold-costly": ("bodies that cost much to read", costly),
    "hold-memory": ("memory under large bodies", memory),
    "hold-searches": ("look-ups beside heavy searches", searches),
}
