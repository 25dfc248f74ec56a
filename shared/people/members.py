"""`/v1/people` and `/v1/admin/people`: who is in an account, or among the operators, and with which roles.

Nobody gives a role that can do more than the giver. The last active owner stays: owners' rows are locked while one of
them changes, so two cannot leave at once; who was only invited is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault
from shared.edge import objects, scopes
from shared.edge.auditing import Deed, audited
from shared.edge.callers import Caller, Operator, caller, operator
from shared.following import reading
from shared.people import mails, shapes
from shared.people.oneself import digest
from shared.runtime import Context
from shared.runtime.clock import new_request_id
from shared.runtime.problems import Problem
from shared.runtime.settings import PeopleSettings, load
from shared.stores import keys, people, sessions
from shared.stores.people import OWNER, Invitation, Member
from shared.stores.sql import Connection

DAY_MS = 86_400_000
STATES = {"active": True, "disabled": False}
OPERATORS = "operators"


@dataclass(frozen=True, slots=True)
class Where:
    """In which account (0: the operators) whose people are looked at, by whom, with which scopes (None: all)."""

    account_id: int
    username: str
    who: Caller | Operator
    granted: tuple[str, ...] | None

    @property
    def operators(self) -> bool:
        """Whether they are operators."""
        return not self.account_id

    @property
    def about(self) -> tuple[int, str]:
        """For the audit."""
        return self.account_id, self.username


async def _own(request: Request, ims: Context) -> Where:
    who = await caller(request, ims)
    return Where(who.account.account_id, who.account.username, who, who.key.granted)


async def _operators(request: Request, ims: Context) -> Where:
    who = await operator(request, ims)
    return Where(0, "", who, who.granted)


async def _of_account(request: Request, ims: Context) -> Where:
    who = await operator(request, ims)
    username = request.path_params["username"]
    account_id = await ims.db(keys.account_of, username)
    if account_id is None:
        raise reading.not_found("account")
    return Where(account_id, username, who, None)


# --- people -----------------------------------------------------------------------------------------------------------


async def _list(request: Request, ims: Context, where: Where) -> Response:
    given = objects.asked(request, "people", where.about, {})
    rows = await ims.db(people.page, where.account_id, given.place, given.limit + 1)
    return objects.page(given, rows, shapes.person, lambda one: one.person_id)


async def _show(request: Request, ims: Context, where: Where) -> Response:
    person_id = reading.path_id(request, "id", reading.uuid, "person").bytes
    found = await ims.db(people.member, where.account_id, person_id)
    if found is None:
        raise reading.not_found("person")
    return objects.shown(shapes.person(found))


async def _change(request: Request, ims: Context, where: Where) -> Response:
    person_id = reading.path_id(request, "id", reading.uuid, "person").bytes
    wish = await reading.body(request, shapes.Change)
    roles = _roles(wish.roles, where) if wish.roles is not None else None
    if wish.state is not None and wish.state not in STATES:
        raise reading.invalid([Fault("/state", "range", f"states are: {', '.join(STATES)}")])

    def change(conn: Connection) -> tuple[Member, Member]:
        before = _found(people.member(conn, where.account_id, person_id, "FOR UPDATE"))
        objects.matches(request, before.version)
        enabled = before.enabled if wish.state is None else STATES[wish.state]
        after = before._replace(roles=roles or before.roles, enabled=enabled)
        _reach(where, before.roles)
        if before.enabled and OWNER in before.roles and not (after.enabled and OWNER in after.roles):
            _keep_one(conn, where, person_id)
        people.set_member(conn, where.account_id, after, ims.now_ms())
        if not enabled:
            sessions.end_all(conn, person_id, ims.now_ms(), account_id=where.account_id)
        return before, _found(people.member(conn, where.account_id, person_id))

    def deed(done: tuple[Member, Member]) -> Deed:
        before, after = (shapes.person(one) for one in done)
        return Deed("person.change", f"person:{done[0].id}", before, after, about=where.about)

    _, after = await audited(ims, where.who, deed, change)
    return objects.shown(shapes.person(after))


async def _remove(request: Request, ims: Context, where: Where) -> Response:
    person_id = reading.path_id(request, "id", reading.uuid, "person").bytes

    def change(conn: Connection) -> Member:
        before = _found(people.member(conn, where.account_id, person_id, "FOR UPDATE"))
        objects.matches(request, before.version)
        _reach(where, before.roles)
        if before.enabled and OWNER in before.roles:
            _keep_one(conn, where, person_id)
        people.leave(conn, where.account_id, person_id)
        sessions.end_all(conn, person_id, ims.now_ms(), account_id=where.account_id)
        return before

    def deed(before: Member) -> Deed:
        return Deed("person.remove", f"person:{before.id}", shapes.person(before), about=where.about)

    await audited(ims, where.who, deed, change)
    return Response(status_code=204)


def _found(one: Member | None) -> Member:
    if one is None:
        raise reading.not_found("person")
    return one


def _keep_one(conn: Connection, where: Where, person_id: bytes) -> None:
    if not people.owners(conn, where.account_id, person_id):
        raise Problem(
            409, "This is the last owner; make somebody else an owner first.", [
                {"pointer": "/roles", "code": "conflict", "detail": "the last owner stays an active owner"}
            ], kind="last-owner", title="The last owner stays",
        )  # fmt: skip


def _reach(where: Where, roles: tuple[str, ...]) -> None:
    """403 for acting on somebody who can do more than oneself."""
    beyond = _beyond(where, roles)
    if beyond:
        raise Problem(403, f"This person can do more than you ({', '.join(beyond)}), so you cannot change it.")


def _beyond(where: Where, roles: tuple[str, ...]) -> list[str]:
    if where.granted is None:
        named = isinstance(where.who, Caller)  # a key without scopes of its own lacks those that must be named
        return [s for s in scopes.of_roles(roles, where.operators) if named and not scopes.opened(s, None)]
    return [s for s in scopes.of_roles(roles, where.operators) if not scopes.opened(s, where.granted)]


def _roles(given: list[str], where: Where) -> tuple[str, ...]:
    """Roles as they are stored; 422 for unknown ones, 403 for those that can do more than the giver."""
    known = shapes.known_roles(where.operators)
    faults = [
        Fault(f"/roles/{i}", "range", f"roles are: {', '.join(known)}")
        for i, one in enumerate(given)
        if one not in known
    ]
    if faults:
        raise reading.invalid(faults)
    roles = tuple(role for role in known if role in given)
    beyond = _beyond(where, roles)
    if beyond:
        raise Problem(403, f"You cannot give what you have not: {', '.join(beyond)}.")
    return roles


# --- invitations ------------------------------------------------------------------------------------------------------


async def _invite(request: Request, ims: Context, where: Where) -> Response:
    wish = await reading.body(request, shapes.NewInvitation)
    email = shapes.address(wish.email)
    if email is None:
        raise reading.invalid([Fault("/email", "format", "is not an e-mail address")])
    roles = _roles(wish.roles, where)
    now, token = ims.now_ms(), shapes.token()
    days = load(PeopleSettings).invitation_days
    new_id = new_request_id(now).bytes
    by = where.who.actor.name
    new = Invitation(new_id, where.account_id, email, roles, digest(token), by, now, now + int(days * DAY_MS))

    def deed(done: Invitation) -> Deed:
        return Deed("person.invite", f"invitation:{done.id}", after=shapes.invitation(done, now), about=where.about)

    kept = await audited(ims, where.who, deed, people.invite, new)
    account = where.username or "IMS (operators)"
    mailed = await mails.send(
        "invitation", email, account=account, by=by, days=f"{days:g}", link=mails.link("invitations", token)
    )
    return reading.answer({**shapes.invitation(kept, now), "mailed": mailed}, 201)


async def _invitations(request: Request, ims: Context, where: Where) -> Response:
    given = objects.asked(request, "invitations", where.about, {})
    rows = await ims.db(people.invitations, where.account_id, given.place, given.limit + 1)
    now = ims.now_ms()
    return objects.page(given, rows, lambda one: shapes.invitation(one, now), lambda one: one.invitation_id)


async def _withdraw(request: Request, ims: Context, where: Where) -> Response:
    wanted = reading.path_id(request, "id", reading.uuid, "invitation")
    deed = Deed("person.uninvite", f"invitation:{wanted}", about=where.about)

    def told(gone: bool) -> Deed | None:
        return deed if gone else None

    if not await audited(ims, where.who, told, people.withdraw, where.account_id, wanted.bytes):
        raise reading.not_found("invitation")
    return Response(status_code=204)


# --- the paths of an account's own people -----------------------------------------------------------------------------


async def list_own(request: Request, ims: Context) -> Response:
    """The account's people."""
    return await _list(request, ims, await _own(request, ims))


