"""`POST /v1/<channel>/messages`: the same road for every channel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Generator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from shared.accepting.answer import accepted
from shared.accepting.keys import Held, Key, read_key
from shared.accepting.submission import Submission
from shared.accepting.submit import Submitter
from shared.channels.acceptance import Acceptance, accept_in_steps
from shared.channels.common import AccountView, Channel, InvalidRequest, Wants
from shared.channels.slices import People, is_large, take_apart
from shared.channels.wanting import files_of, wanted
from shared.domain.errors import Unavailable
from shared.domain.ids import accepted_ms
from shared.domain.routing import Offers
from shared.edge.callers import Caller, caller
from shared.runtime import Context
from shared.runtime.clock import new_request_id
from shared.runtime.http import read_body, require_json
from shared.runtime.problems import Problem
from shared.stores.files import note_use
from shared.stores.known import Known, look_up

R = TypeVar("R")
MakeOffers = Callable[[int], Offers]
"""(moment of acceptance, ms) → what vendors charge for what is accepted then."""

NAMES_GROUP = b'"group"'
"""A body without it names no group among its recipients."""
LONGEST_REST_S = 0.05
GENTLY = 500
"""Messages over which a dry run gives half of the time to others."""


def endpoint(channel: Channel) -> Callable[[HttpRequest, Context], Awaitable[Response]]:
    """The handler that accepts messages of a channel."""
    submitters: WeakKeyDictionary[Context, Submitter] = WeakKeyDictionary()

    async def send(request: HttpRequest, ims: Context) -> Response:
        who = await caller(request, ims)
        require_json(request)
        flags = _flags(request)
        body = await read_body(request)
        submitter = submitters.get(ims) or submitters.setdefault(ims, Submitter(ims))
        header, path = request.headers.get("idempotency-key"), request.scope["path"]
        key = read_key(who.account.account_id, header, path, body, test=who.test)
        if NAMES_GROUP in body:
            held = await submitter.held(key) if key is not None else None
            if held is not None and held.answer is not None:
                return _response(held.answer, replayed=True)
            body = await _grouped(ims, who, channel, body, held)
        size, people = len(body), None
        if is_large(body):
            body, people = await _apart(body)
        wants = wanted(channel, body, people, who.account.defaults)
        names = files_of(wants)
        draft = Draft(channel, who, body, await _view(ims, who, wants), people, await _offers(ims, body, flags))
        try:
            acceptance = await draft.check(new_request_id(ims.now_ms()))
        except InvalidRequest as error:
            held = await submitter.held(key) if key is not None and error.status != 400 and not flags.dry_run else None
            if held is None:
                raise _faulty(error) from error
            if held.answer is not None:
                return _response(held.answer, replayed=True)
            acceptance = await _as_at_first(draft, held)
        if flags.dry_run:
            return await _dry_run(ims, acceptance)
        if not acceptance.request.scheduled_at:
            submitter.wake(channel.name, acceptance.request.lane)
        if names:  # before anything is accepted: what is on its way finds its files
            needed = max(acceptance.request.scheduled_at or 0, ims.now_ms())
            await ims.db(note_use, who.account.account_id, names, needed)
        return await _submit(submitter, who, acceptance, key, size, listed=flags.messages)

    return send


@dataclass(frozen=True, slots=True)
class Draft:
    """A body with what is known of its sender."""

    channel: Channel
    who: Caller
    body: bytes
    view: AccountView
    people: People | None = None
    offers: MakeOffers | None = None

    async def check(self, request_id: UUID) -> Acceptance:
        """Check it at the moment that the id carries, letting other requests go between every 500 recipients."""
        steps = accept_in_steps(
            self.channel, self.body, account=self.view, now_ms=accepted_ms(request_id), request_id=request_id,
            test=self.who.test, people=self.people, offers=self.offers and self.offers(accepted_ms(request_id)),
        )  # fmt: skip
        return await in_turn(steps, gently=self.people is not None)


async def in_turn(steps: Generator[None, None, R], *, gently: bool) -> R:
    """What comes of steps, while other requests go between them; `gently`: half of the time is theirs."""
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        try:
            next(steps)
        except StopIteration as end:
            result: R = end.value
            return result
        await asyncio.sleep(min(clock() - began, LONGEST_REST_S) if gently else 0)


async def _grouped(ims: Context, who: Caller, channel: Channel, body: bytes, held: Held | None) -> bytes:
    """A body with the members of groups in their place: those of now, or of the first try."""
    from shared.accepting.members import expanded  # few requests name groups

    at_ms = accepted_ms(UUID(hex=held.request_id)) if held is not None else ims.now_ms()
    try:
        return await expanded(ims, who.account.account_id, channel, body, at_ms)
    except InvalidRequest as error:
        raise _faulty(error) from error


async def _apart(body: bytes) -> tuple[bytes, People | None]:
    """A large body without its recipients, and those."""
    try:
        apart = await in_turn(take_apart(body), gently=True)
    except InvalidRequest as error:
        raise _faulty(error) from error
    return apart or (body, None)


async def _as_at_first(draft: Draft, held: Held) -> Acceptance:
    """A retry of what may be on its way in part: checked by the clock of its first try, whose ids it keeps.

    So a reservation whose time has come meanwhile is completed, not refused.
    """
    try:
        return await draft.check(UUID(hex=held.request_id))
    except InvalidRequest as error:
        raise _faulty(error, request_id=str(UUID(hex=held.request_id))) from error


class Flags(NamedTuple):
    """The query: only look what would happen; list the messages however many there are."""

    dry_run: bool = False
    messages: bool = False


PLAIN = Flags()
WORDS = {"": True, "1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _flags(request: HttpRequest) -> Flags:
    """422 for what is not understood: a misspelt `dry_run` must not send."""
    if not request.scope["query_string"]:
        return PLAIN
    values: dict[str, bool] = {}
    faults = []
    for name, text in request.query_params.multi_items():
        wrong = _flag_fault(name, text, values)
        if wrong:
            faults.append({"pointer": f"/{name[:64]}", "code": wrong[0], "detail": wrong[1]})
        else:
            values[name] = WORDS[text.lower()]
    if faults:
        raise Problem(422, f"{len(faults)} fault(s) in the query; nothing was accepted.", faults)
    return Flags(**values)


def _flag_fault(name: str, text: str, given: Container[str]) -> tuple[str, str] | None:
    if name not in Flags._fields:
        return "unknown_field", f"no such parameter; known are: {', '.join(Flags._fields)}"
    if name in given:
        return "conflict", "give it once"
    return None if text.lower() in WORDS else ("format", "must be true or false")


NOTHING = Known()
ASKS_FOR_PRICES = (b'"max_price"', b'"international"')


async def _view(ims: Context, who: Caller, wants: Mapping[str, Wants]) -> AccountView:
    account = who.account
    known: Known = await ims.db(look_up, account.account_id, wants, who.test) if wants else NOTHING
    return AccountView(
        account.account_id, account.username, account.senders, account.callback_uri, *known, may_call, account.defaults
    )


def may_call(uri: str) -> bool:
    """Whether a callback may lead to the address in its URL."""
    from shared.runtime.egress import Policy  # only for a request with a callback of its own
    from shared.runtime.settings import EgressSettings, load

    return Policy.of(load(EgressSettings)).permits_literal(uri)


_REFUSED = {
    400: "The body is not readable.",
    403: "A sender number is not registered for this account; nothing was accepted.",
}


def _faulty(error: InvalidRequest, **extra: Any) -> Problem:
    faults = [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in error.errors]
    detail = _REFUSED.get(error.status, f"{len(faults)} fault(s); nothing was accepted.")
    if extra:
        detail = f"{len(faults)} fault(s); an earlier try of this request may have been accepted in part."
    return Problem(error.status, detail, faults, **extra)


async def _offers(ims: Context, body: bytes, flags: Flags) -> MakeOffers | None:
    """What vendors charge, for a request that asks for it or may fail by it; None for others, and while nobody knows:
    route decides in any case."""
    if not flags.dry_run and not any(hint in body for hint in ASKS_FOR_PRICES):
        return None
    from shared.stores.vendors import offers_of  # most requests need no prices

    try:
        return offers_of(await ims.vendors.entries())
    except Unavailable:
        if flags.dry_run:
            raise
        return None


async def _dry_run(ims: Context, acceptance: Acceptance) -> Response:
    import orjson

    from shared.stores.vendors import offers_of

    offers = offers_of(await ims.vendors.entries())(acceptance.request.accepted_at)
    view = await in_turn(acceptance.plan_view_in_steps(offers), gently=len(acceptance.request.messages) > GENTLY)
    view["rejected"] = [{"index": r.index, "to": r.to, "code": r.code, "detail": r.detail} for r in view["rejected"]]
    return Response(orjson.dumps({"dry_run": True, **view}), media_type="application/json")


async def _submit(
    submitter: Submitter, who: Caller, acceptance: Acceptance, key: Key | None, size: int, *, listed: bool
) -> Response:
    submission = Submission(who.account, acceptance.request, key, size)
    if key is not None:
        acceptance.request.idempotency = key.mark
    done = await submitter.submit(submission)
    if done.replay:
        return _response(done.replay, replayed=True)
    body = accepted(done.request, acceptance.rejected, acceptance.duplicates, listed=listed)
    if done.replay is None:
        await submitter.keep_answer(done, body)
    return _response(body, replayed=done.repeated)


def _response(body: bytes, *, replayed: bool) -> Response:
    headers = {"idempotent-replayed": "true"} if replayed else None
    return Response(body, 202, headers, media_type="application/json")
