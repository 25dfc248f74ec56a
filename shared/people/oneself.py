"""A person's own password and second factor, and links to a new password."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault
from shared.edge.auditing import Deed, audited
from shared.edge.callers import Actor, of_person, signed_in
from shared.following import reading
from shared.people import factors, mails, passwords, shapes
from shared.people.sessions import check_password
from shared.people.signing_in import _subject
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.runtime.peers import client_address
from shared.runtime.problems import Problem
from shared.runtime.settings import PeopleSettings, load
from shared.stores import people, sessions, sign_ins
from shared.stores.sessions import Session
from shared.stores.sql import Connection

UNCOUNTED = 1 << 31
USED = "This link was used, has run out, or never was: ask for another one."


def digest(token: str) -> bytes:
    """A link's token as it is stored."""
    return hashlib.sha256(token.encode()).digest()


def check_new(password: str, pointer: str, *others: str) -> None:
    """422 for a password that is too easy."""
    wrong = passwords.fault(password, *others)
    if wrong:
        raise reading.invalid([Fault(pointer, "range", wrong)])


def _tell(session_or_email: str, what: str, address: str, now_ms: int) -> None:
    mails.later("changed", session_or_email, what=what, address=address, at=iso(now_ms), link=mails.link("reset"))


# --- the password -----------------------------------------------------------------------------------------------------


async def change_password(request: Request, ims: Context) -> Response:
    """Another password; all other sessions end, and links to a new one are dead."""
    session = await signed_in(request, ims)
    wish = await reading.body(request, shapes.ChangedPassword)
    await check_password(ims, session, wish.current, "/current")
    check_new(wish.password, "/password", session.person.email, session.person.name)
    made = await passwords.hashed(wish.password)

    def change(conn: Connection) -> None:
        _set_password(conn, session.person.person_id, made, ims.now_ms(), session.session_id)

    await audited(ims, of_person(request, session), _deed(session, "password.change"), change)
    _tell(session.person.email, "비밀번호 변경 / password changed", client_address(request), ims.now_ms())
    return Response(status_code=204)


def _deed(session: Session, action: str) -> Deed:
    return Deed(action, f"person:{session.person.id}", about=(session.account_id, session.username or ""))


def _set_password(conn: Connection, person_id: bytes, made: str, now_ms: int, but: bytes | None = None) -> None:
    people.change(conn, person_id, now_ms, password=made)
    people.drop_resets(conn, person_id)
    sessions.end_all(conn, person_id, now_ms, but)


async def ask_reset(request: Request, ims: Context) -> Response:
    """Ask for a link; 202, whoever it is."""
    wish = await reading.body(request, shapes.Asked)
    email = shapes.address(wish.email)
    if email is None:
        raise reading.invalid([Fault("/email", "format", "is not an e-mail address")])
    person = await ims.db(people.by_email, email)
    token, minutes = shapes.token(), load(PeopleSettings).reset_minutes
    if person is not None and await _may_ask(ims, email, client_address(request)):
        until = ims.now_ms() + int(minutes * 60_000)
        await ims.db(people.offer_reset, digest(token), person.person_id, until, ims.now_ms())
        mails.later("reset", person.email, minutes=f"{minutes:g}", link=mails.link("reset", token))
    return reading.answer({"sent": "if somebody with this address signs in here, a link is on its way"}, 202)


async def _may_ask(ims: Context, email: str, source: str) -> bool:
    """Whether one more mail goes there: after five, one in 1, 2, 4 … 60 minutes; the last link stays good."""
    asked, now = _subject("reset", email), ims.now_ms()
    if await ims.db(sign_ins.locked_until, asked) > now:
        return False
    await ims.db(sign_ins.failed, asked, _subject("reset from", source), UNCOUNTED, now)
    return True


