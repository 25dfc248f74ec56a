"""What a client may ask of text messages, and what it is told when it may not."""

from __future__ import annotations

import json
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.channels import mt
from shared.channels.acceptance import Acceptance
from shared.channels.common import AccountView, FileInfo, InvalidRequest
from shared.channels.wanting import files_of, wanted
from shared.domain import ids, phone, text
from shared.domain.routing import Offers

NOW = int(datetime(2026, 3, 2, 12, 0, tzinfo=UTC).timestamp() * 1000)
REQUEST_ID = ids.request_id(NOW, 2**60 + 12345)
JPEG = FileInfo("image/jpeg", 100_000, 800, 600)
ACCOUNT = AccountView(
    7,
    "demo",
    frozenset({"0215441234", "15991234"}),
    "https://client.example/reports",
    {"f1": JPEG, "png": FileInfo("image/png", 10, 1, 1), "big": FileInfo("image/jpeg", 300_000, 2000, 10)},
)
LONG = "가" * 46
A_GOOD_ONE = {"to": "01023456789", "variables": {"a": "x"}}
AD = "(광고)데모상점 봄 세일 무료수신거부 080-123-4567"


def accept(to: Any = "01023456789", *, raw: bytes | None = None, **fields: Any) -> Acceptance:
    """Accept a message with sender and text, changed by `fields` (None leaves a field out); `to` makes recipients."""
    body: dict[str, Any] = {"sender": "0215441234", "text": "안녕하세요", **fields}
    if "recipients" not in body:
        body["recipients"] = [{"to": t} if isinstance(t, str) else t for t in (to if isinstance(to, list) else [to])]
    sent = raw if raw is not None else json.dumps({k: v for k, v in body.items() if v is not None}).encode()
    return mt.accept(sent, account=ACCOUNT, now_ms=NOW, request_id=REQUEST_ID, test=False)


def offers(prices: dict[str, Decimal]) -> Offers:
    """One vendor account with these prices by type, for every country."""
    return lambda need: [prices[need.type] * need.units] if need.type in prices else []


def faults(*args: Any, status: int = 422, **fields: Any) -> list[tuple[str, str]]:
    """The faults that a request has, as (pointer, code)."""
    with pytest.raises(InvalidRequest) as caught:
        accept(*args, **fields)
    assert caught.value.status == status
    assert all(e.detail for e in caught.value.errors)
    return [(e.pointer, e.code) for e in caught.value.errors]


def test_a_plain_message_is_accepted_whole() -> None:
    done = accept({"to": "010-2345-6789", "ref": "order-1"}, request_ref="r", max_price="30.5")
    request = done.request
    assert (request.account_id, request.username, request.lane) == (7, "demo", "realtime")
    assert request.request_id == REQUEST_ID.hex
    assert (request.request_ref, request.max_price, request.total) == ("r", "30.5", 1)
    assert request.callback_uri == "https://client.example/reports"
    assert request.valid_until == NOW + 25 * 3_600_000
    assert request.on_uncertain == "wait"
    (message,) = request.messages
    assert (message.n, message.to, message.type, message.ref) == (1, "01023456789", "sms", "order-1")
    assert (message.vars, done.rejected, dict(done.types)) == (None, [], {"sms": 1})
    (hop,) = request.plan
    assert hop.channel == "mt"
    assert hop.content == {
        "sender": "0215441234",
        "text": "안녕하세요",
        "subject": None,
        "type": "sms",
        "files": [],
        "international": False,
    }


def test_the_senders_number_may_be_written_in_any_way() -> None:
    assert accept(sender="02-1544-1234").request.plan[0].content["sender"] == "0215441234"
    assert accept(sender="+82 1599 1234").request.plan[0].content["sender"] == "15991234"


