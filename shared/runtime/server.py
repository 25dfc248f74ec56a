"""The ASGI app of one function: the framework's app, wrapped with health, readiness, metrics and the drain."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from starlette.exceptions import HTTPException

from shared.domain.events import Tick
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


def serve(app: App, **options: Any) -> None:
    """Run uvicorn until SIGTERM; the app hears of the signal at once, not only when all requests have ended."""
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            app.begin_drain()
            super().handle_exit(sig, frame)

    Server(uvicorn.Config(app, **options)).run()


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
        self._handle: Any = getattr(sys.modules["main"].main, "receive", None)
        self._in_flight = 0
        self._warm: asyncio.Future[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and scope["path"] in OPERATIONS:
            await self._operations(scope["path"], send)
        else:
            self._in_flight += 1
            try:
                attributes = (binary_attributes(scope) or self._bare_tick(scope)) if self._handle else None
                if attributes is not None:
                    await self._event(attributes, receive, send)
                else:
                    await self._inner(scope, receive, send)
            finally:
                self._in_flight -= 1

    def _bare_tick(self, scope: Scope) -> dict[str, str] | None:
        """OpenFaaS' cron connector posts nothing at all: to a function that takes ticks, that is one."""
        headers = dict(scope["headers"])
        event = any(name.startswith(b"ce-") for name in headers) or headers.get(b"content-length", b"0") != b"0"
        if scope["method"] != "POST" or event or Tick not in sys.modules["main"].main.handles:
            return None
        return {"specversion": "1.0", "id": uuid4().hex, "type": Tick.TYPE, "source": "/openfaas/cron"}

    async def _event(self, attributes: dict[str, str], receive: Receive, send: Send) -> None:
        """The short way of a binary CloudEvent: no second parse of its data, no routing of a single route."""
        chunks, more = [], True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            chunks.append(message.get("body", b""))
            more = message.get("more_body", False)
        status, detail = 200, b""
        try:
            await self._handle(attributes, b"".join(chunks) or b"{}")
        except HTTPException as error:
            status, detail = error.status_code, str(error.detail).encode()
        except Exception:
            status = 500
        await _answer(send, status, detail, b"text/plain")

    async def _operations(self, path: str, send: Send) -> None:
        if path == "/metrics":
            from prometheus_client import generate_latest

            metrics.IN_FLIGHT.set(self._in_flight)
            await _answer(send, 200, generate_latest(), b"text/plain; version=0.0.4")
        elif path.endswith(("readyz", "/_/ready")) and self.context.draining:
            await _answer(send, 503, b'{"status":"draining"}')
        else:
            await _answer(send, 200, b'{"status":"ok","function":"%s"}' % self.name.encode())

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._warm = asyncio.get_running_loop().run_in_executor(None, self.context.warm)
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._drain()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def begin_drain(self) -> None:
        """Not ready any more; long-running handlers see `Context.draining` and come to an end."""
        self.context.draining = True

    async def _drain(self) -> None:
        """Finish what is in flight, then flush the producer (uvicorn has stopped accepting by now)."""
        self.begin_drain()
        for _ in range(int(load(FunctionSettings).drain_seconds * 20)):
            if not self._in_flight:
                break
            await asyncio.sleep(0.05)
        await asyncio.get_running_loop().run_in_executor(None, self.context.close)
        log.info("drained", left=self._in_flight)


def binary_attributes(scope: Scope) -> dict[str, str] | None:
    """The attributes of a CloudEvent in binary mode with JSON data; None for any other request."""
    if scope["method"] != "POST":
        return None
    attributes: dict[str, str] = {}
    is_json = False
    for name, value in scope["headers"]:
        if name.startswith(b"ce-"):
            attributes[name[3:].decode()] = unquote(value.decode())
        elif name == b"content-type":
            is_json = value.split(b";")[0].strip() == b"application/json"
    needed = attributes.get("specversion") == "1.0" and attributes.keys() >= {"id", "type", "source"}
    return attributes if is_json and needed else None


async def _answer(send: Send, status: int, body: bytes, kind: bytes = b"application/json") -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
