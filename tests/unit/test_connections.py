"""Connections of a process: how many there may be, whose makes room, and how long a request's head may take."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime import connections as here
from shared.runtime import descriptors, logs, settings
from shared.runtime.connections import Connections
from shared.runtime.host import Function
from shared.runtime.scope import Scope
from shared.runtime.settings import DoorSettings
from tests.ports import free_port

FUNCTION = """
import asyncio
from starlette.responses import Response
from shared.runtime import http_function
from shared.runtime.http import Route, read_body

async def slow(request, ims):
    await asyncio.sleep(0.3)
    return Response("slow")

async def size(request, ims):
    return Response(str(len(await read_body(request))))

async def large(request, ims):
    return Response("x" * 20_000_000)

main = http_function([Route("GET", "/slow", slow), Route("POST", "/size", size), Route("GET", "/large", large)])
"""
SLOW = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n"
HEALTHY = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


class One:
    """A connection that notes when it has to make room."""

    def __init__(self, address: str = "") -> None:
        self.address = address
        self.gone = False

    def make_room(self) -> None:
        self.gone = True


def some(**limits: Any) -> Connections:
    return Connections(DoorSettings(**limits))


def test_the_longest_idle_makes_room() -> None:
    all_ = some(connections=3)
    first, second, third = One("a"), One("b"), One()
    assert [all_.open(one) for one in (first, second, third)] == [0, 0, 0]
    all_.asked(first)
    all_.owes(first)
    assert all_.open(One("c")) == 0
    assert (first.gone, second.gone, third.gone) == (False, True, False)
    assert len(all_) == 3


def test_what_is_being_answered_is_never_closed_for_another() -> None:
    all_ = some(connections=2)
    asked = [One("a"), One("b")]
    for one in asked:
        all_.open(one)
        all_.asked(one)
    assert all_.open(One("c")) == 503
    assert not any(one.gone for one in asked)
    all_.close(asked[0])
    assert all_.open(One("c")) == 0


def test_an_address_closes_its_own_and_a_proxy_speaks_for_many() -> None:
    all_ = some(connections=100, connections_by_address=2)
    mine, others = [One("a") for _ in range(3)], [One("b") for _ in range(2)]
    assert [all_.open(one) for one in (*others, *mine)] == [0] * 5
    assert [one.gone for one in (*others, *mine)] == [False, False, True, False, False]
    for one in mine[1:]:
        all_.asked(one)
    assert all_.open(One("a")) == 429
    assert [all_.open(One()) for _ in range(10)] == [0] * 10


STEPS = st.lists(st.tuples(st.sampled_from(["open", "asked", "owes", "close"]), st.integers(0, 9)), max_size=80)


@given(STEPS)
def test_bounds_hold_and_everything_is_forgotten(steps: list[tuple[str, int]]) -> None:
    all_ = some(connections=5, connections_by_address=3)
    inside: list[One] = []
    for what, n in steps:
        if what == "open":
            one = One(("", "a", "b")[n % 3])
            if not all_.open(one):
                inside.append(one)
        elif inside:
            one = inside[n % len(inside)]
            getattr(all_, what)(one)
            if what == "close":
                inside.remove(one)
        inside = [one for one in inside if not one.gone]
        assert len(all_) == len(inside) <= 5
        assert all(sum(one.address == address for one in inside) <= 3 for address in "ab")
    for one in inside:
        all_.close(one)
    assert not len(all_)
    assert not all_._of
    assert not all_._owing
    assert not all_._owing_of


def test_no_more_connections_than_half_the_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "limit", lambda: 20)
    all_ = some(connections=1000)
    for _ in range(30):
        all_.open(One())
    assert len(all_) == 10


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set bounds for this test."""

    def give(**values: Any) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"IMS_{name.upper()}", str(value))
        settings.reset()

    yield give
    monkeypatch.undo()
    settings.reset()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "main.py").write_text(FUNCTION)
    monkeypatch.setenv("IMS_FUNCTIONS_DIR", str(tmp_path))
    monkeypatch.setattr("shared.runtime.context.Context.warm", lambda *_: None)
    logs.configure("tiny")
    return tmp_path


@contextlib.asynccontextmanager
async def served(folder: Path) -> AsyncIterator[int]:
    """The port of a function that is served as all are."""
    function = Function("tiny", "tiny", "127.0.0.1", free_port(), Scope("tiny", {}, folder / "tiny.log"))
    await function.start()
    try:
        yield function.port
    finally:
        await function.stop()