@pytest.mark.parametrize(
    ("sender", "code", "status"), [("0215441235", "1004", 403), ("05012345678", "1001", 422), ("x", "1001", 422)]
)
def test_a_sender_that_is_not_registered_or_none_is_refused(sender: str, code: str, status: int) -> None:
    assert faults(sender=sender, status=status) == [("/sender", code)]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 403),
        ({"fallback": [{"channel": "mt", "sender": "0311234567", "text": "hi"}]}, 403),
        ({"sender": "15991234", "fallback": [{"channel": "mt", "sender": "0311234567", "text": "hi"}]}, 403),
        ({"to": ["0101", "01023456789"]}, 403),
        ({"to": "0101"}, 422),
        ({"text": "😀"}, 422),
        ({"fallback": [{"channel": "mt", "sender": "x", "text": "hi"}]}, 422),
        ({"to": ["0101", "01023456789"], "strict": True}, 422),
    ],
)
def test_anothers_sender_number_is_not_allowed_when_nothing_else_is_wrong(fields: dict[str, Any], status: int) -> None:
    found = faults(**{"sender": "0215441235", **fields}, status=status)
    assert {code for _, code in found} == {"1004"} if status == 403 else len(found) > 1


def test_a_bad_recipient_is_left_out_and_the_others_keep_their_places() -> None:
    done = accept(["01023456789", "0101", "01023456780"])
    assert [(m.n, m.to) for m in done.request.messages] == [(1, "01023456789"), (3, "01023456780")]
    (bad,) = done.rejected
    assert (bad.index, bad.to, bad.code, bad.pointer) == (1, "0101", "1001", "/recipients/1/to")


def test_strict_refuses_all_for_one_bad_recipient() -> None:
    assert faults(["01023456789", "0101"], strict=True) == [("/recipients/1/to", "1001")]


def test_when_nobody_is_left_every_fault_is_listed() -> None:
    assert faults(["0101", "", "15991234"]) == [(f"/recipients/{i}/to", "1001") for i in range(3)]


def test_the_same_number_twice_is_two_messages() -> None:
    assert [m.n for m in accept(["01023456789"] * 2).request.messages] == [1, 2]


@pytest.mark.parametrize(
    ("recipient", "pointer", "code"),
    [
        ("x", "", "type"),
        (None, "", "type"),
        ({}, "/to", "1001"),
        ({"to": 1}, "/to", "1001"),
        ({"to": "01023456789", "rref": "a"}, "", "unknown_field"),
        ({"to": "01023456789", "ref": "a" * 256}, "/ref", "range"),
        ({"to": "01023456789", "ref": 5}, "/ref", "range"),
        ({"to": "01023456789", "variables": []}, "/variables", "type"),
        ({"to": "01023456789", "addresses": []}, "/addresses", "type"),
        ({"to": "01023456789", "addresses": {"fax": "1"}}, "/addresses/fax", "unknown_channel"),
        ({"to": "01023456789", "addresses": {"email": ""}}, "/addresses/email", "type"),
        ({"to": "01023456789", "addresses": {"mt": "0101"}}, "/to", "1001"),
    ],
)
def test_a_malformed_recipient_is_rejected_alone(recipient: Any, pointer: str, code: str) -> None:
    done = accept(recipients=[{"to": "01023456789"}, recipient])
    assert [(r.pointer, r.code) for r in done.rejected] == [(f"/recipients/1{pointer}", code)]


def test_addresses_for_further_hops_travel_along() -> None:
    done = accept({"to": "01023456789", "addresses": {"email": "a@b.example", "mt": "010-2345-6780"}})
    assert done.request.messages[0].addresses == {"email": "a@b.example", "mt": "01023456780"}


def test_every_fault_of_a_body_is_found_at_once() -> None:
    found = faults(
        ["0101", "0102"],
        sender="0312345678",
        text="😀",
        lane="fast",
        tpye="sms",
        ttl=0,
        callback_uri="ftp://x",
        scheduled_at="tomorrow",
        fallback=[{"channel": "fax"}, 1, {"channel": "mt", "sender": "15991234"}],
        max_price=-1,
        strict=True,
    )
    assert set(found) == {
        ("/sender", "1004"),
        ("/text", "1003"),
        ("/lane", "range"),
        ("/tpye", "unknown_field"),
        ("/ttl", "range"),
        ("/callback_uri", "format"),
        ("/scheduled_at", "format"),
        ("/fallback/0/channel", "unknown_channel"),
        ("/fallback/1", "type"),
        ("/fallback/2/text", "required"),
        ("/max_price", "range"),
    } | ({("/recipients/0/to", "1001"), ("/recipients/1/to", "1001")})


