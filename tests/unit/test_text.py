"""Lengths as the carriers count them, unsendable characters, message types, and variables."""

from __future__ import annotations

import unicodedata
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import text, variables

SENDABLE = st.text(st.characters(codec="cp949", exclude_categories=["Cc"]))


@given(SENDABLE)
def test_a_sendable_text_has_one_byte_a_latin_and_two_a_hangul_character(value: str) -> None:
    assert text.measure(value) == sum(1 if c.isascii() else 2 for c in value)
    assert text.byte_length(value) == text.measure(value)
    assert text.unsupported(value) == []


@given(SENDABLE, SENDABLE)
def test_lengths_add_up_so_a_template_needs_measuring_once(a: str, b: str) -> None:
    assert text.byte_length(a + b) == text.byte_length(a) + text.byte_length(b)


def test_the_hangul_that_python_writes_in_eight_bytes_counts_two_and_is_flagged() -> None:
    assert len("똠".encode("euc_kr")) == 8
    assert text.byte_length("똠") == 2
    assert text.beyond_ksx1001("똠방각하")
    assert not text.beyond_ksx1001("가나다 abc")


def test_unsendable_characters_are_named_with_their_places() -> None:
    assert text.unsupported("안녕😀하\u2014세") == [(2, "😀"), (4, "\u2014")]
    assert text.unsupported("a\x00b\tc\r\n") == [(1, "\x00")]


@given(st.text())
def test_after_replacement_any_text_can_be_sent(value: str) -> None:
    replaced = text.replace_unsupported(value)
    assert text.measure(replaced) is not None
    assert text.replace_unsupported(replaced) == replaced


@given(st.text(), st.text())
def test_what_is_joined_from_replaced_pieces_can_be_sent(a: str, b: str) -> None:
    assert text.measure(text.replace_unsupported(a) + text.replace_unsupported(b)) is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\u201cquote\u201d it\u2019s", "\u201cquote\u201d it\u2019s"),
        ("a \u2014 b\u00a0c", "a - b c"),
        ("세일🎉🎉 👨\u200d👩\u200d👧", "세일 "),
        ("\u1112\u1161\u11ab글", "한글"),
        ("café", "cafe"),
        ("Привет", "Привет"),
        ("ไทย", "???"),
    ],
)
def test_replacements_are_what_a_person_would_have_typed(before: str, after: str) -> None:
    assert text.replace_unsupported(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        *(("・‧∙⋅•", "·····"), ("£ ¥ ¢ ¬", "￡ ￥ ￠ ￢"), ("⋯", "…"), ("‚a‛", "'a'"), ("„b‟ «c»", '"b" "c"')),
        *(("–—‒―‑−", "---―--"), ("a\u2003b\u3000c", "a b\u3000c"), ("¯‾", "￣￣")),
        *(("ﬁﬂ ℠ № ⅝ ½ ⁄ ∕", "fifl SM № ⅝ ½ / /"), ("𝐀𝓫Ⓒ", "AbC"), ("①⑮⑯❶⑳", "①⑮(16)①(20)"), ("ŁłǪƁÇ", "ŁłOBC")),
        *(("≈≦≧", "≒≤≥"), ("➜➡⬅⟶", "→→←→"), ("∉∌≮", "???"), ("≄≢", "≠≠"), ("⟨a⟩⟪b⟫", "〈a〉《b》"), ("٣٪", "3%")),
        *(("₹100 ₩100", "INR100 ￦100"), ("☑✔✗⭐", "vvx★"), ("1️⃣", "1"), ("half \ufffd", "half "), ("ᄀ", "ㄱ")),
        *(("\u2028\u2029\x0b", "\n\n\n"), ("〜〰", "～～"), ("naïve façade", "naive facade"), ("Ω℃K", "Ω℃K")),
    ],
)  # fmt: skip
def test_signs_are_replaced_by_what_cp949_has_for_them(before: str, after: str) -> None:
    assert text.replace_unsupported(before) == after


