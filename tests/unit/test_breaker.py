"""When a breaker opens, and for how long (its life in Redis is tested with a real one)."""

from __future__ import annotations

import pytest

from shared.runtime.breaker import Breakers, tripped, wait_s


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


class OpenInRedis:
    """What Redis says of a breaker that is open and whose probe is due."""

    def __init__(self) -> None:
        self.probe: bytes | None = None

    def mget(self, *names: str) -> list[bytes | None]:
        return [b"half-open", b"1", self.probe]

    def set(self, name: str, value: bytes, **options: object) -> bool:
        taken, self.probe = self.probe is None, b"1"
        return taken

    def delete(self, *names: str) -> None:
        self.probe = None


class OneServer:
    cluster = False


async def test_who_only_chooses_leaves_the_probe_to_who_calls() -> None:
    redis = OpenInRedis()
    router, sender = (Breakers(OneServer(), "vendor", reset_s=0.0) for _ in range(2))
    router._redis = sender._redis = redis
    assert [await router.admits("solapi/main") for _ in range(3)] == [True] * 3
    assert await sender.allows("solapi/main")
    assert not await sender.allows("solapi/main")
    assert not await router.admits("solapi/main")


async def test_a_probe_that_made_no_call_goes_to_the_next_who_calls() -> None:
    redis = OpenInRedis()
    one, other = (Breakers(OneServer(), "callback", reset_s=0.0) for _ in range(2))
    one._redis = other._redis = redis
    assert await one.allows("host:443")
    assert not await other.allows("host:443")
    await other.release("host:443")
    assert not await one.allows("host:443"), "only who has the probe can give it back"
    await one.release("host:443")
    assert await other.allows("host:443")


@pytest.mark.parametrize(("waiting", "within_ms"), [(1, 0), (100, 100), (8000, 8000), (30_000, 30_000)])
def test_the_first_comes_back_for_the_probe_and_the_others_soon_behind_it(waiting: int, within_ms: int) -> None:
    breakers = Breakers(OneServer(), "callback", reset_s=5.0, patient=False)
    times = [breakers.retry_at("host:443", 1000) for _ in range(waiting)]
    assert times[0] == 6000
    assert times == sorted(times)
    assert times[-1] <= 6000 + within_ms


def test_more_than_a_minutes_worth_are_spread_over_the_minute() -> None:
    breakers = Breakers(OneServer(), "callback", reset_s=5.0, patient=False)
    times = [breakers.retry_at("host:443", 1000) for _ in range(70_000)]
    assert min(times) >= 6000
    assert max(times) <= 66_000
    assert breakers.retry_at("host:443", 100_000) >= 105_000, "the next round begins anew"
