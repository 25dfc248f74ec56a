"""The road on OpenFaaS CE: what stack.ce.yml and openfaas/ describe, each call through OpenFaaS' gateway.

The stories are those of the other e2e tests, run once more on this platform; only what is killed has other names here.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.openfaas import files
from local.testing import Platform
from shared.domain.events import Due
from shared.runtime import bus
from tests.builders import a_text, later, magic, numbers
from tests.conftest import FAST
from tests.e2e.test_accepting import (  # noqa: F401 - pytest collects them from here too
    test_a_body_over_ten_megabytes_is_413,
    test_a_reservation_leaves_at_its_time,
    test_a_retryable_failure_is_tried_three_more_times,
    test_a_text_reaches_the_handset_and_its_signed_report_the_client,
    test_an_accepted_request_answers_with_ids_types_and_links,
    test_an_mms_carries_an_uploaded_image,
    test_an_operators_key_a_lacking_scope_and_a_foreign_address_are_403,
    test_every_lane_delivers,
    test_slow_double_late_and_early_receipts_end_once,
    test_when_all_vendors_are_down_messages_wait_and_then_go,
)
from tests.e2e.test_bulk import test_a_batch_has_one_webhook_id_made_of_its_message_ids  # noqa: F401
from tests.e2e.test_following import (  # noqa: F401
    test_a_message_can_be_followed_from_its_202_to_its_end,
    test_a_replay_sends_the_same_report_again,
    test_cancelling_keeps_what_has_not_left_from_leaving,
    test_the_feed_gives_every_report_once_in_order,
)
from tests.e2e.test_idempotency import (  # noqa: F401
    test_a_key_outlives_the_loss_of_redis,
    test_fifty_clients_with_one_key_make_one_send,
)
from tests.e2e.test_report_retries import (  # noqa: F401
    test_a_batch_is_retried_as_the_same_unit,
    test_a_callback_that_comes_back_gets_each_report_once,
    test_db0_holds_the_report_and_db1_only_its_timer,
)
from tests.ports import running
from tests.road import NORMAL, Road, sql, until

SHAPE = {"IMS_PLATFORM": "openfaas-ce"}
OFFSET = 17_300
MINUTES = 240.0
BROKEN = (
    *("api-mt", "api-receipt", "route", "send-mt", "report", "store", "schedule"),
    *("kafka-source-slow", "openfaas-gateway"),
)

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """OpenFaaS CE's subset, running."""
    with running(tmp_path_factory.mktemp("openfaas"), {**FAST, **SHAPE}, OFFSET) as made:
        yield made


def call(platform: Platform, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    """A POST to OpenFaaS' gateway, its body in chunks, as OpenFaaS' own proxies send it on."""
    port = platform.options.ports["openfaas-gateway"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    half = len(body) // 2
    chunks = iter((body[:half], body[half:])) if body else None
    connection.request("POST", path, chunks, headers, encode_chunked=bool(body))
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_everything_that_the_stack_names_runs_and_nothing_else(platform: Platform) -> None:
    running = {name for name, process in platform.processes().items() if process["kind"] == "function"}
    assert running == {deployed.name for deployed in files.functions()}
    assert len(running) <= 15
    for deployed in files.functions():
        path = f"/function/{deployed.name}.openfaas-fn{deployed.ready}"
        assert call(platform, path, b"")[0] == 200


def test_a_structured_event_in_chunks_is_taken_as_pros_connector_brings_it(platform: Platform) -> None:
    ((topic, value, _),) = bus.records(Due(kind="timeout", ids=["0" * 32]), "/test", None, "structured")
    headers = {"X-Topic": topic, "X-Kafka-Offset": "1", "Content-Type": "text/plain"}
    assert call(platform, "/function/route", value, **headers) == (200, b"")


def test_what_cannot_be_read_is_kept_in_the_dead_letters(platform: Platform) -> None:
    assert call(platform, "/function/route", b"{nonsense", **{"X-Topic": "ims.outcome.auth"})[0] == 200
    statement = "SELECT topic FROM dead_letters"
    assert until(lambda: sql(platform, statement), "the dead letter") == [("ims.outcome.auth",)]
    sql(platform, "DELETE FROM dead_letters")


def test_killing_functions_source_and_gateway_at_once_loses_and_doubles_nothing(platform: Platform) -> None:
    requests = [a_text("예약 시험").to(*numbers(20)).with_(scheduled_at=later(20))]
    requests += [a_text("중단 시험 문자입니다.").to_many(300).in_lane("bulk") for _ in range(8)]
    requests.append(a_text("재시도 시험").to_many(100).to(magic("4002")).in_lane("bulk"))
    with Road(platform, batch=100) as road, ThreadPoolExecutor(3) as clients:
        road.behave(**NORMAL)
        futures = [clients.submit(road.send_patiently, request) for request in requests]
        for count in (200, 1000):
            until(lambda n=count: road.ended() >= n or all(f.done() for f in futures), f"{count} messages to end")
            for name in BROKEN:
                platform.kill(name)
        assert all(future.result(MINUTES) for future in futures)
        road.wait_for_all(MINUTES)
        road.assert_sound()
    platform.wait_healthy()


def test_ticks_come_bare_and_are_taken(platform: Platform) -> None:
    """OpenFaaS' gateway cuts off the answer to a run of over a minute; the run itself goes on."""

    def answers() -> set[str]:
        lines = [json.loads(line) for line in platform.log("cron-connector").splitlines() if line.startswith("{")]
        return {line["answer"] for line in lines if line["event"] == "called" and line["function"] == "schedule"}

    known = until(answers, "a tick")
    assert not {answer for answer in known if answer.startswith("4")}, "a tick was not understood"
