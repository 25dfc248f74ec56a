"""Heavy reads take turns: a few at once, shared out among accounts."""

from __future__ import annotations

import asyncio

import pytest

from shared.runtime.problems import Problem
from shared.runtime.searches import Turns


async def test_one_account_runs_its_part_and_another_goes_past_those_that_wait() -> None:
    turns = Turns(at_once=2, of_one=1, waiting=10, waiting_of_one=5, seconds=5)
    await turns.take(1)
    waiting = [asyncio.create_task(turns.take(1)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.wait_for(turns.take(2), 1)
    assert not any(task.done() for task in waiting)
    turns.give_back(1)
    await asyncio.wait_for(waiting[0], 1)
    assert [task.done() for task in waiting] == [True, False, False]
    for _ in range(3):
        turns.give_back(1)
        await asyncio.sleep(0)
    turns.give_back(2)
    assert all(task.done() for task in waiting)
    assert turns._running.total() == 0


@pytest.mark.parametrize(("owners", "refused"), [([1] * 5, 2), ([1, 1, 2, 2, 3, 3], 1)])
async def test_what_is_beyond_the_queue_is_refused_at_once(owners: list[int], refused: int) -> None:
    turns = Turns(at_once=1, of_one=1, waiting=4, waiting_of_one=2, seconds=60)
    tasks = [asyncio.create_task(turns.take(owner)) for owner in owners]
    await asyncio.sleep(0)
    errors = [task.exception() for task in tasks if task.done() and task.exception()]
    assert [e.status for e in errors if isinstance(e, Problem)] == [429] * refused
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    turns.give_back(owners[0])
    assert turns._running.total() == 0
    assert not turns._waiting


async def test_a_turn_that_does_not_come_in_time_is_a_429_with_retry_after() -> None:
    turns = Turns(at_once=1, of_one=1, waiting=4, waiting_of_one=2, seconds=0.01)
    await turns.take(1)
    with pytest.raises(Problem) as late:
        await turns.take(2)
    assert late.value.response().headers["retry-after"] == "1"
    assert late.value.status == 429
    turns.give_back(1)
    await asyncio.wait_for(turns.take(2), 1)


async def test_a_turn_given_to_one_who_has_left_goes_to_the_next() -> None:
    turns = Turns(at_once=1, of_one=1, waiting=4, waiting_of_one=2, seconds=5)
    await turns.take(1)
    gone, stays = asyncio.create_task(turns.take(2)), asyncio.create_task(turns.take(3))
    await asyncio.sleep(0)
    turns.give_back(1)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await asyncio.wait_for(stays, 1)
