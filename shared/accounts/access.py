"""`/v1/keys`: the keys of an account. Nobody makes, or gives a new secret to, a key that may do more than the maker's.

A key's secret is shown once, when it is made; what is stored is its SHA-256 and its last four characters.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault, read_time, time_fault
from shared.channels.schema import Content
from shared.edge import objects
from shared.edge.auditing import Deed, audited
from shared.edge.callers import Caller, Operator, caller, operator
from shared.edge.scopes import SCOPES, opened
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso, new_request_id
from shared.runtime.problems import Problem
from shared.stores import keys as store
from shared.stores.accounts import ApiKey
from shared.stores.keys import Row
from shared.stores.sql import Connection

MAX_KEYS = 100
SECRET_BYTES = 24
ENDING = 4
MAX_OVERLAP_S = 30 * 86_400
MAX_LIST = 64

Json = dict[str, Any]
Listed = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=MAX_LIST)]


class New(Content):
    """A key to be made. Without `scopes` it gets the maker's, but those that must be named."""

    name: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    kind: Literal["live", "test"] = "live"
    scopes: Listed | None = None
    ip_allow: Listed | None = None
    expires_at: Annotated[str, Field(max_length=64)] | None = None


class Rotation(Content):
    """How long the secret before still counts."""

    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP_S)] = 86_400


def view(row: Row) -> Json:
    """A key as its account sees it."""
    return {
        "id": str(UUID(bytes=row.key_id)),
        "name": row.name,
        "kind": row.kind,
        "hint": f"ims_{row.kind}_…{row.ending}",
        "scopes": _scopes(row),
        "ip_allow": list(row.ip_allow),
        "expires_at": iso(row.expires_ms),
        "last_used_at": iso(row.last_used_ms),
        "created_at": iso(row.created_ms),
        "updated_at": iso(row.updated_ms),
    }


def _scopes(row: Row) -> list[str]:
    """All that it opens, by name."""
    return [scope for scope in SCOPES if opened(scope, row.rights.granted)]


# --- what a maker may give --------------------------------------------------------------------------------------------


class Wanted:
    """The rights of a key to be made, read from the wish and held against the maker's (None: an operator)."""

    def __init__(self, wish: New, maker: ApiKey | None, now_ms: int) -> None:
        self.faults = [] if wish.name else [Fault("/name", "required", "by which you know the key again")]
        self.beyond: list[str] = []
        self.scopes = self._read_scopes(wish.scopes, maker)
        self.ip_allow = self._read_ip(wish.ip_allow, maker)
        self.expires_ms = self._read_end(wish.expires_at, maker, now_ms)

    def _read_scopes(self, given: list[str] | None, maker: ApiKey | None) -> tuple[str, ...] | None:
        if given is None:
            if maker is None or maker.granted is None:
                return None
            kept = tuple(s for s in SCOPES if opened(s, maker.granted) and not SCOPES[s].named)
            if not kept:
                self.faults.append(Fault("/scopes", "required", "your key has only scopes that must be named"))
            return kept
        if not given:
            self.faults.append(Fault("/scopes", "length", "must name a scope; without it the key gets the maker's"))
        for i, scope in enumerate(given):
            if scope not in SCOPES:
                self.faults.append(Fault(f"/scopes/{i}", "range", f"scopes are: {', '.join(SCOPES)}"))
            elif maker is not None and not opened(scope, maker.granted):
                self.beyond.append(scope)
        return tuple(dict.fromkeys(given))

    def _read_ip(self, given: list[str] | None, maker: ApiKey | None) -> tuple[str, ...]:
        own = maker.ip_allow if maker is not None else ()
        if not given:
            if given is not None and own:
                self.beyond.append("any address")
            return own
        kept = []
        for i, text in enumerate(given):
            try:
                ip_network(text.strip(), strict=False)
            except ValueError:
                self.faults.append(Fault(f"/ip_allow/{i}", "format", "must be an address or a range like 192.0.2.0/24"))
                continue
            kept.append(text.strip())
            if own and not _within(text.strip(), own):
                self.beyond.append(f"the address {text.strip()}")
        return tuple(dict.fromkeys(kept))

    def _read_end(self, given: str | None, maker: ApiKey | None, now_ms: int) -> int | None:
        own = maker.expires_ms if maker is not None else None
        if given is None:
            return own
        at = read_time(given)
        if at is None:
            self.faults.append(Fault("/expires_at", "format", time_fault(given)))
        elif at <= now_ms:
            self.faults.append(Fault("/expires_at", "range", "must be in the future"))
        elif own is not None and at > own:
            self.beyond.append(f"a time after {iso(own)}")
        return at

    def settle(self) -> None:
        """422 for what is wrong, 403 for what the maker cannot do itself."""
        if self.faults:
            raise reading.invalid(self.faults)
        if self.beyond:
            raise Problem(403, f"Your key cannot give what it has not: {', '.join(self.beyond)}.")


