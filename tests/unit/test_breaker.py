"""When a breaker opens, and for how long (its life in Redis is tested with a real one)."""

from __future__ import annotations

import pytest

from shared.runtime.breaker import tripped, wait_s


@pytest.mark.parametrize(
    ("ok", "failed", "opens"),
    [
        (0, 49, False),
        (0, 50, True),
        (25, 25, False),
        (24, 26, True),
        (500, 400, False),
        (400, 500, True),
        (0, 0, False),
    ],
)
def test_it_opens_above_half_of_at_least_fifty_calls(ok: int, failed: int, opens: bool) -> None:
    assert tripped(ok, failed) is opens


def test_it_stays_open_twice_as_long_each_time_up_to_tenfold() -> None:
    assert [wait_s(30, n) for n in (1, 2, 3, 4, 5, 50)] == [30, 60, 120, 240, 300, 300]
