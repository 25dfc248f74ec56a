"""Korean numbers in and out of their 0-form, senders, foreign numbers, and masks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import phone

MOBILES = st.from_regex(r"010[2-9][0-9]{7}", fullmatch=True)


@given(MOBILES)
def test_a_mobile_number_is_the_same_however_it_is_written(number: str) -> None:
    middle, last = number[3:7], number[7:]
    for written in (
        number,
        f"010-{middle}-{last}",
        f"010 {middle} {last}",
        f"010.{middle}.{last}",
        f"+82 10-{middle}-{last}",
        f"+82 (0)10-{middle}-{last}",
        f"8210{middle}{last}",
        f"008210{middle}{last}",
    ):
        assert phone.recipient(written) == number


@given(st.text(max_size=50))
def test_what_is_taken_as_a_recipient_is_taken_again_unchanged(written: str) -> None:
    number = phone.recipient(written)
    if number is not None:
        assert phone.recipient(number) == number
        assert number.isascii()
        assert number.isdigit()


@pytest.mark.parametrize(
    "number",
    [
        "0111234567",
        "01612345678",
        "07021234567",
        "021234567",
        "0212345678",
        "0311234567",
        "05012345678",
        "050512345678",
    ],
)
def test_numbers_that_can_receive_are_taken(number: str) -> None:
    assert phone.recipient(number) == number


def test_the_number_of_every_example_is_taken_as_a_recipient_but_not_as_a_sender() -> None:
    assert phone.recipient("010-1234-5678") == "01012345678"
    assert phone.sender("010-1234-5678") is None


@pytest.mark.parametrize(
    "written",
    [
        *("", "0101", "01001234567", "01011234567", "07001234567", "0912345678", "15991234", "0801234567"),
        *(
            "010abc12345678",
            "010234567890",
            "+01023456789",
            "mailto:01023456789",
            "\n",
            "0" * 50,
        ),
        "+14155550123",
    ],
)
def test_numbers_that_cannot_receive_are_refused_with_a_reason(written: str) -> None:
    assert phone.recipient(written) is None
    assert phone.why_not_recipient(written)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1599-1234", "15991234"),
        ("+82 1599 1234", "15991234"),
        ("1661-0000", "16610000"),
        ("02-1544-1234", "0215441234"),
        ("080-123-4567", "0801234567"),
        ("070-2123-4567", "07021234567"),
        ("010-2345-6789", "01023456789"),
        ("0303-1234-5678", "030312345678"),
    ],
)
def test_sender_numbers_are_kept_in_their_0_form(written: str, number: str) -> None:
    assert phone.sender(written) == number


@pytest.mark.parametrize("written", ["05012345678", "0215991234567", "159912345", "17001234", "+14155550123", "abc"])
def test_numbers_that_cannot_send_are_refused(written: str) -> None:
    assert phone.sender(written) is None


def test_050_is_refused_as_a_sender_and_the_reason_says_so() -> None:
    assert "050" in phone.why_not_sender("0505-1234-5678")


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+1 415 555 0123", "+14155550123"),
        ("1 650 253 0000", "+16502530000"),
        ("0081 3 1234 5678", "+81312345678"),
        *((korean_or_none, None) for korean_or_none in ("+821023456789", "01023456789", "x", "", "+")),
    ],
)
def test_foreign_numbers_are_kept_in_e164_and_korean_ones_are_none(written: str, number: str | None) -> None:
    assert phone.foreign(written) == number


GOOD = [
    *("010/2345/6789", "010-2345-6789", "010 2345 6789", "010.2345.6789", "010·2345·6789", "010 - 2345 - 6789"),
    *("(010)2345-6789", "(010) 2345-6789", "010)2345-6789", "(010)-2345-6789", "(010-2345-6789)", "010-23456789"),
    *("0102345-6789", "010 23 45 67 89", "010-23-45-67-89", "tel:010-2345-6789", "TEL:01023456789",
      "tel:+82-10-2345-6789"),
    *("+82 10 2345 6789", "+82 (0)10-2345-6789", "+82(0)1023456789", "+82 010 2345 6789", "+82 0 10 2345 6789"),
    *("(+82) 10-2345-6789", "+(82)10-2345-6789", "+82(10)2345-6789", "82-10-2345-6789", "0082 10 2345 6789"),
    *("00-82-10-2345-6789", "\t010-2345-6789\r\n", "+ 82 10 2345 6789"),
    *("０１０２３４５６７８９", "０１０－２３４５－６７８９", "（０１０）２３４５－６７８９",
      "＋８２ １０ ２３４５ ６７８９"),
    *("٠١٠٢٣٤٥٦٧٨٩", "۰۱۰-۲۳۴۵-۶۷۸۹", "०१०२३४५६७८९", "𝟎𝟏𝟎𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗"),
    *("010\u20102345\u20106789", "010\u20112345\u20116789", "010\u20122345\u20126789", "010–2345—6789"),
    *("010\u22122345\u22126789", "010ㅡ2345ㅡ6789", "010ー2345ー6789", "010\ufe632345\ufe636789",
      "010\uff0e2345\uff0e6789"),
    *("010\u00a02345\u00a06789", "010\u30002345\u30006789", "010\u20092345\u202f6789", "010・2345・6789",
      "010／2345／6789"),
]  # fmt: skip
INVISIBLE = (
    "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2066\u2069\ufe0e\ufe0f\ufeff\u3164\U000e0001"
)


@pytest.mark.parametrize("written", GOOD)
def test_a_number_is_read_as_people_write_it(written: str) -> None:
    assert phone.recipient(written) == phone.sender(written) == "01023456789"


@given(st.sampled_from(GOOD), st.lists(st.tuples(st.integers(0, 40), st.sampled_from(INVISIBLE)), max_size=8))
def test_what_cannot_be_seen_changes_no_number(written: str, marks: list[tuple[int, str]]) -> None:
    for place, mark in marks:
        at = place % (len(written) + 1)
        if not written[:at].lower().endswith(("t", "te", "tel")):
            written = written[:at] + mark + written[at:]
    assert phone.recipient(written) == "01023456789"


NUMBERS = [
    *("02-123-4567", "02-1234-5678", "(02) 123-4567", "02)1234-5678", "031-123-4567", "031-1234-5678",
      "+82 2 123 4567"),
    *("010-2345-6789", "01023456789", "011-123-4567", "011-1234-5678", "070-2123-4567", "0505-123-4567",
      "0303-1234-5678"),
    *("0303-123-4567", "+82-10-2345-6789", "tel:02-123-4567"),
]  # fmt: skip
FOREIGN = [
    "+1 415 555 0123",
    "+1-415-555-0123",
    "+65 9123 4567",
    "+33 6 12 34 56 78",
    "0081 90 1234 5678",
    "+62 812-345-678",
]
FOLLOWERS = [
    *("/8", " /8", "/ 8", "/68", "/4568", "·8", "・8", "‧8", "(8)", " (8)", "（8）", " 8", " 89", "-8", "-89",
      ".8", "/０"),
    *(";ext=1", ";ext=12", "x12", " x12", "#12", "*1", ",8", ", 8", "~8", "〜8", "～8", " ext. 8", "내선8", "|8",
      "\\8"),
    *("&8", "+8", ":8", "_8", "\n8", "②", "²", "½", "Ⅷ", "八", " or 8", "또는8", "❽", "⁄8", ")8", "(8", "[8]",
      ",,8", "p8", "w8"),
]  # fmt: skip


@pytest.mark.parametrize("follower", FOLLOWERS)
@pytest.mark.parametrize("number", NUMBERS)
def test_what_follows_a_complete_number_is_no_part_of_it(number: str, follower: str) -> None:
    assert phone.recipient(number)
    assert phone.recipient(number + follower) is None
    assert phone.sender(number + follower) is None
    sign = next(c for c in follower if not c.isspace() or follower.strip(" ").isdigit() or c == "\n")
    place = len(number) + follower.index(sign)
    for told in (phone.why_not_recipient(number + follower), phone.why_not_sender(number + follower)):
        assert f"(U+{ord(sign):04X}) at {place}" in told


@pytest.mark.parametrize("follower", [f for f in FOLLOWERS if f not in (" 89", "-89", "/4568")])
@pytest.mark.parametrize("number", FOREIGN)
def test_what_follows_a_complete_foreign_number_is_no_part_of_it(number: str, follower: str) -> None:
    assert phone.foreign(number)
    assert phone.foreign(number + follower) is None
    sign = next(c for c in follower if not c.isspace() or follower.strip(" ").isdigit() or c == "\n")
    assert f"(U+{ord(sign):04X}) at " in phone.why_not_recipient(number + follower, True)


@pytest.mark.parametrize(
    ("written", "sign"),
    [
        *(("010--2345-6789", "'-' (U+002D) at 4"), ("010-2345-6789-", "'-' (U+002D) at 13"), ("-010-2345-6789",
          "at 0")),
        *(("0-10-2345-6789", "at 1"), ("010-234-56789", "at 7"), ("02-12-345-678", "at 5"), ("15 99 12 34", "at 2")),
        *(("0-1-0-2-3-4-5-6-7-8-9", "at 1"), ("010/23/45/67/89", "at 6"), ("010(2345)6789", "at 3"),
          ("(010-2345-6789", "at 0")),
        *(("010-2345-6789)", "at 13"), ("0102(345)6789", "at 4"), ("++821023456789", "at 1"), ("010+23456789",
          "at 3")),
        *(("O1023456789", "'O' (U+004F) at 0"), ("01O23456789", "'O' (U+004F) at 2"), ("01l-2345-6789",
          "'l' (U+006C) at 2")),
        *(("\u200b010\u200b-2345x6789", "'x' (U+0078) at 10"), ("①023456789", "U+2460"), ("'01023456789", "U+0027")),
        *(("010_2345_6789", "U+005F"), ("010\x002345", "a sign (U+0000) at 3"), ("<01023456789>", "U+003C")),
    ],
)  # fmt: skip
def test_a_sign_that_does_not_belong_there_is_named_with_its_place(written: str, sign: str) -> None:
    assert phone.recipient(written) is None
    assert sign in phone.why_not_recipient(written)


@given(
    st.from_regex(r"\A0[0-9]{8,11}\Z"), st.lists(st.integers(1, 11), unique=True, max_size=5), st.sampled_from(" -./·")
)
def test_a_separator_never_makes_a_number_out_of_a_complete_one_and_more(
    digits: str, places: list[int], separator: str
) -> None:
    pieces = [digits[a:b] for a, b in zip([0, *sorted(places)], [*sorted(places), None], strict=True)]
    written = separator.join(piece for piece in pieces if piece)
    number = phone.recipient(written)
    assert number in (None, digits)
    if number and len([p for p in pieces if p]) > 1:
        assert not any(phone.recipient("".join(pieces[:n])) for n in range(1, len([p for p in pieces if p])))


@given(st.text(st.sampled_from("0123456789 -./·()+ 82tel:xX\u200b０１\n"), max_size=24))
def test_no_writing_is_more_than_refused_with_a_reason(written: str) -> None:
    number, abroad = phone.recipient(written), phone.foreign(written)
    assert number is None or phone.recipient(number) == number
    assert abroad is None or phone.foreign(abroad) == abroad
    assert phone.why_not_recipient(written)
    assert phone.why_not_recipient(written, True)
    assert phone.why_not_sender(written)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        *(("001-1-415-555-0123", "+14155550123"), ("001 81 90 1234 5678", "+819012345678")),
        *(("002 44 20 7946 0958", "+442079460958"), ("00700-81-3-1234-5678", "+81312345678")),
        *(("00819012345678", "+819012345678"), ("0014155550123", "+14155550123"), ("(+1) 415 555 0123",
          "+14155550123")),
        *(("+1 (415) 555-0123", "+14155550123"), ("+1.415.555.0123", "+14155550123"), ("+44 (0)20 7946 0958",
          "+442079460958")),
        *(("+49 30/12345678", "+493012345678"), ("+49 30 12 34 56 78", "+493012345678"), ("+39 06 1234 5678",
          "+390612345678")),
        *(("＋１ ４１５ ５５５ ０１２３", "+14155550123"), ("\u202a+1 415‑555‑0123\u202c", "+14155550123"),
          ("tel:+1-415-555-0123", "+14155550123")),
        *(("+62 812-3456-7890", "+6281234567890"), ("+62 812-345-678/9", None), ("+62 812 345 678 9", None)),
        *(("+82-10-2345-6789", None), ("008-1-901-234-5678", None), ("+1 415 555 01234", None)),
    ],
)  # fmt: skip
def test_foreign_numbers_are_read_as_people_write_them(written: str, number: str | None) -> None:
    assert phone.foreign(written) == number


def test_a_number_that_can_be_two_is_neither() -> None:
    told = phone.why_not_recipient("008-1-901-234-5678", True)
    assert "+19012345678" in told
    assert "+819012345678" in told


@pytest.mark.parametrize("written", ["+1 415 555 0123", "001-1-415-555-0123", "0081 90 1234 5678"])
def test_a_foreign_number_is_told_how_it_can_be_reached(written: str) -> None:
    assert "international" in phone.why_not_recipient(written)


def test_a_log_never_shows_a_whole_number() -> None:
    assert phone.mask("01012345678") == "010****5678"
    assert phone.mask("15991234") == "159*1234"
    assert phone.mask("0101") == "****"


@given(st.text(max_size=30))
def test_a_mask_keeps_the_length_and_hides_something(number: str) -> None:
    masked = phone.mask(number)
    assert len(masked) == len(number)
    assert not number or "*" in masked


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("01012345678", "KR"),
        ("0215441234", "KR"),
        ("+16502530000", "US"),
        ("+16045550123", "CA"),
        ("+81312345678", "JP"),
        ("+442071234567", "GB"),
        ("+79161234567", "RU"),
        ("+77012345678", "KZ"),
        ("+870773111632", "*"),
        ("+80012345678", "*"),
    ],
)
def test_a_stored_number_tells_its_country(number: str, country: str) -> None:
    assert phone.country(number) == country
