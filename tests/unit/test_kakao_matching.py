"""A text is held against its approved template sign by sign; the first difference is told, in linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.channels.kakao.matching import difference, named, too_loose
from shared.domain import variables

ORDER = "#{name}님, 주문 #{order}이(가) 발송되었습니다."
FILLED = "김하나님, 주문 A-1이(가) 발송되었습니다."


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (ORDER, FILLED),
        (ORDER, ORDER),
        (ORDER, "님, 주문 이(가) 발송되었습니다."),
        (ORDER, "김\n하나님, 주문 님, 주문 B이(가) 발송되었습니다."),
        ("#{a}#{b}", "anything"),
        ("#{a}", ""),
        ("plain", "plain"),
        ("#{x}!", "wow!!!"),
        ("a#{x}b#{y}b", "abbb"),
    ],
)
def test_what_the_template_allows_is_no_difference(template: str, text: str) -> None:
    assert difference(template, text) is None


@pytest.mark.parametrize(
    ("text", "place", "given_", "wanted"),
    [
        (FILLED + " ", len(FILLED) + 1, " ", ""),
        (FILLED + "\n", len(FILLED) + 1, "\n", ""),
        (FILLED.replace(" ", "\u00a0", 1), 6, "\u00a0", " "),
        (FILLED.replace(", ", ",  "), 7, " ", "주"),
        (FILLED.replace(",", "，"), 5, "，", ","),
        (FILLED.replace("이(가)", "이（가）"), 14, "（", "("),
        (FILLED[:-1], len(FILLED), "", "."),
        (FILLED.replace("발송", "출고"), 18, "출", "발"),
    ],
)
def test_the_first_difference_is_told_with_its_place(text: str, place: int, given_: str, wanted: str) -> None:
    assert difference(ORDER, text) == (place, given_, wanted)


def test_before_a_fixed_beginning_nothing_may_stand() -> None:
    assert difference("[IMS] #{x}", "\ufeff[IMS] 1") == (1, "\ufeff", "[")
    assert "U+FEFF (ZERO WIDTH NO-BREAK SPACE)" in str(difference("[IMS] #{x}", "\ufeff[IMS] 1"))


def test_signs_are_named_so_that_they_can_be_told_apart() -> None:
    assert (
        str(difference("☎️ #{x}", "☎ 1"))
        == "character 2: U+0020 (SPACE) where the template has U+FE0F (VARIATION SELECTOR-16)"
    )
    assert named(",") == "U+002C ','"


def test_another_templates_text_differs() -> None:
    found = difference("#{name}님 예약이 #{date} 확정되었습니다.", "김님 예약이 5일 취소되었습니다.")
    assert found == (11, "취", "확")


@pytest.mark.parametrize(("template", "loose"), [("#{a}", True), (" #{a}\n#{b} ", True), ("#{a}님", False), ("", True)])
def test_a_template_of_variables_alone_is_loose(template: str, loose: bool) -> None:
    assert too_loose(template) is loose


def test_many_variables_cost_no_time() -> None:
    template = "".join(f"#{{v{i}}}a" for i in range(40)) + "z"
    began = time.process_time()
    assert difference(template, "a" * 1300) is not None
    assert time.process_time() - began < 1


LITERAL = st.text(st.characters(exclude_characters="#{}", codec="utf-8"), max_size=8)


@given(st.lists(LITERAL, min_size=1, max_size=6), st.lists(st.text(max_size=8), min_size=6, max_size=6))
def test_whatever_is_filled_in_matches(literals: list[str], values: list[str]) -> None:
    template = "".join(f"{literal}#{{v{i}}}" for i, literal in enumerate(literals))[
        : -len(f"#{{v{len(literals) - 1}}}")
    ]
    filled = variables.fill(template, {f"v{i}": value for i, value in enumerate(values)})
    assert difference(template, filled) is None
