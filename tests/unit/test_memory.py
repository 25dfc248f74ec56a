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


def test_what_stays_is_not_asked_for_every_time() -> None:
    given = list[int]()
    size = [100 << 20]
    keeper = Keeper(lambda: size[0], lambda: given.append(1))
    keeper.look()
    size[0] += 4 * GROWN_BYTES
    for _ in range(10):
        keeper.look()
    assert len(given) == 1
    size[0] += GROWN_BYTES
    keeper.look()
    assert len(given) == 2


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