def test_what_is_required_is_asked_for() -> None:
    assert faults(raw=b"{}") == [("/sender", "required"), ("/text", "required"), ("/recipients", "required")]
    assert faults(recipients=[]) == [("/recipients", "range")]
    assert faults(text="") == [("/text", "range")]


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"text": "\xff"}', b"nonsense"])
def test_what_is_no_json_is_400(raw: bytes) -> None:
    assert faults(raw=raw, status=400) == [("", "format")]


@pytest.mark.parametrize("raw", [b"[]", b'"x"', b"1", b"null"])
def test_what_is_no_object_is_422(raw: bytes) -> None:
    assert faults(raw=raw) == [("", "type")]


def test_nothing_is_converted_silently() -> None:
    found = faults(ttl="60", strict="yes", text=5, wait=float("nan"))
    assert set(found) == {("/ttl", "type"), ("/strict", "type"), ("/text", "type"), ("/wait", "range")}


def test_ten_thousand_recipients_are_taken_and_one_more_is_not() -> None:
    assert accept([f"0102{i:07d}" for i in range(10_000)]).request.messages[-1].n == 10_000
    assert faults([f"0102{i:07d}" for i in range(10_001)]) == [("/recipients", "range")]


def test_a_long_list_gives_way_after_every_five_hundred() -> None:
    numbers = [{"to": f"0102{i:07d}"} for i in range(1_200)]
    body = json.dumps({"sender": "15991234", "text": "x", "recipients": numbers}).encode()
    steps = mt.accept_in_steps(body, account=ACCOUNT, now_ms=NOW, request_id=REQUEST_ID, test=True)
    assert len(list(steps)) == 2


@pytest.mark.parametrize(
    ("fields", "type_"),
    [
        ({"text": "가" * 45}, "sms"),
        ({"text": LONG}, "lms"),
        ({"text": "가", "subject": "제목"}, "lms"),
        ({"text": "가", "subject": ""}, "sms"),
        ({"text": "가", "files": ["f1"]}, "mms"),
        ({"text": "가", "type": "mms"}, "lms"),
        ({"text": "가" * 1000}, "lms"),
    ],
)
def test_the_type_is_chosen_by_length_subject_and_files(fields: dict[str, Any], type_: str) -> None:
    done = accept(**fields)
    assert (done.request.messages[0].type, done.request.plan[0].content["type"]) == (type_, type_)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"text": LONG, "type": "sms"}, ("/text", "1002")),
        ({"text": "가" * 1001}, ("/text", "1002")),
        ({"text": "x", "subject": "가" * 21}, ("/subject", "1002")),
        ({"text": "x", "subject": "😀"}, ("/subject", "1003")),
        ({"text": "x", "subject": "s", "type": "sms"}, ("/subject", "conflict")),
        ({"text": "x", "files": ["f1"], "type": "lms"}, ("/files", "conflict")),
        ({"text": "x", "files": ["f1"] * 4}, ("/files", "range")),
        ({"text": "x", "files": ["none"]}, ("/files/0", "not_found")),
        ({"text": "x", "files": ["f1", "png"]}, ("/files/1", "4004")),
        ({"text": "x", "files": ["big"]}, ("/files/0", "1002")),
        ({"text": "안녕 😀"}, ("/text", "1003")),
        ({"text": "😀", "on_unsupported": "replace"}, ("/text", "1003")),
        ({"text": "x", "fallback": [{"channel": "mt"}] * 6}, ("/fallback", "range")),
    ],
)
def test_what_a_type_cannot_carry_is_a_fault_of_the_request(fields: dict[str, Any], fault: tuple[str, str]) -> None:
    assert fault in faults(**fields)


def test_unsupported_characters_are_replaced_where_the_client_asks() -> None:
    done = accept(text="봄 \u2014 세일😀", on_unsupported="replace")
    assert done.request.plan[0].content["text"] == "봄 - 세일"


TEMPLATE = "#{name}님, 주문 #{order}이 발송되었습니다."


