"""Answers and webhooks as the vendors document them, where the simulator always gives the same variant."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.vendors.base import Answer, BadReceipt, VendorAccount
from shared.vendors.nhn.mt import NhnSms, sender_path
from shared.vendors.solapi.api import webhook_proof
from shared.vendors.solapi.mt import Solapi
from tests.contract.vendor_bench import AD_TEXT, nonce, now_ms, outbound

SOLAPI = VendorAccount(
    "solapi", "main", "https://solapi.example", {"api_key": "k", "api_secret": "s", "webhook_secret": "w"}
)
NHN = VendorAccount("nhn", "main", "https://nhn.example", {"app_key": "app", "secret_key": "s", "webhook_secret": "w"})


def _solapi(body: object, status: int = 200) -> Answer:
    return Answer(status, {}, orjson.dumps(body))


def test_solapi_results_are_matched_by_number_when_our_reference_is_not_echoed() -> None:
    batch = [outbound("01011111111"), outbound("01022222222"), outbound("01011111111")]
    body = {
        "groupInfo": {},
        "failedMessageList": [{"to": "01022222222", "statusCode": "1062", "messageId": "M2"}],
        "messageList": [{"to": "01011111111", "messageId": "M1"}, {"to": "01011111111", "messageId": "M3"}],
    }
    results = {r.reference: r for r in Solapi().read_send(batch, _solapi(body), 1)}
    assert [results[m.reference].vendor_ref for m in batch] == ["M1", "M2", "M3"]
    assert [results[m.reference].code for m in batch] == ["0000", "1004", "0000"]


def test_solapi_without_a_message_list_accepted_all_that_did_not_fail() -> None:
    batch = [outbound("01011111111"), outbound("01022222222")]
    body = {"groupInfo": {}, "failedMessageList": [{"to": "01022222222", "statusCode": "1030"}], "messageList": None}
    states = {r.reference: r.state for r in Solapi().read_send(batch, _solapi(body), 1)}
    assert states == {batch[0].reference: "sent", batch[1].reference: "failed"}


def test_solapi_that_leaves_a_message_out_has_not_said_what_became_of_it() -> None:
    batch = [outbound("01011111111"), outbound("01022222222")]
    body = {"groupInfo": {}, "failedMessageList": [], "messageList": [{"to": "01011111111", "messageId": "M1"}]}
    left_out = next(r for r in Solapi().read_send(batch, _solapi(body), 1) if r.reference == batch[1].reference)
    assert (left_out.state, left_out.code) == ("pending", "0300")


@pytest.mark.parametrize(
    ("name", "code"), [("NotEnoughBalance", "1006"), ("ValidationError", "1009"), ("Forbidden", "3004")]
)
def test_solapi_names_the_error_of_a_refused_call(name: str, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        Solapi().read_send([outbound()], _solapi({"errorCode": name, "errorMessage": "no"}, 400), 1)
    assert (refused.value.code, refused.value.raw_code) == (code, name)


def test_a_solapi_signature_used_before_means_that_the_first_call_may_have_gone_through() -> None:
    with pytest.raises(Uncertain):
        Solapi().read_send([outbound()], _solapi({"errorCode": "DuplicatedSignature"}, 400), 1)


def test_a_solapi_report_may_come_bare() -> None:
    data = {
        "messageId": "M1",
        "statusCode": "3043",
        "customFields": {"ref": "r"},
        "dateReceived": "2026-01-02T03:04:05.678Z",
    }
    headers = {"x-solapi-secret": webhook_proof("w")}
    (end,) = Solapi().read_receipt(SOLAPI, headers, orjson.dumps([data]), 1)
    assert (end.reference, end.code, end.raw_code, end.at_ms) == ("r", "4002", "3043", 1767323045678)


def test_a_solapi_report_of_another_kind_carries_no_results() -> None:
    headers = {"x-solapi-secret": webhook_proof("w"), "x-solapi-event-name": "GROUP-REPORT"}
    assert Solapi().read_receipt(SOLAPI, headers, b"[{}]", 1) == []


def test_a_solapi_report_that_is_not_the_end_is_skipped() -> None:
    headers = {"x-solapi-secret": webhook_proof("w")}
    assert Solapi().read_receipt(SOLAPI, headers, orjson.dumps([{"statusCode": "3000"}]), 1) == []


def test_solapi_signs_each_call_with_its_own_salt() -> None:
    first, second = (Solapi().send(SOLAPI, [outbound()], 1, nonce()) for _ in range(2))
    assert first.headers["authorization"] != second.headers["authorization"]
    assert "date=1970-01-01T00:00:00.001Z" in first.headers["authorization"]


@pytest.mark.parametrize(
    ("lane", "kind", "text", "path"),
    [
        ("auth", "sms", "인증번호 1234", "sender/auth/sms"),
        ("auth", "sms", "Your PASSWORD", "sender/auth/sms"),
        ("auth", "sms", "1234", "sender/sms"),
        ("auth", "lms", "인증번호 1234", "sender/mms"),
        ("realtime", "sms", "인증번호 1234", "sender/sms"),
        ("bulk", "mms", "x", "sender/mms"),
        ("ad", "sms", AD_TEXT, "sender/ad-sms"),
        ("ad", "lms", AD_TEXT, "sender/ad-mms"),
    ],
)
def test_nhn_has_an_endpoint_for_each_lane_and_type(lane: str, kind: str, text: str, path: str) -> None:
    message = outbound(lane=lane, type=kind, text=text)
    assert sender_path(message) == path
    assert NhnSms().send(NHN, [message], 1, "").url == f"https://nhn.example/sms/v3.0/appKeys/app/{path}"


@pytest.mark.parametrize("text", ["인증번호 1234", "1234"])
def test_a_password_that_nhn_does_not_list_may_be_in_its_other_list(text: str) -> None:
    asked = replace(outbound(lane="auth", type="sms", text=text), payload=None)
    assert "/sender/auth/sms?" in NhnSms().look_up(NHN, asked, 1, 2, "").url  # type: ignore[union-attr]
    nothing = Answer(200, {}, orjson.dumps({"header": {"isSuccessful": True}, "body": {"data": []}}))
    with pytest.raises(Unavailable):
        NhnSms().read_look_up(asked, nothing)
    assert NhnSms().read_look_up(replace(asked, lane="realtime"), nothing) is None


@pytest.mark.parametrize("text", ["", " ", "\n \n"])
def test_nhn_gets_a_title_even_for_a_blank_text(text: str) -> None:
    assert orjson.loads(NhnSms().send(NHN, [outbound(type="lms", text=text)], 1, "").body)["title"] == "-"


@pytest.mark.parametrize("given", ["é", "ÿ", ""])
def test_a_proof_that_is_no_ascii_is_a_wrong_one(given: str) -> None:
    with pytest.raises(BadReceipt):
        Solapi().read_receipt(SOLAPI, {"x-solapi-secret": given}, b"[]", 1)


def test_nhn_wants_a_title_for_a_long_message() -> None:
    call = NhnSms().send(NHN, [outbound(type="lms", text="\n첫 줄\n둘째 줄")], 1, "")
    assert orjson.loads(call.body)["title"] == "첫 줄"


@pytest.mark.parametrize(
    ("raw", "error"), [(-2312, Rejected), (-1000, Rejected), (-9999, Uncertain), (-2021, Unavailable), (-777, Rejected)]
)
def test_nhn_refuses_a_whole_call_in_its_header(raw: int, error: type[Exception]) -> None:
    body = {"header": {"isSuccessful": False, "resultCode": raw, "resultMessage": "no"}}
    with pytest.raises(error):
        NhnSms().read_send([outbound()], Answer(200, {}, orjson.dumps(body)), 1)


def test_an_nhn_hook_may_misspell_the_grouping_key_as_its_documents_do() -> None:
    hook = {
        "requestId": "q",
        "recipientSeq": 3,
        "recipientGropuingKey": "r",
        "resultCode": "1000",
        "receiveDate": "2026-01-02T12:04:05",
    }
    body = orjson.dumps({"event": "MESSAGE_RESULT_UPDATE", "hooks": [hook]})
    (end,) = NhnSms().read_receipt(NHN, {"x-toast-webhook-signature": "w"}, body, now_ms())
    assert (end.reference, end.state, end.vendor_ref, end.at_ms) == ("r", "delivered", "q:3", 1767323045000)


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        ("CANCEL", "failed", "0302"),
        ("DUPLICATED", "failed", "1005"),
        ("FAILED_AD", "failed", "1008"),
        ("FAILED", "failed", "3003"),
        ("RESEND_AD", "sent", "0000"),
        ("COMPLETED", "delivered", "0000"),
    ],
)
def test_an_nhn_hook_without_a_result_code_is_read_by_its_status(status: str, state: str, code: str) -> None:
    body = orjson.dumps(
        {"event": "MESSAGE_RESULT_UPDATE", "hooks": [{"requestId": "q", "recipientSeq": 1, "messageStatus": status}]}
    )
    (end,) = NhnSms().read_receipt(NHN, {"x-toast-webhook-signature": "w"}, body, now_ms())
    assert (end.state, end.code) == (state, code)


def test_an_nhn_hook_of_another_event_carries_no_results() -> None:
    body = orjson.dumps({"event": "UNSUBSCRIBE", "hooks": [{"recipientNo": "01012345678"}]})
    assert NhnSms().read_receipt(NHN, {"x-toast-webhook-signature": "w"}, body, now_ms()) == []
