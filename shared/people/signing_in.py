"""`POST /v1/sessions`: the password, the second factor, and the locks before them.

Failures count by login and browser: a browser that this login has used has a count of its own, so that a stranger locks
nobody out of it. They count by address, too. The answer, and its time, are the same for a login that nobody has. Tries
while a login is locked are refused without a look at the password, and do not prolong the lock.

| dies after … | what is there |
|---|---|
| the password was right, before the session | nothing: one signs in again; a code of the second factor is used up |
| the session, before the answer | a session that nobody has the cookie of; it ends unused |
"""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault
from shared.domain.ids import request_id
from shared.edge import cookies
from shared.edge.auditing import Deed, audited
from shared.edge.callers import CONFIRMED_MS, Actor
from shared.following import reading
from shared.people import factors, mails, passwords, shapes
from shared.runtime import Context
from shared.runtime.peers import client_address
from shared.runtime.problems import Problem
from shared.runtime.settings import PeopleSettings, load
from shared.stores import people, sessions, sign_ins
from shared.stores.people import Place
from shared.stores.sessions import Person
from shared.stores.sql import Connection

WRONG = "The address, the password or the code is wrong."


class Try(NamedTuple):
    """One attempt: where it comes from, and what its failure is counted under."""

    email: str
    address: str
    device: str
    person: Person | None
    login: bytes
    source: bytes


async def sign_in(request: Request, ims: Context) -> Response:
    """Begin a session; 201 with its cookie."""
    wish = await reading.body(request, shapes.SignIn)
    one = await _tried(request, ims, wish.email)
    await _let_in(ims, one)
    if not await passwords.is_right(one.person.password if one.person else None, wish.password):
        raise await _failed(ims, one)
    person = one.person
    assert person is not None  # noqa: S101 - the password was right
    left = await _second(ims, one, person, wish.code)
    place = _place(await ims.db(people.places, person.person_id), wish.username)
    session_id = request_id(ims.now_ms(), int.from_bytes(os.urandom(8), "big")).bytes
    device = one.device or shapes.token()
    actor = Actor("person", person.id, person.email, one.address)
    agent = request.headers.get("user-agent", "")
    deed = Deed("session.begin", f"person:{person.id}", about=(place.account_id, place.username or ""))
    await audited(
        ims, actor, deed, _begin, session_id, person.person_id, place, one, cookies.device(device), ims.now_ms(), agent,
    )  # fmt: skip
    return await answer(ims, session_id, device, 201, recovery_codes_left=left)


async def answer(ims: Context, session_id: bytes, device: str, status: int, **more: object) -> Response:
    """A session as its person sees it, with its cookie."""
    found = await ims.db(sessions.live, session_id, ims.now_ms())
    if found is None:
        raise Problem(401, "Your session has ended: sign in again.", kind="signed-out")
    places = await ims.db(people.places, found.person.person_id)
    view = shapes.session(found, cookies.csrf(session_id), places, CONFIRMED_MS)
    response = reading.answer({**view, **{k: v for k, v in more.items() if v is not None}}, status)
    response.headers["cache-control"] = "no-store"
    cookies.keep(response, session_id, device, ims.now_ms())
    return response


def _begin(
    conn: Connection, session_id: bytes, person_id: bytes, place: Place, one: Try, device: bytes, now: int, agent: str
) -> None:
    sessions.begin(conn, session_id, person_id, place.account_id, now, one.address, agent)
    sign_ins.succeeded(conn, one.login, person_id, device, now)


async def _tried(request: Request, ims: Context, email: str) -> Try:
    plain = shapes.address(email) or email.strip().casefold()[:254]
    device, source = cookies.device_token(request), client_address(request)
    person = await ims.db(people.by_email, plain)
    known = bool(device and person and await ims.db(sign_ins.is_known, person.person_id, cookies.device(device)))
    login = _subject("login", plain, device if known else "")
    return Try(plain, source, device, person, login, _subject("address", source))


def _subject(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()


async def _let_in(ims: Context, one: Try) -> None:
    """429 while the login, from this browser, or the address is locked."""
    now = ims.now_ms()
    until = max(await ims.db(sign_ins.locked_until, one.login), await ims.db(sign_ins.locked_until, one.source))
    if until > now:
        detail = "Too many wrong passwords; a browser in which you have signed in before may still be let in."
        raise Problem(429, detail, retry_after=(until - now) / 1000, kind="locked")


async def _failed(ims: Context, one: Try) -> Problem:
    most = load(PeopleSettings).sign_in_by_address
    locks_ms = await ims.db(sign_ins.failed, one.login, one.source, most, ims.now_ms())
    if locks_ms and one.person is not None:
        mails.later("locked", one.person.email, address=one.address, link=mails.link("reset"))
    return Problem(401, WRONG, kind="sign-in-failed")


async def _second(ims: Context, one: Try, person: Person, code: str | None) -> int | None:
    """The second factor; how many recovery codes are left, where it is asked for."""
    if not factors.required(person):
        return None
    if not code:
        raise Problem(401, "Send the code of your authenticator app too, as `code`.", kind="code-needed")
    left = await ims.db(factors.use, person.person_id, code, ims.now_ms())
    if left is None:
        raise await _failed(ims, one)
    return int(left)


def _place(places: list[Place], username: str | None) -> Place:
    if username is not None:
        places = [p for p in places if p.username == username]
    if not places and username is not None:
        raise reading.invalid([Fault("/username", "not_found", "you are in no account of this name")])
    if not places:
        raise Problem(401, WRONG, kind="sign-in-failed")
    return places[0]
