"""What bodies may take of a process: places, bytes and time, shared out by who sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from shared.runtime import context, settings
from shared.runtime.door import Door, door
from shared.runtime.http import Route, http_function, own_body, read_body
from shared.runtime.problems import Problem
from shared.runtime.settings import DoorSettings

Part = dict[str, Any]


def a_door(**limits: Any) -> Door:
    return Door(DoorSettings(**limits))


def status(of: Callable[[], Any]) -> int:
    """What a call is refused with; 0 when it is not."""
    try:
        of()
    except Problem as problem:
        return problem.status if problem.retry_after else -1
    return 0


def test_an_account_over_its_places_is_refused_while_others_enter() -> None:
    here = a_door(bodies=10, bodies_by_account=3, bodies_by_address=8)
    for _ in range(3):
        here.enter("account:1", "10.0.0.1")
    assert status(lambda: here.enter("account:1", "10.0.0.2")) == 429
    assert status(lambda: here.enter("account:2", "10.0.0.1")) == 0
    here.leave("account:1", "10.0.0.1")
    assert status(lambda: here.enter("account:1", "10.0.0.2")) == 0


def test_an_address_over_its_places_is_refused_whatever_accounts_it_names() -> None:
    here = a_door(bodies=10, bodies_by_account=9, bodies_by_address=3)
    for account in range(3):
        here.enter(f"account:{account}", "10.0.0.1")
    assert status(lambda: here.enter("account:9", "10.0.0.1")) == 429
    assert status(lambda: here.enter("10.0.0.1", "10.0.0.1")) == 429
    assert status(lambda: here.enter("account:9", "10.0.0.2")) == 0


def test_a_full_process_says_that_it_is_full() -> None:
    here = a_door(bodies=2)
    here.enter("account:1", "10.0.0.1")
    here.enter("account:2", "10.0.0.2")
    assert status(lambda: here.enter("account:3", "10.0.0.3")) == 503


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=60))
def test_places_never_exceed_their_bounds_and_all_come_back(steps: list[tuple[int, int, bool]]) -> None:
    here = a_door(bodies=6, bodies_by_account=3, bodies_by_address=4)
    inside: list[tuple[str, str]] = []
    for account, address, leaving in steps:
        if leaving and inside:
            here.leave(*inside.pop(0))
            continue
        who = f"account:{account}" if account else f"10.0.0.{address}", f"10.0.0.{address}"
        if not status(lambda who=who: here.enter(*who)):  # type: ignore[misc]
            inside.append(who)
        assert len(inside) <= 6
        assert all(sum(a == name for _, a in inside) <= 4 for _, name in inside)
        assert all(sum(o == name for o, _ in inside) <= 3 for name, at in inside if name != at)
    for who in inside:
        here.leave(*who)
    assert not here._places
    assert not here._taken


async def test_bytes_are_waited_for_and_the_next_that_fits_goes_on() -> None:
    here = a_door(body_memory=100, body_memory_share=60)
    await here.hold("a", 50)
    second = asyncio.create_task(here.hold("a", 50))
    await asyncio.sleep(0)
    await here.hold("b", 50)  # another account does not wait behind one that has its share
    assert not second.done()
    here.release("a", 50)
    await asyncio.wait_for(second, 1)
    here.release("a", 50)
    here.release("b", 50)
    assert (here._bytes, dict(here._held)) == (0, {})


async def test_who_waits_too_long_or_in_vain_is_told_to_come_again() -> None:
    here = a_door(body_memory=100, body_memory_share=60, body_wait_seconds=0.01, bodies_waiting=4)
    await here.hold("a", 60)
    with pytest.raises(Problem) as late:
        await here.hold("a", 60)
    assert (late.value.status, late.value.response().headers["retry-after"]) == (503, "1")
    with pytest.raises(Problem) as never:
        await here.hold("a", 61)
    assert never.value.status == 413
    here.release("a", 60)
    assert (here._bytes, len(here._waiting)) == (0, 0)


async def test_one_account_does_not_fill_the_queue() -> None:
    here = a_door(body_memory=100, body_memory_share=60, bodies_waiting=8)
    await here.hold("a", 60)
    waiting = [asyncio.create_task(here.hold("a", 60)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Problem) as full:
        await here.hold("a", 60)
    assert full.value.status == 503
    await here.hold("b", 40)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    here.release("a", 60)
    here.release("b", 40)
    assert (here._bytes, len(here._waiting)) == (0, 0)


async def test_bytes_granted_to_one_who_has_left_come_back() -> None:
    here = a_door(body_memory=100, body_memory_share=100)
    await here.hold("a", 100)
    task = asyncio.create_task(here.hold("b", 100))
    await asyncio.sleep(0)
    here.release("a", 100)  # grants b's bytes,
    task.cancel()  # and b leaves before it has seen that
    await asyncio.gather(task, return_exceptions=True)
    assert here._bytes == 0


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set bounds of the door for this test."""

    def give(**values: Any) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"IMS_{name.upper()}", str(value))
        settings.reset()

    yield give
    monkeypatch.undo()
    settings.reset()


