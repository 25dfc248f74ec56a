"""Calls over HTTP/2 and to addresses that clients gave: what came back, what never left, and what nobody knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.runtime.egress import Egress
from shared.runtime.settings import EgressSettings
from shared.sending.calls import exchange
from shared.vendors.base import Call
from simulator.http2 import Http2Server
from tests.ports import free_port


class Ims:
    """The parts of a context that transports use."""

    def __init__(self) -> None:
        limits = httpx2.Limits(max_connections=1)
        self.http2 = httpx2.AsyncClient(http1=False, http2=True, limits=limits, trust_env=False)
        self.endpoints = Egress(EgressSettings(egress_http=True, egress_allow="", egress_deny=""), whole=True)


class Server:
    """Answers with the path and the body, but `/slow` only when it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.waits = asyncio.Event()
        self.port = 0
        self.http2 = Http2Server(self.app)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        if scope["path"] == "/slow":
            self.waits.set()
            await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Name", b"v")]})
        await send({"type": "http.response.body", "body": scope["path"].encode() + body})

    def call(self, path: str, body: bytes = b"") -> Call:
        return Call("POST", f"http://127.0.0.1:{self.port}{path}", {"content-type": "x"}, body, "http2")


@pytest.fixture
async def ims() -> AsyncIterator[Any]:
    made = Ims()
    yield made
    await made.http2.aclose()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    made.port = await made.http2.start("127.0.0.1", 0)
    yield made
    await made.http2.stop()


async def test_many_calls_share_one_connection(ims: Any, server: Server) -> None:
    answers = await asyncio.gather(*(exchange(ims, server.call(f"/{n}", b"x" * n), "v", 5.0) for n in range(50)))
    assert [answer.body for answer in answers] == [f"/{n}".encode() + b"x" * n for n in range(50)]
    assert (answers[0].status, answers[0].headers["x-name"]) == (200, "v")
    assert len(server.http2.connections) == 1


async def test_a_slow_stream_holds_up_no_other(ims: Any, server: Server) -> None:
    slow = asyncio.create_task(exchange(ims, server.call("/slow"), "v", 5.0))
    await server.waits.wait()
    assert (await exchange(ims, server.call("/quick"), "v", 5.0)).body == b"/quick"
    server.go.set()
    assert (await slow).body == b"/slow"


async def test_bodies_beyond_the_window_arrive_whole(ims: Any, server: Server) -> None:
    body = b"y" * 300_000
    assert (await exchange(ims, server.call("/big", body), "v", 10.0)).body == b"/big" + body


async def test_what_nobody_listens_for_has_not_left(ims: Any) -> None:
    call = Call("POST", f"http://127.0.0.1:{free_port()}/", {}, b"", "http2")
    with pytest.raises(Unavailable):
        await exchange(ims, call, "v", 2.0)


async def test_what_a_dead_connection_carried_is_uncertain(ims: Any, server: Server) -> None:
    slow = asyncio.create_task(exchange(ims, server.call("/slow"), "v", 5.0))
    await server.waits.wait()
    for connection in list(server.http2.connections):
        connection.reset()
    with pytest.raises(Uncertain):
        await slow


async def test_goaway_loses_nothing_that_the_server_has_not_begun(ims: Any, server: Server) -> None:
    """20 streams, eight answered, GOAWAY after the twelfth: the last eight go out again, four are uncertain."""
    for n in range(8):
        assert (await exchange(ims, server.call(f"/{n}"), "v", 5.0)).status == 200
    seen: list[str] = []
    arrived, whole = server.app, asyncio.Event()

    async def held(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        if len(seen) <= 12:
            whole.set() if len(seen) == 12 else None
            await asyncio.Event().wait()
        await arrived(scope, receive, send)

    server.http2._app = held
    for connection in server.http2.connections:
        connection._app = held
    calls = [asyncio.create_task(exchange(ims, server.call(f"/{n}"), "v", 10.0)) for n in range(8, 20)]
    await whole.wait()
    (connection,) = list(server.http2.connections)
    streams = sorted(connection._tasks)
    connection.go_away(streams[3])
    ends = await asyncio.gather(*calls, return_exceptions=True)
    places = dict(zip(streams, seen, strict=False))
    for n, end in zip(range(8, 20), ends, strict=True):
        begun = f"/{n}" in [places[stream] for stream in streams[:4]]
        assert isinstance(end, Uncertain) if begun else end.body == f"/{n}".encode(), (n, end)  # type: ignore[union-attr]
    assert sorted(seen[12:]) == sorted(places[stream] for stream in streams[4:]), (
        "each of them once, on a new connection"
    )


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/x", "http://169.254.169.254/x", "http://[::1]/x", "http://10.0.0.1/"]
)
async def test_an_endpoint_inside_is_never_called(ims: Any, url: str) -> None:
    with pytest.raises(Rejected) as refused:
        await exchange(ims, Call("POST", url, {}, b"x", "egress"), "webpush", 2.0)
    assert refused.value.code == "2005"


async def test_an_endpoint_outside_is_answered_whole_and_no_redirect_is_followed() -> None:
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nX-Why: moved\r\nContent-Length: 4\r\n\r\ngone"
        )
        await writer.drain()
        writer.close()

    served = await asyncio.start_server(answer, "127.0.0.1", 0)
    ims: Any = Ims()
    ims.endpoints = Egress(EgressSettings(egress_http=True, egress_allow="127.0.0.0/8", egress_deny=""), whole=True)
    url = f"http://127.0.0.1:{served.sockets[0].getsockname()[1]}/push/1"
    told = await exchange(ims, Call("POST", url, {"ttl": "60"}, b"x", "egress"), "webpush", 2.0)
    assert (told.status, told.headers["x-why"], told.body) == (302, "moved", b"gone")
    assert len(heads) == 1
    served.close()