async def said(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Everything that is answered until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(reader.read())
    try:
        for part in parts:
            if answer.done():
                break
            writer.write(part)
            await asyncio.sleep(pause)
        return await asyncio.wait_for(answer, 20)
    finally:
        writer.close()


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


HEADS = {
    "a line": [b"GET /he"],
    "some headers": [b"GET / HTTP/1.1\r\nhost: x\r\n"],
    "half a header": [b"GET / HTTP/1.1\r\nhost: x\r\nx-a: bc"],
    "byte by byte": [bytes([byte]) for byte in HEALTHY[:12]],
    "after a request": [HEALTHY, b"GET / HT"],
    "with a request": [HEALTHY + b"GET / HT"],
}


@pytest.mark.parametrize("parts", HEADS.values(), ids=HEADS)
async def test_a_head_that_does_not_end_is_answered_with_408(
    folder: Path, limits: Callable[..., None], parts: list[bytes]
) -> None:
    limits(head_seconds=0.3)
    async with served(folder) as port:
        answer = await said(port, *parts, pause=0.05)
    before = [200] if parts[0].startswith(HEALTHY) else []
    assert statuses(answer) == [*before, 408]
    last = answer.rpartition(b"HTTP/1.1 ")[2]
    assert b"application/problem+json" in last
    assert b"connection: close" in last


@pytest.mark.parametrize("parts", [[], [b"\r\n", b"\r\n"]], ids=["nothing", "empty lines"])
async def test_who_never_asks_anything_is_closed_without_a_word(
    folder: Path, limits: Callable[..., None], parts: list[bytes]
) -> None:
    limits(head_seconds=0.3)
    async with served(folder) as port:
        assert await said(port, *parts) == b""


async def test_a_proxy_may_keep_a_connection_in_reserve(folder: Path, limits: Callable[..., None]) -> None:
    limits(head_seconds=0.1, trusted_proxies="127.0.0.0/8")
    async with served(folder) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.5)
        writer.write(HEALTHY)
        assert b" 200 " in await reader.readline()
        writer.close()


async def test_a_body_that_nobody_reads_ends_after_the_answer(folder: Path, limits: Callable[..., None]) -> None:
    limits(head_seconds=0.3)
    rest = [b"x"] * 40
    async with served(folder) as port:
        answer = await said(
            port, b"GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n", *rest, pause=0.02
        )
    assert statuses(answer) == [200]


async def test_a_slow_answer_and_a_slow_body_have_their_own_deadlines(
    folder: Path, limits: Callable[..., None]
) -> None:
    limits(head_seconds=0.1)
    async with served(folder) as port:
        assert statuses(await said(port, SLOW[:-2] + b"connection: close\r\n\r\n")) == [200]
        head = b"POST /size HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\n"
        answer = await said(port, head, b"a", b"b", b"c", pause=0.2)
    assert (statuses(answer), answer[-1:]) == ([200], b"3")


def a_head(size: int, headers: int = 1) -> bytes:
    """A request whose line and headers have about so many bytes."""
    each = size // headers
    lines = b"".join(b"x-%05d: %b\r\n" % (n, b"a" * max(1, each - 11)) for n in range(headers))
    return b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" + lines + b"\r\n"


@pytest.mark.parametrize("piece", [1_000_000, 700, 64], ids=["at once", "in pieces", "in small pieces"])
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (a_head(3_500), 200),
        (a_head(4_500), 431),
        (a_head(4_500, 60), 431),
        (a_head(200_000), 431),
        (a_head(2_500, 100), 200),
        (a_head(1_700, 140), 431),
        (b"GET /" + b"a" * 5_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 431),
    ],
    ids=["small", "one large", "many", "huge", "hundred", "too many", "a long line"],
)
async def test_a_head_over_its_bound_is_answered_with_431(
    folder: Path, limits: Callable[..., None], request_: bytes, status: int, piece: int
) -> None:
    limits(head_bytes=4096)
    async with served(folder) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for start in range(0, min(len(request_), 8_000), piece):
            writer.write(request_[start : start + piece])
            await asyncio.sleep(0)
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
    assert statuses(answer) == [status]


