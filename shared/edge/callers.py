"""Who is calling: a client's or an operator's API key, or the session of a person who signed in; handlers do not know.

A request with an `Authorization` header is judged by it alone, whatever cookie comes along. One with a session's cookie
must show, where it changes something, that our own page sent it: the header `x-csrf-token`, `Sec-Fetch-Site` and
`Origin`. What a session may do is looked up anew at each request, so a role that was taken counts at once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from shared.edge import cookies, scopes
from shared.runtime import Context, Route
from shared.runtime.http import ROUTE, own_body
from shared.runtime.peers import client_address
from shared.runtime.problems import Problem
from shared.stores import sessions as store
from shared.stores.accounts import Account, ApiKey
from shared.stores.sessions import Session

SAFE = ("GET", "HEAD")
SAME_SITE = frozenset({"same-origin", "none"})
CONFIRMED_MS = 600_000
"""So long after a person has confirmed by the password, dangerous steps are open."""
SEEN_MS = 60_000
"""Use of a session is noted so often."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, as the audit notes it: a client's key, an operator's (`admin-key`), or a person."""

    kind: str
    id: str
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Caller:
    """A client with the key it used, or a person with a session of the same rights."""

    account: Account
    test: bool
    key: ApiKey
    actor: Actor
    session: Session | None = None

    @property
    def mark(self) -> tuple[int, bool]:
        """What cursors are tied to: another account's, or another kind of key's, mean nothing here."""
        return self.account.account_id, self.test


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator: with a key, or signed in."""

    actor: Actor
    granted: tuple[str, ...] | None
    session: Session | None = None

    def __str__(self) -> str:
        """As changes note it."""
        return f"key:{self.actor.id}" if self.session is None else f"person:{self.actor.id}"


async def caller(request: Request, ims: Context) -> Caller:
    """The client behind a request; 401 without a valid key or session, 403 when it may not do what its route is for."""
    route: Route = request.scope[ROUTE]
    if "authorization" not in request.headers and cookies.session_token(request):
        return await _by_session(request, ims, route)
    key = await _key(request, ims)
    if key.kind not in ("live", "test") or key.account_id is None:
        raise Problem(403, "This is an operator's key; use a client's ims_live_… or ims_test_… key here.")
    _may(route, request, key)
    if key.kind == "test" and route.live_only:
        raise Problem(403, "A test key cannot change what it shares with live keys; use an ims_live_… key.")
    account = await _account(ims, key.account_id)
    own_body(request, f"account:{account.account_id}")
    ims.accounts.used(key, ims.now_ms())
    return Caller(account, key.kind == "test", key, _of_key(request, "key"))


async def operator(request: Request, ims: Context) -> Operator:
    """By whom an operator's request comes: 401 without a valid key or session, 403 with a client's."""
    route: Route = request.scope[ROUTE]
    if "authorization" not in request.headers and cookies.session_token(request):
        session = await signed_in(request, ims)
        if session.account_id:
            raise Problem(403, "This is for operators; a client's session does not open it.")
        granted = scopes.of_roles(session.roles, operator=True)
        _has(route, request.method, granted, operator=True)
        if session.person.totp is None:
            raise Problem(403, "Operators need a second factor: set one up at /v1/me/totp.", kind="totp-needed")
        confirmed(route, session, ims.now_ms())
        return Operator(of_person(request, session), granted, session)
    key = await _key(request, ims)
    if key.kind != "admin":
        raise Problem(403, "This is for operators; a client's key does not open it.")
    _may(route, request, key)
    return Operator(_of_key(request, "admin-key"), key.granted)


async def signed_in(request: Request, ims: Context) -> Session:
    """The person behind a request's cookie, whatever he may do; 401 without a session that holds."""
    session_id = cookies.read(cookies.session_token(request), ims.now_ms())
    found = await ims.db(store.live, session_id, ims.now_ms()) if session_id else None
    if found is None:
        raise Problem(401, "You are not signed in, or your session has ended: sign in again.", kind="signed-out")
    if request.method not in SAFE:
        _ours(request, found)
    if ims.now_ms() - found.seen_ms > SEEN_MS:
        await ims.db(store.seen, found, ims.now_ms())
    return found


