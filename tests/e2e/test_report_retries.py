"""The client's callback is down: keys, moments, the tenth retry, replays, and the same without Redis's memory."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from shared.domain.retry import report_delay_s
from tests.builders import a_text, numbers
from tests.conftest import FAST
from tests.road import Road, until

UNIT_S = float(FAST["IMS_RETRY_UNIT_SECONDS"])
TRIES = 11

pytestmark = pytest.mark.timeout(300)


def keys(road: Road, db: int) -> set[str]:
    """This account's keys in one of Redis's databases."""
    return {key.decode() for key in road.redis(db).scan_iter(f"{road.username}:*", 1000)}


def key_of(road: Road, message_id: str) -> str:
    """`username:channelType:messageId`."""
    return f"{road.username}:mt:{message_id}"


def callback(road: Road, message_id: str) -> str:
    """What the API says of a message's report."""
    return str(road.get(f"/v1/messages/{message_id}")["callback"]["state"])


def test_db0_holds_the_report_and_db1_only_its_timer(road: Road) -> None:
    road.sink.status = 503
    sent = road.send(a_text().to(*numbers(3)))
    wanted = {key_of(road, i) for i in sent.ids}
    until(lambda: keys(road, 0) == wanted, "the keys in db0")
    until(lambda: len(road.sink.calls) >= 3 * 7, "tries with more time between them")
    timer = until(lambda: next(iter(keys(road, 1)), None), "a timer in db1")
    assert timer in wanted
    value, left_ms = road.redis(1).get(timer), road.redis(1).pttl(timer)
    assert value in (b"", None), "db1 carries nothing but time"
    assert left_ms <= 6 * 5 * 60 * 1000
    stored = json.loads(road.redis(0).get(key_of(road, sent.ids[0])) or b"null")
    assert stored == road.sink.by_message()[sent.ids[0]][0][1], "db0 has what the body carried as data"
    road.sink.status = 204
    road.wait_for_all()
    until(lambda: keys(road, 0) == keys(road, 1) == set(), "db0 and db1 to be empty")


def test_ten_retries_come_at_their_moments_then_the_client_asks_and_replays(road: Road) -> None:
    road.sink.status = 500
    sent = road.send(a_text().to(*numbers(1)))
    until(lambda: len(road.sink.calls) == TRIES, "eleven tries")
    until(lambda: keys(road, 0) == keys(road, 1) == set(), "db0 to be empty after the tenth retry")
    calls = [call for call, _ in road.sink.by_message()[sent.id]]
    assert [call.attempt for call in calls] == list(range(1, TRIES + 1))
    assert {call.headers["webhook-id"] for call in calls} == {sent.id}
    assert all(call.verified for call in calls)
    for n, (before, after) in enumerate(pairwise(calls), 1):
        assert after.at - before.at > (report_delay_s(n, UNIT_S) or 0) - 0.05, f"retry {n} came too early"
    until(lambda: callback(road, sent.id) == "exhausted", "the API to know")
    assert road.get(f"/v1/messages/{sent.id}")["status"] == "delivered"

    road.sink.status = 204
    assert road.call("POST", f"/v1/messages/{sent.id}/report/replay").is_success
    road.report_of(sent.id)
    until(lambda: callback(road, sent.id) == "delivered", "the API to know of the replay")
    assert len(road.sink.calls) == TRIES + 1


@pytest.mark.parametrize("wiped", [False, True], ids=["redis_kept", "redis_wiped"])
def test_a_callback_that_comes_back_gets_each_report_once(road: Road, wiped: bool) -> None:
    road.sink.status = 503
    sent = road.send(a_text().to(*numbers(20)))
    until(lambda: len(road.sink.calls) >= 20 * 4, "some tries of each")
    if wiped:
        until(lambda: _pending(road) == 20, "MySQL to know of all")
        road.redis(0).flushall()
    road.sink.status = 204
    road.wait_for_all()
    assert {i: len(reports) for i, reports in road.sink.taken().items()} == dict.fromkeys(sent.ids, 1)
    until(lambda: keys(road, 0) == keys(road, 1) == set(), "db0 and db1 to be empty")
    until(lambda: _pending(road) == 0, "MySQL to know that they were taken")
    road.assert_sound()


def test_an_exhausted_report_survives_the_loss_of_redis_and_can_be_replayed(road: Road) -> None:
    road.sink.status = 500
    sent = road.send(a_text().to(*numbers(1)))
    until(lambda: len(road.sink.calls) >= 4, "some tries")
    until(lambda: _pending(road) == 1, "MySQL to know")
    road.redis(0).flushall()
    until(lambda: callback(road, sent.id) == "exhausted", "the last try")
    assert [call.attempt for call in road.sink.calls][-1] == TRIES
    until(lambda: keys(road, 0) == set(), "db0 to be empty")
    road.sink.status = 204
    assert road.call("POST", "/v1/reports/replay", json={"request_id": str(sent.request_id)}).is_success
    road.report_of(sent.id)


def test_a_batch_is_retried_as_the_same_unit(road: Road) -> None:
    with Road(road.platform, batch=50) as batched:
        batched.sink.status = 500
        sent = batched.send(a_text().to_many(100).in_lane("bulk"))
        until(lambda: keys(batched, 0) == {key_of(batched, i) for i in sent.ids}, "one key a message in db0")
        until(lambda: len(batched.sink.calls) >= 8, "some tries")
        batched.sink.status = 204
        batched.wait_for_all()
        members: dict[str, set[tuple[str, ...]]] = {}
        for call in batched.sink.calls:
            ids = tuple(report["message_id"] for report in call.reports)
            members.setdefault(call.headers["webhook-id"], set()).add(ids)
        assert all(len(units) == 1 for units in members.values()), "a batch changed its members"
        batched.assert_sound()


def _pending(road: Road) -> int:
    statement = "SELECT COUNT(*) FROM reports WHERE account_id=%s AND state='pending'"
    return int(road.sql(statement, road.account_id)[0][0])
