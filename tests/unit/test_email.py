"""What a client may ask of a mail: each limit, each slip, and what becomes of values."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from shared.channels import acceptance
from shared.channels.acceptance import Acceptance
from shared.channels.common import AccountView, FileInfo, Identity, InvalidRequest, Refused
from shared.channels.email import CHANNEL, limits, markup
from shared.channels.email.payload import EmailPayload
from shared.channels.wanting import wanted
from shared.domain import ids

FILE = "01a20ca7-24ba-78bb-beb6-488995c00000"
OTHER = "01a20ca7-24ba-78bb-beb6-488995c00001"
ACCOUNT = AccountView(
    1, "demo", frozenset(),
    files={FILE: FileInfo("application/pdf", 1000, name="보고서.pdf"), OTHER: FileInfo("image/png", 10, name="a.png")},
    identities={
        ("email", "domain", "demo.example"): Identity("approved", {"return_path": "back.demo.example"}),
        ("email", "domain", "pending.example"): Identity("pending"),
    },
)  # fmt: skip
PLAIN = {"from": "news@demo.example", "subject": "주문 안내", "text": "안녕하세요"}
TO = [{"to": "kim@client.example"}]


def accept(account: AccountView = ACCOUNT, recipients: Any = None, **changes: Any) -> Acceptance:
    body = {**PLAIN, "recipients": recipients or TO, **changes}
    body = {name: value for name, value in body.items() if value is not None}
    request = ids.request_id(time.time_ns() // 1_000_000, 7)
    now = time.time_ns() // 1_000_000
    return acceptance.accept(CHANNEL, orjson.dumps(body), account=account, now_ms=now, request_id=request, test=False)


def faults(**changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as raised:
        accept(**changes)
    return [(fault.pointer, fault.code) for fault in raised.value.errors]


def payload(values: Mapping[str, str] | None = None, **changes: Any) -> EmailPayload:
    made = accept(recipients=[{**TO[0], "variables": values or {}}], **changes).request
    found = CHANNEL.render(made.plan[0].content, made.messages[0].vars)
    assert isinstance(found, EmailPayload)
    return found


def test_a_mail_is_accepted_and_carries_what_its_vendor_needs() -> None:
    made = accept(reply_to="고객센터 <help@elsewhere.example>", headers={"X-Order-Id": "7", "In-Reply-To": "<a@b>"})
    assert made.request.messages[0].type == "email"
    found = payload(reply_to="고객센터 <help@elsewhere.example>", headers={"X-Order-Id": "7"})
    assert (found.sender, found.domain, found.return_path) == ("news@demo.example", "demo.example", "back.demo.example")
    assert found.reply_to.endswith("<help@elsewhere.example>")
    assert found.headers == (("X-Order-Id", "7"),)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Kim, Hana <news@demo.example>", "Kim, Hana"),
        ('"Kim, Hana" <news@demo.example>', "Kim, Hana"),
        ("(주)데모, 고객센터 <news@demo.example>", "(주)데모, 고객센터"),
        ('데모 "본점" <news@demo.example>', '데모 "본점"'),
        ("news@DEMO.example", ""),
    ],
)
def test_the_whole_name_is_shown_and_there_is_one_author(written: str, name: str) -> None:
    found = payload(**{"from": written})
    assert (found.name, found.sender) == (name, "news@demo.example")


@pytest.mark.parametrize(
    "written",
    ["news@demo.example <evil@evil.example>", "a@sub.demo.example", "a@demo.example.evil.example", "a@pending.example",
     "a@nobody.example"],
)  # fmt: skip
def test_only_an_approved_domain_of_ones_own_may_send(written: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        accept(**{"from": written})
    assert [(f.pointer, f.code) for f in raised.value.errors] == [("/from", "1004")]
    assert raised.value.status == 403


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"from": None}, ("/from", "required")),
        ({"from": "a@demo.example, b@demo.example"}, ("/from", "format")),
        ({"from": "a@demo.example."}, ("/from", "format")),
        ({"from": "A <a@demo.example> <b@demo.example>"}, ("/from", "format")),
        ({"subject": None}, ("/subject", "required")),
        ({"subject": "안내\r\nBcc: spy@evil.example"}, ("/subject", "format")),
        ({"subject": "a" * 999}, ("/subject", "1002")),
        ({"subject": " "}, ("/subject", "1003")),
        ({"text": None}, ("/text", "required")),
        ({"text": "a" * (limits.TEXT + 1)}, ("/text", "range")),
        ({"reply_to": "nobody"}, ("/reply_to", "format")),
        ({"cc": ["a@b.example"] * 11}, ("/cc", "range")),
        ({"cc": ["a@b.example"], "recipients": [{"to": "a@c.example"}, {"to": "b@c.example"}]}, ("/cc", "conflict")),
        ({"cc": ["nobody"]}, ("/cc/0", "format")),
        ({"attachments": [FILE] * 11}, ("/attachments", "range")),
        ({"attachments": ["nix"]}, ("/attachments/0/file", "not_found")),
        ({"attachments": [{"file": FILE, "name": "a.exe"}]}, ("/attachments/0/name", "4004")),
        ({"attachments": [{"file": FILE, "name": "a\r\nb"}]}, ("/attachments/0/name", "format")),
        ({"attachments": [{"file": FILE, "inline": "<a>"}]}, ("/attachments/0/inline", "format")),
        ({"html": '<img src="cid:nix">'}, ("/html", "not_found")),
        ({"html": "<p class=#{x}>", "recipients": [{**TO[0], "variables": {"x": "1"}}]}, ("/html", "format")),
        ({"unsubscribe": "http://client.example/u"}, ("/unsubscribe", "format")),
        ({"unsubscribe": True, "lane": "auth"}, ("/unsubscribe", "conflict")),
        ({"lane": "ad"}, ("/subject", "1008")),
        ({"headers": {"X-A": 7}}, ("/headers/X-A", "type")),
        ({"headers": {"X-A": "1\r\nBcc: spy@evil.example"}}, ("/headers/X-A", "format")),
        ({"sender": "a@demo.example"}, ("/sender", "unknown_field")),
    ],
)  # fmt: skip
def test_each_limit_and_slip_is_told_at_its_field(changes: dict[str, Any], wrong: tuple[str, str]) -> None:
    assert faults(**changes) == [wrong]


def test_two_pictures_of_one_id_are_told_at_both() -> None:
    both = [{"file": FILE, "inline": "a"}, {"file": OTHER, "inline": "a"}]
    found = faults(attachments=both, html='<img src="cid:a">')
    assert found == [("/attachments/0/inline", "conflict"), ("/attachments/1/inline", "conflict")]


def test_a_mail_that_is_too_large_once_encoded_is_refused() -> None:
    big = AccountView(1, "demo", frozenset(), files={FILE: FileInfo("application/pdf", 19 << 20)},
                      identities=ACCOUNT.identities)  # fmt: skip
    assert faults(account=big, attachments=[FILE]) == [("/attachments", "1002")]


def test_headers_stand_on_an_allow_list_and_all_faults_come_at_once() -> None:
    bad = ["Bcc", "bcc", "From", "Sender", "Return-Path", "Received", "DKIM-Signature", "Message-ID", "Date",
           "List-Unsubscribe", "Content-Type", "X-IMS-Ref", "Precedence", "Auto-Submitted", "x-ims-ref"]  # fmt: skip
    good = {"X-Order-Id": "7", "In-Reply-To": "<a@b>", "References": "<a@b> <c@d>"}
    found = faults(headers=dict.fromkeys(bad, "x") | good)
    assert found == [(f"/headers/{name}", "unknown_field") for name in bad]


def test_a_value_with_a_line_break_keeps_only_its_recipient_out_of_a_header() -> None:
    made = accept(
        subject="#{name}님 주문", recipients=[
            {"to": "a@c.example", "variables": {"name": "김\nBcc: spy@evil.example"}},
            {"to": "b@c.example", "variables": {"name": "이\n"}},
            {"to": "c@c.example", "variables": {"name": "박"}},
            {"to": "d@c.example", "variables": {"name": "가" * 999}},
        ],
    )  # fmt: skip
    assert [m.to for m in made.request.messages] == ["c@c.example"]
    assert [(r.pointer, r.code) for r in made.rejected] == [
        ("/recipients/0/variables/name", "1003"), ("/recipients/1/variables/name", "1003"),
        ("/recipients/3/variables", "1002"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("to", "stored"),
    [(" kim@client.example ", "kim@client.example"), ("o'neill@client.example", "o'neill@client.example"),
     ("Kim.Hana+a@Client.Example", "Kim.Hana+a@client.example"), ("kim@메일.example", "kim@xn--h32bq4v.example")],
)  # fmt: skip
def test_an_address_is_kept_as_given_with_its_domain_in_ascii(to: str, stored: str) -> None:
    assert CHANNEL.address(None, to) == stored


@pytest.mark.parametrize(
    "to",
    ["kim@client.example.", "kim..h@client.example", "kim.@client.example", ".kim@client.example",
     "\u200bkim@client.example", "kim\u00a0@client.example", "kim＠client.example", "<kim@client.example>",
     "mailto:kim@client.example", "a@x.example;b@x.example", '"kim h"@client.example', "kim@client", "",
     "kim@[127.0.0.1]", "k" * 65 + "@client.example", "k@" + "a." * 125 + "example", "김@client.example",
     "a@x.example,b@x.example", "kim@client.123", "kim@-a.example", "kim @client.example", "kim@client.example\n"],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_never_repaired(to: str) -> None:
    with pytest.raises(Refused) as raised:
        CHANNEL.address(None, to)
    assert (raised.value.pointer, raised.value.code) == ("/to", "1001")


def test_the_sign_that_nobody_sees_is_named() -> None:
    with pytest.raises(Refused, match=r"U\+200B"):
        CHANNEL.address(None, "\u200bkim@client.example")


def test_values_are_escaped_in_html_encoded_in_urls_and_as_typed_elsewhere() -> None:
    html = '<a href="https://c.example/o/#{id}?n=#{name}" title="#{name}">#{name}</a>'
    found = payload({"name": '김&<b>"이', "id": "a b/7"}, html=html, text="#{name} #{id}", subject="#{name}")
    assert found.html == (
        '<a href="https://c.example/o/a%20b%2F7?n=%EA%B9%80%26%3Cb%3E%22%EC%9D%B4" '
        'title="김&amp;&lt;b&gt;&quot;이">김&amp;&lt;b&gt;&quot;이</a>'
    )
    assert found.text == '김&<b>"이 a b/7'
    assert found.subject == '김&<b>"이'


def test_a_value_is_never_read_as_a_template() -> None:
    found = payload({"a": "#{b}", "b": "x"}, text="#{a} #{b}", html="<p>#{a}</p>")
    assert (found.text, found.html) == ("#{b} x", "<p>#{b}</p>")


def test_a_link_that_is_a_value_must_be_one_that_may_be_followed() -> None:
    made = accept(html='<a href="#{u}">x</a>', recipients=[
        {"to": "a@c.example", "variables": {"u": "https://c.example/?a=1&b=2"}},
        {"to": "b@c.example", "variables": {"u": "javascript:alert(1)"}},
    ])  # fmt: skip
    assert [(r.pointer, r.code) for r in made.rejected] == [("/recipients/1/variables/u", "1003")]
    shown = CHANNEL.render(made.request.plan[0].content, made.request.messages[0].vars)
    assert 'href="https://c.example/?a=1&amp;b=2"' in shown.html  # type: ignore[attr-defined]


def test_text_is_made_of_html_with_links_and_without_styles_and_scripts() -> None:
    html = (
        "<style>p{color:red}</style><p>#{name}님 &lt;VIP&gt;</p>"
        '<a href="https://client.example/o/#{id}">주문 보기</a><script>x</script>'
    )
    assert markup.as_text(html) == "#{name}님 <VIP>\n\n주문 보기 (https://client.example/o/#{id})"
    assert payload({"name": "김", "id": "7"}, html=html, text=None).text.endswith(
        "주문 보기 (https://client.example/o/7)"
    )


@pytest.mark.parametrize(
    ("lane", "wish", "found"),
    [("realtime", None, ""), ("bulk", None, "ours"), ("bulk", False, ""), ("auth", None, ""),
     ("realtime", True, "ours"),
     ("bulk", "https://client.example/u", "https://client.example/u")],
)  # fmt: skip
def test_a_way_to_unsubscribe_stands_in_bulk_unless_the_client_says_otherwise(lane: str, wish: Any, found: str) -> None:
    assert payload(lane=lane, unsubscribe=wish).unsubscribe == found


def test_what_is_wanted_is_the_senders_domain_and_the_files() -> None:
    body = orjson.dumps({**PLAIN, "attachments": [FILE, {"file": OTHER}], "recipients": TO})
    found = wanted(CHANNEL, body)["email"]
    assert found.files == {FILE, OTHER}
    assert found.identities == {("domain", "demo.example")}