async def reset_password(request: Request, ims: Context) -> Response:
    """Set a password by a link, which works once; every session ends, a second factor stays."""
    token = digest(request.path_params["token"])
    wish = await reading.body(request, shapes.NewPassword)
    check_new(wish.password, "/password")
    if not await ims.db(people.is_reset, token, ims.now_ms()):
        raise Problem(404, USED)
    made = await passwords.hashed(wish.password)

    def change(conn: Connection) -> tuple[str, str] | None:
        person_id = people.take_reset(conn, token, ims.now_ms())
        person = people.by_id(conn, person_id) if person_id else None
        if person is None:
            return None
        _set_password(conn, person.person_id, made, ims.now_ms())
        sign_ins.forget_devices(conn, person.person_id)
        return person.id, person.email

    actor = Actor("link", "reset", "a link to a new password", client_address(request))
    found = await audited(
        ims, actor, lambda done: Deed("password.reset", f"person:{done[0]}") if done else None, change
    )
    if found is None:
        raise Problem(404, USED)
    _tell(found[1], "비밀번호 재설정 / password reset", actor.address, ims.now_ms())
    return Response(status_code=204)


# --- the second factor ------------------------------------------------------------------------------------------------


async def begin_totp(request: Request, ims: Context) -> Response:
    """A secret for an authenticator app; it counts once a code of it was shown (PUT)."""
    session = await signed_in(request, ims)
    if session.person.totp is not None:
        raise Problem(409, "You have a second factor; remove it first.", kind="exists")
    secret = factors.new_secret()
    pending = factors.sealed(secret, session.person.person_id)

    def change(conn: Connection) -> None:
        people.change(conn, session.person.person_id, ims.now_ms(), totp_pending=pending)

    await ims.db(change)
    return reading.answer({"secret": secret, "uri": factors.uri(secret, session.person.email)}, 201)


async def set_totp(request: Request, ims: Context) -> Response:
    """Begin to use it, proved by a code; answers the recovery codes, once. All other sessions end."""
    session = await _dangerous(request, ims)
    wish = await reading.body(request, shapes.Given)
    person = session.person
    if person.totp_pending is None:
        raise Problem(409, "There is no second factor to begin with: POST /v1/me/totp first.", kind="no-factor")
    step = factors.step_of(person.totp_pending, person.person_id, wish.code, ims.now_ms())
    if step is None:
        raise reading.invalid([Fault("/code", "conflict", "is not the code of now; look at your device's clock")])
    codes, kept = factors.new_recovery(person.person_id)

    def change(conn: Connection) -> None:
        people.change(
            conn,
            person.person_id,
            ims.now_ms(),
            totp=person.totp_pending,
            totp_pending=None,
            totp_step=step,
            recovery=kept,
        )
        sessions.end_all(conn, person.person_id, ims.now_ms(), session.session_id)

    await audited(ims, of_person(request, session), _deed(session, "totp.begin"), change)
    _tell(person.email, "2단계 인증 사용 / second factor on", client_address(request), ims.now_ms())
    return reading.answer({"recovery_codes": codes})


async def renew_recovery(request: Request, ims: Context) -> Response:
    """Ten new recovery codes; the ones before are dead."""
    session = await _dangerous(request, ims)
    codes, kept = factors.new_recovery(session.person.person_id)

    def change(conn: Connection) -> None:
        people.change(conn, session.person.person_id, ims.now_ms(), recovery=kept)

    await audited(ims, of_person(request, session), _deed(session, "totp.recovery"), change)
    return reading.answer({"recovery_codes": codes})


async def end_totp(request: Request, ims: Context) -> Response:
    """Do without it; operators cannot. All other sessions end."""
    session = await _dangerous(request, ims)
    if any(not place.account_id for place in await ims.db(people.places, session.person.person_id)):
        raise Problem(403, "An operator needs a second factor.", kind="totp-needed")

    def change(conn: Connection) -> None:
        people.change(conn, session.person.person_id, ims.now_ms(), totp=None, totp_pending=None, recovery=None)
        sessions.end_all(conn, session.person.person_id, ims.now_ms(), session.session_id)

    await audited(ims, of_person(request, session), _deed(session, "totp.end"), change)
    _tell(session.person.email, "2단계 인증 해제 / second factor off", client_address(request), ims.now_ms())
    return Response(status_code=204)


async def _dangerous(request: Request, ims: Context) -> Session:
    from shared.edge.callers import confirmed
    from shared.runtime.http import ROUTE

    session = await signed_in(request, ims)
    confirmed(request.scope[ROUTE], session, ims.now_ms())
    return session