def _within(text: str, ranges: Iterable[str]) -> bool:
    """Whether a range lies in one of others; what is no range holds nothing."""
    inner = ip_network(text, strict=False)
    for one in ranges:
        try:
            outer = ip_network(one.strip(), strict=False)
        except ValueError:
            continue
        if inner.version == outer.version and inner.subnet_of(outer):  # type: ignore[arg-type]
            return True
    return False


def exceeds(key: ApiKey, maker: ApiKey) -> bool:
    """Whether a key can do something that the maker's cannot."""
    if any(opened(scope, key.granted) and not opened(scope, maker.granted) for scope in SCOPES):
        return True
    if maker.kind == "test" and key.kind != "test":
        return True
    if maker.expires_ms is not None and (key.expires_ms is None or key.expires_ms > maker.expires_ms):
        return True
    if not maker.ip_allow:
        return False
    return not key.ip_allow or not all(_readable(one) and _within(one, maker.ip_allow) for one in key.ip_allow)


def _readable(text: str) -> bool:
    try:
        ip_network(text.strip(), strict=False)
    except ValueError:
        return False
    return True


# --- the account's own ------------------------------------------------------------------------------------------------


def _kind(who: Caller) -> str | None:
    """Which keys a caller sees: a test key those of tests."""
    return "test" if who.test else None


async def list_all(request: Request, ims: Context) -> Response:
    """The account's keys; no secret is among them."""
    who = await caller(request, ims)
    return await _list(request, ims, who.account.account_id, _kind(who), who.mark)


async def _list(request: Request, ims: Context, account_id: int, kind: str | None, owner: Any) -> Response:
    given = objects.asked(request, "keys", owner, {})
    rows = await ims.db(store.page, account_id, kind, given.place, given.limit + 1)
    return objects.page(given, rows, view, lambda row: row.key_id)


async def show(request: Request, ims: Context) -> Response:
    """One key."""
    who = await caller(request, ims)
    key_id = reading.path_id(request, "id", reading.uuid, "key")
    row = await ims.db(store.one, who.account.account_id, _kind(who), key_id.bytes)
    if row is None:
        raise reading.not_found("key")
    return reading.answer(view(row))


async def create(request: Request, ims: Context) -> Response:
    """Make a key; 201 with its secret, which is not shown again."""
    who = await caller(request, ims)
    return await _create(request, ims, who, (who.account.account_id, who.account.username), who.key)


async def _create(
    request: Request, ims: Context, who: Caller | Operator, about: tuple[int, str], maker: ApiKey | None
) -> Response:
    account_id = about[0]
    wish = await reading.body(request, New)
    now_ms = ims.now_ms()
    wanted = Wanted(wish, maker, now_ms)
    wanted.settle()
    key = _secret(wish.kind)
    row = Row(
        new_request_id(now_ms).bytes, _hash(key), account_id, wish.kind, wish.name or "", key[-ENDING:], wanted.scopes,
        wanted.ip_allow, wanted.expires_ms, None, now_ms, now_ms,
    )  # fmt: skip
    deed = Deed("key.create", _named(row), after=view(row), about=about)
    if not await audited(ims, who, lambda made: deed if made else None, store.add_bounded, row, MAX_KEYS):
        raise Problem(409, f"An account has at most {MAX_KEYS} keys; revoke one that is not used.", kind="keys-full")
    return reading.answer({**view(row), "key": key}, 201)


