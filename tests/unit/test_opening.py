"""How fast what waits for a host that was away is brought forward."""

from __future__ import annotations

from itertools import pairwise

import pytest

from shared.reports.opening import FORGET_S, LOOK_S, MOST, START, Opening

HOST = "client.example:443"


def rounds(opening: Opening, count: int, a_second: int) -> list[int]:
    """What is brought forward in each round, when a host takes all of the round before, of which much waits."""
    out, taken = [], 1
    for n in range(count):
        asked = opening.answered(HOST, taken, 0, a_second, float(n))
        opening.brought(HOST, asked, float(n))
        out.append(asked)
        taken = asked
    return out


def test_it_doubles_up_to_what_the_host_answers_in_a_second() -> None:
    opening = Opening(looks=False)
    opening.returned(HOST)
    told = rounds(opening, 9, 600)
    assert told[0] == START + 1
    assert all(after <= 2 * before for before, after in pairwise(told))
    assert told[-2:] == [600, 600]


@pytest.mark.parametrize(("a_second", "most"), [(1, START), (100_000, MOST)])
def test_a_host_however_slow_or_fast_has_bounded_work_in_play(a_second: int, most: int) -> None:
    opening = Opening(looks=False)
    opening.returned(HOST)
    told = rounds(opening, 20, a_second)
    assert told[-1] == most
    assert max(told) <= most + START + 1


def test_a_failure_halves_it_and_what_only_fails_brings_nothing() -> None:
    opening = Opening(looks=False)
    opening.returned(HOST)
    before = rounds(opening, 8, 800)[-1]
    assert opening.answered(HOST, 0, before, 800, 8.0) == 0
    after = opening.answered(HOST, 1, 0, 800, 8.0)
    assert 0 < after <= before // 2 + 1


def test_what_is_in_play_is_not_brought_again_until_it_has_gone_elsewhere() -> None:
    opening = Opening(looks=False)
    opening.returned(HOST)
    opening.brought(HOST, opening.answered(HOST, 1, 0, 1, 0.0), 0.0)
    assert opening.answered(HOST, 1, 1, 1, 0.1) == 0
    assert opening.answered(HOST, 1, 0, 1, 0.2 + FORGET_S) > 0


def test_first_tries_bring_nothing_forward_but_behind_a_probe() -> None:
    opening = Opening(looks=False)
    assert opening.answered(HOST, 500, 0, 1000, 0.0) == 0
    opening.returned(HOST)
    assert opening.answered(HOST, 1, 0, 1000, 0.0) > 0
    opening.brought(HOST, 0, 0.0)
    assert opening.answered(HOST, 500, 0, 1000, LOOK_S + 1) == 0


def test_a_retry_that_was_taken_looks_whether_others_wait_but_not_again_at_once() -> None:
    opening = Opening(looks=True)
    assert opening.answered(HOST, 0, 1, 1000, 0.0) == 0
    assert opening.answered(HOST, 1, 0, 1000, 0.0) > 0
    opening.brought(HOST, 0, 0.0)
    assert opening.answered(HOST, 1, 0, 1000, LOOK_S / 2) == 0
    assert opening.answered(HOST, 1, 0, 1000, LOOK_S + 0.1) > 0
