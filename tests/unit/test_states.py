"""A message's state never goes backwards, whatever order outcomes come in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.states import FINALS, State, advances

STEPS = st.tuples(st.sampled_from(State), st.integers(0, 8))


@given(st.lists(STEPS, max_size=20))
def test_the_first_final_wins_and_nothing_follows_it(outcomes: list[tuple[State, int]]) -> None:
    state, hop = State.accepted, 0
    for new, new_hop in outcomes:
        if advances(state, hop, new, new_hop):
            assert not state.final
            assert new.final or (new_hop, new) > (hop, state)
            state, hop = new, new_hop
        elif state.final:
            assert state in FINALS


@given(STEPS)
def test_the_same_outcome_twice_changes_nothing_the_second_time(outcome: tuple[State, int]) -> None:
    state, hop = outcome
    assert not advances(state, hop, state, hop)


@given(st.lists(STEPS.filter(lambda s: not s[0].final), min_size=1), st.randoms())
def test_steps_in_any_order_end_at_the_furthest_one(outcomes: list[tuple[State, int]], random: object) -> None:
    shuffled = list(outcomes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    state, hop = State.accepted, -1
    for new, new_hop in shuffled:
        if advances(state, hop, new, new_hop):
            state, hop = new, new_hop
    assert (hop, state) == max((h, s) for s, h in outcomes)


def test_a_late_delivery_of_an_older_hop_wins_but_its_late_failure_does_not() -> None:
    assert advances(State.sending, 2, State.delivered, 1)
    assert not advances(State.sending, 2, State.failed, 1)
    assert not advances(State.failed, 2, State.delivered, 1)


def test_there_are_four_ends() -> None:
    assert {s.name for s in FINALS} == {"delivered", "failed", "expired", "canceled"}
