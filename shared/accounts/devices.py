"""`/v1/devices`: the devices that push messages reach. Test keys have their own."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault, uri_fault
from shared.channels.push.addresses import user_fault
from shared.channels.schema import Content
from shared.domain.errors import Invalid
from shared.domain.text import tidy
from shared.edge import objects
from shared.edge.callers import Caller, caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso, new_request_id
from shared.stores import devices as store
from shared.stores import identities
from shared.stores.devices import LIVE, WEBPUSH, Device, token_hash

MAX_TOKEN, MAX_USER = 4096, 255
_APNS = re.compile(r"[0-9a-fA-F]{8,400}|magic-[0-9]{4}").fullmatch
_PRINTABLE = re.compile(r"[!-~]+").fullmatch
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}").fullmatch

Json = dict[str, Any]
Text = Annotated[str, Field(min_length=1, max_length=MAX_USER)]
Token = Annotated[str, Field(max_length=MAX_TOKEN)]


class Consent(Content):
    """What the user has agreed to; ads at night need both."""

    ads: bool = False
    night_ads: bool = False


class Subscription(Content):
    """What a browser gives for Web Push."""

    endpoint: Annotated[str, Field(max_length=2048)]
    expirationTime: float | None = None
    keys: dict[str, Annotated[str, Field(max_length=256)]]


class Registration(Content):
    """A device; a token, or a browser's subscription."""

    user: Text | None = None
    app: Annotated[str, Field(max_length=64)] | None = None
    token: Token | None = None
    subscription: Subscription | None = None
    replaces: Token | None = None
    platform: Literal["android", "ios", "web", "macos", "windows", "other"] | None = None
    environment: Literal["sandbox", "production"] | None = None
    language: Annotated[str, Field(max_length=35)] | None = None
    time_zone: Annotated[str, Field(max_length=64)] | None = None
    consent: Consent | None = None


def view(device: Device) -> Json:
    """A device as its account sees it."""
    name = str(UUID(bytes=device.device_id))
    return {
        "id": name,
        "user": device.user,
        "app": device.app,
        "token": f"{WEBPUSH}{name}" if device.kind == "webpush" else f"{device.kind}:{device.token}",
        "platform": device.platform,
        "environment": device.environment,
        "language": device.language,
        "time_zone": device.time_zone,
        "consent": {"ads": device.ads, "night_ads": device.night_ads},
        "state": device.state,
        "why": device.why,
        "registered_at": iso(device.registered_ms),
        "last_seen_at": iso(device.last_seen_ms),
        "created_at": iso(device.registered_ms),
        "updated_at": iso(device.last_seen_ms),
    }


def _split(token: str) -> tuple[str, str] | None:
    """Service and token; None for what is neither FCM's nor APNs'."""
    kind, _, text = token.partition(":")
    good = _APNS(text) if kind == "apns" else _PRINTABLE(text) if kind == "fcm" else None
    return (kind, text) if good else None


def _endpoint_fault(url: str) -> str | None:
    """Why a push service's address may not be called, or None: it is judged as a callback's is."""
    from shared.runtime.egress import Policy  # only for a browser's subscription
    from shared.runtime.settings import EgressSettings, load

    if wrong := uri_fault(url):
        return wrong
    try:
        Policy.of(load(EgressSettings)).check(url)
    except Invalid as error:
        return error.detail
    return None


def _token_faults(wish: Registration) -> list[Fault]:
    if (wish.token is None) == (wish.subscription is None):
        return [Fault("/token", "required", "give either `token` or `subscription`")]
    if wish.token is not None and _split(wish.token) is None:
        return [Fault("/token", "format", "must be fcm:<token> or apns:<token in hex>")]
    if wish.subscription is None:
        return []
    faults = []
    if wrong := _endpoint_fault(wish.subscription.endpoint):
        faults.append(Fault("/subscription/endpoint", "format", wrong))
    missing = {"p256dh", "auth"} - set(wish.subscription.keys)
    return faults + [Fault(f"/subscription/keys/{n}", "required", "must be given") for n in sorted(missing)]