async def post(
    receive: Callable[[], Awaitable[Part]], owner: str = "account:1", length: int | None = None, limit: int = 10_000_000
) -> Response:
    """The answer to a body; the length of what was read, if it was."""

    async def handler(request: Request, _: Any) -> Response:
        own_body(request, owner)
        return Response(str(len(await read_body(request, limit))))

    headers = [(b"transfer-encoding", b"chunked")] if length is None else [(b"content-length", b"%d" % length)]
    scope = {
        "type": "http", "method": "POST", "path": "/", "query_string": b"", "client": ("10.0.0.1", 1),
        "headers": headers,
    }  # fmt: skip
    before = context.current()
    context.use(context.Context("test"))
    try:
        return await http_function([Route("POST", "/", handler)])(Request(scope, receive))
    finally:
        context.use(before)


def coming(*parts: bytes, pause: float = 0.0) -> Callable[[], Awaitable[Part]]:
    """A client that sends these parts, and nothing more if the last one is empty."""
    left = list(parts)

    async def receive() -> Part:
        await asyncio.sleep(pause)
        if left == [b""] or not left:
            await asyncio.Event().wait()
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    return receive


async def test_a_body_in_pieces_is_read_whole() -> None:
    answer = await post(coming(b"a" * 70_000, b"b" * 70_000, b"c"), length=140_001)
    assert (answer.status_code, answer.body) == (200, b"140001")
    assert (door()._taken, door()._bytes) == (0, 0)


@pytest.mark.parametrize("sent", [(b"",), (b"a", b""), (b"a" * 100_000, b"")])
async def test_a_body_that_does_not_go_on_is_given_up(limits: Callable[..., None], sent: tuple[bytes, ...]) -> None:
    limits(body_grace_seconds=0.03, body_least_rate=10_000_000)
    answer = await post(coming(*sent), length=200_000)
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")
    assert (door()._taken, door()._bytes) == (0, 0)


async def test_a_body_that_trickles_is_given_up_though_it_never_stops(limits: Callable[..., None]) -> None:
    limits(body_grace_seconds=0.05, body_least_rate=1000)
    answer = await post(coming(*[b"x"] * 1000, pause=0.01), length=1000)
    assert answer.status_code == 408


async def test_a_body_that_is_fast_enough_but_too_long_on_its_way_is_given_up(limits: Callable[..., None]) -> None:
    limits(body_seconds=0.1, body_grace_seconds=0.05, body_least_rate=1)
    answer = await post(coming(*[b"x" * 100] * 1000, pause=0.01), length=100_000)
    assert answer.status_code == 408


async def test_silent_bodies_of_one_account_leave_room_for_another_s(limits: Callable[..., None]) -> None:
    limits(bodies_by_account=5, bodies_by_address=100)
    silent = [asyncio.create_task(post(coming(b""), length=9)) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert (await post(coming(b"a", b"b", pause=0.001), length=2)).status_code == 429
    assert (await post(coming(b"a", b"b", pause=0.001), owner="account:2", length=2)).body == b"2"
    assert (await post(coming(b"ab"), length=2)).status_code == 429
    for task in silent:
        task.cancel()
    await asyncio.gather(*silent, return_exceptions=True)
    assert (await post(coming(b"a", b"b", pause=0.001), length=2)).body == b"2"


async def test_a_body_without_a_length_takes_memory_as_it_grows(limits: Callable[..., None]) -> None:
    limits(body_memory=1_000_000, body_memory_share=100, body_wait_seconds=0.02)
    seen: list[int] = []

    async def growing() -> Part:
        seen.append(door()._bytes)
        return {"type": "http.request", "body": b"x" * 50_000, "more_body": True}

    answer = await post(growing)
    assert answer.status_code in (413, 503)
    assert max(seen) <= 1_000_000
    assert max(seen) > 100_000
    assert door()._bytes == 0


@pytest.mark.parametrize("length", ["1" * 30, "99999999999"])
async def test_an_absurd_length_is_refused_unread(length: str) -> None:
    read: list[int] = []

    async def receive() -> Part:
        read.append(1)
        await asyncio.Event().wait()
        return {}

    answer = await asyncio.wait_for(post(receive, length=int(length)), 2)
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"


async def test_a_client_that_leaves_frees_what_it_took() -> None:
    async def gone() -> Part:
        await asyncio.sleep(0.001)
        return {"type": "http.disconnect"}

    assert (await post(gone, length=1_000_000)).status_code == 400
    assert (door()._taken, door()._bytes) == (0, 0)