@pytest.mark.parametrize("kind", ["auto", "sms", "lms"])
def test_a_blank_text_is_refused_whether_written_so_or_by_variables(kind: str) -> None:
    assert faults(text=" \n ", type=kind) == [("/text", "1003")]
    blank, filled = ({"to": "01023456789", "variables": {"a": value}} for value in (" ", "x"))
    done = accept([blank, filled], text=" #{a}\n", type=kind)
    assert [(r.index, r.code) for r in done.rejected] == [(0, "1003")]


NOTHING = ["", " ", "\n", "\u3164", "\u2800", "\u200b\ufeff", "\u00a0\u3000", "\u115f", "\x07", "\u00ad"]


@pytest.mark.parametrize("subject", [n for n in NOTHING if n])
def test_a_subject_that_shows_nothing_is_none(subject: str) -> None:
    for fields in ({}, {"type": "sms"}, {"on_unsupported": "replace"}, {"type": "lms"}):
        done = accept(text="x", subject=subject, **fields)
        assert done.request.messages[0].type == fields.get("type", "sms")
        assert done.request.plan[0].content["subject"] is None
    assert accept("+1 415 555 0123", text="x", subject=subject, international=True).request.messages[0].type == "sms"


@pytest.mark.parametrize(
    ("subject", "value", "replace", "type_"),
    [
        *(("😀🎉", "", True, "sms"), ("#{a}", "", False, "sms"), ("#{a}", " \u3164", False, "sms"), ("#{a}", "😀",
          True, "sms")),
        *((" #{a}\n#{a}", " ", False, "sms"), ("#{a}", "안내", False, "lms"), ("#{a}", "😀!", True, "lms"),
          ("안내#{a}", "", False, "lms")),
        *(("😀#{a}", "", True, "sms"), ("#{a}", " " * 50, False, "sms"), ("#{a}", "\u200b", False, "sms")),
    ],
)  # fmt: skip
def test_a_subject_that_variables_leave_empty_is_none(subject: str, value: str, replace: bool, type_: str) -> None:
    way = "replace" if replace else "reject"
    done = accept({"to": "01023456789", "variables": {"a": value}}, text="x", subject=subject, on_unsupported=way)
    (message,), content = done.request.messages, done.request.plan[0].content
    payload = mt.render(content, message.vars)
    assert (message.type, mt.measure(payload).type) == (type_, type_)
    assert (payload.subject is None) == (type_ == "sms")
    assert (
        done.plan_view(offers({"sms": Decimal(8), "lms": Decimal(25)}))["messages"][0]["price"]
        == {"sms": "8.00", "lms": "25.00"}[type_]
    )


def test_a_subject_that_only_some_fill_makes_only_theirs_an_lms() -> None:
    to = [{"to": "01023456789", "variables": {"a": value}} for value in ("", "안내", " ", "😀")]
    done = accept(to, text="x", subject="#{a}")
    assert [m.type for m in done.request.messages] == ["sms", "lms", "sms"]
    assert [(r.index, r.code, r.pointer) for r in done.rejected] == [(3, "1003", "/recipients/3/variables/a")]


@pytest.mark.parametrize("nothing", [n for n in NOTHING if n])
def test_a_text_that_shows_nothing_is_refused_where_it_stands(nothing: str) -> None:
    for more in ({}, {"on_unsupported": "replace"}, {"type": "lms"}):
        assert faults(text=nothing, **more) == [("/text", "1003")]
        done = accept([{"to": "01023456789", "variables": {"a": v}} for v in (nothing, "x")], text="#{a}", **more)
        assert [(r.index, r.code) for r in done.rejected] == [(0, "1003")]
    assert faults("+1 415 555 0123", text=nothing, international=True) == [("/text", "1003")]
    to = {"to": "+1 415 555 0123", "variables": {"a": nothing}}
    assert [code for _, code in faults(to, text="#{a}", international=True)] == ["1003"]


def apart(value: str) -> str:
    return unicodedata.normalize("NFD", value)


