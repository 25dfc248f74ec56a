"""The ASGI app of one function: the framework's app, wrapped with health, readiness, metrics and the drain."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from shared.runtime import logs, metrics
from shared.runtime.context import Context, use
from shared.runtime.settings import FunctionSettings, load

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logs.get(__name__)

OPERATIONS = ("/healthz", "/readyz", "/metrics", "/_/health", "/_/ready")


def find_function(name: str) -> Path:
    """The folder of a function: IMS_FUNCTIONS_DIR, ./functions, or functions/ beside the shared package."""
    given = os.environ.get("IMS_FUNCTIONS_DIR")
    roots = [Path(given)] if given else [Path("functions"), Path(__file__).resolve().parents[2] / "functions"]
    for root in roots:
        if (root / name / "main.py").exists():
            return root / name / "main.py"
    raise SystemExit(f"There is no function {name!r} under {', '.join(map(str, roots))}; set IMS_FUNCTIONS_DIR.")


class App:
    """Wraps the framework's app of one function."""

    def __init__(self, name: str) -> None:
        from functions_framework.aio import create_asgi_app

        from shared import flow

        self.name = name
        self.context = Context(name)
        use(self.context)
        event_driven = bool(flow.BY_NAME[name].handles) if name in flow.BY_NAME else False
        signature = "cloudevent" if event_driven else "http"
        self._inner = create_asgi_app("main", str(find_function(name)), signature)  # type: ignore[no-untyped-call]
        self._in_flight = 0
        self._draining = False
        self._ready = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and scope["path"] in OPERATIONS:
            await self._operations(scope["path"], send)
        else:
            self._in_flight += 1
            try:
                await self._inner(scope, receive, send)
            finally:
                self._in_flight -= 1

    async def _operations(self, path: str, send: Send) -> None:
        if path == "/metrics":
            from prometheus_client import generate_latest

            metrics.IN_FLIGHT.set(self._in_flight)
            await _answer(send, 200, generate_latest(), b"text/plain; version=0.0.4")
        elif path.endswith(("readyz", "/_/ready")) and self._draining:
            await _answer(send, 503, b'{"status":"draining"}')
        else:
            await _answer(send, 200, b'{"status":"ok","function":"%s"}' % self.name.encode())

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._drain()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _drain(self) -> None:
        """Finish what is in flight, then flush the producer (uvicorn has stopped accepting by now)."""
        self._draining = self.context.draining = True
        for _ in range(int(load(FunctionSettings).drain_seconds * 20)):
            if not self._in_flight:
                break
            await asyncio.sleep(0.05)
        await asyncio.get_running_loop().run_in_executor(None, self.context.close)
        log.info("drained", left=self._in_flight)


async def _answer(send: Send, status: int, body: bytes, kind: bytes = b"application/json") -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
