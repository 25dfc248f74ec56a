"""HTTP/2 without TLS (prior knowledge) for the vendors that speak nothing else: many streams on one connection, GOAWAY.

It serves the same ASGI application as the HTTP/1.1 port.
"""

from __future__ import annotations

import asyncio
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset, WindowUpdated
from h2.exceptions import ProtocolError

from simulator.http import Receive, Scope, Send

MAX_BODY = 1024 * 1024


class Http2(asyncio.Protocol):
    """One connection."""

    def __init__(self, app: Any, connections: set[Http2]) -> None:
        self._app, self._connections = app, connections
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._transport: Any = None
        self._heads: dict[int, list[tuple[str, str]]] = {}
        self._bodies: dict[int, bytearray] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._gone: dict[int, asyncio.Event] = {}
        self._room = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        """Greet."""
        self._transport = transport
        self._connections.add(self)
        self._h2.initiate_connection()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits for the answers any more."""
        self._connections.discard(self)
        self._room.set()
        for gone in self._gone.values():
            gone.set()
        for task in self._tasks.values():
            task.cancel()

    def data_received(self, data: bytes) -> None:
        """Frames."""
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
        except ProtocolError:
            self._flush()
            self._transport.close()
            return
        self._flush()

    def _take(self, event: Any) -> None:
        if isinstance(event, RequestReceived):
            self._heads[event.stream_id] = [(str(k), str(v)) for k, v in event.headers]
            self._bodies[event.stream_id] = bytearray()
        elif isinstance(event, DataReceived):
            body = self._bodies.get(event.stream_id)
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if body is not None and len(body) <= MAX_BODY:
                body += event.data
        elif isinstance(event, StreamEnded):
            self._begin(event.stream_id)
        elif isinstance(event, StreamReset):
            self._heads.pop(event.stream_id, None)
            if gone := self._gone.get(event.stream_id):
                gone.set()
        elif isinstance(event, WindowUpdated):
            self._room.set()

    def _begin(self, stream: int) -> None:
        self._gone[stream] = asyncio.Event()
        task = asyncio.get_running_loop().create_task(self._serve(stream))
        self._tasks[stream] = task
        task.add_done_callback(lambda _: (self._tasks.pop(stream, None), self._gone.pop(stream, None)))

    async def _serve(self, stream: int) -> None:
        head = dict(self._heads.pop(stream, ()))
        path, _, query = head.get(":path", "/").partition("?")
        scope: Scope = {
            "type": "http",
            "method": head.get(":method", "GET"),
            "path": path,
            "query_string": query.encode(),
            "headers": [
                (b"host", head.get(":authority", "").encode()),
                *((k.encode(), v.encode()) for k, v in head.items() if not k.startswith(":")),
            ],
        }
        body, told = bytes(self._bodies.pop(stream, b"")), False

        async def receive() -> Any:
            nonlocal told
            if not told:
                told = True
                return {"type": "http.request", "body": body}
            await self._gone[stream].wait()
            return {"type": "http.disconnect"}

        status, headers, parts = 500, [], []

        async def send(message: Any) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
            else:
                parts.append(message.get("body", b""))

        handler: Any = self._app
        asked: tuple[Receive, Send] = (receive, send)
        await handler(scope, *asked)
        await self._answer(stream, status, headers, b"".join(parts))

    async def _answer(self, stream: int, status: int, headers: Any, body: bytes) -> None:
        try:
            given = [(k.decode(), v.decode()) for k, v in headers if k != b"content-length" or body]
            self._h2.send_headers(stream, [(":status", str(status)), *given], end_stream=not body)
            while body:
                room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
                if room <= 0:
                    self._room.clear()
                    self._flush()
                    await self._room.wait()
                    continue
                self._h2.send_data(stream, body[:room], end_stream=len(body) <= room)
                body = body[room:]
            self._flush()
        except ProtocolError:  # the caller has gone
            return

    def go_away(self, last: int) -> None:
        """GOAWAY: what came after stream `last` was not processed; then the connection closes."""
        self._h2.close_connection(ErrorCodes.NO_ERROR, last_stream_id=last)
        self._flush()

    def reset(self) -> None:
        """Drop the connection without a word."""
        self._transport.abort()

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._transport.write(data)


class Http2Server:
    """The port."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._server: asyncio.Server | None = None
        self.connections: set[Http2] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; the port (0: any)."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Http2(self._app, self.connections), host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close everything."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self.connections):
            connection.reset()
        await self._server.wait_closed()
        self._server = None
