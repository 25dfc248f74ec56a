"""What a client may ask of KakaoTalk, and what it is told when it may not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.channels import acceptance
from shared.channels.acceptance import Acceptance
from shared.channels.common import AccountView, FileInfo, Identity, InvalidRequest, Refused, Template
from shared.channels.kakao import CHANNEL
from shared.channels.kakao.limits import BUBBLES
from shared.domain import ids

NOW = int(datetime(2026, 3, 2, 12, 0, tzinfo=UTC).timestamp() * 1000)
REQUEST_ID = ids.request_id(NOW, 2**60 + 12345)
KEY, OTHER = "demo" + "0" * 36, "other" + "0" * 35
ORDER = "#{name}님, 주문 #{order}이(가) 발송되었습니다."
BUTTONS = [{"type": "WL", "name": "조회", "mobile": "https://client.example/o/#{order}"}]


def template(state: str = "approved", **content: Any) -> Template:
    return Template(1, state, {"sender_key": KEY, "text": ORDER, **content})


ACCOUNT = AccountView(
    7,
    "demo",
    frozenset({"0215441234"}),
    files={"f1": FileInfo("image/jpeg", 100_000, 800, 600), "small": FileInfo("image/png", 10, 100, 100)},
    identities={
        ("kakao", "profile", KEY): Identity("approved", {"optout": "0801234567", "marketing_agreement": True}),
        ("kakao", "profile", OTHER): Identity("approved"),
        ("kakao", "profile", "p" * 40): Identity("pending"),
    },
    templates={
        ("kakao", "ORDER_SHIPPED"): template(),
        ("kakao", "NOT_YET"): template("in_review"),
        ("kakao", "AT_NHN"): Template(
            1, "approved", {"sender_key": KEY, "text": ORDER}, {"nhn": "approved", "solapi": "in_review"}
        ),
        ("kakao", "BUTTONS"): template(buttons=BUTTONS),
        ("kakao", "TITLE"): template(emphasis="text", title="#{amount}원", subtitle="결제"),
        ("kakao", "LINK"): template(buttons=[{"type": "WL", "name": "조회", "mobile": "#{url}"}]),
    },
)
VALUES = {"name": "김하나", "order": "A-1"}


def accept(**fields: Any) -> Acceptance:
    body: dict[str, Any] = {
        "type": "alimtalk", "sender_key": KEY, "template_code": "ORDER_SHIPPED",
        "recipients": [{"to": "01023456789", "variables": VALUES}], **fields,
    }  # fmt: skip
    sent = json.dumps({k: v for k, v in body.items() if v is not None}).encode()
    return acceptance.accept(CHANNEL, sent, account=ACCOUNT, now_ms=NOW, request_id=REQUEST_ID, test=False)


def faults(**fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        accept(**fields)
    assert all(e.detail for e in caught.value.errors)
    return [(e.pointer, e.code) for e in caught.value.errors]


def brand(**fields: Any) -> dict[str, Any]:
    people = [{"to": "01023456789"}]
    shown = {"type": "brand", "lane": "ad", "template_code": None, "bubble": "TEXT", "text": "봄 할인"}
    return {**shown, "recipients": people, **fields}


def test_an_alimtalk_is_the_template_filled_in() -> None:
    done = accept()
    payload = CHANNEL.render(done.request.plan[0].content, done.request.messages[0].vars)
    assert payload.text == "김하나님, 주문 A-1이(가) 발송되었습니다."
    assert CHANNEL.measure(payload) == ("alimtalk", len(payload.text), 1)


FILLED = "김하나님, 주문 A-1이(가) 발송되었습니다."


@pytest.mark.parametrize("text", [ORDER, FILLED, "#{고객명}님, 주문 #{order}이(가) 발송되었습니다."])
def test_the_templates_own_text_may_be_given(text: str) -> None:
    people = [{"to": "01023456789", "variables": {**VALUES, "고객명": "김"}}]
    done = accept(text=text, recipients=people)
    assert done.request.plan[0].content["text"] == text
    payload = CHANNEL.render(done.request.plan[0].content, done.request.messages[0].vars)
    assert dict(payload.variables)["order"] == "A-1", "a vendor that fills the template itself gets its names"
    assert dict(payload.variables)["name"] in ("김하나", "김")


@pytest.mark.parametrize(
    "text",
    [
        FILLED + " ",
        "\ufeff" + FILLED,
        ORDER + " ",
        ORDER + "\n",
        "\ufeff" + ORDER,
        ORDER.replace(", ", ",  "),
        ORDER.replace(",", "，"),
        "다른 글",
    ],
)
def test_any_other_text_is_2002_at_the_text(text: str) -> None:
    assert faults(text=text) == [("/text", "2002")]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": None}, ("/type", "required")),
        ({"type": "friendtalk"}, ("/type", "range")),
        ({"sender_key": None}, ("/sender_key", "required")),
        ({"sender_key": "DEMO" + "0" * 36}, ("/sender_key", "2003")),
        ({"sender_key": KEY[:-1]}, ("/sender_key", "2003")),
        ({"sender_key": "p" * 40}, ("/sender_key", "2003")),
        ({"sender_key": OTHER}, ("/template_code", "2001")),
        ({"template_code": None}, ("/template_code", "required")),
        ({"template_code": "NOBODY"}, ("/template_code", "2001")),
        ({"template_code": "NOT_YET"}, ("/template_code", "2001")),
        ({"lane": "ad"}, ("/lane", "conflict")),
        ({"title": "제목"}, ("/title", "2002")),
        ({"buttons": BUTTONS}, ("/buttons", "2002")),
        ({"targeting": "I"}, ("/targeting", "conflict")),
        ({"bubble": "TEXT"}, ("/bubble", "conflict")),
        ({"template_code": "BUTTONS", "buttons": []}, ("/buttons", "2002")),
        ({"template_code": "BUTTONS", "buttons": [{**BUTTONS[0], "name": "조회하기"}]}, ("/buttons/0/name", "2002")),
    ],
)
def test_what_may_not_be_asked_names_its_field(fields: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in faults(**fields)


def rejected(values: dict[str, Any], to: str = "01023456789", **fields: Any) -> tuple[str, str]:
    good = {"to": "01098765432", "variables": {**VALUES, "amount": "1", "url": "https://a.example"}}
    done = accept(recipients=[good, {"to": to, "variables": values}], **fields)
    (fault,) = done.rejected
    return fault.pointer, fault.code


@pytest.mark.parametrize(
    ("values", "fields", "expected"),
    [
        ({"order": "A-1"}, {}, ("/variables", "1010")),
        ({"name": "가" * 1000, "order": "A"}, {}, ("/variables", "1002")),
        ({**VALUES, "amount": "1" * 50}, {"template_code": "TITLE"}, ("/variables/amount", "1002")),
        ({**VALUES, "url": "client.example/1"}, {"template_code": "LINK"}, ("/variables/url", "format")),
        ({**VALUES, "url": "https://client.example/주문 1"}, {"template_code": "LINK"}, ("/variables/url", "format")),
        ({**VALUES, "url": "https://c.example/" + "a" * 490}, {"template_code": "LINK"}, ("/variables/url", "format")),
        ({**VALUES, "order": "A 1"}, {"template_code": "BUTTONS"}, ("/variables/order", "format")),
    ],
)
def test_what_a_recipient_cannot_get_is_its_own_fault(
    values: dict[str, Any], fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    pointer, code = rejected(values, **fields)
    assert (pointer.partition("/recipients/1")[2] or pointer, code) == expected


@pytest.mark.parametrize(
    "values", [{"name": "", "order": "A-1"}, {**VALUES, "x": "y"}, {"name": "\u200b", "order": "1"}]
)
def test_empty_and_further_values_are_taken(values: dict[str, str]) -> None:
    done = accept(recipients=[{"to": "01023456789", "variables": values}])
    payload = CHANNEL.render(done.request.plan[0].content, done.request.messages[0].vars)
    assert "#{" not in payload.text


@pytest.mark.parametrize("to", ["050212345678", "0212345678", "15991234", "+14155550123"])
def test_only_mobile_numbers_have_kakaotalk(to: str) -> None:
    with pytest.raises(Refused) as refused:
        CHANNEL.address(None, to)
    assert refused.value.code == "1001"


def test_with_a_fallback_such_a_number_skips_kakaotalk() -> None:
    hop = {"channel": "mt", "sender": "0215441234", "text": "#{name}님 발송"}
    done = accept(recipients=[{"to": "0212345678", "variables": VALUES}], fallback=[hop])
    (message,) = done.request.messages
    assert message.type == "sms"
    assert not done.rejected


# --- Brand Messages ---------------------------------------------------------------------------------------------------


def test_a_brand_message_goes_in_lane_ad_alone() -> None:
    assert accept(**brand()).request.plan[0].content["bubble"] == "TEXT"
    for lane in ("auth", "realtime", "bulk"):
        assert ("/lane", "conflict") in faults(**brand(lane=lane))


WL = {"type": "WL", "name": "보기", "mobile": "https://x.example"}
CARD = {"header": "봄", "text": "할인", "image": "f1", "buttons": [WL]}
SOLD = {"title": "원피스", "regular_price": 10_000}
WIDE = {"title": "하나", "image": "f1", "link": {"mobile": "https://x.example"}}
GOOD: dict[str, dict[str, Any]] = {
    "TEXT": {"text": "글"},
    "IMAGE": {"text": "글", "image": "f1"},
    "WIDE": {"text": "글", "image": "f1"},
    "WIDE_ITEM_LIST": {"text": None, "header": "머리", "items": [WIDE] * 3},
    "CAROUSEL_FEED": {"text": None, "cards": [CARD] * 2},
    "PREMIUM_VIDEO": {"text": None, "video": {"url": "https://tv.kakao.com/v/1"}},
    "COMMERCE": {"text": None, "image": "f1", "commerce": SOLD, "buttons": [WL]},
    "CAROUSEL_COMMERCE": {"text": None, "cards": [{"image": "f1", "commerce": SOLD, "buttons": [WL]}] * 2},
}


@pytest.mark.parametrize("bubble", BUBBLES)
def test_every_form_can_be_sent(bubble: str) -> None:
    done = accept(**brand(bubble=bubble, **GOOD[bubble]))
    payload = CHANNEL.render(done.request.plan[0].content, None)
    assert payload.part("bubble") == bubble
    assert len(payload.files) == len(CHANNEL.files(done.request.plan[0].content))


@pytest.mark.parametrize(
    ("bubble", "change", "expected"),
    [
        ("TEXT", {"text": "가" * 1301}, ("/text", "1002")),
        ("TEXT", {"text": "가" + "\n" * 100}, ("/text", "1002")),
        ("TEXT", {"text": " "}, ("/text", "1003")),
        ("TEXT", {"image": "f1"}, ("/image", "conflict")),
        ("TEXT", {"buttons": [WL] * 6}, ("/buttons", "range")),
        ("TEXT", {"buttons": [{**WL, "name": "가" * 15}]}, ("/buttons/0/name", "1002")),
        ("TEXT", {"buttons": [WL, {"type": "AC", "name": "채널 추가"}]}, ("/buttons/1/type", "conflict")),
        ("IMAGE", {"image": "none"}, ("/image", "not_found")),
        ("IMAGE", {"image": "small"}, ("/image", "1002")),
        ("IMAGE", {"image": None}, ("/image", "required")),
        ("WIDE", {"text": "가" * 77}, ("/text", "1002")),
        ("WIDE", {"buttons": [{**WL, "name": "가" * 9}]}, ("/buttons/0/name", "1002")),
        ("WIDE_ITEM_LIST", {"items": [WIDE] * 2}, ("/items", "range")),
        ("WIDE_ITEM_LIST", {"header": "가" * 21}, ("/header", "1002")),
        ("CAROUSEL_FEED", {"cards": [CARD]}, ("/cards", "range")),
        ("CAROUSEL_FEED", {"cards": [CARD, {**CARD, "text": "가" * 181}]}, ("/cards/1/text", "1002")),
        ("CAROUSEL_FEED", {"cards": [{**CARD, "buttons": []}, CARD]}, ("/cards/0/buttons", "range")),
        ("PREMIUM_VIDEO", {"video": {"url": "https://v.example/1"}}, ("/video/url", "format")),
        ("COMMERCE", {"commerce": {**SOLD, "discount_price": 9000}}, ("/commerce/discount_price", "conflict")),
        ("COMMERCE", {"commerce": {**SOLD, "title": "가" * 31}}, ("/commerce/title", "1002")),
        ("COMMERCE", {"buttons": [{"type": "BK", "name": "봇"}]}, ("/buttons/0/type", "range")),
    ],
)
def test_each_limit_of_a_form_is_held(bubble: str, change: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in faults(**brand(bubble=bubble, **{**GOOD[bubble], **change}))


@pytest.mark.parametrize("targeting", ["m", "F", ""])
def test_a_targeting_that_does_not_exist_is_named(targeting: str) -> None:
    assert ("/targeting", "range") in faults(**brand(targeting=targeting))


def test_reaching_others_than_friends_needs_the_right() -> None:
    assert accept(**brand(targeting="M")).request.plan[0].content["targeting"] == "M"
    assert ("/targeting", "2003") in faults(**brand(targeting="M", sender_key=OTHER))


@pytest.mark.parametrize(
    ("title", "good"),
    [
        ("1000원 할인 쿠폰", True), ("0원 할인 쿠폰", False), ("100% 할인 쿠폰", True), ("101% 할인 쿠폰", False),
        ("배송비 할인 쿠폰", True), ("커피 무료 쿠폰", True), ("커 피 무료 쿠폰", False), ("등급 UP 쿠폰", True),
        ("쿠폰", False),
    ],
)  # fmt: skip
def test_coupons_have_five_titles(title: str, good: bool) -> None:
    coupon = {"title": title, "description": "오늘만", "mobile": "https://x.example"}
    wish = brand(coupon=coupon)
    if good:
        assert accept(**wish)
    else:
        assert ("/coupon/title", "format") in faults(**wish)


# --- templates --------------------------------------------------------------------------------------------------------


LONG_ITEM = {"title": "가" * 7, "description": "나"}
LONG_URL = "https://x/" + "a" * 491


def template_faults(**content: Any) -> list[tuple[str, str]]:
    found, _ = CHANNEL.template_content({"text": ORDER, **content})
    return [(f.pointer, f.code) for f in found]


def test_a_templates_variables_are_those_that_recipients_must_give() -> None:
    found, names = CHANNEL.template_content({"text": ORDER, "buttons": BUTTONS})
    assert (found, names) == ([], ["name", "order"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"text": "#{고객.이름}님"}, ("/text", "format")),
        ({"text": "#{ name }님"}, ("/text", "format")),
        ({"text": "#{name@1}님"}, ("/text", "format")),
        ({"text": "#{}님"}, ("/text", "format")),
        ({"text": "#{a#{b}}님"}, ("/text", "format")),
        ({"text": "#{name 님"}, ("/text", "format")),
        ({"text": "#{name}"}, ("/text", "format")),
        ({"text": ""}, ("/text", "required")),
        ({"text": "가" * 1001}, ("/text", "1002")),
        ({"text": "가" * 701, "emphasis": "item_list", "header": "가"}, ("/text", "1002")),
        ({"kind": "EX"}, ("/extra", "required")),
        ({"extra": "안내"}, ("/extra", "conflict")),
        ({"kind": "EX", "extra": "#{a}"}, ("/extra", "format")),
        ({"kind": "AD"}, ("/buttons", "conflict")),
        ({"kind": "XX"}, ("/kind", "range")),
        ({"emphasis": "text"}, ("/title", "required")),
        ({"emphasis": "text", "title": "가", "subtitle": "#{a}"}, ("/subtitle", "format")),
        ({"emphasis": "text", "title": "가" * 51, "subtitle": "가"}, ("/title", "1002")),
        ({"title": "가"}, ("/title", "conflict")),
        ({"emphasis": "image"}, ("/image", "required")),
        ({"emphasis": "item_list"}, ("/items", "required")),
        ({"emphasis": "item_list", "items": [{"title": "가", "description": "나"}]}, ("/items", "range")),
        (
            {"emphasis": "item_list", "items": [{"title": "가" * 7, "description": "나"}] * 2},
            ("/items/0/title", "1002"),
        ),
        ({"emphasis": "item_list", "header": "가" * 17}, ("/header", "1002")),
        ({"emphasis": "item_list", "header": "가", "security": True}, ("/security", "conflict")),
        ({"buttons": [{"type": "WL", "name": "가", "mobile": "client.example"}]}, ("/buttons/0/mobile", "format")),
        ({"buttons": [{"type": "WL", "name": "가", "mobile": "javascript:alert(1)"}]}, ("/buttons/0/mobile", "format")),
        (
            {"buttons": [{"type": "WL", "name": "가", "mobile": "https://x/" + "a" * 491}]},
            ("/buttons/0/mobile", "1002"),
        ),
        ({"buttons": [{"type": "WL", "name": "가"}]}, ("/buttons/0/mobile", "required")),
        ({"buttons": [{"type": "WL", "name": "가" * 15, "mobile": "https://x"}]}, ("/buttons/0/name", "1002")),
        ({"buttons": [{"type": "WL", "name": "#{a}", "mobile": "https://x"}]}, ("/buttons/0/name", "format")),
        ({"buttons": [{"type": "AC", "name": "채널 추가"}]}, ("/buttons/0/type", "conflict")),
        ({"kind": "AD", "buttons": [{"type": "AC", "name": "채널추가"}]}, ("/buttons/0/name", "range")),
        ({"buttons": [{"type": "TN", "name": "문의", "phone": "15991234"}]}, ("/buttons/0/name", "range")),
        ({"buttons": [{"type": "AL", "name": "앱", "mobile": "https://x"}]}, ("/buttons/0", "required")),
        ({"buttons": [{"type": "MD", "name": "가"}] * 6}, ("/buttons", "range")),
        (
            {"buttons": [{"type": "MD", "name": "가"}] * 3, "quick_replies": [{"type": "BK", "name": "가"}]},
            ("/buttons", "range"),
        ),
        ({"quick_replies": [{"type": "AC", "name": "채널 추가"}]}, ("/quick_replies/0/type", "range")),
        ({"unknown": 1}, ("/unknown", "unknown_field")),
    ],
)
def test_what_kakaos_review_would_refuse_is_told_before_it(content: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in template_faults(**content)


def test_all_faults_of_a_template_come_in_one_answer() -> None:
    found = template_faults(kind="EX", title="가", buttons=[{"type": "WL", "name": "가" * 15}])
    assert {"/extra", "/title", "/buttons/0/name", "/buttons/0/mobile"} <= {pointer for pointer, _ in found}


@pytest.mark.parametrize(
    "url", ["#{url}", "https://#{host}/o", "http://x.example", "HTTPS://x.example", " https://x.example"]
)
def test_links_may_be_variables(url: str) -> None:
    assert template_faults(buttons=[{"type": "WL", "name": " 조회 ", "mobile": url}]) == []


def test_a_preview_shows_cuts_and_warnings() -> None:
    content = {"text": "#{v}", "buttons": [{"type": "DS", "name": "배송 조회"}], "title": "가" * 30}
    shown = CHANNEL.template_preview({**content, "text": "#{v} 송장"}, {"v": "CJ대한통운 123456789012"})
    assert shown["cuts"]["title"] == [23, 27]
    assert any("tracking" in word for word in shown["warnings"])
    fine = CHANNEL.template_preview({**content, "text": "#{v} 송장"}, {"v": "우체국택배 123456-1234567"})
    assert not any("tracking" in word for word in fine["warnings"])