def test_what_a_mac_writes_is_what_everybody_writes() -> None:
    sent = accept(
        {"to": "01023456789", "variables": {"이름": "김철수", "끝": "안녕히"}},
        text="#{이름}님\n#{끝}",
        subject="한글 제목",
    )
    for text_, name, end in product((apart, str), repeat=3):
        values = {name("이름"): end("김철수"), end("끝"): name("안녕히")}
        done = accept(
            {"to": "01023456789", "variables": values}, text=text_("#{이름}님\r\n#{끝}"), subject=text_("한글 제목")
        )
        assert done.request.plan == sent.request.plan
        assert done.request.messages == sent.request.messages
    assert accept(text=apart("가" * 45)).request.messages[0].type == "sms"
    assert accept(text=apart("각" * 1000)).request.messages[0].type == "lms"
    assert faults(text=apart("각" * 1001)) == [("/text", "1002")]
    assert accept(text="가\r\n나\r다").request.plan[0].content["text"] == "가\n나\n다"


def test_variables_decide_type_and_faults_of_each_recipient() -> None:
    def to(**values: Any) -> dict[str, Any]:
        return {"to": "01023456789", "variables": values}

    done = accept(
        [
            to(name="김철수", order=123, unused="x"),
            to(name="가" * 60, order="1"),
            to(name="가" * 1000, order="1"),
            to(name="김😀", order="1"),
            to(name="김"),
            "01023456789",
            to(name="김", order=[1.5]),
            to(name="김", order="1" * 4001),
        ],
        text=TEMPLATE,
    )
    assert [(m.n, m.type) for m in done.request.messages] == [(1, "sms"), (2, "lms")]
    assert done.request.messages[0].vars == {"name": "김철수", "order": "123"}
    assert [(r.index, r.code) for r in done.rejected] == [
        (2, "1002"),
        (3, "1003"),
        (4, "1010"),
        (5, "1010"),
        (6, "type"),
        (7, "range"),
    ]
    content = done.request.plan[0].content
    assert content["type"] == "auto"
    assert mt.CHANNEL.type_of(content, done.request.messages[1].vars) == "lms"
    message = mt.render(content, done.request.messages[0].vars)
    assert (message.text, message.subject) == ("김철수님, 주문 123이 발송되었습니다.", None)


def test_a_templates_own_faults_are_the_requests() -> None:
    assert faults(text="😀 #{name}") == [("/text", "1003")]
    assert faults(text="가" * 1001 + "#{name}") == [("/text", "1002")]


def test_replacement_reaches_into_variables_when_the_message_goes_out() -> None:
    done = accept(
        {"to": "01023456789", "variables": {"a": "봄😀"}}, text="#{a}—", subject="#{a}!", on_unsupported="replace"
    )
    message = mt.render(done.request.plan[0].content, done.request.messages[0].vars)
    assert (message.text, message.subject) == ("봄-", "봄!")


@pytest.mark.parametrize(
    ("written", "text"), [("12.5", "12.5"), ("100.0", "100.0"), ("-7", "-7"), ("0", "0"), ('"12.50"', "12.50")]
)
def test_a_variable_may_be_a_number(written: str, text: str) -> None:
    raw = json.dumps(
        {"sender": "15991234", "text": "#{a}", "recipients": [{"to": "01023456789", "variables": {"a": 8}}]}
    )
    (message,) = accept(raw=raw.replace("8}", written + "}").encode()).request.messages
    assert message.vars == {"a": text}


@pytest.mark.parametrize(
    ("value", "code", "word"),
    [
        (True, "type", "true or false"),
        (None, "type", "null"),
        (["x"], "type", "a list"),
        ({"x": 1}, "type", "an object"),
        (float("inf"), "type", "not finite"),
        (float("nan"), "type", "not finite"),
        ("x" * 4001, "range", "4001 characters"),
    ],
)
def test_a_variable_that_is_no_text_is_refused_for_what_it_is(value: Any, code: str, word: str) -> None:
    done = accept(["01023456789", {"to": "01023456789", "variables": {"a": value}}, A_GOOD_ONE], text="#{a}")
    wrong = done.rejected[1]
    assert (wrong.pointer, wrong.code) == ("/recipients/1/variables/a", code)
    assert word in wrong.detail


