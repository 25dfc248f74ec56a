"""The least of HTTP that the simulator needs, straight on ASGI: a framework would cost more than the work itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = (b"content-type", b"application/json")


class Request(NamedTuple):
    """One request, its body read; header names are lower-case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """One response."""

    status: int
    body: bytes = b"{}"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Refusal(Exception):
    """Ends a request with a reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def json(status: int, value: Any, *headers: tuple[bytes, bytes]) -> Reply:
    """A JSON reply."""
    return Reply(status, orjson.dumps(value), headers)


async def read(scope: Scope, receive: Receive) -> Request:
    """The request of a scope."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts = [body]
        while message.get("more_body"):
            message = await receive()
            parts.append(message.get("body", b""))
        body = b"".join(parts)
    query = scope["query_string"]
    return Request(
        scope["method"],
        scope["path"],
        dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {},
        {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body,
    )


async def write(send: Send, reply: Reply) -> None:
    """Send a reply."""
    length = (b"content-length", str(len(reply.body)).encode())
    await send({"type": "http.response.start", "status": reply.status, "headers": [JSON, length, *reply.headers]})
    await send({"type": "http.response.body", "body": reply.body})


async def hang(receive: Receive, seconds: float) -> None:
    """Wait until the caller gives up, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        pass
