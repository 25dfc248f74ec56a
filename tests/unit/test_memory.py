"""What a burst has left is given back once it is over, and not again and again."""

from __future__ import annotations

import subprocess
import sys

from local.home import ROOT
from shared.runtime.memory import GROWN_BYTES, Keeper


def test_a_process_that_has_grown_gives_back_and_then_leaves_it() -> None:
    sizes, given = [100 << 20, 101 << 20, 300 << 20], list[int]()
    at = 0

    def measure() -> int:
        return sizes[at]

    def give_back() -> None:
        sizes.append(110 << 20)
        given.append(1)

    keeper = Keeper(measure, give_back)
    assert [keeper.look(), given] == [False, []]
    at = 1
    assert not keeper.look()
    at = 2
    assert keeper.look()
    at = 3
    assert not keeper.look()
    assert given == [1]


def test_what_stays_is_asked_for_more_and_more_rarely() -> None:
    size = [100 << 20]
    keeper = Keeper(lambda: size[0], lambda: None)
    keeper.look()
    size[0] += 4 * GROWN_BYTES
    asked = [n for n in range(1, 200) if keeper.look()]
    assert asked == [1, 3, 7, 15, 31, 63, 95, 127, 159, 191]


def test_what_was_in_use_at_first_is_given_back_once_it_is_free() -> None:
    size, in_use = [100 << 20], [True]

    def give_back() -> None:
        if not in_use[0]:
            size[0] = 105 << 20

    keeper = Keeper(lambda: size[0], give_back)
    keeper.look()
    size[0] += 4 * GROWN_BYTES
    assert keeper.look()
    in_use[0] = False
    assert [keeper.look() for _ in range(2)] == [False, True]
    assert size[0] == 105 << 20
    assert not any(keeper.look() for _ in range(50))


BURST = """
from shared.runtime import memory
before = memory.resident()
held = [bytes(1000) for _ in range(100_000)]
cycle = [held]
cycle.append(cycle)
grown = memory.resident() - before
del held, cycle
memory.trim()
print(grown, memory.resident() - before)
"""


def test_memory_of_many_small_things_goes_back_to_the_system() -> None:
    """In a process of its own: what other tests have left is room enough for the burst."""
    told = subprocess.run([sys.executable, "-c", BURST], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    grown, left = map(int, told.split())
    assert grown > 50 << 20
    assert left < grown / 2
