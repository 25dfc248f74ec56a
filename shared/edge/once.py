"""`once`: a POST that makes something takes an Idempotency-Key, and the same request twice makes it once.

The key is held in MySQL by one attempt, for a lease. The transaction that makes something notes it beside what it
makes, and fails when another attempt has taken the key over; so nothing is made twice, whenever a process dies:

    before the transaction    the lease ends, the next try begins anew
    after it, no answer kept  409 `made`: it is there, its answer is not
    after the answer is kept  the answer again, with `idempotent-replayed: true`, for 24 hours

Answers are kept sealed (IMS_SECRET_KEYS), for a new key's secret is in one; so a repetition gets the same secret again,
and only who holds both credential and Idempotency-Key. What was refused (4xx) is not kept: mended, it may come again
with its key. Accepting messages has its own way (shared/accepting/keys.py), for which no row is written per request.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from shared.accepting.keys import checked, reused
from shared.accounts import secrets
from shared.domain.errors import Unavailable
from shared.edge.bodies import Hashed
from shared.edge.callers import caller, operator
from shared.runtime import Context, logs
from shared.runtime.http import TAKEN_IN
from shared.runtime.mysql import BESIDE
from shared.runtime.problems import Problem
from shared.stores import kept_answers as store
from shared.stores.kept_answers import Held, Place

Handler = Callable[[Request, Context], Awaitable[Response]]

KEPT_HEADERS = ("content-type", "etag", "location")
MOST_KEPT = 256 * 1024
OPERATORS = "/v1/admin/"

log = logs.get(__name__)


def once(handler: Handler) -> Handler:
    """The handler, by which a request that comes again under its Idempotency-Key is answered as it was."""

    @wraps(handler)
    async def answer(request: Request, ims: Context) -> Response:
        header = request.headers.get("idempotency-key")
        if header is None:
            return await handler(request, ims)
        place = await _place(request, ims, checked(header))
        attempt = Attempt(ims, place, os.urandom(8), asyncio.current_task())
        body = Hashed(request)
        held = await ims.db(store.take, place, attempt.token, ims.now_ms(), *_times(ims))
        if held is not None:
            return await _again(request, ims, place, held, body)
        return await attempt.run(handler, Request(request.scope, body.receive), body)

    answer.once = True  # type: ignore[attr-defined]
    return answer


async def _place(request: Request, ims: Context, header: str) -> Place:
    """Whose key it is: of an account's live or test side, or of an operator."""
    if request.scope["path"].startswith(OPERATORS):
        owner = f"operator {await operator(request, ims)}"
    else:
        who = await caller(request, ims)
        owner = f"account {who.account.account_id} {'test' if who.test else 'live'}"
    return Place(_short(owner), _short(header))


def _short(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _times(ims: Context) -> tuple[int, int]:
    """How long an attempt holds a key, and an answer is kept (ms)."""
    return int(ims.accept.idempotency_lease_seconds * 1000), int(ims.accept.idempotency_hours * 3_600_000)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at what a key stands for."""

    ims: Context
    place: Place
    token: bytes
    task: Any

    async def run(self, handler: Handler, request: Request, body: Hashed) -> Response:
        """What the handler answers, kept if it has made something."""
        try:
            response = await self._handled(handler, request)
        except store.Lost as lost:
            raise _in_flight(1000) from lost
        except Exception as error:
            await self._let_go(refused=isinstance(error, Problem) and error.status < 500)
            raise
        if response.status_code >= 400:
            await self._let_go(refused=response.status_code < 500)
        else:
            await self._keep(response, body)
        return response

    async def _handled(self, handler: Handler, request: Request) -> Response:
        noting = BESIDE.set(self)
        try:
            return await handler(request, self.ims)
        finally:
            BESIDE.reset(noting)

    def here(self) -> Callable[[Any], None] | None:
        """What is noted beside the writes of this task; those of others (when a key was last used) are not meant."""
        return self.note if asyncio.current_task() is self.task else None

    def note(self, conn: Any) -> None:
        """In the transaction of the handler's write."""
        store.note_made(conn, self.place, self.token)

    async def _let_go(self, *, refused: bool) -> None:
        with contextlib.suppress(Unavailable):  # then the lease ends
            await self.ims.db(store.let_go, self.place, self.token, refused=refused)

    async def _keep(self, response: Response, body: Hashed) -> None:
        """Keep the answer; where that fails, who asks again is told that it was made."""
        try:
            if not await body.drain_within(self.ims.settings.body_seconds):
                return
            kept = _sealed(response, self.place)
            await self.ims.db(store.keep, self.place, self.token, body.digest(), response.status_code, kept)
        except (Unavailable, TimeoutError) as error:
            log.warning("an answer could not be kept under its Idempotency-Key", error=type(error).__name__)


def _sealed(response: Response, place: Place) -> str | None:
    """An answer as it is kept; None for what is too long, and where there is no key to seal it by."""
    if len(response.body) > MOST_KEPT:
        return None
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    text = orjson.dumps([headers, base64.b64encode(response.body).decode()]).decode()
    try:
        return secrets.ring().seal(text, _where(place))
    except Unavailable:
        return None


def _where(place: Place) -> str:
    return f"answer:{place.owner.hex()}:{place.key_hash.hex()}"


async def _again(request: Request, ims: Context, place: Place, held: Held, body: Hashed) -> Response:
    """The answer to a key that is held, or was used."""
    if held.status is None:
        if held.deadline_ms > ims.now_ms():
            raise _in_flight(held.deadline_ms - ims.now_ms())
        raise _made()
    try:
        whole = await body.drain_within(ims.settings.body_seconds)
    except TimeoutError as error:
        raise Problem(408, "The body came too slowly.", headers={"connection": "close"}) from error
    request.scope[TAKEN_IN] = whole
    if not hmac.compare_digest(body.digest(), held.body_hash or b""):
        raise reused()
    return _opened(held, place)


def _opened(held: Held, place: Place) -> Response:
    if held.status is None or held.answer is None:
        raise _made()
    try:
        headers, text = orjson.loads(secrets.ring().open(held.answer, _where(place)))
    except (secrets.Unreadable, Unavailable) as error:
        raise _made() from error
    return Response(base64.b64decode(text), held.status, {**headers, "idempotent-replayed": "true"})


def _in_flight(left_ms: int) -> Problem:
    return Problem(409, "The first request with this key is still under way.", retry_after=min(left_ms / 1000, 5))


def _made() -> Problem:
    return Problem(
        409,
        "The first request with this key has made what it asked for, but its answer is not here any more; look it up.",
        kind="made",
        title="It was made, its answer is lost",
    )
