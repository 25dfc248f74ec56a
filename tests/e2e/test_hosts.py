"""Functions that share a process are still stopped, logged, looked at and killed by their names."""

from __future__ import annotations

import json
import os

import httpx2
import pytest

from local.testing import Platform
from shared import flow
from tests.builders import a_text
from tests.road import Road, until

pytestmark = pytest.mark.timeout(300)
FAST = next(host for host in flow.hosts() if host.name == "fast")
NAMES = {part.name for part in (*FAST.processes, *FAST.bridges)}


def test_every_function_and_bridge_is_listed_with_its_own_port_and_its_hosts_pid(platform: Platform) -> None:
    platform.wait_healthy()
    known = platform.processes()
    assert {p.name for p in flow.processes()} | {b.name for b in flow.bridges()} <= known.keys()
    assert len({known[name]["pid"] for name in NAMES}) == 1
    assert len({p["pid"] for p in known.values() if p["kind"] in ("function", "source", "bridge")}) == len(flow.HOSTS)
    for process in flow.processes():
        answer = httpx2.get(f"http://127.0.0.1:{known[process.name]['port']}/healthz")
        assert answer.json() == {"status": "ok", "function": process.function.name}


def test_a_stopped_function_drains_alone_and_its_events_wait_for_it(road: Road) -> None:
    platform = road.platform
    pid = platform.pid("send_mt-fast")
    with platform.stopped("send_mt-fast"):
        known = platform.processes()
        assert {name: p["pid"] for name, p in known.items() if name in NAMES - {"send_mt-fast"}} == dict.fromkeys(
            NAMES - {"send_mt-fast"}, pid
        )
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"http://127.0.0.1:{known['send_mt-fast']['port']}/healthz")
        sent = road.send(a_text("기다리는 문자").to_many(3))
        until(lambda: all(road.state(i) == "routed" for i in sent.ids), "the messages to be routed")
    assert platform.pid("send_mt-fast") == pid
    road.wait_for_all()
    road.assert_sound()


def test_a_function_writes_its_own_log(road: Road) -> None:
    platform = road.platform
    with platform.stopped("report-fast"):
        lines = [json.loads(line) for line in platform.log("report-fast").splitlines() if line.startswith("{")]
        assert lines[-1]["event"] == "drained"
        assert {line["function"] for line in lines} == {"report-fast"}
    assert '"report-fast"' in platform.log("host-fast")


def test_a_killed_host_comes_back_with_everything_but_what_is_held(road: Road) -> None:
    platform = road.platform
    with platform.stopped("report-fast"):
        killed = platform.kill("route-fast")
        others = NAMES - {"report-fast"}
        platform.wait_healthy(*others)
        assert {platform.processes()[name]["pid"] for name in others} != {killed}
        assert platform.processes()["report-fast"]["pid"] is None
        assert not os.path.exists(f"/proc/{killed}/fd/0")
    road.send(a_text("다시").to_many(2))
    road.wait_for_all()
    road.assert_sound()
