"""One call to a vendor: what its end means, and how much of an answer is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from shared.domain.errors import Unavailable, Uncertain
from shared.sending import calls
from shared.sending.calls import perform
from shared.vendors.base import Call

CALL = Call("POST", "http://vendor/send", {"x": "1"}, b"{}")


async def made(handler: Callable[[httpx2.Request], httpx2.Response], timeout_s: float = 1.0) -> Any:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler)) as http:
        return await perform(http, CALL, "solapi", timeout_s)


async def test_an_answer_comes_whole_with_its_headers_in_lower_case() -> None:
    answer = await made(lambda _: httpx2.Response(201, headers={"Retry-After": "3"}, content=b"hello"))
    assert (answer.status, answer.headers["retry-after"], answer.body) == (201, "3", b"hello")


async def test_no_more_is_read_than_an_answer_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_ANSWER", 1000)
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield b"x" * 100

    with pytest.raises(Uncertain, match="more than"):
        await made(lambda _: httpx2.Response(200, content=endless()))
    assert given <= 12


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (httpx2.ConnectError, Unavailable),
        (httpx2.ConnectTimeout, Unavailable),
        (httpx2.PoolTimeout, Unavailable),
        (httpx2.ReadTimeout, Uncertain),
        (httpx2.WriteTimeout, Uncertain),
        (httpx2.ReadError, Uncertain),
        (httpx2.RemoteProtocolError, Uncertain),
    ],
)
async def test_what_never_left_is_unavailable_and_what_may_have_is_uncertain(error: Any, meaning: Any) -> None:
    def fail(_: httpx2.Request) -> httpx2.Response:
        raise error("oops")

    with pytest.raises(meaning):
        await made(fail)


async def test_an_answer_that_breaks_off_is_uncertain() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"{"
        raise httpx2.ReadError("reset")

    with pytest.raises(Uncertain):
        await made(lambda _: httpx2.Response(200, content=broken()))


async def test_an_answer_that_trickles_is_not_waited_for_longer_than_the_time_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calls, "GRACE_S", 0.05)

    async def trickle() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.02)
            yield b"x"

    with pytest.raises(Uncertain):
        await made(lambda _: httpx2.Response(200, content=trickle()), timeout_s=0.05)
