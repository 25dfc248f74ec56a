"""10,000 recipients in one request: all arrive once, all are reported with valid signatures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from local.testing import Platform
from tests.builders import a_text, an_otp, numbers
from tests.road import NORMAL, Road, until

MANY = 10_000
MINUTES = 300.0


@pytest.fixture(params=[500, 1], ids=lambda batch: f"batch_{batch}")
def batched(request: pytest.FixtureRequest, platform: Platform) -> Iterator[Road]:
    """A client whose callbacks carry up to so many reports, as it set through the API."""
    platform.wait_healthy()
    with Road(platform) as road:
        road.behave(**NORMAL)
        changed = road.call("PUT", "/v1/callbacks", json={"batch_size": request.param})
        assert changed.status_code == 200, changed.text
        assert road.get("/v1/callbacks")["batch_size"] == request.param
        yield road


@pytest.mark.timeout(600)
def test_ten_thousand_recipients_of_one_request_arrive_and_are_reported_once(batched: Road) -> None:
    batched.simulator("DELETE", "/received")
    sent = batched.send(a_text("대량 발송 안내입니다.").to_many(MANY).in_lane("bulk"))
    assert sent.answer["accepted"] == MANY
    batched.wait_for_all(MINUTES)
    stats = batched.simulator("GET", "/stats")
    assert (stats["received"], stats["duplicates"], stats["unique_to"]) == (MANY, 0, MANY)
    batched.assert_sound()
    reports = batched.sink.by_message()
    assert {calls[0][1]["ref"] for calls in reports.values()} == {f"r{i}" for i in range(MANY)}
    for calls in reports.values():  # at least once, and then under the same id
        assert len({call.headers["webhook-id"] for call, _ in calls}) == 1


@pytest.mark.timeout(300)
def test_a_batch_has_one_webhook_id_made_of_its_message_ids(platform: Platform) -> None:
    with Road(platform, batch=50) as road:
        road.send(a_text().to_many(200).in_lane("bulk"))
        road.wait_for_all()
        sizes = [len(call.reports) for call in road.sink.calls]
        assert max(sizes) <= 50
        assert len(sizes) < 100, "reports were not batched"
        lone = road.send(a_text().to(*numbers(1)))
        road.report_of(lone.id)
        assert {call.type for call in road.sink.calls} == {"messages.finished"}
        ids = [call.headers["webhook-id"] for call in road.sink.calls]
        assert len(set(ids)) == len(ids)
        assert all(len(i) >= len(hashlib.md5(b"").hexdigest()) for i in ids)
        road.assert_sound()


@pytest.mark.timeout(600)
def test_an_otp_does_not_wait_behind_a_flood(platform: Platform) -> None:
    with Road(platform, batch=500) as road:
        for _ in range(2):
            road.send(a_text("대량 발송 안내입니다.").to_many(MANY).in_lane("bulk"))
        otp = road.send(an_otp().to(*numbers(1)))
        until(lambda: road.state(otp.id) == "delivered", "the OTP")
        assert road.ended() < 2 * MANY, "the flood was over before the OTP arrived"
        road.wait_for_all(MINUTES)
        road.assert_sound()


@pytest.mark.timeout(300)
def test_a_full_window_keeps_the_rest_in_a_backlog_and_lets_another_client_through(platform: Platform) -> None:
    with Road(platform, batch=500, send_window=500) as crowded, Road(platform) as other:
        with crowded.vendors(latency_ms=300):
            crowded.send(a_text().to_many(4000).in_lane("bulk"))
            until(lambda: crowded.sql("SELECT COUNT(*) FROM due WHERE kind='backlog'")[0][0], "a backlog")
            assert crowded.in_flight() <= 500 + 500
            quick = other.send(a_text().to_many(1).in_lane("bulk"))
            other.report_of(quick.id)
            assert crowded.ended() < 4000, "the other client waited for all of it"
        crowded.wait_for_all()
        crowded.assert_sound()
        other.assert_sound()


@pytest.mark.timeout(600)
def test_a_flood_in_the_same_lane_waits_its_turn_and_arrives_once(platform: Platform) -> None:
    with Road(platform, batch=500) as crowded, Road(platform) as other:
        for _ in range(2):
            crowded.send(a_text().to_many(4000).in_lane("realtime"))
        kept = "SELECT COALESCE(SUM(messages), 0) FROM due WHERE kind='surplus'"
        until(lambda: crowded.sql(kept)[0][0], "messages that wait their turn")
        quick = other.send(a_text().to(*numbers(1)).in_lane("realtime"))
        other.report_of(quick.id)
        assert crowded.ended() < 8000, "the other client waited for all of it"
        crowded.wait_for_all(MINUTES)
        assert crowded.sql(kept) == [(0,)]
        crowded.assert_sound()
        other.assert_sound()
