"""The same platform with a process for each function and source: events go over HTTP, and a kill hits one of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.testing import Platform
from shared import flow
from tests.builders import a_text
from tests.conftest import FAST
from tests.ports import running
from tests.road import NORMAL, Road, until

OFFSET = 7000
REQUESTS, EACH = 6, 200

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("apart"), {**FAST, "IMS_HOSTS": "apart"}, OFFSET) as platform:
        yield platform


def test_each_function_and_bridge_has_a_process_of_its_own(apart: Platform) -> None:
    known = apart.processes()
    names = [*(p.name for p in flow.processes()), *(b.name for b in flow.bridges())]
    assert len({known[name]["pid"] for name in names}) == len(names)


@pytest.mark.parametrize("name", ["route-slow", "send_mt-slow", "kafka_source-slow"])
def test_killing_one_of_them_loses_and_doubles_nothing(apart: Platform, name: str) -> None:
    apart.wait_healthy()
    neighbour = apart.pid("report-slow")
    with Road(apart, batch=50) as road, ThreadPoolExecutor(3) as clients:
        road.behave(**NORMAL)
        requests = [a_text("따로 도는 함수").to_many(EACH).in_lane("bulk") for _ in range(REQUESTS)]
        futures = [clients.submit(road.send_patiently, request) for request in requests]
        until(lambda: road.ended() >= EACH or all(f.done() for f in futures), f"{EACH} messages to end", 120)
        apart.kill(name)
        for future in futures:
            future.result(120)
        road.wait_for_all(240)
        assert road.count() == REQUESTS * EACH
        road.assert_sound()
    assert apart.pid("report-slow") == neighbour
