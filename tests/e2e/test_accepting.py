"""What clients may rely on when they hand messages in: the contract of POST /v1/mt/messages, through the gateway."""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from tests.builders import a_jpeg, a_text, an_otp, later, magic, numbers
from tests.road import Road, until

PROBLEM = "application/problem+json"


def problem(response: Any, status: int) -> dict[str, Any]:
    """A problem document of RFC 9457 with this status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith(PROBLEM)
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["type"].startswith("http")
    assert body["title"]
    assert "Traceback" not in response.text
    assert all(fault.keys() == {"pointer", "code", "detail"} for fault in body["errors"])
    return body


def test_an_accepted_request_answers_with_ids_types_and_links(road: Road) -> None:
    one, two = numbers(2)
    sent = road.send(a_text().to(one, ref="order-1").to(two).with_(request_ref="morning"))
    answer = sent.answer
    assert answer["accepted"] == 2
    assert (answer["lane"], answer["request_ref"], answer["scheduled_at"]) == ("realtime", "morning", None)
    assert answer["rejected"] == []
    assert [m["message_id"] for m in answer["messages"]] == sent.ids
    assert [(m["to"], m["ref"], m["type"]) for m in answer["messages"]] == [(one, "order-1", "sms"), (two, None, "sms")]
    assert answer["links"] == {
        "self": f"/v1/requests/{sent.request_id}",
        "reports": f"/v1/reports?request_id={sent.request_id}",
    }
    assert UUID(answer["request_id"]).version == 7


def test_a_text_reaches_the_handset_and_its_signed_report_the_client(road: Road) -> None:
    (to,) = numbers(1)
    sent = road.send(a_text("[IMS] 배송이 시작되었습니다.").to(to, ref="order-1").with_(request_ref="r"))
    report = road.report_of(sent.id)
    (text,) = road.texts(to)
    assert text["text"] == "[IMS] 배송이 시작되었습니다."
    assert text["sender"] == "0215441234"
    (call,) = road.sink.calls
    assert call.verified
    assert call.type == "message.finished"
    assert call.attempt == 1
    assert call.headers["webhook-id"] == sent.id
    assert call.headers["user-agent"].startswith("ims/")
    wanted = {
        "message_id": sent.id, "request_id": str(sent.request_id), "request_ref": "r", "ref": "order-1", "to": to,
        "username": road.username, "channel": "mt", "type": "sms", "status": "delivered", "code": "0000",
        "detail": "delivered", "currency": "KRW",
    }  # fmt: skip
    assert {name: report[name] for name in wanted} == wanted
    (hop,) = report["hops"]
    assert (hop["channel"], hop["status"], hop["code"]) == ("mt", "delivered", "0000")
    assert report["accepted_at"] <= report["finished_at"]
    road.assert_sound()


def test_unreadable_json_is_400_and_another_type_415(road: Road) -> None:
    json_type, plain = {"content-type": "application/json"}, {"content-type": "text/plain"}
    problem(road.call("POST", "/v1/mt/messages", content=b'{"sender": ', headers=json_type), 400)
    problem(road.call("POST", "/v1/mt/messages", content=b"\xff\xfe\x00", headers=json_type), 400)
    problem(road.call("POST", "/v1/mt/messages", content=b"hello", headers=plain), 415)


@pytest.mark.parametrize("header", [None, "Bearer ims_live_wrong", "Bearer x", "Basic dXNlcjpwdw==", "Bearer"])
def test_no_key_or_a_wrong_one_is_401(road: Road, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    problem(road.http.post("/v1/mt/messages", json=a_text().to(*numbers(1)).body, headers=headers), 401)


def test_an_operators_key_a_lacking_scope_and_a_foreign_address_are_403(road: Road) -> None:
    body = a_text().to(*numbers(1)).body
    admin = {"authorization": f"Bearer {road.demo['admin_key']}"}
    problem(road.http.post("/v1/mt/messages", json=body, headers=admin), 403)
    road.sql("UPDATE api_keys SET scopes='[\"reports\"]' WHERE account_id=%s AND kind='live'", road.account_id)
    problem(road.call("POST", "/v1/mt/messages", json=body), 403)
    road.sql("UPDATE api_keys SET ip_allow='[\"203.0.113.0/24\"]' WHERE account_id=%s AND kind='test'", road.account_id)
    problem(road.call("POST", "/v1/mt/messages", "test", json=body), 403)


def test_a_revoked_key_dies_within_seconds(road: Road) -> None:
    road.send(a_text().to(*numbers(1)))
    road.sql("UPDATE api_keys SET revoked_ms=1 WHERE account_id=%s", road.account_id)
    until(lambda: road.post(a_text().to(*numbers(1))).status_code == 401, "the key to die", 15)


def test_unknown_paths_are_404_and_wrong_methods_405(road: Road) -> None:
    problem(road.call("GET", "/v1/mt/nothing"), 404)
    problem(road.call("GET", "/nowhere/at/all"), 404)
    problem(road.call("DELETE", "/v1/mt/messages"), 405)


def test_a_body_over_ten_megabytes_is_413(road: Road) -> None:
    content = b'{"text": "' + b"x" * (10 * 1024 * 1024) + b'"}'
    problem(road.call("POST", "/v1/mt/messages", content=content, headers={"content-type": "application/json"}), 413)


@pytest.mark.parametrize(
    ("status", "path", "headers"),
    [
        (413, "/v1/mt/messages", {}),
        (413, "/v1/files", {"content-type": "image/jpeg"}),
        (401, "/v1/mt/messages", {"authorization": "Bearer x"}),
        (415, "/v1/mt/messages", {"content-type": "text/plain"}),
        (404, "/v1/mt/nothing", {}),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_reads_no_answer_while_it_writes_is_told_why_its_body_is_refused(
    road: Road, status: int, path: str, headers: dict[str, str], chunked: bool
) -> None:
    url = urlsplit(road.demo["gateway"])
    sent = {"authorization": f"Bearer {road.keys['live']}", "content-type": "application/json", **headers}
    connection = HTTPConnection(url.hostname or "", url.port, timeout=30)
    for _ in range(5):
        body = iter([b" " * 1024 * 1024] * 11) if chunked else b" " * 11 * 1024 * 1024
        connection.request("POST", path, body, sent, encode_chunked=chunked)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["errors"]) == (status, [])
    connection.close()


HOST = b"host: ims\r\n"
LONG = b"a" * 70_000
UNSOUND = {
    "a long header": (431, b"GET /v1/me HTTP/1.1\r\n" + HOST + b"x: " + LONG + b"\r\n\r\n"),
    "a long URL": (431, b"GET /v1/me?x=" + LONG + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "many headers": (431, b"GET /v1/me HTTP/1.1\r\n" + HOST + b"x: 1\r\n" * 101 + b"\r\n"),
    "a method of its own": (400, b"FOOBAR /v1/me HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a length in words": (400, b"POST /v1/mt/messages HTTP/1.1\r\n" + HOST + b"content-length: abc\r\n\r\n"),
    "no host": (400, b"GET /v1/me HTTP/1.1\r\n\r\n"),
    "a fragment": (400, b"GET /v1/me#x HTTP/1.1\r\n" + HOST + b"\r\n"),
    "bytes": (400, b"\x16\x03\x01\r\n\r\n"),
    "HTTP/1.0": (426, b"GET /v1/me HTTP/1.0\r\n" + HOST + b"\r\n"),
    "a zipped transfer": (501, b"POST /v1/mt/messages HTTP/1.1\r\n" + HOST + b"transfer-encoding: gzip\r\n\r\n"),
    "an upgrade": (403, b"GET /v1/me HTTP/1.1\r\n" + HOST + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n"),
    "no such path": (404, b"GET /nowhere HTTP/1.1\r\n" + HOST + b"connection: close\r\n\r\n"),
}


@pytest.mark.parametrize(("status", "sent"), UNSOUND.values(), ids=UNSOUND)
def test_what_is_not_even_sound_http_is_answered_with_a_problem(road: Road, status: int, sent: bytes) -> None:
    url = urlsplit(road.demo["gateway"])
    with socket.create_connection((url.hostname, url.port or 80), timeout=30) as connection:
        connection.sendall(sent)
        answer = HTTPResponse(connection)
        answer.begin()
        told = json.loads(answer.read())
    assert (answer.status, answer.headers["content-type"]) == (status, PROBLEM)
    assert (told["status"], told["errors"]) == (status, [])
    assert told["type"].startswith("https://")


@pytest.mark.parametrize("query", [{}, {"dry_run": "true"}])
def test_a_sender_number_that_is_not_the_accounts_is_403(road: Road, query: dict[str, str]) -> None:
    hop = {"channel": "mt", "sender": "0311234567", "text": "hi"}
    text = a_text().to(*numbers(1)).with_(sender="0299999999", fallback=[hop])
    body = problem(road.post(text, **query), 403)
    assert [(e["pointer"], e["code"]) for e in body["errors"]] == [("/sender", "1004"), ("/fallback/0/sender", "1004")]
    problem(road.post(text.with_(ttl=0), **query), 422)


def test_every_fault_of_a_request_is_listed_at_once(road: Road) -> None:
    wrong = (
        a_text("x")
        .to("0101")
        .with_(
            sender="0299999999",
            lane="express",
            colour="red",
            ttl=0,
            callback_uri="ftp://x",
            subject="제" * 30,
            strict=True,
        )
    )
    body = problem(road.post(wrong), 422)
    pointers = {fault["pointer"] for fault in body["errors"]}
    assert {"/sender", "/lane", "/colour", "/ttl", "/callback_uri", "/subject"} <= pointers
    assert all(fault["code"] and fault["detail"] for fault in body["errors"])


def test_more_than_ten_thousand_recipients_are_422(road: Road) -> None:
    problem(road.post(a_text().to(*[f"010{20000000 + i}" for i in range(10_001)])), 422)


def test_a_body_without_recipients_sender_and_text_names_all_three(road: Road) -> None:
    body = problem(road.post(a_text().without("sender", "text", "recipients")), 422)
    assert {"/sender", "/text", "/recipients"} <= {fault["pointer"] for fault in body["errors"]}


def test_bad_recipients_come_back_and_good_ones_go(road: Road) -> None:
    good, other = numbers(2)
    sent = road.send(a_text().to(good, "0101", other, "not a number"))
    assert sent.answer["accepted"] == 2
    assert [(r["index"], r["to"], r["code"]) for r in sent.answer["rejected"]] == [
        (1, "0101", "1001"),
        (3, "not a number", "1001"),
    ]
    assert [m["message_id"] for m in sent.answer["messages"]] == sent.ids
    road.wait_for_all()
    road.assert_sound()


def test_strict_refuses_the_whole_request_for_one_bad_recipient(road: Road) -> None:
    body = problem(road.post(a_text().to(*numbers(1)).to("0101").with_(strict=True)), 422)
    assert any(fault["pointer"].startswith("/recipients/1") for fault in body["errors"])
    assert road.count() == 0


def test_none_acceptable_is_422(road: Road) -> None:
    problem(road.post(a_text().to("0101", "0102")), 422)


def test_a_dry_run_shows_the_plan_and_sends_nothing(road: Road) -> None:
    (to,) = numbers(1)
    response = road.post(a_text("가" * 60).to(to), dry_run="true")
    assert response.status_code == 200
    plan = response.json()
    (message,) = plan["messages"]
    assert (message["type"], message["length"]) == ("lms", 120)
    assert float(message["price"]) > 0
    assert plan["plan"][0]["channel"] == "mt"
    real = road.send(a_text().to(*numbers(1)))
    road.report_of(real.id)
    assert road.count() == 1
    assert road.texts(to) == []


def test_variables_are_filled_in_for_each_recipient(road: Road) -> None:
    kim, lee, nobody = numbers(3)
    text = a_text("#{name}님, 주문 #{order}이 발송되었습니다.")
    text.to(kim, variables={"name": "김하나", "order": "1"}).to(lee, variables={"name": "이두리", "order": "2"})
    sent = road.send(text.to(nobody, variables={"name": "박"}))
    assert [(r["index"], r["code"]) for r in sent.answer["rejected"]] == [(2, "1010")]
    road.wait_for_all()
    assert [t["text"] for t in road.texts(kim)] == ["김하나님, 주문 1이 발송되었습니다."]
    assert [t["text"] for t in road.texts(lee)] == ["이두리님, 주문 2이 발송되었습니다."]


@pytest.mark.parametrize("lane", ["auth", "realtime", "bulk"])
def test_every_lane_delivers(road: Road, lane: str) -> None:
    sent = road.send(a_text("인증번호 1234").to(*numbers(3)).in_lane(lane))
    assert sent.answer["lane"] == lane
    road.wait_for_all()
    road.assert_sound()


def test_an_advertisement_goes_by_day_and_is_held_by_night(road: Road) -> None:
    sent = road.send(a_text("(광고)IMS 가을 할인\n무료거부 080-123-4567").to(*numbers(1)).in_lane("ad"))
    state = until(lambda: road.state(sent.id) in ("held", "delivered") and road.state(sent.id), "a decision")
    if state == "delivered":
        assert road.report_of(sent.id)["status"] == "delivered"


def test_a_message_whose_time_has_passed_is_expired_and_never_sent(road: Road) -> None:
    (to,) = numbers(1)
    with road.vendors(down=True):
        sent = road.send(a_text().to(to).with_(ttl=1))
        report = road.report_of(sent.id)
    assert (report["status"], report["code"]) == ("expired", "0301")
    assert road.texts(to) == []
    road.assert_sound()


def test_a_reservation_leaves_at_its_time(road: Road) -> None:
    (to,) = numbers(1)
    sent = road.send(a_text().to(to).with_(scheduled_at=later(10)))
    assert sent.answer["scheduled_at"]
    until(lambda: road.state(sent.id) == "scheduled", "the reservation")
    assert road.texts(to) == []
    road.report_of(sent.id)
    (text,) = road.texts(to)
    ((scheduled_ms,),) = road.sql("SELECT scheduled_ms FROM requests WHERE request_id=%s", sent.request_id.bytes)
    assert text["at_ms"] >= scheduled_ms
    road.assert_sound()


def test_an_opt_out_stops_what_was_accepted_before_it_and_nothing_else(road: Road) -> None:
    people = numbers(3)
    sent = road.send(a_text().to(*people).with_(scheduled_at=later(8), lane="bulk"))
    until(lambda: road.state(sent.ids[0]) == "scheduled", "the reservation")
    assert road.call("POST", "/v1/optouts", json={"to": people[1], "scope": "all"}).status_code == 201
    ends = {i: road.report_of(i) for i in sent.ids}
    found = {report["to"]: (report["status"], report["code"]) for report in ends.values()}
    assert found == {
        people[0]: ("delivered", "0000"),
        people[1]: ("failed", "1007"),
        people[2]: ("delivered", "0000"),
    }
    assert [len(road.texts(to)) for to in people] == [1, 0, 1]
    road.assert_sound()


def test_a_test_key_goes_the_whole_way_to_the_sandbox(road: Road) -> None:
    (to,) = numbers(1)
    sent = road.send(a_text().to(to), "test")
    road.report_of(sent.id)
    assert [t["account"] for t in road.texts(to)] == ["test"]
    assert road.row(sent.id)["vendor_account"] == "test"
    road.assert_sound()


@pytest.mark.parametrize("code", ["1006", "4001", "4005", "4006", "4007", "4008"])
def test_a_magic_recipient_ends_with_its_code(road: Road, code: str) -> None:
    sent = road.send(a_text().to(magic(code)))
    report = road.report_of(sent.id)
    assert (report["status"], report["code"], report["price"]) == ("failed", code, "0.00")
    assert road.received() == {}


def test_a_retryable_failure_is_tried_three_more_times(road: Road) -> None:
    sent = road.send(a_text().to(magic("4002")))
    report = road.report_of(sent.id)
    assert (report["status"], report["code"]) == ("failed", "4002")
    assert [hop["code"] for hop in report["hops"]] == ["4002"] * 4
    assert [hop for hop, *_ in road.hops(sent.id)] == [1, 2, 3, 4]


def test_an_otp_is_retried_twice(road: Road) -> None:
    sent = road.send(an_otp().to(magic("4003")))
    report = road.report_of(sent.id)
    assert (report["status"], report["code"]) == ("failed", "4003")
    assert len(report["hops"]) == 3


@pytest.mark.parametrize("trick", ["9901", "9902", "9903", "9904"])
def test_slow_double_late_and_early_receipts_end_once(road: Road, trick: str) -> None:
    sent = road.send(a_text().to(magic(trick)))
    assert road.report_of(sent.id)["status"] == "delivered"
    road.assert_sound()
    assert len(road.sink.by_message()[sent.id]) == 1


def test_a_vendors_time_out_is_not_a_failure(road: Road) -> None:
    sent = road.send(a_text().to(magic("0300")))
    report = road.report_of(sent.id)
    assert report["status"] == "delivered"
    assert len(road.received()[sent.id]) == 1, "sent again although the vendor had it"
    road.assert_sound()


def test_when_one_vendor_is_down_the_other_carries(road: Road) -> None:
    with road.vendors(vendor="solapi", down=True):
        sent = road.send(a_text().to_many(20))
        road.wait_for_all()
    assert {report["status"] for reports in road.sink.taken().values() for report in reports} == {"delivered"}
    assert {road.row(i)["vendor"] for i in sent.ids} == {"nhn"}
    road.assert_sound()


def test_when_all_vendors_are_down_messages_wait_and_then_go(road: Road) -> None:
    with road.vendors(down=True):
        sent = road.send(a_text().to_many(20))
        until(lambda: road.count("status = 3") == 20, "the messages to be routed")
        until(lambda: road.sql("SELECT COUNT(*) FROM due WHERE kind = 'parked'")[0][0] > 0, "a parked batch")
        assert road.ended() == 0
    road.wait_for_all()
    assert len(sent.ids) == 20
    road.assert_sound()


def test_a_fallback_hop_carries_what_the_first_could_not(road: Road) -> None:
    text = a_text().to(magic("4004")).with_(fallback=[{"channel": "mt", "sender": "15991234", "text": "다른 문자"}])
    report = road.report_of(road.send(text).id)
    assert len(report["hops"]) == 2
    assert report["hops"][0]["code"] == "4004"


def test_an_mms_carries_an_uploaded_image(road: Road) -> None:
    uploaded = road.call("POST", "/v1/files", content=a_jpeg(), headers={"content-type": "image/jpeg"})
    assert uploaded.status_code == 201, uploaded.text
    (to,) = numbers(1)
    sent = road.send(a_text().to(to).with_(subject="사진", files=[uploaded.json()["file_id"]]))
    assert sent.answer["messages"][0]["type"] == "mms"
    report = road.report_of(sent.id)
    assert (report["status"], report["type"]) == ("delivered", "mms")
    assert [t["type"].lower() for t in road.texts(to)] == ["mms"]


def test_an_image_may_come_as_a_forms_file(road: Road) -> None:
    image = a_jpeg() + b"\r\n\0\n\r"
    uploaded = road.call("POST", "/v1/files", files={"file": ("사진.jpg", image, "image/jpeg")})
    assert uploaded.status_code == 201, uploaded.text
    told = uploaded.json()
    assert (told["name"], told["size"]) == ("사진.jpg", len(image))
    assert road.sql("SELECT body FROM files WHERE file_id = %s", UUID(told["file_id"]).bytes) == [(image,)]


def test_a_form_has_the_same_limits_as_a_raw_image(road: Road) -> None:
    image = a_jpeg()
    largest = image + b"x" * (2 * 1024 * 1024 - len(image))
    for content, status in ((largest, 201), (largest + b"x", 413), (largest + b"x" * 100_000, 413)):
        answer = road.call("POST", "/v1/files", files={"file": ("a.jpg", content, "image/jpeg")})
        assert answer.status_code == status, answer.text
    for kind in ("image/png", "application/octet-stream", "text/plain"):  # what it is counts, not what it is called
        answer = road.call("POST", "/v1/files", files={"file": ("a.png", image, kind)})
        assert (answer.status_code, answer.json().get("media_type")) == (201, "image/jpeg"), answer.text
    problem(road.call("POST", "/v1/files", files={"file": ("a.png", b"\x89PNG\r\n\x1a\n", "image/png")}), 415)
    problem(road.call("POST", "/v1/files", files={"file": ("a.jpg", image[:-100], "image/jpeg")}), 422)
    problem(road.call("POST", "/v1/files", files={"file": ("a.jpg", b"hello", "image/jpeg")}), 422)
    two = [("file", ("a.jpg", image, "image/jpeg")), ("more", ("b.jpg", image, "image/jpeg"))]
    (fault,) = problem(road.call("POST", "/v1/files", files=two), 422)["errors"]
    assert fault["pointer"] == "/file"


def test_a_file_that_is_no_image_is_refused(road: Road) -> None:
    told = problem(road.call("POST", "/v1/files", content=b"hello", headers={"content-type": "text/plain"}), 415)
    assert told["title"] == "Send a JPEG image"
    problem(road.call("POST", "/v1/files", content=b"hello", headers={"content-type": "image/jpeg"}), 422)


def test_a_foreign_number_gets_an_international_text(road: Road) -> None:
    sent = road.send(a_text("Your parcel is on its way.").to("+1 415-555-0123").with_(international=True))
    assert sent.answer["messages"][0]["to"] == "+14155550123"
    assert road.report_of(sent.id)["status"] == "delivered"


def test_over_a_thousand_recipients_are_listed_only_when_asked(road: Road) -> None:
    short = road.send(a_text().to_many(1001).in_lane("bulk"))
    assert "messages" not in short.answer
    full = road.send(a_text().to_many(1001).in_lane("bulk"), messages="true")
    assert [m["message_id"] for m in full.answer["messages"]] == full.ids
    road.wait_for_all()
    road.assert_sound()


def test_no_bad_input_is_ever_a_5xx(road: Road) -> None:
    bodies: list[Any] = [
        [], None, 1, "x", {"recipients": {}}, {"recipients": [1, None, []]}, {"recipients": [{"to": None}]},
        {"sender": [], "text": {}, "recipients": [{"to": "01023456789", "variables": [1]}]},
        {"sender": "0215441234", "text": "\ud83d", "recipients": [{"to": "01023456789"}]},
        {"sender": "0215441234", "text": "x", "recipients": [{"to": "01023456789"}], "scheduled_at": "tomorrow"},
        {"sender": "0215441234", "text": "x", "recipients": [{"to": "01023456789"}], "fallback": [{"channel": "fax"}]},
    ]  # fmt: skip
    for place, body in enumerate(bodies):
        content, headers = json.dumps(body).encode(), {"content-type": "application/json"}
        response = road.call("POST", "/v1/mt/messages", content=content, headers=headers)
        assert response.status_code in (400, 422), f"body {place}: {response.status_code} {response.text}"
        assert response.headers["content-type"].startswith(PROBLEM)
