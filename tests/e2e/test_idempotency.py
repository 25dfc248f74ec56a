"""The same request twice is one send: at once from many clients, after a loss of Redis, and across a crash."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx2

from tests.builders import Text, a_text, later, numbers
from tests.road import Road, until

CLIENTS = 50


def the_request(to: str, key: str) -> Text:
    """The same body each time."""
    return a_text("한 번만 보내 주세요.").to(to).keyed(key)


def test_fifty_clients_with_one_key_make_one_send(road: Road) -> None:
    (to,), key = numbers(1), str(uuid4())
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(lambda _: road.post(the_request(to, key)), range(CLIENTS)))
    assert {a.status_code for a in answers} <= {202, 409}
    accepted = [a for a in answers if a.status_code == 202]
    assert len({a.json()["request_id"] for a in accepted}) == 1
    assert sum("idempotent-replayed" not in a.headers for a in accepted) == 1
    again = road.send(the_request(to, key))
    assert {str(again.request_id)} == {a.json()["request_id"] for a in accepted}
    road.wait_for_all()
    road.assert_sound()
    assert len(road.texts(to)) == 1


def test_a_replayed_answer_is_the_first_one_and_says_so(road: Road) -> None:
    (to,), key = numbers(1), str(uuid4())
    first, second = road.post(the_request(to, key)), road.post(the_request(to, key))
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


def test_the_same_key_with_another_body_is_422(road: Road) -> None:
    (to,), key = numbers(1), str(uuid4())
    road.send(the_request(to, key))
    other = road.post(a_text("다른 문자").to(to).keyed(key))
    assert other.status_code == 422
    assert "key" in other.json()["type"]
    road.wait_for_all()
    assert road.count() == 1


def test_keys_of_two_accounts_do_not_touch(road: Road) -> None:
    key = str(uuid4())
    with Road(road.platform) as other:
        one, two = road.send(a_text().to(*numbers(1)).keyed(key)), other.send(a_text().to(*numbers(1)).keyed(key))
        assert one.request_id != two.request_id
        other.wait_for_all()
    road.wait_for_all()


def test_a_key_outlives_the_loss_of_redis(road: Road) -> None:
    (to,), key = numbers(1), str(uuid4())
    first = road.send(the_request(to, key))
    until(lambda: road.row(first.id), "the message's row")
    road.redis(0).flushall()
    second = road.send(the_request(to, key))
    assert second.request_id == first.request_id
    assert road.post(a_text("다른 문자").to(to).keyed(key)).status_code == 422
    road.wait_for_all()
    road.assert_sound()
    assert len(road.texts(to)) == 1


def test_a_retry_after_its_reservation_has_left_gets_the_same_ids_also_when_redis_has_lost_the_key(road: Road) -> None:
    request = the_request(*numbers(1), str(uuid4())).with_(scheduled_at=later(8))
    first = road.send(request)
    until(lambda: road.state(first.id) == "delivered", "the reservation to leave")
    late = road.send(request)
    road.redis(0).flushall()
    later_still = road.send(request)
    assert {first.request_id, late.request_id, later_still.request_id} == {first.request_id}
    road.wait_for_all()
    road.assert_sound()
    assert road.count() == 1


def test_retries_across_kills_of_the_accepting_function_send_once(road: Road) -> None:
    requests = [a_text().to_many(100).in_lane("bulk").keyed() for _ in range(40)]

    def patiently(builder: Text) -> list[str]:
        """The request again and again, and once more after its 202."""
        sent = road.send_patiently(builder)
        once_more = road.send_patiently(builder)
        return [str(sent.request_id), str(once_more.request_id)]

    with ThreadPoolExecutor(8) as clients:
        futures = [clients.submit(patiently, request) for request in requests]
        for _ in range(2):
            done = sum(f.done() for f in futures)
            until(lambda seen=done: sum(f.done() for f in futures) > seen or all(f.done() for f in futures), "a 202")
            road.platform.kill("api_mt")
        answers = [future.result() for future in futures]
    assert all(first == second for first, second in answers)
    assert len({first for first, _ in answers}) == len(requests)
    road.wait_for_all()
    road.assert_sound()
    assert road.count() == 4000


def test_a_request_with_a_key_that_another_holds_in_mysql_ends_as_a_duplicate(road: Road) -> None:
    """Redis is lost in the moment between two requests, and MySQL does not know the key yet: route decides."""
    (to,), key = numbers(1), str(uuid4())
    with road.platform.stopped("kafka_source-fast"):
        first = road.send(the_request(to, key))
        road.redis(0).flushall()
        second = road.send(the_request(to, key))
        assert first.request_id != second.request_id
    ended = {road.report_of(i)["code"] for i in (first.id, second.id)}
    assert ended == {"0000", "1005"}
    assert len(road.texts(to)) == 1


def test_without_redis_keyed_requests_wait_and_otps_go_on(road: Road) -> None:
    with road.platform.stopped("redis"):
        assert until(lambda: _status(road, a_text().to(*numbers(1)).keyed()), "an answer") == 503
        assert _status(road, a_text().to(*numbers(1)).in_lane("bulk")) == 503
        otp = road.send(a_text("인증번호 1234").to(*numbers(1)).in_lane("auth"))
        until(lambda: road.state(otp.id) in ("sent", "delivered"), "the OTP to be sent without Redis")
    road.wait_for_all()
    road.assert_sound()


def _status(road: Road, builder: Text) -> int | None:
    try:
        return road.post(builder).status_code
    except httpx2.TransportError:
        return None
