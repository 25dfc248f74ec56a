"""At the door: bodies that never come, large and costly bodies, searches that read much."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence

import httpx2

from bench import cpu
from bench.attack import Attack
from bench.bed import address
from bench.figures import Beside, Figure, Target, percentile
from bench.load import body
from bench.run import Run, Scenario, apart
from bench.scenarios.hold import EVERY_S, Attacking, beside, others, seconds, with_key

LARGE = 10_000_000
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
    """Large and strange bodies to each function, which has a process of its own: the peak, and what is left of it."""
    with apart(run) as other:
        attacks = dict(_large(other))
        pids = {name: other.bed.platform.processes()[name]["pid"] for name in attacks}
        before = {name: cpu.rss_mb(pid) for name, pid in pids.items()}
        found = {name: _peak(other, pids[name], attacks[name], name) for name in attacks}
        time.sleep(run.sizes.rest_seconds)
        left = {name: cpu.rss_mb(pid) for name, pid in pids.items()}
    for name, (peak, answers) in found.items():
        note = ", ".join(f"{count:,} × {answer}" for answer, count in sorted(answers.items()))
        calm = Beside("before it", before[name])
        later = f"{name}: {run.sizes.rest_seconds:.0f} s after the last attack"
        run.results.add(
            Figure("hold", f"{name}, large and strange bodies: peak", peak, "MB", Target(200), calm, note),
            Figure("hold", later, left[name], "MB", Target(110), calm),
        )


def _large(run: Run) -> Iterator[tuple[str, list[Attack]]]:
    """For each function what is sent to it, with its client's key or none, through the gateway where it is public."""
    gateway, ports = run.bed.demo["gateway"], run.bed.processes_ports()
    json = {"content-type": "application/json"}
    key = with_key(run.bed.client())

    def bodies(
        count: int, path: str, shape: str, headers: dict[str, str], size: int = LARGE, rounds: int = 1
    ) -> Attack:
        url = path if path.startswith("http") else gateway + path
        return Attack("bodies", url, count, run.sizes.attack_seconds, "POST", headers, size, shape, rounds)

    yield "api_mt", [bodies(50, f"{ACCEPT}?dry_run=true", "good", key)]
    yield "api_receipt", [bodies(150, RECEIPT, "objects", json)]
    yield (
        "api_report",
        [bodies(50, path, "fields", key) for path in ("/v1/reports/replay", "/v1/messages/x/report/replay")],
    )
    yield "api_user", [bodies(50, path, "objects", key) for path in ("/v1/identities", "/v1/templates")]
    yield "api_admin", [bodies(50, "/v1/admin/identities/x/approve", "good", given) for given in (key, json)]
    strange = bodies(30, address(ports["route-fast"], "/x"), "deep", json, 2_000, 1000)
    yield "route-fast", [strange, bodies(8, address(ports["route-fast"]), "objects", json)]


def _peak(run: Run, pid: int, attacks: Sequence[Attack], what: str) -> tuple[float, dict[str, int]]:
    """The largest memory of a process within its attacks, and what was answered."""
    peak, answers = cpu.rss_mb(pid), Counter[str]()
    for attack in attacks:
        with Attacking(attack) as going, run.step(f"memory of {what}", 1):
            while going.running:
                peak = max(peak, cpu.rss_mb(pid))
                time.sleep(0.02)
            answers.update(going.result())
    return peak, dict(answers)


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
