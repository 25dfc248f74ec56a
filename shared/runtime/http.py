"""`http_function`: from a table of routes to an HTTP function of the framework."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import compile_path

from shared.domain.errors import Overloaded, Unavailable
from shared.edge import scopes
from shared.runtime import levels, logs, metrics, trace
from shared.runtime.context import Context, current
from shared.runtime.door import FREE_BYTES, WORKED_ON, door
from shared.runtime.peers import client_address
from shared.runtime.problems import Problem
from shared.runtime.settings import DoorSettings, FunctionSettings, load, load_of_process

Handler = Callable[[Request, Context], Awaitable[Response]]

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})

UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})

TAKEN_IN = "ims.body"
"""In a request's scope once its body is here."""
DISCARD_BYTES = 64 * 1024 * 1024
DISCARD_SECONDS = 5.0
DISCARD_STALL_SECONDS = 0.2
DISCARDED_AT_ONCE = 256
"""As much of a refused body is still taken in, and thrown away, before the refusal is sent; of so many at once, and
only as long as something comes."""
OWNER, HELD = "ims.owner", "ims.held"
"""In a request's scope: whose body it is; who holds how many bytes for it."""

log = logs.get(__name__)


@dataclass(frozen=True)
class Route:
    """`path` may have parameters (`/v1/messages/{message_id}`), found in `request.path_params`.

    Any one of the scopes opens it (shared/edge/scopes.py); None: whoever calls proves it otherwise. `own`: also where
    the scope is one of settings, test keys have things of their own behind it, and may change these. `confirm`: a
    person must have given the password again within ten minutes. `body` and `query` are for the OpenAPI document, of
    operations that local/docs/gateway.yaml does not write by hand. `page`: it is for browsers, and no operation of the
    API.
    """

    method: str
    path: str
    handler: Handler
    scope: str | tuple[str, ...] | None = None
    own: bool = False
    confirm: bool = False
    body: type[BaseModel] | None = None
    query: tuple[str, ...] = ()
    page: bool = False
    pattern: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", compile_path(self.path))

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes, any one of which opens it."""
        return (self.scope,) if isinstance(self.scope, str) else self.scope or ()

    @property
    def live_only(self) -> bool:
        """Whether test keys are refused: it changes what they share with live keys."""
        return not self.own and scopes.changes_settings(self.method, self.scopes)


ROUTE = "ims.route"
"""Where a request's scope has its Route."""


def http_function(routes: Sequence[Route]) -> Callable[[Request], Awaitable[Response]]:
    """The function `main` of an HTTP folder; `main.routes` is its table."""
    exact = {(r.method, r.path): r for r in routes if "{" not in r.path}

    async def main(request: Request) -> Response:
        trace.start(request.headers.get("traceparent"))
        path: str = request.scope["path"]
        route = exact.get((request.method, path))
        label = path if route else "-"
        try:
            if route is None:
                route = _match(routes, request)
                label = route.path
            request.scope[ROUTE] = route
            response = await route.handler(request, current())
        except Problem as problem:
            response = problem.response()
        except ClientDisconnect:
            response = Response(status_code=400)
        except Overloaded as error:
            response = Problem(429, error.detail or "Slow down.", retry_after=error.retry_after).response()
        except Unavailable as error:
            log.warning("unavailable", detail=error.detail)
            detail = "Nothing was lost or sent; try again shortly."
            response = Problem(503, detail, retry_after=error.retry_after).response()
        except Exception:
            log.exception("unexpected error", route=label)
            response = Problem(500, "Our fault; it is logged. Trying again is safe with an Idempotency-Key.").response()
        finally:
            held = request.scope.pop(HELD, None)
            if held is not None:
                door().release(*held)
        if response.status_code >= 400:
            await _discard_body(request, response)
        span = trace.current()
        if span:
            response.raw_headers.append((b"traceresponse", span.header().encode()))
        _count(request.method, label, response.status_code)
        if levels.verbose():
            log.debug("answered", method=request.method[:8], route=label, status=response.status_code)
        return response

    main.routes = tuple(routes)  # type: ignore[attr-defined]
    main.signature = "http"  # type: ignore[attr-defined]
    return main


