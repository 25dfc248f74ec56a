"""Handing a template in to the vendors that review it, and asking how far they are.

What cannot be reached now leaves the version as it is: the next `ask` finds out. Where no vendor of the channel reviews
templates, an operator decides.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.domain.templates import REJECTED
from shared.runtime import Context, logs
from shared.runtime.clock import iso
from shared.sending.calls import perform
from shared.stores import templates as store
from shared.stores.templates import Whole
from shared.vendors.base import Templates, TemplateState, able

TIMEOUT_S = 10.0

log = logs.get(__name__)


def told(whole: Whole) -> dict[str, Any]:
    """A version as adapters take it."""
    head, version = whole.head, whole.version
    return {"code": head.code, "name": head.name, "version": version.version, "content": version.content}


async def _reviewers(ims: Context, channel: str) -> AsyncIterator[tuple[Any, Templates]]:
    """One account of every vendor that reviews the channel's templates."""
    seen = set()
    for entry in await ims.vendors.entries():
        reviewer = able(entry.adapter, Templates)
        asked = entry.channel == channel and entry.enabled and not entry.sandbox
        if asked and reviewer is not None and entry.account.vendor not in seen:
            seen.add(entry.account.vendor)
            yield entry, reviewer


async def hand_in(ims: Context, whole: Whole) -> None:
    """Register a version that was just submitted."""
    async for entry, reviewer in _reviewers(ims, whole.head.channel):
        vendor, nonce = entry.account.vendor, os.urandom(8).hex()
        try:
            call = reviewer.register_template(entry.account, told(whole), nonce)
            said = reviewer.read_register(await perform(ims.http, call, vendor, TIMEOUT_S))
        except Rejected as error:
            said = TemplateState(REJECTED, [{"by": vendor, "text": error.detail, "at": iso(ims.now_ms())}])
        except (Unavailable, Uncertain) as error:
            log.warning("a template is not handed in yet", vendor=vendor, code=whole.head.code, detail=str(error))
            continue
        await note(ims, whole, vendor, said)


async def ask(ims: Context, whole: Whole) -> None:
    """Ask every reviewer how far a version is."""
    async for entry, reviewer in _reviewers(ims, whole.head.channel):
        vendor, nonce = entry.account.vendor, os.urandom(8).hex()
        try:
            call = reviewer.ask_template(entry.account, told(whole), nonce)
            said = reviewer.read_template(await perform(ims.http, call, vendor, TIMEOUT_S))
        except (Unavailable, Uncertain, Rejected) as error:
            log.warning("a template's state is not known", vendor=vendor, code=whole.head.code, detail=str(error))
            continue
        await note(ims, whole, vendor, said)


async def note(ims: Context, whole: Whole, vendor: str, said: TemplateState) -> None:
    """Keep what a vendor says of a version; what cannot follow its last word is logged and left out."""
    version = whole.version
    try:
        await ims.db(
            store.vendor_said,
            version.template_id,
            version.version,
            vendor,
            said.state,
            list(said.comments),
            ims.now_ms(),
        )
    except store.Refused as error:
        log.warning("a vendor's word does not follow", vendor=vendor, code=whole.head.code, before=error.state)
