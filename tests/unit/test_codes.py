"""The result-code table."""

from __future__ import annotations

import pytest

from shared.domain import codes


def test_every_code_is_four_digits_with_a_detail_and_an_action() -> None:
    for code, row in codes.CODES.items():
        assert len(code) == 4
        assert code.isdigit()
        assert row.detail
        assert row.actions


def test_none_stands_alone() -> None:
    assert all(len(row.actions) == 1 for row in codes.CODES.values() if codes.Action.none in row.actions)


@pytest.mark.parametrize(
    "code", ["0000", "0300", "0301", "0302", "1001", "1008", "2004", "3001", "4008", "5001", "5002"]
)
def test_the_documented_codes_are_there(code: str) -> None:
    assert code in codes.CODES


@pytest.mark.parametrize(
    ("code", "lane", "retries", "fails_over"),
    [
        ("0000", "auth", False, False),
        ("1001", "realtime", False, False),
        ("1007", "realtime", False, False),
        ("2004", "realtime", False, True),
        ("3001", "realtime", True, True),
        ("4002", "bulk", True, True),
        ("4004", "realtime", False, True),
        ("4008", "realtime", False, False),
        ("4008", "auth", False, True),
    ],
)
def test_a_code_says_what_follows_it(code: str, lane: str, retries: bool, fails_over: bool) -> None:
    assert codes.retryable(code) is retries
    assert codes.fails_over(code, lane) is fails_over


def test_uncertain_is_asked_before_anything_else() -> None:
    assert codes.polls(codes.UNCERTAIN)
    assert not codes.retryable(codes.UNCERTAIN)


def test_an_advertisement_outside_its_window_is_held() -> None:
    assert codes.holds("1008")


def test_an_unregistered_sender_alerts_an_operator() -> None:
    assert codes.alerts("1004")
    assert not codes.alerts("4001")


def test_a_code_that_the_table_does_not_have_is_its_own_detail() -> None:
    assert codes.detail("9999") == "9999"
    assert not codes.retryable("9999")
    assert not codes.alerts("9999")
