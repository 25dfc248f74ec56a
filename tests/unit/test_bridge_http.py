"""The bridges' HTTP client against real sockets: every way an answer can come, or not come."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bridges import http

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
REQUEST = http.request("POST", "/", [("content-type", "text/plain")], b"hello", "here")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@asynccontextmanager
async def server(script: Script) -> AsyncIterator[int]:
    """A server whose n-th connection (from 1) runs `script`."""
    connections = 0

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            await script(reader, writer, connections)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(client, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1]


async def read(reader: asyncio.StreamReader) -> bytes:
    await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(5)


async def post(client: http.Client, port: int, seconds: float = 5.0) -> http.Answer:
    return await client.post("127.0.0.1", port, REQUEST, seconds)


async def test_one_connection_serves_many_requests() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        while True:
            assert await read(reader) == b"hello"
            writer.write(OK.replace(b"ok", b"%02d" % n))

    async with server(script) as port:
        client = http.Client()
        assert [(await post(client, port)).body for _ in range(3)] == [b"01"] * 3
        client.close()


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200, b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 no\r\ncontent-length: 1\r\n\r\nx", 503, b"x"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3000\r\n\r\n" + b"y" * 3000, 200, b"y" * http.KEPT_BODY),
    ],
)
async def test_answers_of_every_shape_whole_or_byte_by_byte(answer: bytes, status: int, body: bytes) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        await read(reader)
        writer.write(answer)
        await read(reader)
        for i in range(0, len(answer), 7):
            writer.write(answer[i : i + 7])
            await writer.drain()
            await asyncio.sleep(0)

    async with server(script) as port:
        client = http.Client()
        assert await post(client, port) == (status, body)
        assert await post(client, port) == (status, body)
        client.close()


async def test_a_body_may_end_with_the_connection() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        await read(reader)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nall of it")

    async with server(script) as port:
        assert await post(http.Client(), port) == (200, b"all of it")


async def test_a_kept_connection_that_the_peer_closed_is_replaced_unnoticed() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        await read(reader)
        writer.write(OK)
        if n == 1:  # closes when the next request is already on its way
            await read(reader)

    async with server(script) as port:
        client = http.Client()
        assert (await post(client, port)).status == 200
        assert (await post(client, port)).status == 200
        client.close()


async def test_connection_close_is_honoured() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        await read(reader)
        writer.write(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        await reader.read()

    async with server(script) as port:
        client = http.Client()
        assert [(await post(client, port)).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(("sent", "status"), [(OK[:-1], 200), (OK[:30], None), (b"H", None)])
async def test_an_answer_cut_short_never_leads_to_a_second_request(sent: bytes, status: int | None) -> None:
    """Its status counts when it has come; without one nobody knows what the target did."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        assert n == 1
        await read(reader)
        writer.write(OK)
        await read(reader)
        writer.write(sent)

    async with server(script) as port:
        client = http.Client()
        await post(client, port)
        if status:
            assert (await post(client, port)).status == status
        else:
            with pytest.raises(http.Interrupted):
                await post(client, port)


async def test_a_first_connection_that_breaks_is_an_interruption() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        await read(reader)

    async with server(script) as port:
        with pytest.raises(http.Interrupted):
            await post(http.Client(), port)


async def test_rubbish_is_an_interruption() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        await read(reader)
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        await reader.read()

    async with server(script) as port:
        with pytest.raises(http.Interrupted, match="unreadable answer"):
            await post(http.Client(), port)


async def test_no_answer_in_time_is_a_time_out_and_its_connection_is_not_used_again() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        await read(reader)
        if n == 2:
            writer.write(OK)
        await reader.read()

    async with server(script) as port:
        client = http.Client()
        with pytest.raises(http.TimedOut):
            await post(client, port, 0.05)
        assert (await post(client, port)).status == 200
        client.close()


async def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(http.Unreachable):
            await post(http.Client(), held.getsockname()[1])