def test_a_subjects_variables_count_too() -> None:
    done = accept(
        [{"to": "01023456789", "variables": {"a": "가" * n}} for n in (20, 21)], text="x", subject="#{a}", type="lms"
    )
    assert [r.code for r in done.rejected] == ["1002"]


@given(st.text(st.characters(codec="cp949", exclude_categories=["Cc"]), max_size=1100))
def test_measuring_piece_by_piece_agrees_with_the_finished_text(value: str) -> None:
    recipient = {"to": "01023456789", "variables": {"a": value}}
    if text.byte_length(f"가{value}b{value}") > text.LMS_BYTES:
        assert faults(recipient, text="가#{a}b#{a}") == [("/recipients/0/variables", "1002")]
        return
    done = accept(recipient, text="가#{a}b#{a}")
    (message,) = done.request.messages
    payload = mt.render(done.request.plan[0].content, message.vars)
    size = mt.measure(payload)
    assert size.length == text.byte_length(payload.text)
    assert message.type == size.type == ("sms" if size.length <= text.SMS_BYTES else "lms")


def test_an_advertisement_says_so_and_offers_a_way_out() -> None:
    assert accept(text=AD, lane="ad").request.lane == "ad"
    assert faults(text=AD.removeprefix("(광고)"), lane="ad") == [("/text", "1008")]
    assert faults(text="(광고)데모상점 봄 세일", lane="ad") == [("/text", "1008")]
    assert accept(text=AD.replace("무료수신거부", "무료거부"), lane="ad")
    assert accept(text="데모상점", lane="bulk")


def test_an_advertisements_opt_out_may_come_from_a_variable() -> None:
    numbers = [{"to": "01023456789", "variables": {"no": no}} for no in ("0801234567", "none")]
    done = accept(numbers, text="(광고)데모 세일 무료수신거부 #{no}", lane="ad")
    assert [(r.index, r.code) for r in done.rejected] == [(1, "1008")]


def test_international_texts_go_to_foreign_numbers_only() -> None:
    done = accept(["+1 650 253 0000", "01023456789"], text="hello 😀", international=True)
    assert [(m.to, m.type) for m in done.request.messages] == [("+16502530000", "sms")]
    assert [(r.index, r.code) for r in done.rejected] == [(1, "1001")]
    assert done.request.plan[0].content["international"] is True
    assert [r.code for r in accept(["01023456789", "+16502530000"]).rejected] == ["1001"]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"subject": "s"}, ("/subject", "conflict")),
        ({"files": ["f1"]}, ("/files", "conflict")),
        ({"text": "a" * 1531}, ("/text", "1002")),
        ({"text": "\x00"}, ("/text", "1003")),
    ],
)
def test_international_texts_are_short_messages_only(fields: dict[str, Any], fault: tuple[str, str]) -> None:
    assert fault in faults("+16502530000", international=True, **fields)


def test_a_reservation_moves_the_end_of_validity() -> None:
    request = accept(scheduled_at="2026-03-03T09:00:00+09:00", ttl=60).request
    assert request.scheduled_at == int(datetime(2026, 3, 3, tzinfo=UTC).timestamp() * 1000)
    assert request.valid_until == request.scheduled_at + 60_000
    assert accept(ttl=60).request.valid_until == NOW + 60_000
    assert accept(lane="auth").request.valid_until == NOW + 180_000
    assert accept(lane="auth").request.on_uncertain == "failover"


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"scheduled_at": "2026-03-02T11:59:59Z"}, ("/scheduled_at", "range")),
        ({"scheduled_at": "2027-03-03T12:00:00Z"}, ("/scheduled_at", "range")),
        ({"scheduled_at": "2026-03-03T12:00:00"}, ("/scheduled_at", "format")),
        ({"scheduled_at": "2026-02-30T12:00:00Z"}, ("/scheduled_at", "format")),
        ({"valid_until": "2026-03-02T12:00:00Z"}, ("/valid_until", "range")),
        ({"valid_until": "2026-03-02T13:00:00Z", "ttl": 5}, ("/ttl", "conflict")),
        ({"scheduled_at": "2026-03-04T00:00:00Z", "valid_until": "2026-03-03T00:00:00Z"}, ("/valid_until", "range")),
    ],
)
def test_times_must_lie_ahead_within_a_year_and_carry_an_offset(fields: dict[str, Any], fault: tuple[str, str]) -> None:
    assert faults(**fields) == [fault]


