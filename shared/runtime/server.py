"""The ASGI app of one function: the framework's app, wrapped with health, readiness, metrics and the drain."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import cached_property
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request

from shared.domain.events import Event, Tick
from shared.runtime import announcing, logs, memory, metrics
from shared.runtime.bus import MAX_REQUEST
from shared.runtime.cloudevents import STRUCTURED, binary_attributes, is_event, take_apart
from shared.runtime.context import Context, use
from shared.runtime.scope import PROCESS, Scope
from shared.runtime.settings import FunctionSettings, load

Asgi = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logs.get(__name__)

STRANGE_BYTES = 64 * 1024
"""Of a body that is no event, whatever it is: as much as the framework needs to say so."""
OPERATIONS = ("/healthz", "/readyz", "/metrics", "/_/health", "/_/ready")


def find_function(name: str) -> Path:
    """The folder of a function: IMS_FUNCTIONS_DIR, ./functions, or functions/ beside the shared package."""
    given = os.environ.get("IMS_FUNCTIONS_DIR")
    roots = [Path(given)] if given else [Path("functions"), Path(__file__).resolve().parents[2] / "functions"]
    for root in roots:
        if (root / name / "main.py").exists():
            return root / name / "main.py"
    raise SystemExit(f"There is no function {name!r} under {', '.join(map(str, roots))}; set IMS_FUNCTIONS_DIR.")


def load_function(source: Path) -> Any:
    """A function's main.py, loaded as the framework does it: as the module `main`, its folder on sys.path."""
    source = source.resolve()
    spec: Any = spec_from_file_location("main", source, submodule_search_locations=[str(source.parent)])
    module = sys.modules["main"] = module_from_spec(spec)
    if str(source.parent) not in sys.path:
        sys.path.append(str(source.parent))
    spec.loader.exec_module(module)
    return module


class App:
    """Wraps the framework's app of one function. On an event-driven function's own port only, there are `main.pages`
    (`GET /path` → async function of the context that answers JSON) and `main.site`, which answers its `paths`."""

    def __init__(self, name: str, whose: Scope = PROCESS) -> None:
        self.name, self._scope = name, whose
        with whose.entered():
            self.context = Context(name)
            use(self.context)
            self._module = load_function(find_function(name))
        main = self._module.main
        self._main: Any = main if main.signature == "http" else None
        self._handle: Any = getattr(main, "receive", None)
        self._handles: tuple[type[Event], ...] = getattr(main, "handles", ())
        self._pages: dict[str, Any] = getattr(main, "pages", {})
        self._site: Any = getattr(main, "site", None)
        self._parts: Sequence[str] = getattr(main, "warm", ())
        self._in_flight = 0
        self._warm: asyncio.Future[None] | None = None

    @cached_property
    def _inner(self) -> Any:
        """The framework's app, for what is neither a request to an HTTP function nor an event. It is made when such a
        thing comes: Flask, Werkzeug and Jinja2, which importing the framework brings, would be a quarter of each start.
        """
        from functions_framework.aio import create_asgi_app_from_module

        module = self._module
        return create_asgi_app_from_module("main", module.__file__, module.main.signature, module, module.__spec__)  # type: ignore[no-untyped-call]

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        self._scope.enter()
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and scope["path"] in OPERATIONS:
            await self._operations(scope["path"], send)
        elif scope["type"] == "http" and (page := self._pages.get(f"{scope['method']} {scope['path']}")):
            await _answer(send, 200, orjson.dumps(await page(self.context)))
        elif self._site and scope["type"] == "http" and f"{scope['method']} {scope['path']}" in self._site.paths:
            response = await self._site(Request(scope, receive), self.context)
            await response(scope, receive, send)
        else:
            self._in_flight += 1
            try:
                if self._main is not None and scope["type"] == "http":
                    await self._request(scope, receive, send)
                elif self._handle and scope["method"] == "POST":
                    await self._event(scope, receive, send)
                else:
                    await self._inner(scope, receive, send)
            finally:
                self._in_flight -= 1

    @property
    def process(self) -> str:
        """As the map calls it: with its pool."""
        with self._scope.entered():
            pool = load(FunctionSettings).pool
        return f"{self.name}-{pool}" if pool else self.name

    @property
    def log_name(self) -> str:
        """As its log lines call it."""
        return self._scope.name

    @property
    def in_flight(self) -> int:
        """Requests and events that it works on."""
        return self._in_flight

    async def post(self, path: str, headers: Sequence[tuple[str, str]], body: bytes) -> tuple[int, bytes]:
        """A POST from within the process: status and body, as over HTTP."""
        lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        status, answer = 500, b""

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status, answer
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                answer += message.get("body", b"")

        request = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
        about = {"asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": ""}
        ends = {"headers": lines, "client": None, "server": None}
        await self({**request, **about, **ends}, _again(body), send)
        return status, answer

    async def _request(self, scope: Asgi, receive: Receive, send: Send) -> None:
        """The short way of a request: `http_function` has its own routes and answers every exception itself."""
        request = Request(scope, receive, send)
        response = await self._main(request)
        await response(scope, receive, send)

    async def _event(self, scope: Asgi, receive: Receive, send: Send) -> None:
        """The short way of an event: no second parse of its data, no routing of a single route."""
        limit = min(load(FunctionSettings).body_limit, MAX_REQUEST) if may_be_event(scope) else STRANGE_BYTES
        body = await _whole(receive, limit)
        if body is None:
            return
        if len(body) > limit:
            await _answer(send, 413, b"an event has no more than %d bytes" % limit, b"text/plain", CLOSE)
            return
        event = read_event(scope, body, Tick in self._handles)
        if event is None:
            await self._inner(scope, _again(body), send)
            return
        status, detail = 200, b""
        try:
            await self._handle(*event)
        except HTTPException as error:
            status, detail = error.status_code, str(error.detail).encode()
        except Exception:
            status = 500
        await _answer(send, status, detail, b"text/plain")

    async def _operations(self, path: str, send: Send) -> None:
        if path == "/metrics":
            metrics.IN_FLIGHT.set(self._in_flight)
            await _answer(send, 200, metrics.exposition(), b"text/plain; version=0.0.4")
        elif path.endswith(("readyz", "/_/ready")) and self.context.draining:
            await _answer(send, 503, b'{"status":"draining"}')
        else:
            await _answer(send, 200, b'{"status":"ok","function":"%s"}' % self.name.encode())

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                memory.keep()
                self._warm = asyncio.get_running_loop().run_in_executor(None, self.context.warm, self._parts)
                announcing.add(self)
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
        await announcing.remove(self)
        for _ in range(int(load(FunctionSettings).drain_seconds * 20)):
            if not self._in_flight:
                break
            await asyncio.sleep(0.05)
        await asyncio.get_running_loop().run_in_executor(None, self.context.close)
        log.info("drained", left=self._in_flight)