@cache
def every_sign() -> tuple[str, ...]:
    """All that are assigned, but for private ones."""
    return tuple(c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Co", "Cs"))


def test_every_sign_of_unicode_is_replaced_by_something_that_can_be_sent() -> None:
    assert text.measure(text.replace_unsupported("".join(every_sign()))) is not None
    for sign, instead in text._replacements().items():
        assert not text.sendable(sign)
        assert text.replace_unsupported(f"a{sign}b") == f"a{instead}b" or unicodedata.normalize("NFC", sign) != sign


def test_what_unicode_calls_compatible_with_signs_of_cp949_is_never_a_question_mark() -> None:
    for sign in every_sign():
        if not unicodedata.decomposition(sign):
            continue
        apart = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", sign))
        if apart not in (sign, "?") and not text.blank(apart) and text.measure(apart) is not None:
            assert text._instead(sign) not in ("?", "")
    for wide in map(chr, [*range(0xFF01, 0xFF5F), *range(0xFFE0, 0xFFE7)]):
        narrow = unicodedata.normalize("NFKC", wide).strip()
        if text.sendable(wide) and not text.sendable(narrow) and not unicodedata.combining(narrow):
            assert text._instead(narrow) == wide


def test_a_sign_never_becomes_its_opposite() -> None:
    for sign in (
        s
        for s in every_sign()
        if " NOT " in f" {unicodedata.name(s, '')}" and s != "¬" and unicodedata.category(s) == "Sm"
    ):
        assert text._instead(sign) in (sign, "?", "≠")


SHOWS_NOTHING = (
    *("", " ", "\n\t ", "\u3164", "\u2800", "\u115f", "\u1160", "\uffa0", "\u200b\u200c\u200d", "\ufeff", "\u00ad"),
    *("\u3000", "\u00a0", "\u2003", "\u2060\u2064", "\u202a\u202c", "\u2066\u2069", "\ufe0f", "\U000e0041",
      "\x00\x07\x7f"),
    *("\u180e", "\u034f", "\u061c", "\x85\x9f", "\u2028", "\u1680", "\u17b4", "\U0001d173", "\U000e0100",
      " \u3164\u2800\n"),
)  # fmt: skip


@pytest.mark.parametrize("nothing", SHOWS_NOTHING)
def test_a_text_that_shows_nothing_is_blank(nothing: str) -> None:
    assert text.blank(nothing)
    assert not text.blank(f"{nothing}.{nothing}")


def test_all_white_space_and_all_format_characters_without_a_shape_show_nothing() -> None:
    shaped = {
        "\u0600",
        "\u0601",
        "\u0602",
        "\u0603",
        "\u0604",
        "\u0605",
        "\u06dd",
        "\u070f",
        "\u0890",
        "\u0891",
        "\u08e2",
    }
    for sign in every_sign():
        kind = unicodedata.category(sign)
        if sign.isspace() or kind in ("Zs", "Zl", "Zp", "Cc"):
            assert text.blank(sign)
        if kind == "Cf" and sign not in shaped and ord(sign) not in (0x110BD, 0x110CD, *range(0x13430, 0x13439)):
            assert text.blank(sign)
        if kind[0] in "LNPS" and sign not in "\u115f\u1160\u2800\u3164\uffa0\U0001d159":
            assert not text.blank(sign)


@given(st.text())
def test_a_tidy_text_is_composed_and_has_one_kind_of_line_ends(value: str) -> None:
    tidy = text.tidy(value)
    assert "\r" not in tidy
    assert unicodedata.is_normalized("NFC", tidy)
    assert text.tidy(tidy) == tidy == text.tidy(unicodedata.normalize("NFD", value))


@pytest.mark.parametrize(
    ("wanted", "size", "subject", "files", "type_"),
    [
        ("auto", 90, False, False, "sms"),
        ("auto", 91, False, False, "lms"),
        ("auto", 1, True, False, "lms"),
        ("auto", 1, False, True, "mms"),
        ("mms", 1, False, False, "lms"),
        ("mms", 1, False, True, "mms"),
        ("sms", 2000, False, False, "sms"),
        ("lms", 1, False, False, "lms"),
    ],
)
def test_the_type_follows_length_subject_and_files(
    wanted: str, size: int, subject: bool, files: bool, type_: str
) -> None:
    assert text.choose_type(wanted, size, subject, files) == type_


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("가" * 70, 1),
        ("가" * 71, 2),
        ("가" * 134, 2),
        ("가" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_international_parts_are_gsm7_or_ucs2(value: str, parts: int) -> None:
    assert text.parts(value) == parts


NAMES = st.from_regex(r"[A-Za-z가-힣0-9_ ]{1,10}", fullmatch=True)


@given(st.lists(st.tuples(st.text(st.characters(exclude_characters="#{}")), NAMES)), st.data())
def test_every_variable_is_replaced_by_its_value_and_nothing_else_changes(
    pieces: list[tuple[str, str]], data: st.DataObject
) -> None:
    source = "".join(f"{literal}#{{{name}}}" for literal, name in pieces)
    values = {name: data.draw(st.text(max_size=5)) for _, name in pieces}
    assert variables.fill(source, values) == "".join(literal + values[name] for literal, name in pieces)
    assert set(variables.names(source)) == set(values)


def test_a_value_that_looks_like_a_variable_is_not_replaced_again() -> None:
    assert variables.fill("#{a}", {"a": "#{b}", "b": "x"}) == "#{b}"


def test_a_missing_variable_is_named() -> None:
    assert variables.compiled("#{a} #{b} #{a}").missing({"b": "1"}) == ["a"]
    with pytest.raises(KeyError, match="a"):
        variables.fill("#{a}", None)


@pytest.mark.parametrize("source", ["#{}", "#{", "{a}", "# {a}", "#{a", "100#"])
def test_what_is_no_variable_stays(source: str) -> None:
    assert variables.fill(source, {}) == source


def test_a_change_of_the_literals_leaves_the_names_alone() -> None:
    assert variables.map_literals("a#{a}a", str.upper) == "A#{a}A"
