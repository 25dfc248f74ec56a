"""`/v1/callbacks`: where reports go, how that goes lately, and a test call."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import Iterable
from typing import Annotated, Any, Literal
from uuid import uuid4

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.accounts.at_rest import callback_place, shown
from shared.accounts.secrets import Sealed, ring
from shared.channels.common import Fault, uri_fault
from shared.channels.schema import Content
from shared.domain.errors import Invalid, Unavailable
from shared.edge.auditing import Deed, audited
from shared.edge.callers import Caller, caller
from shared.following import reading
from shared.following.probe import Probe
from shared.reports import callback
from shared.reports.courier import host_of
from shared.reports.desk import reopen
from shared.runtime import Context
from shared.runtime.clock import iso, now_ms
from shared.runtime.egress import Egress, resolve
from shared.runtime.problems import Problem
from shared.runtime.redis import away
from shared.stores import callbacks as store
from shared.stores.accounts import Account, read_account, rotate_secret, set_callbacks
from shared.stores.notices import EVENTS
from shared.stores.sql import Connection

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
RESOLVE_S = 5.0
SECRET_BYTES = range(24, 65)
NEW_SECRET_BYTES = 32
MAX_OVERLAP_S = 30 * 86_400
COLUMNS = {
    "callback_uri": "callback_uri",
    "secrets": "callback_secrets",
    "batch_size": "callback_batch",
    "enabled": "callback_enabled",
    "events": "events",
}

Json = dict[str, Any]


def _view(account: Account) -> Json:
    now, where = now_ms(), callback_place(account.account_id)
    return {
        "callback_uri": account.callback_uri,
        "enabled": account.callback_enabled,
        "batch_size": account.callback_batch,
        "events": list(account.events),
        "secrets": [shown(s, where, iso) for s in account.callback_secrets],
        "former_secrets": [
            {**shown(s, where, iso), "until": iso(until)} for s, until in account.former_secrets if until > now
        ],
    }


async def _present(ims: Context, who: Caller) -> Account:
    """The account as it is now, not as some seconds ago."""
    return await ims.db(read_account, who.account.account_id) or who.account


async def settings(request: Request, ims: Context) -> Response:
    """The settings, and the health of the callbacks."""
    who = await caller(request, ims)
    account = await _present(ims, who)
    health = await ims.db_replica(_health, account.account_id, ims.now_ms(), who.test)
    return reading.answer({**_view(account), "health": {**health, "breaker": await _breaker(ims, account)}})


def _health(conn: Connection, account_id: int, at_ms: int, test: bool) -> Json:
    """Each window tells since when it really looked: there is a limit to how many reports it counts."""
    hour = _rate(store.recent(conn, account_id, at_ms - HOUR_MS, test))
    day = _rate(store.recent(conn, account_id, at_ms - DAY_MS, test))
    rate = day["success_rate"] if hour["success_rate"] is None else hour["success_rate"]
    error = store.last_failure(conn, account_id, at_ms, test)
    last = None if error is None else {"status": error.status, "error": error.error, "at": iso(error.at_ms)}
    counts = store.waiting_counts(conn, account_id, test)
    return {"success_rate": rate, "last_hour": hour, "last_day": day, **counts, "last_error": last}


def _rate(recent: store.Recent) -> Json:
    total = recent.delivered + recent.failed
    rate = round(recent.delivered / total, 4) if total else None
    return {
        "success_rate": rate,
        "delivered": recent.delivered,
        "failed": recent.failed,
        "since": iso(recent.since_ms),
    }


async def _breaker(ims: Context, account: Account) -> Json | None:
    """The breaker of the callback's host, only looked at: asking it would use up its probe (runtime/breaker.py)."""
    if account.callback_uri is None:
        return None
    host = host_of(account.callback_uri)
    prefix = f"breaker:{{callback:{host}}}"
    try:
        state, retry = await ims.redis.state.mget(f"{prefix}:pybreaker:state", f"{prefix}:retry_ms")
    except away():
        return {"host": host, "state": "unknown", "next_probe": None}
    name = state.decode() if state else "closed"
    probe = iso(int(retry)) if retry and name != "closed" else None
    return {"host": host, "state": name, "next_probe": probe}


class Change(Content):
    """New settings; only what is given changes, and a null `callback_uri` clears it."""

    callback_uri: Annotated[str, Field(max_length=2048)] | None = None
    secrets: Annotated[list[str], Field(min_length=1, max_length=2)] = Field(default=[])
    batch_size: Annotated[int, Field(ge=1, le=500)] = 1
    enabled: bool = True
    events: Annotated[list[Literal["address.suppressed", "usage.alert"]], Field(max_length=len(EVENTS))] = Field(
        default=[]
    )


async def change_settings(request: Request, ims: Context) -> Response:
    """Change the callback. Other processes trust what they know of an account for 10 s, so it takes effect by then."""
    who = await caller(request, ims)

    async def faults(change: Change) -> list[Fault]:
        wrong = list(_secret_faults(change.secrets))
        return wrong + await address_faults(ims.egress, change.callback_uri)

    change = await reading.body(request, Change, faults)
    before = await _present(ims, who)
    changes = {COLUMNS[name]: getattr(change, name) for name in change.model_fields_set}
    if "secrets" in change.model_fields_set:
        changes[COLUMNS["secrets"]] = [_kept(padded(one), who, ims.now_ms()) for one in change.secrets]
    uri = changes.get("callback_uri", before.callback_uri)
    told = {name: change.model_dump()[name] for name in change.model_fields_set if name != "secrets"}
    told |= {"secrets": len(change.secrets)} if "secrets" in change.model_fields_set else {}
    deed = Deed("callbacks.change", "callbacks", _view(before), told)
    await audited(ims, who, deed, set_callbacks, before.account_id, changes, ims.now_ms())
    ims.accounts.forget(before.account_id)
    if uri and ("callback_uri" in changes or changes.get("callback_enabled")):
        await _reopen(ims, before.account_id, uri)
    return reading.answer(_view(await _present(ims, who)))


