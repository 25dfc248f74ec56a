"""`/v1/optouts` and `/v1/consents`: who wants no messages, who has agreed to advertisements, and why one may not go."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.channels import MODULES
from shared.channels.common import Fault, read_time, time_fault
from shared.channels.schema import Content
from shared.domain import defaults
from shared.edge import objects
from shared.edge.auditing import Deed, audited
from shared.edge.callers import caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso, new_request_id
from shared.stores import optouts as store
from shared.stores.optouts import ADS, Consent, Optout

Json = dict[str, Any]
NIGHT_FREE = frozenset({"email"})
"""Channels whose advertisements may come at night (정보통신망법 시행령 제61조)."""
MAX_AHEAD_MS = 86_400_000
Text = Annotated[str, Field(min_length=1, max_length=2000)]
When = Annotated[str, Field(max_length=64)]


class NewOptout(Content):
    """Somebody who wants no more; `channel` absent: on none."""

    to: Annotated[str, Field(max_length=254)] | None = None
    channel: str | None = None
    scope: Literal["ads", "all"] = "ads"
    reason: Annotated[str, Field(max_length=1000)] | None = None
    evidence: Text | None = None
    at: When | None = None


class Ending(Content):
    """By what the account knows that the recipient wants messages again."""

    evidence: Text | None = None


class NewConsent(Content):
    """What a recipient has agreed to, or not any more; ads at night need both."""

    to: Annotated[str, Field(max_length=254)] | None = None
    channel: str | None = None
    ads: bool
    night_ads: bool = False
    evidence: Text | None = None
    at: When | None = None


def _state(text: str) -> str:
    if text not in ("active", "ended", "all"):
        raise ValueError("states are: active, ended, all")
    return text


def _scope(text: str) -> str:
    if text not in store.SCOPES:
        raise ValueError(f"scopes are: {', '.join(store.SCOPES)}")
    return text


OPTOUTS: dict[str, reading.Reader] = {
    "to": reading.to,
    "channel": reading.channel,
    "scope": _scope,
    "source": str,
    "state": _state,
}
CONSENTS: dict[str, reading.Reader] = {
    "to": reading.to,
    "channel": reading.channel,
    "due_before": reading.time,
    "state": _state,
}


def view(one: Optout) -> Json:
    """An opt-out as its account sees it."""
    return {
        "id": str(UUID(bytes=one.optout_id)),
        "to": one.address,
        "channel": one.channel or None,
        "scope": one.scope,
        "source": one.source,
        "reason": one.reason,
        "evidence": one.evidence,
        "message_id": None if one.message_id is None else str(UUID(bytes=one.message_id)),
        "at": iso(one.at_ms),
        "ended_at": iso(one.ended_ms),
        "ended_evidence": one.ended_evidence,
        "created_at": iso(one.created_ms),
        "updated_at": iso(one.ended_ms or one.created_ms),
    }


def consent_view(one: Consent) -> Json:
    """A consent as its account sees it."""
    return {
        "id": str(UUID(bytes=one.consent_id)),
        "to": one.address,
        "channel": one.channel,
        "ads": one.ads,
        "night_ads": one.night_ads,
        "evidence": one.evidence,
        "at": iso(one.at_ms),
        "due_at": iso(one.at_ms + store.RECONFIRM_MS) if one.ads else None,
        "ended_at": iso(one.ended_ms),
        "created_at": iso(one.created_ms),
        "updated_at": iso(one.ended_ms or one.created_ms),
    }


def _faults(wish: NewOptout | NewConsent, now_ms: int) -> list[Fault]:
    faults = []
    if not (wish.to or "").strip():
        faults.append(Fault("/to", "required", "the recipient: a number, an address, a token"))
    if wish.channel is not None and wish.channel not in MODULES:
        faults.append(Fault("/channel", "unknown_channel", f"channels are: {', '.join(MODULES)}"))
    if wish.at is not None:
        at = read_time(wish.at)
        if at is None:
            faults.append(Fault("/at", "format", time_fault(wish.at)))
        elif not 0 <= at <= now_ms + MAX_AHEAD_MS:
            faults.append(Fault("/at", "range", "must have been; it is the moment of the wish"))
    return faults


def _address(wish: NewOptout | NewConsent) -> str:
    return reading.to((wish.to or "").strip())


async def list_optouts(request: Request, ims: Context) -> Response:
    """Recipients who want no messages; `state=ended` or `all` shows the history."""
    who = await caller(request, ims)
    given = objects.asked(request, "optouts", who.mark, OPTOUTS)
    rows = await ims.db(store.page, who.account.account_id, given.place, given.limit + 1, given)
    return objects.page(given, rows, view, lambda one: one.optout_id)


async def add_optout(request: Request, ims: Context) -> Response:
    """Note that a recipient wants no more; it holds within 5 s for all that has not left. 200 when it held already."""
    who = await caller(request, ims)
    now = ims.now_ms()

    async def faults(wish: NewOptout) -> list[Fault]:
        return _faults(wish, now)

    wish = await reading.body(request, NewOptout, faults)
    at = (read_time(wish.at) if wish.at else None) or now
    new = Optout(
        new_request_id(now).bytes, who.account.account_id, wish.channel or store.EVERY, _address(wish), wish.scope,
        "api", wish.reason, wish.evidence, None, at, now,
    )  # fmt: skip

    def deed(done: tuple[Optout, bool]) -> Deed | None:
        one, added = done
        return Deed("optout.add", f"optout:{UUID(bytes=one.optout_id)}", after=view(one)) if added else None

    one, added = await audited(ims, who, deed, store.add, new)
    return reading.answer(view(one), 201 if added else 200)


async def show_optout(request: Request, ims: Context) -> Response:
    """One opt-out, also an ended one."""
    who = await caller(request, ims)
    wanted = reading.path_id(request, "id", reading.uuid, "opt-out")
    found = await ims.db(store.one, who.account.account_id, wanted.bytes)
    if found is None:
        raise reading.not_found("opt-out")
    return reading.answer(view(found))


async def end_optout(request: Request, ims: Context) -> Response:
    """Let messages go again, with what the account knows it by; the opt-out stays in the history."""
    who = await caller(request, ims)
    wanted = reading.path_id(request, "id", reading.uuid, "opt-out")

    async def faults(wish: Ending) -> list[Fault]:
        missing = not (wish.evidence or "").strip()
        return [Fault("/evidence", "required", "how you know that the recipient wants messages")] if missing else []

    wish = await reading.body(request, Ending, faults)

    def deed(ended: Optout | None) -> Deed | None:
        return Deed("optout.end", f"optout:{wanted}", after=view(ended), purpose=wish.evidence) if ended else None

    args = who.account.account_id, wanted.bytes, wish.evidence or "", ims.now_ms()
    if await audited(ims, who, deed, lambda conn: store.end(conn, *args)) is None:
        raise reading.not_found("opt-out that holds")
    return Response(status_code=204)


async def list_consents(request: Request, ims: Context) -> Response:
    """Consents that hold; `due_before`: those that must be confirmed again by then (every two years)."""
    who = await caller(request, ims)
    given = objects.asked(request, "consents", who.mark, CONSENTS)
    rows = await ims.db(store.consents, who.account.account_id, given.place, given.limit + 1, given)
    return objects.page(given, rows, consent_view, lambda one: one.consent_id)


async def add_consent(request: Request, ims: Context) -> Response:
    """Note what a recipient has agreed to; it takes the place of the consent before, and ends an older opt-out."""
    who = await caller(request, ims)
    now = ims.now_ms()

    async def faults(wish: NewConsent) -> list[Fault]:
        found = _faults(wish, now)
        if wish.channel is None:
            found.append(Fault("/channel", "required", f"one of: {', '.join(MODULES)}"))
        if wish.night_ads and not wish.ads:
            found.append(Fault("/night_ads", "conflict", "needs `ads` too"))
        if wish.ads and not (wish.evidence or "").strip():
            found.append(Fault("/evidence", "required", "how you know of the consent: the law asks for a proof"))
        return found

    wish = await reading.body(request, NewConsent, faults)
    at = (read_time(wish.at) if wish.at else None) or now
    new = Consent(
        new_request_id(now).bytes, who.account.account_id, wish.channel or "", _address(wish), wish.ads, wish.night_ads,
        wish.evidence, at, now,
    )  # fmt: skip
    deed = Deed("consent.add", f"consent:{UUID(bytes=new.consent_id)}", after=consent_view(new))
    return reading.answer(consent_view(await audited(ims, who, deed, store.agree, new)), 201)


async def check(request: Request, ims: Context) -> Response:
    """Whether an advertisement may go to somebody now, and if not, why not, and from when on it may."""
    who = await caller(request, ims)
    given = reading.query(request, {"to": reading.to, "channel": reading.channel})
    missing = [Fault(f"/{name}", "required", "is needed") for name in ("to", "channel") if name not in given]
    if missing:
        raise reading.invalid(missing)
    account_id, now = who.account.account_id, ims.now_ms()
    out = await ims.db(store.holding, account_id, given["channel"], given["to"])
    agreed = await ims.db(store.consent, account_id, given["channel"], given["to"])
    why = [_why_not(one) for one in out]
    night = given["channel"] not in NIGHT_FREE and defaults.in_night_window(now)
    if night and not (agreed and agreed.ads and agreed.night_ads):
        detail = "advertisements wait until 08:00 in Korea without a consent to the night"
        why.append({"code": "night", "detail": detail})
    return reading.answer(
        {
            "to": given["to"],
            "channel": given["channel"],
            "allowed": not why,
            "why": why,
            "from": iso(defaults.next_ad_time(now)) if why and not out else None,
            "consent": consent_view(agreed) if agreed else None,
            "confirm_again": bool(agreed and agreed.ads and agreed.at_ms + store.RECONFIRM_MS <= now),
        }
    )


def _why_not(one: Optout) -> Json:
    what = "advertisements" if one.scope == ADS else "all messages"
    return {
        "code": store.OPTED_OUT,
        "detail": f"the recipient has opted out of {what} on {iso(one.at_ms)} ({one.source})",
        "optout_id": str(UUID(bytes=one.optout_id)),
    }