async def _by_session(request: Request, ims: Context, route: Route) -> Caller:
    session = await signed_in(request, ims)
    if not session.account_id:
        raise Problem(403, "You are signed in as an operator; this is for a client's people and keys.")
    granted = scopes.of_roles(session.roles)
    _has(route, request.method, granted)
    confirmed(route, session, ims.now_ms())
    account = await _account(ims, session.account_id)
    own_body(request, f"account:{account.account_id}")
    key = ApiKey(session.account_id, "live", granted, (), None, limited=True)
    return Caller(account, False, key, of_person(request, session), session)


def confirmed(route: Route, session: Session, now_ms: int) -> None:
    """403 where a step needs the password again."""
    if route.confirm and now_ms - session.confirmed_ms > CONFIRMED_MS:
        raise Problem(
            403,
            "Confirm it with your password first: POST /v1/sessions/current/confirm; it holds for ten minutes.",
            kind="confirm-needed",
        )


def _ours(request: Request, session: Session) -> None:
    """403 unless a change by cookie comes from our own page."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    hosts = {request.headers.get("host", ""), urlsplit(cookies.console_url()).netloc}
    foreign = origin is not None and _host(origin) not in hosts - {""}
    given = request.headers.get("x-csrf-token", "")
    if foreign or (site is not None and site not in SAME_SITE) or not cookies.is_csrf(given, session.session_id):
        raise Problem(
            403,
            "A change by cookie must come from the console, with the header x-csrf-token of GET /v1/sessions/current.",
            kind="csrf",
        )


def _host(origin: str) -> str:
    """Of an `Origin`; nothing for `null` and for what is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _has(route: Route, method: str, granted: tuple[str, ...], operator: bool = False) -> None:
    if not any(scopes.opened(scope, granted, method) for scope in route.scopes):
        who = scopes.who_may(route.scopes, method, operator)
        needed = " or ".join(route.scopes)
        raise Problem(403, f"You lack the right {needed}; these roles have it: {', '.join(who) or 'none'}.", roles=who)


def _may(route: Route, request: Request, key: ApiKey) -> None:
    if key.ip_allow and not key.allows_ip(client_address(request)):
        raise Problem(403, "This key may not be used from your address; see its IP allow-list.")
    if not any(scopes.opened(scope, key.granted, request.method) for scope in route.scopes):
        raise Problem(403, f"This key lacks the scope {' or '.join(route.scopes)}.")


async def _account(ims: Context, account_id: int) -> Account:
    account: Account | None = await ims.accounts.by_id(account_id)
    if account is None or not account.enabled:
        raise Problem(403, "This account is closed.")
    return account


async def _key(request: Request, ims: Context) -> ApiKey:
    header = request.headers.get("authorization", "")
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token.strip().startswith("ims_") or len(token) > 200:
        raise Problem(401, "Send your key as: Authorization: Bearer ims_live_…")
    key = await ims.accounts.key(token.strip())
    if key is None or (key.expires_ms is not None and key.expires_ms <= ims.now_ms()):
        raise Problem(401, "This key does not exist, has expired or was revoked.")
    return key


def _of_key(request: Request, kind: str) -> Actor:
    """A key as an actor: by the beginning of its hash, never by itself."""
    token = request.headers["authorization"].partition(" ")[2].strip()
    name = hashlib.sha256(token.encode()).hexdigest()[:12]
    return Actor(kind, name, f"…{token[-4:]}", client_address(request))


def of_person(request: Request, session: Session) -> Actor:
    """A person as an actor."""
    return Actor("person", session.person.id, session.person.email, client_address(request))
