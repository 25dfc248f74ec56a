"""What a push message may ask, and what its refusals name."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from shared.channels import acceptance
from shared.channels.common import AccountView, Identity, InvalidRequest
from shared.channels.push import CHANNEL
from shared.channels.push.model import MAX_BADGE, MAX_URL
from shared.domain import ids

NOW = 1_790_000_000_000
APP = {("push", "app", "demo-app"): Identity("approved"), ("push", "app", "new-app"): Identity("pending")}
TOKEN = "fcm:f3zLDZa2:APA91bHe-_x"
Json = dict[str, Any]


def device(**more: Any) -> Json:
    return {"app": "demo-app", "state": "live", "why": None, "ads": False, **more}


def accept(body: Json, **devices: Any) -> acceptance.Acceptance:
    account = AccountView(1, "demo", frozenset({"0215441234"}), identities=APP, devices=devices)
    request: UUID = ids.request_id(NOW, 7)
    raw = json.dumps(body, ensure_ascii=False).encode()
    return acceptance.accept(CHANNEL, raw, account=account, now_ms=NOW, request_id=request, test=False)


def push(**fields: Any) -> Json:
    return {"app": "demo-app", "title": "주문", "body": "배송", "recipients": [{"to": TOKEN}], **fields}


def faults(body: Json, **devices: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as refused:
        accept(body, **devices)
    return [(fault.pointer, fault.code) for fault in refused.value.errors]


def test_a_message_to_a_token_is_taken_and_keeps_its_token_whole() -> None:
    done = accept(push())
    assert [(m.to, m.type) for m in done.request.messages] == [(TOKEN, "fcm")]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"app": None}, ("/app", "required")),
        ({"app": "other"}, ("/app", "1004")),
        ({"app": "new-app"}, ("/app", "1004")),
        ({"body": None}, ("/body", "required")),
        ({"body": " "}, ("/body", "1003")),
        ({"title": "t" * 4097}, ("/title", "range")),
        ({"badge": MAX_BADGE + 1}, ("/badge", "range")),
        ({"badge": -1}, ("/badge", "range")),
        ({"image": "http://cdn.example/1.png"}, ("/image", "format")),
        ({"image": "data:image/png;base64,AAAA"}, ("/image", "format")),
        ({"image": "javascript:1"}, ("/image", "format")),
        ({"image": "https://cdn.example/" + "a" * (MAX_URL - 19)}, ("/image", "range")),
        ({"image": "0190a2b4-0000-7000-8000-000000000080"}, ("/image", "format")),
        ({"link": "javascript:alert(1)"}, ("/link", "format")),
        ({"collapse_key": "k" * 65}, ("/collapse_key", "range")),
        ({"collapse_key": "가" * 22}, ("/collapse_key", "range")),
        ({"data": {"n": 1}}, ("/data/n", "type")),
        ({"localized": {"": {"body": "x"}}}, ("/localized/", "format")),
        ({"colour": "red"}, ("/colour", "unknown_field")),
        *(({"data": {key: "1"}}, (f"/data/{key}", "range"))
          for key in ("from", "message_type", "gcm.n", "google.c.a.e", "googleMap", "notification", "aps")),
        ({"lane": "ad"}, ("/title", "1008")),
        ({"lane": "ad", "title": None}, ("/body", "1008")),
    ],
)  # fmt: skip
def test_a_fault_is_named_at_its_field(fields: Json, fault: tuple[str, str]) -> None:
    body = {name: value for name, value in push(**fields).items() if value is not None}
    assert fault in faults(body)


def test_keys_that_only_look_reserved_are_taken() -> None:
    assert accept(push(data={"fromage": "1", "From_": "2", "notifications": "3"})).request.messages


def test_the_payload_ends_at_4096_bytes_and_the_fault_names_what_is_long() -> None:
    room = 4096 - len(json.dumps({"notification": {"title": "t", "body": ""}}, separators=(",", ":")))
    assert accept(push(title="t", body="b" * room)).request.messages
    assert faults(push(title="t", body="b" * (room + 1))) == [("/body", "1002")]


def test_what_fits_one_service_is_refused_at_the_address_of_another() -> None:
    body = push(title="t", body="b" * 4010, recipients=[{"to": TOKEN}, {"to": "apns:" + "ab" * 32}])
    room = {"webpush:0190a2b4-0000-7000-8000-000000000080": [device()]}
    body["recipients"].append({"to": next(iter(room))})
    done = accept(body, **room)
    assert [m.type for m in done.request.messages] == ["fcm", "apns"]
    assert [(r.pointer, r.code) for r in done.rejected] == [("/recipients/2/to", "1002")]


def test_sizes_hold_after_filling_for_each_recipient() -> None:
    people = [{"to": TOKEN, "variables": {"x": "가" * n}} for n in (10, 1400)]
    done = accept(push(body="#{x}", recipients=people))
    assert [(r.pointer, r.code) for r in done.rejected] == [("/recipients/1/variables", "1002")]


def test_the_longest_language_counts() -> None:
    body = push(localized={"en": {"body": "b" * 4080}})
    assert faults(body) == [("/localized", "1002")]


def test_values_are_never_templates_and_texts_are_composed() -> None:
    person = {"to": TOKEN, "variables": {"name": "#{other}", "other": "x"}}
    done = accept(push(title="가", body="#{name}\r\n", data={"k": "#{name}"}, recipients=[person]))
    (message,) = done.request.messages
    payload = CHANNEL.render(done.request.plan[0].content, message.vars)
    assert (payload.title, payload.body, payload.data) == ("가", "#{other}\n", (("k", "#{other}"),))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("to", "known", "code"),
    [
        ("user:kim", [], "2005"),
        ("user:kim", [device(app="other")], "2005"),
        ("user:kim", [device(state="dead")], "2005"),
        ("webpush:0190a2b4-0000-7000-8000-000000000080", [], "2005"),
        (TOKEN, [device(state="dead")], "5001"),
    ],
)
def test_who_cannot_be_reached_is_told(to: str, known: list[Json], code: str) -> None:
    assert faults(push(recipients=[{"to": to}]), **{to: known}) == [("/recipients/0/to", code)]


def test_a_user_may_come_later_than_a_reservation() -> None:
    assert accept(push(recipients=[{"to": "user:kim"}], scheduled_at="2027-01-01T00:00:00Z")).request.messages


def test_an_apns_token_is_kept_in_small_letters_and_a_user_composed() -> None:
    to = "user:가"
    done = accept(push(recipients=[{"to": "apns:" + "AB" * 32}, {"to": to}]), **{"user:가": [device()]})
    assert [m.to for m in done.request.messages] == ["apns:" + "ab" * 32, "user:가"]


def test_a_silent_message_needs_no_body_and_gives_the_app_what_it_says() -> None:
    body = push(silent=True, data={"sync": "1"})
    del body["body"]
    done = accept(body)
    payload = CHANNEL.render(done.request.plan[0].content, None)
    from shared.channels.push.payload import aps

    assert aps(payload) == {"aps": {"content-available": 1}, "title": "주문", "sync": "1"}  # type: ignore[arg-type]


def test_a_dry_run_shows_the_service_and_the_size() -> None:
    view = accept(push()).plan_view(lambda need: [])
    assert (view["messages"][0]["type"], view["messages"][0]["length"]) == ("fcm", 51)