def _kept(secret: str, who: Caller, at_ms: int) -> Sealed:
    """A secret as it is stored."""
    return ring().keep(secret, callback_place(who.account.account_id), at_ms)


class Rotation(Content):
    """How long the secrets before the new one still sign beside it."""

    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP_S)] = 86_400


async def rotate(request: Request, ims: Context) -> Response:
    """A new secret, shown once. Reports are signed with it and, for the overlap, with those before it."""
    who = await caller(request, ims)
    wish = await reading.body(request, Rotation)
    now = ims.now_ms()
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(NEW_SECRET_BYTES)).decode()}"
    until_ms = now + wish.overlap_seconds * 1000
    deed = Deed("callbacks.rotate-secret", "callbacks", after={"overlap_seconds": wish.overlap_seconds})
    await audited(ims, who, deed, rotate_secret, who.account.account_id, _kept(secret, who, now), until_ms, now)
    ims.accounts.forget(who.account.account_id)
    return reading.answer({**_view(await _present(ims, who)), "secret": secret})


async def _reopen(ims: Context, account_id: int, uri: str) -> None:
    """An address that had answered 410 counts again."""
    try:
        await reopen(ims.redis, account_id, uri)
    except away() as error:
        raise Unavailable(f"Redis: {type(error).__name__}") from error


def _secret_faults(secrets: Iterable[str]) -> Iterable[Fault]:
    for i, secret in enumerate(secrets):
        if not secret_ok(secret):
            yield Fault(f"/secrets/{i}", "format", "must be whsec_ and the base64 of 24 to 64 random bytes")


def padded(secret: str) -> str:
    """A secret whose base64 has its `=` again, as strict readers want it; the key is the same."""
    bare = secret.removeprefix("whsec_").rstrip("=")
    return f"whsec_{bare}{'=' * (-len(bare) % 4)}"


def secret_ok(secret: str) -> bool:
    """Whether a secret is one of Standard Webhooks; its base64 may lack the `=` at its end."""
    whole = padded(secret)
    if secret not in (whole, whole.rstrip("=")):
        return False
    try:
        raw = base64.b64decode(whole.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(raw) in SECRET_BYTES


async def address_faults(egress: Egress, uri: str | None) -> list[Fault]:
    """Why a URL cannot be a callback: its form, or where it leads now (looked at again at every call)."""
    if uri is None:
        return []
    wrong = uri_fault(uri)
    if wrong:
        return [Fault("/callback_uri", "format", wrong)]
    try:
        target = egress.policy.check(uri)
        async with asyncio.timeout(RESOLVE_S):
            addresses = await resolve(target.host, target.port)
    except Invalid as error:
        return [Fault(error.pointer, error.code, error.detail)]
    except (OSError, UnicodeError):
        return [Fault("/callback_uri", "not_found", "its host name cannot be resolved")]
    if not any(egress.policy.permits(a) for a in addresses):
        return [Fault("/callback_uri", "forbidden_address", "this address is not reachable from here")]
    return []


class Test(Content):
    """Where to send the test; without it, to the account's callback."""

    callback_uri: Annotated[str, Field(max_length=2048)] | None = None


async def test_call(request: Request, ims: Context) -> Response:
    """Send one signed `callback.test` and tell what came back; it is never retried and counts nowhere."""
    who = await caller(request, ims)

    async def faults(wish: Test) -> list[Fault]:
        return await address_faults(ims.egress, wish.callback_uri)

    wish = await reading.body(request, Test, faults)
    account = await _present(ims, who)
    uri = wish.callback_uri or account.callback_uri
    if uri is None:
        fault = {"pointer": "/callback_uri", "code": "required", "detail": "the account has none"}
        raise Problem(422, "There is no callback to test: give callback_uri, or set one.", [fault], kind="no-callback")
    probe = Probe(ims.egress)
    try:
        result = await probe.post(uri, *_test_message(account, ims.now_ms()))
        heard = await probe.body() if result.status is not None else b""
    finally:
        probe.close()
    ok = result.status is not None and 200 <= result.status < 300
    told = {"status": result.status, "duration_ms": result.duration_ms, "error": result.error}
    return reading.answer({"callback_uri": uri, "ok": ok, **told, "answer": heard.decode(errors="replace")})


def _test_message(account: Account, at_ms: int) -> tuple[bytes, list[tuple[str, str]]]:
    """Body and headers, signed like a report."""
    name, stamp = f"test_{uuid4().hex}", at_ms // 1000
    data = {"username": account.username, "detail": "a test of your callback; no message belongs to it"}
    body = orjson.dumps({"type": "callback.test", "timestamp": iso(at_ms), "data": data})
    headers = [
        ("content-type", "application/json"),
        ("user-agent", callback.user_agent()),
        ("webhook-id", name),
        ("webhook-timestamp", str(stamp)),
        ("ims-attempt", "1"),
    ]
    holding = callback.signing(account, at_ms)
    if holding:
        headers.append(("webhook-signature", callback.signature(holding, name, stamp, body)))
    return body, headers
