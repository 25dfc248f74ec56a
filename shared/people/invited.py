"""`/v1/invitations/{token}`: who was asked in looks, and comes. Looking uses nothing up: mail scanners look, too."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault
from shared.edge import cookies
from shared.edge.auditing import Deed, audited
from shared.edge.callers import Actor, signed_in
from shared.following import reading
from shared.people import passwords, shapes
from shared.people.oneself import check_new, digest
from shared.runtime import Context
from shared.runtime.clock import iso, new_request_id
from shared.runtime.peers import client_address
from shared.runtime.problems import Problem
from shared.stores import accounts, people
from shared.stores.people import OWNER, Invitation
from shared.stores.sessions import Person
from shared.stores.sql import Connection

GONE = "This invitation was used or taken back, has run out, or never was: ask for another one."


async def show(request: Request, ims: Context) -> Response:
    """To what, by whom and as what one is invited."""
    return reading.answer(await _view(ims, await _open(request, ims)))


async def accept(request: Request, ims: Context) -> Response:
    """Come in; who is new gives a name and a password, who is known the password, unless signed in as that person."""
    found = await _open(request, ims)
    wish = await reading.body(request, shapes.Acceptance)
    me = await signed_in(request, ims) if cookies.session_token(request) else None
    if me is not None and me.person.email != found.email:
        detail = f"You are signed in as {me.person.email}, and {found.email} is invited: sign out and go on."
        raise Problem(409, detail, kind="somebody-else", title="Somebody else is signed in")
    person = await ims.db(people.by_email, found.email)
    made = ""
    if person is None:
        made = await _new(wish, found)
    elif me is None:
        await _prove(wish, person)
    name = (wish.name or "").strip()

    def change(conn: Connection) -> str | None:
        return _come(conn, found, name, made, ims.now_ms())

    actor = Actor("link", "invitation", found.email, client_address(request))
    view = await _view(ims, found)

    def deed(person_id: str | None) -> Deed | None:
        about = (found.account_id, view["username"] or "")
        return Deed("person.join", f"person:{person_id}", after=view, about=about) if person_id else None

    if await audited(ims, actor, deed, change) is None:
        raise Problem(404, GONE)
    return reading.answer(view, 201)


def _come(conn: Connection, one: Invitation, name: str, made: str, now_ms: int) -> str | None:
    """Use the invitation up; who came."""
    if people.by_token(conn, one.token, now_ms, "FOR UPDATE") is None:
        return None
    person = people.by_email(conn, one.email, "FOR UPDATE")
    if person is None:
        if not made:
            return None
        people.add(conn, new_request_id(now_ms).bytes, one.email, name, made, now_ms)
        person = people.by_email(conn, one.email)
    assert person is not None  # noqa: S101 - added above
    _keep_an_owner(conn, one, person.person_id)
    people.join(conn, one.account_id, person.person_id, one.roles, now_ms)
    people.withdraw(conn, one.account_id, one.invitation_id)
    return person.id


def _keep_an_owner(conn: Connection, one: Invitation, person_id: bytes) -> None:
    """409 where the last owner would come in anew as less."""
    before = people.member(conn, one.account_id, person_id, "FOR UPDATE")
    leaves = before and before.enabled and OWNER in before.roles and OWNER not in one.roles
    if leaves and not people.owners(conn, one.account_id, person_id):
        detail = "You are the last owner here; make somebody else an owner first."
        raise Problem(409, detail, kind="last-owner", title="The last owner stays")


async def _new(wish: shapes.Acceptance, found: Invitation) -> str:
    faults = [Fault(f"/{what}", "required", "is needed") for what in ("name", "password") if not getattr(wish, what)]
    if wish.name is not None and not wish.name.strip() and not faults:
        faults.append(Fault("/name", "length", "is blank"))
    if faults:
        raise reading.invalid(faults)
    check_new(wish.password or "", "/password", found.email, wish.name or "")
    return await passwords.hashed(wish.password or "")


async def _prove(wish: shapes.Acceptance, person: Person) -> None:
    if not wish.password:
        raise reading.invalid([Fault("/password", "required", "you sign in here already: give your password")])
    if not await passwords.is_right(person.password, wish.password):
        raise reading.invalid([Fault("/password", "conflict", "is not the password of this address")])


async def _open(request: Request, ims: Context) -> Invitation:
    found: Invitation | None = await ims.db(people.by_token, digest(request.path_params["token"][:200]), ims.now_ms())
    if found is None:
        raise Problem(404, GONE)
    return found


async def _view(ims: Context, one: Invitation) -> dict[str, Any]:
    account = await ims.db(accounts.read_account, one.account_id) if one.account_id else None
    return {
        "email": one.email,
        "username": account.username if account else None,
        "operator": not one.account_id,
        "roles": list(one.roles),
        "invited_by": one.invited_by,
        "expires_at": iso(one.expires_ms),
        "known": await ims.db(people.by_email, one.email) is not None,
    }
