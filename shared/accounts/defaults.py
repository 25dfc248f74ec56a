"""`PUT /v1/me`: the fallback that a request gets which names none, by lane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, SkipValidation
from starlette.requests import Request

from shared.channels.acceptance import further
from shared.channels.common import AccountView, Fault
from shared.channels.schema import MAX_FALLBACK, MAX_WAIT_S, Content, HopIn
from shared.channels.wanting import of_hops
from shared.edge.auditing import Deed, audited
from shared.edge.callers import Caller, caller
from shared.following import reading
from shared.runtime import Context
from shared.stores import accounts
from shared.stores.known import look_up

Lane = Literal["auth", "realtime", "bulk", "ad"]
MAX_DEFAULTS = 128 * 1024
"""Bytes of all lanes' defaults as JSON; a request's plan may have as many."""


class LaneDefaults(Content):
    """What a lane's requests get: further hops, and how long the first hop waits for its receipt."""

    fallback: Annotated[list[SkipValidation[HopIn]], Field(max_length=MAX_FALLBACK)]
    wait: Annotated[float, Field(ge=1, le=MAX_WAIT_S)] | None = None


class Change(Content):
    """New defaults: of the lanes that are given; null takes a lane's away."""

    defaults: dict[Lane, LaneDefaults | None] = Field(default_factory=dict)


async def change(request: Request, ims: Context) -> Caller:
    """Change them; 422 with the faults of every hop, found as if it stood in a request."""
    who = await caller(request, ims)

    async def faults(wish: Change) -> list[Fault]:
        found: list[Fault] = []
        for lane, chosen in wish.defaults.items():
            if chosen is not None:
                found += await _faults(chosen, lane, who, ims)
        return found

    wish = await reading.body(request, Change, faults)
    given: dict[str, Any] = {
        lane: None if c is None else c.model_dump(exclude_none=True) for lane, c in wish.defaults.items()
    }
    if given:
        deed = Deed("defaults.change", "account", view(who.account.defaults), given)
        kept = await audited(
            ims, who, lambda done: deed if done else None, accounts.set_defaults,
            who.account.account_id, given, MAX_DEFAULTS,
        )  # fmt: skip
        if not kept:
            raise reading.invalid([Fault("/defaults", "range", f"at most {MAX_DEFAULTS} bytes as JSON, of all lanes")])
        ims.accounts.forget(who.account.account_id)
    return who


async def _faults(chosen: LaneDefaults, lane: str, who: Caller, ims: Context) -> list[Fault]:
    """What is wrong with a lane's hops."""
    account = who.account
    wants = of_hops(chosen.fallback)
    known = await ims.db(look_up, account.account_id, wants, who.test)
    view = AccountView(account.account_id, account.username, account.senders, account.callback_uri, *known)
    found: list[Fault] = []
    for place, hop in enumerate(chosen.fallback):
        further(hop, view, lane, f"/defaults/{lane}/fallback/{place}", found)
    return found


def view(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """As a client sees them: every lane that has some."""
    return {lane: {"fallback": d["fallback"], "wait": d.get("wait")} for lane, d in defaults.items()}