def _replaced(wish: Registration) -> bytes | None:
    parts = _split(wish.replaces) if wish.replaces else None
    return token_hash(*parts) if parts else None


async def _faults(ims: Context, who: Caller, wish: Registration) -> list[Fault]:
    faults = [Fault(f"/{n}", "required", "must be given") for n in ("user", "app") if not getattr(wish, n)]
    if wish.user and (wrong := user_fault(wish.user)):
        faults.append(Fault("/user", "format", wrong))
    faults += _token_faults(wish)
    if wish.replaces is not None and _replaced(wish) is None:
        faults.append(Fault("/replaces", "format", "must be fcm:<token> or apns:<token in hex>"))
    if wish.app:
        app = ("push", "app", wish.app)
        if not await ims.db(identities.wanted, who.account.account_id, {app}):
            faults.append(Fault("/app", "not_found", "no such app; ask for it at /v1/identities"))
    if wish.language is not None and not _LANGUAGE(wish.language):
        faults.append(Fault("/language", "format", "must be a language tag, like ko or en-US"))
    if wish.time_zone is not None and not _zone(wish.time_zone):
        faults.append(Fault("/time_zone", "format", "must be a time zone, like Asia/Seoul"))
    return faults


def _zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return False
    except KeyError:
        return False
    return True


async def register(request: Request, ims: Context) -> Response:
    """Keep a device, or note that it is there still: a token belongs to the last user who registered it."""
    who = await caller(request, ims)

    async def faults(wish: Registration) -> list[Fault]:
        return await _faults(ims, who, wish)

    wish = await reading.body(request, Registration, faults)
    device = _made(ims, who, wish)
    kept = await ims.db(store.register, device, wish.consent is not None, _replaced(wish))
    return reading.answer(view(kept))


def _made(ims: Context, who: Caller, wish: Registration) -> Device:
    now = ims.now_ms()
    device_id = new_request_id(now).bytes
    kind, token = (_split(wish.token) or ("", "")) if wish.token else ("webpush", "")
    told = wish.subscription.model_dump() if wish.subscription else None
    digest = token_hash(kind, token if wish.subscription is None else wish.subscription.endpoint)
    consent = wish.consent or Consent()
    return Device(
        device_id, who.account.account_id, who.test, tidy(wish.user or ""), wish.app or "", kind, token, digest, told,
        wish.platform, wish.environment, wish.language, wish.time_zone, consent.ads, consent.night_ads,
        now if wish.consent else None, LIVE, None, now, now,
    )  # fmt: skip


async def list_all(request: Request, ims: Context) -> Response:
    """The devices of one user, or all."""
    who = await caller(request, ims)
    given = objects.asked(request, "devices", who.mark, {"user": str})
    user = given.get("user")
    if user is not None and not user.strip():
        raise reading.invalid([Fault("/user", "format", "names nobody: it is blank")])
    rows = await ims.db(store.page, who.account.account_id, who.test, given.place, given.limit + 1, user)
    return objects.page(given, rows, view, lambda device: device.device_id)


async def remove(request: Request, ims: Context) -> Response:
    """Forget one device."""
    who = await caller(request, ims)
    device = reading.path_id(request, "id", reading.uuid, "device")
    if not await ims.db(store.remove, who.account.account_id, device.bytes, who.test):
        raise reading.not_found("device")
    return Response(status_code=204)


async def remove_user(request: Request, ims: Context) -> Response:
    """Forget all devices of a user."""
    who = await caller(request, ims)
    given = reading.query(request, {"user": str})
    if not given.get("user", "").strip():
        raise reading.invalid([Fault("/user", "required", "whose devices")])
    await ims.db(store.remove_user, who.account.account_id, given["user"], who.test)
    return Response(status_code=204)