def _count(method: str, label: str, status: int) -> None:
    metrics.HTTP.labels(method if method in METHODS else "other", label, status).inc()


def _match(routes: Sequence[Route], request: Request) -> Route:
    path, allowed = request.scope["path"], set()
    for route in routes:
        regex, _, convertors = route.pattern
        match = regex.match(path)
        if match and route.method == request.method:
            values = {k: convertors[k].convert(v) for k, v in match.groupdict().items()}
            request.scope["path_params"] = values
            return route
        if match:
            allowed.add(route.method)
    if allowed:
        methods = sorted(allowed)
        raise Problem(405, f"Use {' or '.join(methods)} here.", headers={"allow": ", ".join(methods)})
    raise Problem(404, f"There is nothing at {path[:200]}.")


def own_body(request: Request, owner: str) -> None:
    """Say whose body is about to be read, by a name among all that a process serves: its share is that of this owner.

    To be called once the headers have proved it; until then a body is its address's.
    """
    request.scope[OWNER] = owner


async def read_body(request: Request, limit: int | None = None) -> bytes:
    """The whole body; 413 as soon as it exceeds the limit, 408 when it comes too slowly, 429 and 503 as in Door.

    One that is here with its headers is taken as it is; what must be waited for takes a place, and memory when it is
    large, which it has until the request is answered.
    """
    limit = load(FunctionSettings).body_limit if limit is None else limit
    length = request.headers.get("content-length", "")
    declared = int(length) if length.isdecimal() and len(length) < 20 else 0
    if declared > limit or len(length) >= 20:
        raise Problem(413, f"The body may have at most {limit} bytes.")
    coming = _Begun(request.receive())
    if coming.message is not None and _last(coming.message):
        return _taken(request, [coming.message.get("body", b"")], limit)
    address = client_address(request)
    owner = request.scope.get(OWNER, address)
    here = door()
    here.enter(owner, address)
    try:
        return _taken(request, await _parts(request, coming, limit, declared, owner), limit)
    finally:
        coming.close()
        here.leave(owner, address)