async def show_own(request: Request, ims: Context) -> Response:
    """One of them."""
    return await _show(request, ims, await _own(request, ims))


async def change_own(request: Request, ims: Context) -> Response:
    """Change roles or state of one."""
    return await _change(request, ims, await _own(request, ims))


async def remove_own(request: Request, ims: Context) -> Response:
    """Take one out; within 10 s all of that person's sessions here have ended."""
    return await _remove(request, ims, await _own(request, ims))


async def invite_own(request: Request, ims: Context) -> Response:
    """Ask somebody in by mail; asked again, the address gets a new link and the one before is dead."""
    return await _invite(request, ims, await _own(request, ims))


async def invitations_own(request: Request, ims: Context) -> Response:
    """Who was asked in and has not come yet."""
    return await _invitations(request, ims, await _own(request, ims))


async def withdraw_own(request: Request, ims: Context) -> Response:
    """Take an invitation back."""
    return await _withdraw(request, ims, await _own(request, ims))


# --- those of operators -----------------------------------------------------------------------------------------------


async def list_operators(request: Request, ims: Context) -> Response:
    """The operators."""
    return await _list(request, ims, await _operators(request, ims))


async def show_operator(request: Request, ims: Context) -> Response:
    """One of them."""
    return await _show(request, ims, await _operators(request, ims))


async def change_operator(request: Request, ims: Context) -> Response:
    """Change roles or state of one."""
    return await _change(request, ims, await _operators(request, ims))


async def remove_operator(request: Request, ims: Context) -> Response:
    """Take one out."""
    return await _remove(request, ims, await _operators(request, ims))


async def invite_operator(request: Request, ims: Context) -> Response:
    """Ask an operator in by mail."""
    return await _invite(request, ims, await _operators(request, ims))


async def invitations_operators(request: Request, ims: Context) -> Response:
    """Operators who were asked in and have not come yet."""
    return await _invitations(request, ims, await _operators(request, ims))


async def withdraw_operator(request: Request, ims: Context) -> Response:
    """Take an invitation back."""
    return await _withdraw(request, ims, await _operators(request, ims))


# --- an account's people, by an operator ------------------------------------------------------------------------------


async def list_any(request: Request, ims: Context) -> Response:
    """The people of any account."""
    return await _list(request, ims, await _of_account(request, ims))


async def invite_any(request: Request, ims: Context) -> Response:
    """Ask somebody into an account: its first owner."""
    return await _invite(request, ims, await _of_account(request, ims))


async def change_any(request: Request, ims: Context) -> Response:
    """Change roles or state of one of an account's people."""
    return await _change(request, ims, await _of_account(request, ims))