@pytest.mark.parametrize(
    "uri",
    [
        *("x", "ftp://a", "http://", "http://a b", "http://u:p@a", "http://a:99999", "http://a:x", "http://["),
        *("http://ü", "https://a/" + "x" * 2048),
    ],
)
def test_a_callback_uri_must_be_a_usable_http_url(uri: str) -> None:
    assert [pointer for pointer, _ in faults(callback_uri=uri)] == ["/callback_uri"]


def test_the_requests_own_callback_uri_goes_before_the_accounts() -> None:
    assert accept(callback_uri="http://127.0.0.1:9/cb?x=1").request.callback_uri == "http://127.0.0.1:9/cb?x=1"


def test_further_hops_follow_the_first_in_the_clients_order() -> None:
    further = [{"channel": "mt", "wait": 30, "sender": "15991234", "text": LONG}]
    plan = accept(wait=10, fallback=further).request.plan
    assert [(hop.channel, hop.wait, hop.content["type"]) for hop in plan] == [("mt", 10, "sms"), ("mt", 30, "lms")]


def test_a_further_hops_faults_and_variables_count_like_the_firsts() -> None:
    hop = {"channel": "mt", "sender": "15991234", "text": "#{b}"}
    done = accept(["01023456789", {"to": "01023456789", "variables": {"b": "x"}}], fallback=[hop])
    assert [r.code for r in done.rejected] == ["1010"]
    assert faults(fallback=[{**hop, "sender": "0311234567", "tetx": ""}]) == [
        ("/fallback/0/tetx", "unknown_field"),
        ("/fallback/0/sender", "1004"),
    ]


def test_a_dry_run_shows_type_length_and_price() -> None:
    view = accept(["01023456789", "01023456780"], text=LONG).plan_view(offers({"lms": Decimal("27.50")}))
    assert (view["accepted"], view["types"], view["price"]) == (2, {"lms": 2}, "55.00")
    shown = view["messages"][0]
    assert (shown["type"], shown["length"], shown["price"]) == ("lms", 92, "27.50")
    assert view["plan"][0]["channel"] == "mt"
    assert accept().plan_view(offers({}))["price"] is None


@pytest.mark.parametrize(("price", "shown"), [(Decimal(0), "0.00"), (Decimal("8.4"), "8.40"), (Decimal(9), "9.00")])
def test_a_price_has_two_decimals(price: Decimal, shown: str) -> None:
    view = accept().plan_view(offers({"sms": price}))
    assert (view["price"], view["messages"][0]["price"]) == (shown, shown)


def test_the_files_of_a_body_are_named_before_it_is_accepted() -> None:
    body = b'{"files": ["a"], "fallback": [{"channel": "mt", "files": ["b", 1]}, 2, {"channel": "x", "files": ["c"]}]}'
    assert files_of(wanted(mt.CHANNEL, body)) == ["a", "b"]
    for other in (b"{}", b'{"files": 1, "fallback": 2}', b'["files"]', b'{"files"'):
        assert not wanted(mt.CHANNEL, other)


