"""Group commit: nothing waits when idle, everything that waits goes together, one bad item harms nobody else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.domain.errors import Unavailable
from shared.runtime.groups import Groups


async def test_a_lone_item_is_handled_at_once() -> None:
    async def double(items: list[int]) -> list[int]:
        return [i * 2 for i in items]

    assert await Groups(double, limit=10)(21) == 42


async def test_what_arrives_during_a_call_is_handled_by_the_next_one() -> None:
    seen: list[list[int]] = []

    async def slow(items: list[int]) -> list[int]:
        seen.append(items)
        await asyncio.sleep(0.01)
        return items

    groups = Groups(slow, limit=100)
    first = asyncio.create_task(groups(0))
    await asyncio.sleep(0.001)
    assert await asyncio.gather(first, *(groups(i) for i in range(1, 20))) == list(range(20))
    assert seen == [[0], list(range(1, 20))]


async def test_a_group_never_weighs_more_than_its_limit_unless_one_item_does() -> None:
    weights: list[int] = []

    async def weigh(items: list[int]) -> list[int]:
        weights.append(sum(items))
        await asyncio.sleep(0)
        return items

    groups = Groups(weigh, limit=10, weigh=lambda i: i)
    await asyncio.gather(*(groups(i) for i in [3, 4, 5, 25, 1, 2]))
    assert all(w <= 10 or w == 25 for w in weights)
    assert sum(weights) == 40


async def test_one_bad_item_fails_alone() -> None:
    async def handle(items: list[int]) -> list[int]:
        if 3 in items:
            raise ValueError("three")
        await asyncio.sleep(0)
        return items

    groups = Groups(handle, limit=100)
    results = await asyncio.gather(*(groups(i) for i in range(6)), return_exceptions=True)
    assert [r for r in results if not isinstance(r, Exception)] == [0, 1, 2, 4, 5]
    assert isinstance(results[3], ValueError)


async def test_an_outage_is_shared_by_the_whole_group_and_not_tried_one_by_one() -> None:
    calls = 0

    async def down(items: list[int]) -> list[int]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        raise Unavailable("down")

    groups = Groups(down, limit=100, shared_fate=(Unavailable,))
    results = await asyncio.gather(*(groups(i) for i in range(50)), return_exceptions=True)
    assert all(isinstance(r, Unavailable) for r in results)
    assert calls == 1


async def test_no_more_calls_run_at_once_than_allowed() -> None:
    running = most = 0

    async def handle(items: list[int]) -> list[int]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        return items

    groups = Groups(handle, limit=1, parallel=3)
    await asyncio.gather(*(groups(i) for i in range(12)))
    assert most == 3


async def test_a_caller_that_goes_away_does_not_disturb_the_group() -> None:
    async def handle(items: list[int]) -> list[int]:
        await asyncio.sleep(0.01)
        return items

    groups = Groups(handle, limit=10)
    first = asyncio.create_task(groups(1))
    second = asyncio.create_task(groups(2))
    await asyncio.sleep(0)
    second.cancel()
    assert await first == 1
    with pytest.raises(asyncio.CancelledError):
        await second
    assert await groups(3) == 3


async def test_what_waits_too_long_behind_a_slow_call_starts_one_of_its_own() -> None:
    release = asyncio.Event()

    async def handle(items: list[str]) -> list[str]:
        if "slow" in items:
            await release.wait()
        return items

    groups = Groups(handle, limit=100, parallel=4, patience=0.01)
    slow = asyncio.create_task(groups("slow"))
    await asyncio.sleep(0)
    assert await asyncio.wait_for(groups("quick"), 5) == "quick"
    assert not slow.done()
    release.set()
    assert await slow == "slow"


class Paused:
    """Groups with a pause, and what they have handled."""

    def __init__(self, pause: float, **options: Any) -> None:
        self.handled: list[list[int]] = []
        self.groups: Groups[int, int] = Groups(self._handle, limit=10, pause=pause, **options)

    async def _handle(self, items: list[int]) -> list[int]:
        self.handled.append(items)
        return items

    async def several(self, *items: int) -> None:
        await asyncio.wait_for(asyncio.gather(*map(self.groups, items)), 5)


async def test_after_a_group_of_several_the_next_ones_wait_for_company() -> None:
    paused = Paused(2)
    await paused.several(1, 2)
    third = asyncio.create_task(paused.groups(3))
    await asyncio.sleep(0.01)
    assert paused.handled == [[1, 2]]
    await paused.several(4)
    assert await third == 3
    assert paused.handled == [[1, 2], [3, 4]]


async def test_what_comes_alone_waits_for_nobody() -> None:
    paused = Paused(3600)
    for item in (1, 2, 3):
        await paused.several(item)
    assert paused.handled == [[1], [2], [3]]


async def test_a_full_group_does_not_pause() -> None:
    paused = Paused(3600)
    await paused.several(1, 2)
    await paused.several(*range(10))
    assert paused.handled == [[1, 2], [*range(10)]]


async def test_a_pause_ends_also_for_what_came_while_a_group_was_handled() -> None:
    paused = Paused(0.05)
    first = asyncio.create_task(paused.several(1, 2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await paused.several(3)
    await first
    assert paused.handled[0] == [1, 2]
    assert paused.handled[-1] == [3]


async def test_the_patience_of_what_waits_behind_a_slow_group_is_not_paused() -> None:
    release = asyncio.Event()
    handled: list[list[int]] = []

    async def handle(items: list[int]) -> list[int]:
        handled.append(items)
        if 1 in items:
            await release.wait()
        return items

    groups: Groups[int, int] = Groups(handle, limit=10, parallel=2, patience=0.01, pause=3600)
    slow = asyncio.gather(groups(1), groups(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert handled == [[1, 2]]
    third = asyncio.create_task(groups(3))
    assert await asyncio.wait_for(third, 5) == 3
    release.set()
    await slow


async def test_where_all_is_bad_each_is_tried_about_once() -> None:
    calls = list[int]()

    async def handle(items: list[int]) -> list[int]:
        calls.append(len(items))
        raise ValueError(items)

    groups = Groups(handle, limit=1000)
    ends = await asyncio.gather(*(groups(n) for n in range(512)), return_exceptions=True)
    assert all(isinstance(end, ValueError) for end in ends)
    assert len(calls) < 512 * 1.3


async def test_a_bad_item_among_many_good_ones_is_found_by_halving() -> None:
    calls = list[int]()

    async def handle(items: list[int]) -> list[int]:
        calls.append(len(items))
        if 77 in items:
            raise ValueError("bad")
        return items

    groups = Groups(handle, limit=1000)
    ends = await asyncio.gather(*(groups(n) for n in range(512)), return_exceptions=True)
    assert [n for n, end in enumerate(ends) if isinstance(end, ValueError)] == [77]
    assert len(calls) < 30
