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
            "０１０２３４５６７８９",
            "010234567890",
            "+01023456789",
            "tel:01023456789",
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


def test_a_log_never_shows_a_whole_number() -> None:
    assert phone.mask("01012345678") == "010****5678"
    assert phone.mask("15991234") == "159*1234"
    assert phone.mask("0101") == "****"


@given(st.text(max_size=30))
def test_a_mask_keeps_the_length_and_hides_something(number: str) -> None:
    masked = phone.mask(number)
    assert len(masked) == len(number)
    assert not number or "*" in masked
