"""Who is calling: the API key of a request, checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from starlette.requests import Request

from shared.edge.scopes import opened
from shared.runtime import Context, Route
from shared.runtime.http import ROUTE, own_body
from shared.runtime.peers import client_address
from shared.runtime.problems import Problem
from shared.stores.accounts import Account, ApiKey


@dataclass(frozen=True, slots=True)
class Caller:
    """A client with the key it used."""

    account: Account
    test: bool
    key: ApiKey

    @property
    def mark(self) -> tuple[int, bool]:
        """What cursors are tied to: another account's, or another kind of key's, mean nothing here."""
        return self.account.account_id, self.test


async def caller(request: Request, ims: Context) -> Caller:
    """The client behind a request; 401 without a valid key, 403 when the key may not do what its route is for."""
    key = await _key(request, ims)
    if key.kind not in ("live", "test") or key.account_id is None:
        raise Problem(403, "This is an operator's key; use a client's ims_live_… or ims_test_… key here.")
    route: Route = request.scope[ROUTE]
    _may(route, request, key)
    if key.kind == "test" and route.live_only:
        raise Problem(403, "A test key cannot change what it shares with live keys; use an ims_live_… key.")
    account = await ims.accounts.by_id(key.account_id)
    if account is None or not account.enabled:
        raise Problem(403, "This account is closed.")
    own_body(request, f"account:{account.account_id}")
    ims.accounts.used(key, ims.now_ms())
    return Caller(account, key.kind == "test", key)


async def operator(request: Request, ims: Context) -> str:
    """By whom an operator's request comes, as changes note it: 401 without a valid key, 403 with a client's."""
    key = await _key(request, ims)
    if key.kind != "admin":
        raise Problem(403, "This is for operators; a client's key does not open it.")
    _may(request.scope[ROUTE], request, key)
    token = request.headers["authorization"].partition(" ")[2].strip()
    return f"key:{hashlib.sha256(token.encode()).hexdigest()[:12]}"


def _may(route: Route, request: Request, key: ApiKey) -> None:
    if key.ip_allow and not key.allows_ip(client_address(request)):
        raise Problem(403, "This key may not be used from your address; see its IP allow-list.")
    if not any(opened(scope, key.granted) for scope in route.scopes):
        raise Problem(403, f"This key lacks the scope {' or '.join(route.scopes)}.")


async def _key(request: Request, ims: Context) -> ApiKey:
    header = request.headers.get("authorization", "")
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token.startswith("ims_") or len(token) > 200:
        raise Problem(401, "Send your key as: Authorization: Bearer ims_live_…")
    key = await ims.accounts.key(token.strip())
    if key is None or (key.expires_ms is not None and key.expires_ms <= ims.now_ms()):
        raise Problem(401, "This key does not exist, has expired or was revoked.")
    return key
