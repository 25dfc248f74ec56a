"""At the door: bodies that never come, large and costly bodies, searches that read much."""

from __future__ import annotations

from bench.attack import Attack
from bench.bed import address
from bench.run import Run, Scenario
from bench.scenarios.hold import beside, others, seconds, with_key

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


SCENARIOS: dict[str, tuple[str, Scenario]] = {
    "hold-silent": ("bodies that never come", silent),
}
