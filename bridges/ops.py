"""Running a bridge: GET /healthz and /metrics on its port, until SIGTERM or until its host stops it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any, Protocol

import orjson

from shared.runtime import metrics, scope

Health = Callable[[], tuple[bool, dict[str, Any]]]
READ_SECONDS = 5.0


class App(Protocol):
    """A bridge's work, on the event loop that it was made on."""

    def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """Return when what was under way has ended."""

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether all is well, and what to show."""

    def measure(self) -> None:
        """Set the gauges that are read at scrape time."""


class Running:
    """An app with its port."""

    def __init__(self, app: App, server: asyncio.Server) -> None:
        self._app, self._server = app, server

    @classmethod
    async def begin(cls, make: Callable[[], App], host: str, port: int) -> Running:
        """Make the app, listen and start."""
        app = make()
        running = cls(app, await serve(host, port, app.health, app.measure))
        app.start()
        return running

    async def stop(self) -> None:
        """Stop the app, then close its port: until then its health shows that it is stopping."""
        await self._app.stop()
        self._server.close()


async def run(make: Callable[[], App], host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    running = await Running.begin(make, host, port)
    await stopping.wait()
    await running.stop()


async def serve(host: str, port: int, health: Health, before_metrics: Callable[[], None]) -> asyncio.Server:
    """Listen; `health` says whether all is well and what to show, `before_metrics` sets what is read at scrape time."""
    here = scope.current()

    def answer(path: str) -> tuple[int, str, bytes]:
        if path in ("/healthz", "/readyz"):
            well, details = health()
            return (200 if well else 503), "application/json", orjson.dumps(details)
        if path == "/metrics":
            before_metrics()
            return 200, "text/plain; version=0.0.4", metrics.exposition()
        return 404, "application/json", b'{"detail":"only /healthz and /metrics are here"}'

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode("latin-1").partition("?")[0]
            with here.entered():
                status, kind, body = answer(path)
            head_lines = f"HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
            writer.write(f"{head_lines}connection: close\r\n\r\n".encode() + body)
            await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError, OSError):
            pass  # not a whole request, or nobody waits for the answer any more
        finally:
            writer.close()

    return await asyncio.start_server(client, host, port)