async def rotate(request: Request, ims: Context) -> Response:
    """Give a key a new secret, shown once; the one before counts for `overlap_seconds` more."""
    who = await caller(request, ims)
    key_id = reading.path_id(request, "id", reading.uuid, "key")
    wish = await reading.body(request, Rotation)
    row, key = await audited(
        ims, who, lambda done: Deed("key.rotate", _named(done[0]), after=view(done[0])), _rotated,
        who, key_id.bytes, wish.overlap_seconds * 1000, ims.now_ms(),
    )  # fmt: skip
    return reading.answer({**view(row), "key": key})


def _rotated(conn: Connection, who: Caller, key_id: bytes, overlap_ms: int, now_ms: int) -> tuple[Row, str]:
    old = store.one(conn, who.account.account_id, _kind(who), key_id, "FOR UPDATE")
    if old is None or (old.expires_ms is not None and old.expires_ms <= now_ms):
        raise reading.not_found("key")
    if exceeds(old.rights, who.key):
        raise Problem(403, "This key can do more than yours, so yours cannot get its secret.")
    key = _secret(old.kind)
    new = old._replace(key_hash=_hash(key), ending=key[-ENDING:], last_used_ms=None, updated_ms=now_ms)
    store.replace(conn, old, new, now_ms + overlap_ms, new_request_id(now_ms).bytes)
    return new, key


async def remove(request: Request, ims: Context) -> Response:
    """Revoke a key; within 10 s it opens nothing any more."""
    who = await caller(request, ims)
    key_id = reading.path_id(request, "id", reading.uuid, "key")
    deed = Deed("key.revoke", f"key:{key_id}")
    if not await audited(
        ims, who, lambda held: deed if held else None, store.revoke,
        who.account.account_id, _kind(who), key_id.bytes, ims.now_ms(),
    ):  # fmt: skip
        raise reading.not_found("key")
    return Response(status_code=204)


# --- operators --------------------------------------------------------------------------------------------------------


async def _account(request: Request, ims: Context) -> tuple[int, str]:
    username = request.path_params["username"]
    account_id: int | None = await ims.db(store.account_of, username)
    if account_id is None:
        raise reading.not_found("account")
    return account_id, username


async def list_any(request: Request, ims: Context) -> Response:
    """The keys of any account."""
    by = await operator(request, ims)
    account_id, _ = await _account(request, ims)
    return await _list(request, ims, account_id, None, f"{by} {account_id}")


async def create_any(request: Request, ims: Context) -> Response:
    """Make a key for an account: its first one, and the one that may make others (`keys:write` must be named)."""
    who = await operator(request, ims)
    return await _create(request, ims, who, await _account(request, ims), None)


async def remove_any(request: Request, ims: Context) -> Response:
    """Revoke a key of any account."""
    who = await operator(request, ims)
    about = await _account(request, ims)
    key_id = reading.path_id(request, "id", reading.uuid, "key")
    deed = Deed("key.revoke", f"key:{key_id}", about=about)
    if not await audited(
        ims, who, lambda held: deed if held else None, store.revoke, about[0], None, key_id.bytes, ims.now_ms()
    ):
        raise reading.not_found("key")
    return Response(status_code=204)


def _named(row: Row) -> str:
    return f"key:{UUID(bytes=row.key_id)}"


def _secret(kind: str) -> str:
    return f"ims_{kind}_{secrets.token_urlsafe(SECRET_BYTES)}"


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
