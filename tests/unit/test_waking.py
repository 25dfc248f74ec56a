"""What a message will need is woken once, side by side, where functions sleep; nobody waits for it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from shared import flow
from shared.accepting.waking import Waker, needed
from shared.domain.ids import LANES


class Http:
    """Notes what is asked; a host named in `away` is not there."""

    def __init__(self, away: str = "") -> None:
        self.asked: list[str] = []
        self.away = away

    async def get(self, url: str, timeout: float) -> None:  # noqa: ASYNC109 - the client's own name
        self.asked.append(url)
        if self.away and self.away in url:
            raise httpx2.ConnectError("nobody there")


def waker(http: Http, at: str = "http://{name}.x/readyz", every: float = 60.0) -> Waker:
    ims: Any = SimpleNamespace(accept=SimpleNamespace(wake_url=at, wake_seconds=every), http=http)
    return Waker(ims)


@pytest.mark.parametrize("channel", flow.CHANNELS)
@pytest.mark.parametrize("lane", LANES)
def test_every_step_of_a_message_of_that_lane_is_woken(channel: str, lane: str) -> None:
    pool = next(name for name, lanes in flow.POOLS.items() if lane in lanes)
    names = needed(channel, lane)
    assert {f"route-{pool}", f"send_{channel}-{pool}", f"report-{pool}", "store", "api_receipt"} == set(names)


async def test_it_wakes_all_at_once_and_not_again_for_a_while() -> None:
    http = Http(away="route")
    wake = waker(http)
    for _ in range(5):
        wake("mt", "auth")
    await asyncio.sleep(0)
    assert sorted(http.asked) == sorted(f"http://{n.replace('_', '-')}.x/readyz" for n in needed("mt", "auth"))
    wake("mt", "bulk")
    await asyncio.sleep(0)
    assert len(http.asked) == len(needed("mt", "auth")) + len(needed("mt", "bulk"))


async def test_it_wakes_again_once_the_while_is_over() -> None:
    http = Http()
    wake = waker(http, every=1e-9)
    wake("mt", "auth")
    await asyncio.sleep(0)
    wake("mt", "auth")
    await asyncio.sleep(0)
    assert len(http.asked) == 2 * len(needed("mt", "auth"))


async def test_where_nobody_sleeps_nothing_is_asked() -> None:
    http = Http()
    waker(http, at="")("mt", "auth")
    await asyncio.sleep(0)
    assert http.asked == []