async def stream_body(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The parts of a body as they come; 413, 408, 429 and 503 as in read_body. It may take as long as it comes fast
    enough; what the reader does in between is not the client's fault."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) >= 20 or int(length) > limit):
        raise Problem(413, f"The body may have at most {limit} bytes.")
    address = client_address(request)
    owner, here, rules = request.scope.get(OWNER, address), door(), load_of_process(DoorSettings)
    clock, size, waited = asyncio.get_running_loop().time, 0, 0.0
    here.enter(owner, address)
    try:
        while True:
            allowed = rules.body_grace_seconds + size / rules.body_least_rate - waited
            began = clock()
            message = await asyncio.wait_for(request.receive(), max(0.05, allowed))
            waited += clock() - began
            last = _last(message)
            size += len(message.get("body", b""))
            if size > limit:
                raise Problem(413, f"The body may have at most {limit} bytes.")
            if last:
                request.scope[TAKEN_IN] = True
            yield message.get("body", b"")
            if last:
                return
    except TimeoutError as error:
        told = f"The body must begin to come within {rules.body_grace_seconds:g} s and bring {rules.body_least_rate}"
        raise Problem(408, f"{told} bytes a second.", headers={"connection": "close"}) from error
    finally:
        here.leave(owner, address)


def _last(message: Any) -> bool:
    """Whether a body ends with this; ClientDisconnect when it never will."""
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return not message.get("more_body", False)


def _taken(request: Request, parts: list[bytes], limit: int) -> bytes:
    request.scope[TAKEN_IN] = True
    body = parts[0] if len(parts) == 1 else b"".join(parts)
    if len(body) > limit:
        raise Problem(413, f"The body may have at most {limit} bytes.")
    return body


async def _parts(request: Request, coming: _Begun, limit: int, declared: int, owner: str) -> list[bytes]:
    """What comes, until it ends, as long as it comes fast enough."""
    rules, settings, clock = load_of_process(DoorSettings), load(FunctionSettings), asyncio.get_running_loop().time
    parts: list[bytes] = []
    size = 0
    if declared > FREE_BYTES:
        await _hold(request, owner, declared * WORKED_ON)
    began = clock()
    try:
        async with asyncio.timeout_at(began + min(rules.body_grace_seconds, settings.body_seconds)) as timer:
            message = coming.message or await coming
            while True:
                last = _last(message)
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if last:
                    return parts
                if size > limit:
                    raise Problem(413, f"The body may have at most {limit} bytes.")
                if size * WORKED_ON > request.scope.get(HELD, (owner, FREE_BYTES * WORKED_ON))[1]:
                    timer.reschedule(None)
                    await _hold(request, owner, min(2 * size, limit) * WORKED_ON)
                least = began + rules.body_grace_seconds + size / rules.body_least_rate
                timer.reschedule(min(least, began + settings.body_seconds))
                message = await request.receive()
    except TimeoutError as error:
        raise Problem(
            408,
            f"The body must begin to come within {rules.body_grace_seconds:g} s, bring {rules.body_least_rate} bytes "
            f"a second and be here within {settings.body_seconds:g} s.",
            headers={"connection": "close"},
        ) from error


async def _hold(request: Request, owner: str, size: int) -> None:
    """Have `size` bytes until the request is answered, what it has already included."""
    _, had = request.scope.get(HELD, (owner, 0))
    await door().hold(owner, size - had)
    request.scope[HELD] = owner, size


class _Begun:
    """A `receive` that was begun: `message` is there when it had not to be waited for; else await it."""

    def __init__(self, receiving: Any) -> None:
        self.message: Any = None
        self._receiving = receiving
        try:
            self._future = receiving.send(None)
        except StopIteration as end:
            self.message = end.value

    def __await__(self) -> Generator[Any, Any, Any]:
        try:
            yield self._future
        except BaseException as error:
            self._receiving.throw(error)
            raise
        return (yield from self._receiving.__await__())

    def close(self) -> None:
        """Leave it, if nobody waited for it."""
        self._receiving.close()


async def _discard_body(request: Request, response: Response) -> None:
    """Take in what a refused request still sends; past the bounds, close the connection after the answer.

    Most clients read no answer while they write: one that comes too early reaches them as a connection reset. But
    nobody is waited for who does not go on writing, and only for so many at once.
    """
    length = request.headers.get("content-length", "0")
    if TAKEN_IN in request.scope or (length == "0" and "transfer-encoding" not in request.headers):
        return
    if "close" in response.headers.get("connection", "") or "expect" in request.headers:
        return  # a client with `Expect: 100-continue` waits for a word before it sends its body
    if not length.isdecimal() or len(length) > 9 or int(length) > DISCARD_BYTES or not await _taken_in(request):
        response.headers["connection"] = "close"


async def _taken_in(request: Request) -> bool:
    here = door()
    if here.discarding >= DISCARDED_AT_ONCE:
        return False
    here.discarding += 1
    left, loop = DISCARD_BYTES, asyncio.get_running_loop()
    end = loop.time() + DISCARD_SECONDS
    try:
        async with asyncio.timeout(None) as timer:
            while left > 0:
                timer.reschedule(min(loop.time() + DISCARD_STALL_SECONDS, end))
                message = await request.receive()
                if not message.get("more_body", False):
                    return True
                left -= len(message.get("body", b""))
    except TimeoutError:
        return False
    finally:
        here.discarding -= 1
    return False


def require_json(request: Request) -> None:
    """415 unless the client says that it sends JSON in UTF-8, not compressed."""
    written = request.headers.get("content-type", "")
    if written != "application/json" and not _is_json(written):
        raise Problem(415, "Send the body as application/json, in UTF-8.")
    if request.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
        raise Problem(415, "Send the body as it is, not compressed.", headers={"accept-encoding": "identity"})


def _is_json(content_type: str) -> bool:
    kind, *parameters = (part.strip() for part in content_type.lower().split(";"))
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        return False
    pairs = (parameter.partition("=") for parameter in parameters)
    return UTF_8.issuperset(value.strip('" ') for name, _, value in pairs if name.strip() == "charset")