def test_the_published_schema_names_what_is_required_and_leaves_further_hops_open() -> None:
    schema = mt.MtRequest.model_json_schema()
    assert schema["required"] == ["sender", "text", "recipients"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["fallback"]["anyOf"][0]["items"]["additionalProperties"] is True


def test_message_ids_follow_from_the_place_in_the_body() -> None:
    done = accept(["0101", "01023456789"])
    (message,) = done.request.messages
    assert ids.index_of(ids.message_id(UUID(done.request.request_id), message.n, "realtime")) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELD_NAMES = sorted(mt.MtRequest.model_fields)
RECIPIENT = st.fixed_dictionaries({}, optional=dict.fromkeys(("to", "ref", "variables", "addresses", "x"), JSON)) | JSON
HOP = st.fixed_dictionaries({"channel": st.just("mt") | JSON}, optional=dict.fromkeys(FIELD_NAMES, JSON)) | JSON


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(FIELD_NAMES, JSON)),
    st.fixed_dictionaries(
        {},
        optional={
            "sender": st.just("15991234"),
            "text": st.sampled_from(["hi", "#{a}", AD]),
            "recipients": st.lists(RECIPIENT, max_size=3),
            "fallback": st.lists(HOP, max_size=2),
            "lane": st.sampled_from(ids.LANES),
        },
    ),
)
def test_no_body_at_all_can_break_the_acceptance(wild: dict[str, Any], sane: dict[str, Any]) -> None:
    body = json.dumps({**wild, **sane}).encode()
    wanted(mt.CHANNEL, body)
    with suppress(InvalidRequest):
        done = mt.accept(body, account=ACCOUNT, now_ms=NOW, request_id=REQUEST_ID, test=False)
        assert all(phone.recipient(m.to) or m.to.startswith("+") for m in done.request.messages)
        assert done.request.total + len(done.rejected) == len({**wild, **sane}["recipients"])


@pytest.mark.parametrize(
    ("time", "word"),
    [
        *(("2026-11-31T09:00:00+09:00", "no such day"), ("2027-02-29T09:00:00Z", "no such day"),
          ("2026-02-30t09:00:00z", "no such day")),
        *(("2026-04-00T09:00:00Z", "no such day"), ("2100-02-29T00:00:00Z", "28 days"), ("2026-13-01T09:00:00Z",
          "no such month")),
        *(("2026-00-01T09:00:00Z", "no such month"), ("0000-01-01T09:00:00Z", "no such year"),
          ("2026-03-03T24:00:00Z", "no such hour")),
        *(("2026-03-03T25:00:00+09:00", "no such hour"), ("2026-03-03T09:60:00Z", "no such minute"),
          ("2026-03-03T09:00:61Z", "no such second")),
        *(("2026-12-31T23:59:60Z", "no such second"), ("2026-03-03T09:00:00+24:00", "no such offset"),
          ("2026-03-03T09:00:00+09:60", "no such offset")),
        *(("2026-03-03T09:00:00", "RFC 3339"), ("2026-03-03", "RFC 3339"), ("내일", "RFC 3339"),
          ("2026-3-3T09:00:00Z", "RFC 3339")),
        *(("2026-02-31 09:00:00.5+09:00", "no such day"), ("2026-06-31T09:00:00-03:30", "no such day"), ("",
          "RFC 3339")),
    ],
)  # fmt: skip
def test_a_time_that_is_none_is_told_for_what_is_wrong_with_it(time: str, word: str) -> None:
    for field in ("scheduled_at", "valid_until"):
        with pytest.raises(InvalidRequest) as caught:
            accept(**{field: time})
        (fault,) = caught.value.errors
        assert (fault.pointer, fault.code) == (f"/{field}", "format")
        assert word in fault.detail


SAME = [
    "010-2345-6789",
    "+82 10 2345 6789",
    "01099998888",
    "01023456789",
    "bad",
    "０１０２３４５６７８９",
    "01099998888",
]


def test_a_number_that_is_there_again_is_told_and_on_wish_sent_once() -> None:
    told = [(1, 0), (3, 0), (5, 0), (6, 2)]
    done = accept(SAME)
    assert [(d.index, d.of) for d in done.duplicates] == told
    assert [m.n for m in done.request.messages] == [1, 2, 3, 4, 6, 7]
    once = accept(SAME, distinct=True)
    assert [(d.index, d.of) for d in once.duplicates] == told
    assert [(m.n, m.to) for m in once.request.messages] == [(1, "01023456789"), (3, "01099998888")]
    assert (once.request.total, dict(once.types)) == (2, {"sms": 2})
    assert [r.index for r in once.rejected] == [4]
    assert once.plan_view(offers({}))["duplicates"][0] == {"index": 1, "of": 0}
    assert list(accept(["01023456789", "01099998888"], distinct=True).duplicates) == []
    assert accept(["01023456789"] * 10_000, distinct=True).request.total == 1
    assert faults(distinct="yes") == [("/distinct", "type")]
