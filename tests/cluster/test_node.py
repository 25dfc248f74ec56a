"""IMS on a real Kubernetes with Knative: the node of `make cluster`, which must run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
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
IMAGE = "{.spec.template.spec.containers[0].image}"
KNOCK = """
import json, socket, sys
def opens(place):
    host, port = place.split(":")
    try:
        socket.create_connection((host, int(port)), 5).close()
    except OSError:
        return False
    return True
print(json.dumps({place: opens(place) for place in sys.argv[1:]}))
"""
SERVERS = ("mysql.ims-data:3306", "redis.ims-data:6379", "ims-kafka-bootstrap.ims-data:9092")
SIMULATOR, API_SERVER, FUNCTION = "simulator.ims:80", "kubernetes.default:443", "report-retry.ims:80"
CALLERS = ("kafka-source-fast", "kafka-source-slow", "redis-expiry", "simulator")


@pytest.fixture(scope="module")
def node() -> Machine:
    machine = Machine(default_home())
    assert machine.running(), "`make cluster` first"
    return machine


@pytest.fixture(scope="module")
def stranger(node: Machine) -> Iterator[str]:
    """A pod of somebody else's, in the namespace `default`, with a Python in it."""
    image = node.kubectl("-n", "ims", "get", "deployment", "simulator", "-o", f"jsonpath={IMAGE}")
    node.kubectl("-n", "default", "run", "stranger", f"--image={image}", "--command", "--", "sleep", "600")
    try:
        node.kubectl("-n", "default", "wait", "--for=condition=Ready", "pod/stranger", "--timeout=60s")
        yield "default/stranger"
    finally:
        node.kubectl("-n", "default", "delete", "pod", "stranger", "--grace-period=0", "--force")


def reaches(node: Machine, pod: str, *places: str) -> dict[str, bool]:
    """Whether a pod (`namespace/name`) may open a connection to each of `places` (`host:port`)."""
    namespace, name = pod.split("/")
    answer = node.kubectl("-n", namespace, "exec", name, "--", "python", "-c", KNOCK, *places)
    found: dict[str, bool] = json.loads(answer.splitlines()[-1])
    return found


def address(node: Machine, pod: str) -> str:
    return node.kubectl("-n", "ims", "get", "pod", pod, "-o", "jsonpath={.status.podIP}")


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


def test_pods_reach_what_the_map_says_and_nothing_else(node: Machine, stranger: str) -> None:
    """Each place that is closed to one is open to another, so that none is closed by accident."""
    trial.message(node)
    sender, router = (f"ims/{pods(node, process)[0]}" for process in ("send_mt-fast", "route-fast"))
    function = f"{address(node, router.removeprefix('ims/'))}:8012"
    assert reaches(node, sender, *SERVERS, SIMULATOR, API_SERVER, FUNCTION, function) == {
        **dict.fromkeys((*SERVERS, SIMULATOR), True),
        **dict.fromkeys((API_SERVER, FUNCTION, function), False),
    }
    assert reaches(node, router, *SERVERS, SIMULATOR) == {**dict.fromkeys(SERVERS, True), SIMULATOR: False}
    for bridge in CALLERS:
        (pod, *_) = objects(node, "pod", "--selector", f"app.kubernetes.io/name={bridge}")
        assert reaches(node, f"ims/{pod['metadata']['name']}", FUNCTION, API_SERVER) == {
            FUNCTION: True,
            API_SERVER: False,
        }
    assert reaches(node, stranger, *SERVERS, API_SERVER, SIMULATOR, function) == {
        **dict.fromkeys((*SERVERS, API_SERVER), True),
        **dict.fromkeys((SIMULATOR, function), False),
    }
