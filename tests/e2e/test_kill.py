"""kill -9 of everything, one after the other, in the middle of 10,000 messages: nothing lost, nothing sent twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from local.testing import Platform
from tests.builders import Text, a_text, later, magic
from tests.road import NORMAL, Road, Watch, until

REQUESTS, EACH = 20, 500
MINUTES = 240.0

pytestmark = pytest.mark.timeout(600)


def the_requests() -> list[Text]:
    """10,000 messages: most plain, a few that are retried, a few reserved for a moment later."""
    requests = [a_text("중단 시험 문자입니다.").to_many(EACH).in_lane("bulk") for _ in range(REQUESTS - 2)]
    retried = a_text("재시도 시험").to_many(EACH - 1).to(magic("4002")).in_lane("bulk")
    return [a_text("예약 시험").to_many(EACH).in_lane("bulk").with_(scheduled_at=later(20)), *requests, retried]


@contextmanager
def a_run(platform: Platform) -> Iterator[tuple[Road, Callable[[int], None]]]:
    """A run of 10,000 messages; the block breaks things, and afterwards everything must be as if nothing had been.

    The second value waits until so many messages have ended, or as many were accepted as there are.
    """
    platform.wait_healthy()
    with Road(platform, batch=100) as road, ThreadPoolExecutor(4) as clients:
        road.behave(**NORMAL)
        first = road.send_patiently(a_text("처음 보낸 문자").to_many(20).in_lane("bulk"))
        with Watch(road, first.ids) as early:
            futures = [clients.submit(road.send_patiently, request) for request in the_requests()]
            yield road, lambda count: _progress(road, futures, count)
            sent = [future.result(MINUTES) for future in futures]
            with Watch(road, [i for s in sent for i in s.ids[:3]]) as late:
                road.wait_for_all(MINUTES)
        assert road.count() == REQUESTS * EACH + 20
        road.assert_sound()
        assert early.backwards == late.backwards == []
        platform.wait_healthy()


def _progress(road: Road, futures: list[Future[object]], count: int) -> None:
    until(lambda: road.ended() >= count or all(f.done() for f in futures), f"{count} messages to end", MINUTES)


@pytest.mark.parametrize(
    "name",
    [
        "api_mt", "api_receipt", "route-slow", "send_mt-slow", "report-slow", "report_retry", "store", "schedule",
        "kafka_source-slow", "redis_expiry", "cron",
    ],
)  # fmt: skip
def test_killing_a_process_twice_loses_and_doubles_nothing(platform: Platform, name: str) -> None:
    with a_run(platform) as (_, progress):
        for count in (500, 3000):
            progress(count)
            platform.kill(name)


def test_killing_all_functions_of_a_pool_at_once_loses_and_doubles_nothing(platform: Platform) -> None:
    with a_run(platform) as (_, progress):
        progress(1000)
        for name in ("route-slow", "send_mt-slow", "report-slow", "kafka_source-slow", "api_receipt"):
            platform.kill(name)


def test_redis_killed_and_its_data_lost_loses_and_doubles_nothing(platform: Platform) -> None:
    with a_run(platform) as (_, progress):
        progress(1000)
        with platform.stopped("redis", kill=True):
            shutil.rmtree(platform.home.data / f"redis-{platform.options.ports['redis']}" / "appendonlydir")


@pytest.mark.parametrize("name", ["mysql", "kafka"])
def test_a_killed_server_loses_and_doubles_nothing(platform: Platform, name: str) -> None:
    with a_run(platform) as (_, progress):
        progress(1000)
        platform.kill(name)