def may_be_event(scope: Asgi) -> bool:
    """Whether the headers say that it is an event, or a connector's record; only then its body is taken in."""
    headers = dict(scope["headers"])
    return (
        any(name.startswith(b"ce-") for name in headers)
        or b"x-topic" in headers
        or headers.get(b"content-type", b"").startswith(STRUCTURED.encode())
    )


def read_event(scope: Asgi, body: bytes, ticks: bool) -> tuple[dict[str, str], bytes] | None:
    """Attributes and data of a POST to an event-driven function; None when it is no event.

    Besides both modes of CloudEvents there are OpenFaaS' connectors: cron posts nothing at all, which is a tick to a
    function that takes `ticks`; Kafka's (its mark is X-Topic) posts a record's value under any content type.
    """
    attributes = binary_attributes(scope)
    if attributes is not None:
        return attributes, body or b"{}"
    headers = dict(scope["headers"])
    topic = headers.get(b"x-topic", b"").decode("latin-1")
    if not body:
        return (_made("/openfaas/cron", Tick.TYPE), b"{}") if ticks else None
    if not topic and not headers.get(b"content-type", b"").startswith(STRUCTURED.encode()):
        return None
    parts = take_apart(body)
    if parts is None or not is_event(parts.attributes):
        return {**_made("/openfaas/kafka", "unreadable"), "knativekafkatopic": topic}, body
    return parts.attributes, parts.data or b"{}"


def _made(source: str, kind: str) -> dict[str, str]:
    return {"specversion": "1.0", "id": uuid4().hex, "type": kind, "source": source}


async def _whole(receive: Receive, limit: int) -> bytes | None:
    """The body, cut off beyond the limit; None when the client has left."""
    chunks, more, size = [], True, 0
    while more and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        more = message.get("more_body", False)
    return b"".join(chunks)


def _again(body: bytes) -> Receive:
    """A `receive` for whoever reads the body next."""

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


CLOSE = (b"connection", b"close")


async def _answer(
    send: Send, status: int, body: bytes, kind: bytes = b"application/json", *more: tuple[bytes, bytes]
) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
