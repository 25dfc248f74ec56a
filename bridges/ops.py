"""GET /healthz and /metrics of a bridge, on its own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from prometheus_client import generate_latest

Health = Callable[[], tuple[bool, dict[str, Any]]]
READ_SECONDS = 5.0


async def serve(host: str, port: int, health: Health, before_metrics: Callable[[], None]) -> asyncio.Server:
    """Listen; `health` says whether all is well and what to show, `before_metrics` sets what is read at scrape time."""

    def answer(path: str) -> tuple[int, str, bytes]:
        if path in ("/healthz", "/readyz"):
            well, details = health()
            return (200 if well else 503), "application/json", orjson.dumps(details)
        if path == "/metrics":
            before_metrics()
            return 200, "text/plain; version=0.0.4", generate_latest()
        return 404, "application/json", b'{"detail":"only /healthz and /metrics are here"}'

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode("latin-1").partition("?")[0]
            status, kind, body = answer(path)
            head_lines = f"HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
            writer.write(f"{head_lines}connection: close\r\n\r\n".encode() + body)
            await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError, OSError):
            pass  # not a whole request, or nobody waits for the answer any more
        finally:
            writer.close()

    return await asyncio.start_server(client, host, port)
