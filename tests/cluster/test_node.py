"""IMS on a real Kubernetes with Knative: the node of `make cluster`, which must run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from deploy.node import trial
from deploy.node.machine import Machine, default_home
from deploy.objects import dns
from shared import flow

TRAFFIC = Path(__file__).parent / "traffic.py"
READY = ("ksvc", "pingsource", "sinkbinding")
ZERO_SECONDS = 420


@pytest.fixture(scope="module")
def node() -> Machine:
    machine = Machine(default_home())
    assert machine.running(), "`make cluster` first"
    return machine


def objects(node: Machine, kinds: str, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(node.kubectl("-n", "ims", "get", kinds, *words, "-o", "json"))["items"]
    return found


def pods(node: Machine, process: str) -> list[str]:
    listed = objects(node, "pod", "--selector", f"serving.knative.dev/service={dns(process)}")
    return [p["metadata"]["name"] for p in listed]


def ready(thing: dict[str, Any]) -> str:
    conditions = thing.get("status", {}).get("conditions", [])
    return next((c["status"] for c in conditions if c["type"] == "Ready"), "none")


def test_every_function_and_source_is_ready(node: Machine) -> None:
    found = objects(node, ",".join(READY))
    assert {o["metadata"]["name"]: ready(o) for o in found if ready(o) != "True"} == {}
    services = {o["metadata"]["name"] for o in found if o["kind"] == "Service"}
    assert services == {dns(process.name) for process in flow.processes()}


def test_a_message_goes_the_whole_way_from_zero(node: Machine) -> None:
    way = ("api_mt", "route-fast", "send_mt-fast", "store")
    until = time.monotonic() + ZERO_SECONDS
    while any(pods(node, process) for process in way):
        assert time.monotonic() < until, "the functions did not scale to zero"
        time.sleep(2)
    assert trial.message(node).endswith(" delivered")
    assert all(pods(node, process) for process in way)


def test_messages_survive_the_death_of_every_pod_on_their_way(node: Machine) -> None:
    command = node.inside(sys.executable, str(TRAFFIC), "120", "60")
    with subprocess.Popen(command, env=trial.environment(node), stdout=subprocess.PIPE, text=True) as sending:
        for process in ("route-fast", "send_mt-fast", "store", "api_mt", "api_receipt", "route-fast"):
            time.sleep(8)
            for pod in pods(node, process):
                node.kubectl("-n", "ims", "delete", "pod", pod, "--grace-period=0", "--force", "--ignore-not-found")
        node.kubectl("-n", "ims", "rollout", "restart", "deployment/kafka-source-fast")
        output, _ = sending.communicate(timeout=600)
    assert json.loads(output) == {"delivered": 120}