async def test_a_large_body_is_not_taken_for_a_large_head(folder: Path, limits: Callable[..., None]) -> None:
    limits(head_bytes=1024)
    post = b"POST /size HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n" + b"a" * 100_000
    async with served(folder) as port:
        answer = await said(port, post + post, HEALTHY[:-2] + b"connection: close\r\n\r\n")
    assert statuses(answer) == [200, 200, 200]


@pytest.mark.parametrize("bad", [b"FOO BAR BAZ\r\n\r\n", a_head(10_000)], ids=["no request", "too large"])
async def test_what_was_asked_before_a_bad_request_is_still_answered(
    folder: Path, limits: Callable[..., None], bad: bytes
) -> None:
    limits(head_bytes=4096)
    async with served(folder) as port:
        answer = await said(port, SLOW + bad)
    assert statuses(answer)[0] == 200
    assert b"slow" in answer


async def test_no_request_is_no_sound_http_and_a_problem(folder: Path) -> None:
    async with served(folder) as port:
        answer = await said(port, b"FOO BAR BAZ\r\n\r\n")
    assert statuses(answer) == [400]
    assert b"application/problem+json" in answer


async def test_one_more_connection_closes_the_one_that_was_silent_longest(
    folder: Path, limits: Callable[..., None]
) -> None:
    limits(connections_by_address=3)
    async with served(folder) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await asyncio.sleep(0.05)
        silent[0][1].write(HEALTHY)
        assert b" 200 " in await silent[0][0].readline()
        assert statuses(await said(port, HEALTHY[:-2] + b"connection: close\r\n\r\n")) == [200]
        assert await asyncio.wait_for(silent[1][0].read(), 10) == b""
        silent[0][1].write(HEALTHY)
        assert b"HTTP/1.1 200 " in await silent[0][0].readuntil(b"200 ")
        for _, writer in silent:
            writer.close()


async def test_where_all_are_at_work_a_newcomer_is_told_so(folder: Path, limits: Callable[..., None]) -> None:
    limits(connections_by_address=2)
    async with served(folder) as port:
        working = [asyncio.create_task(said(port, SLOW[:-2] + b"connection: close\r\n\r\n")) for _ in range(2)]
        await asyncio.sleep(0.1)
        answer = await said(port)
        assert (statuses(answer), b"retry-after: 1" in answer) == ([429], True)
        assert [statuses(await one) for one in working] == [[200], [200]]
    assert len(here.connections()) == 0


async def test_an_answer_that_nobody_takes_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here, "UNTAKEN_S", 0.2)
    async with served(folder) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        async with asyncio.timeout(20):
            while not len(here.connections()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            while len(here.connections()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        writer.transport.abort()
        del reader


async def test_functions_of_one_process_share_the_bound(folder: Path, limits: Callable[..., None]) -> None:
    limits(connections_by_address=2)
    async with served(folder) as one, served(folder) as other:
        first = await asyncio.open_connection("127.0.0.1", one)
        await asyncio.sleep(0.05)
        more = [await asyncio.open_connection("127.0.0.1", other) for _ in range(2)]
        assert await asyncio.wait_for(first[0].read(), 10) == b""
        for _, writer in (first, *more):
            writer.close()


async def test_1300_silent_connections_and_slow_heads_hold_nobody(folder: Path, limits: Callable[..., None]) -> None:
    """On the event loop that functions have: a quarter each is silent, begins a head, sends a letter of one, promises
    a body."""
    descriptors.raise_limit()
    if descriptors.limit() < 4000:
        pytest.skip("too few open files allowed")
    limits(connections=400, trusted_proxies="127.0.0.0/8")
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    function = Function("tiny", "tiny", "127.0.0.1", free_port(), Scope("tiny", {}, folder / "tiny.log"))
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(function.start(), loop))
    promise = b"POST /size HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n"
    post = b"POST /size HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nab"
    try:
        opened = []
        for n in range(1300):
            _, writer = await asyncio.open_connection("127.0.0.1", function.port)
            writer.write((b"", b"GET / HT", b"G", promise)[n % 4])
            opened.append(writer)
        for _ in range(20):
            assert statuses(await said(function.port, HEALTHY[:-2] + b"connection: close\r\n\r\n")) == [200]
            assert statuses(await said(function.port, post)) == [200]
            assert len(here.connections()) <= 400
        for writer in opened:
            writer.transport.abort()
    finally:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(function.stop(), loop))
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join)
        loop.close()
