"""Half an emoji, keys that are given twice, and numbers as they were written: what the fast JSON parser leaves out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.channels import exact
from shared.channels.acceptance import Acceptance
from shared.channels.common import AccountView, InvalidRequest
from shared.channels.mt import MtRequest, accept
from shared.channels.reading import parse, read_body
from shared.domain import ids

NOW = 1_790_000_000_000
ACCOUNT = AccountView(7, "demo", frozenset({"15991234"}))
HALVES = [
    "\\ud83c",
    "\\uD83C",
    "\\udf89",
    "\\uDF89",
    "\\ud83c\\ud83c",
    "\\udf89\\ud83c",
    "\\udbff",
    "\\udfff",
    "\\ud800",
]


def sent(body: bytes | str) -> Acceptance:
    raw = body.encode() if isinstance(body, str) else body
    return accept(raw, account=ACCOUNT, now_ms=NOW, request_id=ids.request_id(NOW, 2**60), test=False)


def told(body: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        sent(body)
    assert caught.value.status == 422
    return [(fault.pointer, fault.code) for fault in caught.value.errors]


def body(text: str = "x", to: str = '{"to": "01023456789"}', more: str = "") -> str:
    return f'{{"sender": "15991234", "text": "{text}", "recipients": [{to}, {{"to": "01099998888"}}]{more}}}'


def filled(value: str, name: str = "a") -> str:
    good = '{"to": "01099998888", "variables": {"a": "x", "b": "y"}}'
    to = f'{{"to": "01023456789", "variables": {{"{name}": {value}}}}}'
    return f'{{"sender": "15991234", "text": "#{{a}}", "recipients": [{good}, {to}]}}'


@pytest.mark.parametrize("half", HALVES)
def test_half_an_emoji_is_a_fault_of_its_place(half: str) -> None:
    assert told(body(f"a {half}")) == [("/text", "1003")]
    assert told(body("x", more=f', "subject": "{half}"')) == [("/subject", "1003")]
    assert told(body("x", more=f', "{half}": 1'))[0][1] == "unknown_field"
    assert [(r.pointer, r.code) for r in sent(filled(f'"김{half}"')).rejected] == [
        ("/recipients/1/variables/a", "1003")
    ]
    assert [(r.pointer, r.code) for r in sent(filled('"x"', half)).rejected] == [("/recipients/1/variables", "1010")]
    assert [(r.pointer, r.code) for r in sent(body(to=f'{{"to": "{half}01023456789"}}')).rejected] == [
        ("/recipients/0/to", "1001")
    ]
    foreign = body(f"a {half}", to='{"to": "+14155550123"}', more=', "international": true')
    assert told(foreign)[0] == ("/text", "1003")


@pytest.mark.parametrize("half", HALVES)
def test_half_an_emoji_can_be_replaced_and_spoils_no_ref(half: str) -> None:
    way = ', "on_unsupported": "replace"'
    assert sent(body(f"a{half}b", more=way)).request.plan[0].content["text"] == "ab"
    foreign = body(f"a{half}b", to='{"to": "+14155550123"}', more=way + ', "international": true')
    assert sent(foreign).request.plan[0].content["text"] == "ab"
    to = f'{{"to": "01023456789", "ref": "r{half}", "variables": {{"a": "김{half}"}}}}'
    done = sent(body("#{a}", to=to, more=way + f', "request_ref": "q{half}"'))
    assert done.request.request_ref == "q" + "\ufffd" * half.count("\\u")
    assert [m.ref for m in done.request.messages] == ["r" + "\ufffd" * half.count("\\u")]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r'"\ud83c\udf89"', "🎉"),
        (r'"\ud83c\ud83c\udf89"', "\ufffd🎉"),
        (r'"\ud83c\\udf89"', "\ufffd\\udf89"),
        (r'"\\ud83c\ud83c"', "\\ud83c\ufffd"),
        (r'"\\\ud83c"', "\\\ufffd"),
        (r'"\ud83cx\udf89"', "\ufffdx\ufffd"),
        (r'"\ud83c\"\u00e9"', '\ufffd"é'),
    ],
)
def test_only_halves_are_mended(written: str, read: str) -> None:
    assert parse(written.encode()) == read


@given(st.recursive(st.text(st.characters(exclude_categories=[])) | st.none() | st.integers(), st.lists))
def test_whatever_strings_hold_a_body_is_read(value: Any) -> None:
    def mended(v: Any) -> Any:
        if isinstance(v, str):
            return "".join("\ufffd" if 0xD800 <= ord(c) < 0xE000 else c for c in json.loads(json.dumps(v)))
        return [mended(x) for x in v] if isinstance(v, list) else v

    assert parse(json.dumps(value).encode()) == mended(value)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff", b'{"text": "\\ud83c"', b'"\\ud83', b'"\xed\xa0\xbc"', b'{"a": \\ud83c}']
)
def test_what_is_no_json_stays_none(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(raw)
    with pytest.raises(InvalidRequest) as caught:
        read_body(MtRequest, raw)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *(("0.00005", "0.00005"), ("5e-05", "0.00005"), ("5E-5", "0.00005"), ("1e21", "1" + "0" * 21), ("1E+2",
          "100")),
        *(("1.50", "1.50"), ("0.10", "0.10"), ("100.0", "100.0"), ("12.5", "12.5"), ("1.0e1", "10"), ("1.25e1",
          "12.5")),
        *(("-0", "0"), ("-0.0", "0.0"), ("-0e3", "0"), ("0e5", "0"), ("-5e-05", "-0.00005"), ("-1.50", "-1.50")),
        *(("123456789012345678901234567890", "123456789012345678901234567890"), ("0.1000000000000000055",
          "0.1000000000000000055")),
        *(("9007199254740993.0", "9007199254740993.0"), ("1e22", "1" + "0" * 22), ("1.7976931348623157e308",
          "17976931348623157" + "0" * 292)),
        *(("123456789.123456789123456789", "123456789.123456789123456789"), ("3e0", "3"), ("2.5E-1", "0.25")),
    ],
)  # fmt: skip
def test_a_number_reads_as_people_write_it(written: str, read: str) -> None:
    done = sent(filled(written))
    if len(read) <= 90:
        assert [m.vars for m in done.request.messages] == [{"a": "x"}, {"a": read}]
    assert done.request.messages[-1].vars == {"a": read}


@pytest.mark.parametrize("written", ["1e-5000", "1e-999999999999", "1." + "0" * 4000, "1" * 4001])
def test_a_number_of_too_many_digits_is_refused(written: str) -> None:
    assert [(r.pointer, r.code) for r in sent(filled(written)).rejected] == [("/recipients/1/variables/a", "range")]


@pytest.mark.parametrize("written", ["true", "false", "null", "[1.5]", '{"b": 1.5}', "1e400", "NaN", "Infinity"])
def test_what_is_no_number_is_refused(written: str) -> None:
    assert [(r.pointer, r.code) for r in sent(filled(written)).rejected] == [("/recipients/1/variables/a", "type")]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_written_out_and_is_the_same(value: float) -> None:
    text = exact.decimal(json.dumps(value))
    assert "e" not in text.lower()
    assert Decimal(text) == Decimal(json.dumps(value))


def test_a_number_is_found_under_a_name_that_a_mac_wrote() -> None:
    names = '{"\u1100\u1161\u11b9\u1109": 1.50, "\u1100\u1161\u11b9": 2.50}'
    to = f'[{{"to": "01023456789", "variables": {names}}}]'
    (message,) = sent(f'{{"sender": "15991234", "text": "#{{값}}", "recipients": {to}}}').request.messages
    assert message.vars == {"값": "2.50"}


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (body(more=', "text": "y"'), "/text"),
        (body(more=', "text" : "y"'), "/text"),
        (body(more=', "text"\n\t: "y"'), "/text"),
        (body(more=', "recipients": []'), "/recipients"),
        (body(more=', "te\\u0078t": "y"'), "/text"),
        (
            body(more=', "fallback": [{"channel": "mt", "sender": "15991234", "text": "x", "text": "y"}]'),
            "/fallback/0/text",
        ),
        (body(more=', "x": {"a/b": 1, "a/b": 2}'), "/x"),
    ],
)
def test_a_key_that_is_given_twice_is_a_fault_of_its_place(raw: str, pointer: str) -> None:
    faults = told(raw)
    assert pointer in [where for where, _ in faults]
    if pointer != "/x":
        assert (pointer, "conflict") in faults or (pointer, "range") in faults


@pytest.mark.parametrize(
    ("to", "pointer"),
    [
        ('{"to": "01023456789", "to": "01099998888"}', "/recipients/0/to"),
        ('{"to": "01023456789", "ref": "a", "ref": "a"}', "/recipients/0/ref"),
        ('{"to": "01023456789", "variables": {"a": "1", "a": "2"}}', "/recipients/0/variables/a"),
        ('{"to": "01023456789", "variables": {"a/b~": "1", "a/b~": "2"}}', "/recipients/0/variables/a~1b~0"),
        ('{"to": "01023456789", "addresses": {"email": "a@b.c", "email": "d@e.f"}}', "/recipients/0/addresses/email"),
    ],
)
def test_a_recipients_key_that_is_given_twice_keeps_only_that_recipient_out(to: str, pointer: str) -> None:
    done = sent(body(to=to))
    assert [(r.pointer, r.code) for r in done.rejected] == [(pointer, "conflict")]
    assert [m.n for m in done.request.messages] == [2]


@pytest.mark.parametrize(
    "text", ['say \\":\\"', 'a\\" : b', '{\\"a\\":1,\\"a\\":2}', "10:30", "http://x", '\\\\\\":', ":", '\\"\\n:']
)
def test_a_text_with_colons_is_no_key(text: str) -> None:
    done = sent(body(text))
    assert done.request.plan[0].content["text"] == json.loads(f'"{text}"')
    assert not done.rejected


TREES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just('a":b'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(TREES, st.sampled_from([(", ", ": "), (",", ":"), (" , ", " : "), ("\n,", "\t\n:")]))
def test_no_key_is_missed_and_none_is_imagined(value: Any, separators: tuple[str, str]) -> None:
    raw = json.dumps(value, separators=separators).encode()
    assert exact.may_be_doubled(raw, parse(raw)) <= (b'\\"' in raw or b'a\\":b' in raw)
    assert not list(exact.Exact(raw).doubled())
    assert exact.may_be_doubled(b'{"k":1,"k":' + raw + b"}", parse(b'{"k":1,"k":' + raw + b"}"))
    assert list(exact.Exact(b'[{"k":1,"k":' + raw + b"}]").doubled()) == [(0, "k")]
