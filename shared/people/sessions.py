"""`/v1/sessions`: the caller's own sessions."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault
from shared.edge import cookies
from shared.edge.auditing import Deed, audited
from shared.edge.callers import of_person, signed_in
from shared.following import reading
from shared.people import passwords, shapes
from shared.people.signing_in import _subject, answer
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.runtime.problems import Problem
from shared.stores import people, sign_ins
from shared.stores import sessions as store
from shared.stores.sessions import Session
from shared.stores.sql import Connection


async def current(request: Request, ims: Context) -> Response:
    """Who is signed in here, with what it may do now; renews the cookie."""
    session = await signed_in(request, ims)
    return await answer(ims, session.session_id, cookies.device_token(request), 200)


async def choose(request: Request, ims: Context) -> Response:
    """Go on in another account of the same person."""
    session = await signed_in(request, ims)
    wish = await reading.body(request, shapes.Choice)
    places = await ims.db(people.places, session.person.person_id)
    place = next((p for p in places if p.username == wish.username), None)
    if place is None:
        raise reading.invalid([Fault("/username", "not_found", "you are in no account of this name")])
    await ims.db(store.move, session.session_id, place.account_id)
    return await answer(ims, session.session_id, cookies.device_token(request), 200)


async def leave(request: Request, ims: Context) -> Response:
    """Sign out."""
    session = await signed_in(request, ims)
    deed = Deed("session.end", f"person:{session.person.id}", about=(session.account_id, session.username or ""))
    person_id = session.person.person_id
    await audited(ims, of_person(request, session), deed, store.end, person_id, session.session_id, ims.now_ms())
    response = Response(status_code=204)
    cookies.forget(response)
    response.headers["clear-site-data"] = '"cache"'
    return response


async def confirm(request: Request, ims: Context) -> Response:
    """Give the password again, so that dangerous steps are open for ten minutes in this session."""
    session = await signed_in(request, ims)
    wish = await reading.body(request, shapes.Confirmation)
    await check_password(ims, session, wish.password, "/password")
    await ims.db(store.confirm, session.session_id, ims.now_ms())
    return await answer(ims, session.session_id, cookies.device_token(request), 200)


async def check_password(ims: Context, session: Session, password: str, pointer: str) -> None:
    """422 at the pointer for a wrong password of somebody who is signed in; five failures lock it, too."""
    subject, now = _subject("confirm", session.person.id), ims.now_ms()
    until = await ims.db(sign_ins.locked_until, subject)
    if until > now:
        raise Problem(429, "Too many wrong passwords.", retry_after=(until - now) / 1000, kind="locked")
    if not await passwords.is_right(session.person.password, password):
        await ims.db(sign_ins.failed, subject, _subject("confirm", session.address), 1000, now)
        raise reading.invalid([Fault(pointer, "conflict", "is not your password")])


async def list_all(request: Request, ims: Context) -> Response:
    """All places where the caller is signed in."""
    session = await signed_in(request, ims)
    found = await ims.db(store.of_person, session.person.person_id, ims.now_ms())
    items = [
        {
            "id": str(UUID(bytes=one.session_id)),
            "current": one.session_id == session.session_id,
            "username": one.username,
            "operator": not one.account_id,
            "address": one.address,
            "agent": one.agent,
            "created_at": iso(one.created_ms),
            "last_seen_at": iso(one.seen_ms),
        }
        for one in found
    ]
    return reading.answer({"items": items, "next": None})


async def end_all(request: Request, ims: Context) -> Response:
    """Sign out everywhere else."""
    session = await signed_in(request, ims)
    person_id = session.person.person_id
    deed = Deed("session.end-all", f"person:{session.person.id}", about=(session.account_id, session.username or ""))
    await audited(ims, of_person(request, session), deed, store.end_all, person_id, ims.now_ms(), session.session_id)
    return Response(status_code=204)


async def end_one(request: Request, ims: Context) -> Response:
    """Sign out in one place."""
    session = await signed_in(request, ims)
    wanted = reading.path_id(request, "id", reading.uuid, "session").bytes
    deed = Deed("session.end", f"person:{session.person.id}", about=(session.account_id, session.username or ""))

    def told(ended: bool) -> Deed | None:
        return deed if ended else None

    def change(conn: Connection) -> bool:
        return store.end(conn, session.person.person_id, wanted, ims.now_ms())

    if not await audited(ims, of_person(request, session), told, change):
        raise reading.not_found("session")
    return Response(status_code=204)
