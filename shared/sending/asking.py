"""Asking a vendor what became of messages whose call timed out."""

from __future__ import annotations

import asyncio
import os
from typing import Any
from uuid import UUID

from shared.channels.common import channel
from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.domain.events import Event, Poll, Result, Send
from shared.domain.ids import vendor_reference
from shared.runtime import Context, logs
from shared.sending.calls import exchange
from shared.sending.results import key_of, outcomes, result_of, timeout_of
from shared.sending.tokens import refused, wallet
from shared.stores.claims import HopKey, claimed_at, contents, owners
from shared.stores.inbox import record_references
from shared.stores.vendors import Entry
from shared.vendors.base import LooksUp, Outbound, VendorResult, able, final_on, look_up_by_content

SURE_AFTER_ASKS = 3
"""From this question on, a vendor that does not know a message never got it."""

log = logs.get(__name__)


async def ask(event: Poll, entry: Entry | None, ims: Context) -> list[Event]:
    """Ask the vendor about each message of the batch, by our reference."""
    keys = [key_of(m) for m in event.messages]
    sent_at = await ims.db(claimed_at, keys)
    limit = asyncio.Semaphore(ims.vendor_settings.vendor_concurrency)
    by_content = entry is not None and look_up_by_content(entry.adapter)
    payloads = await _payloads(event, ims) if by_content else {}
    asks = [
        _ask_one(event, m, payloads.get(key_of(m)), sent_at.get(key_of(m)), entry, limit, ims) for m in event.messages
    ]
    results = await asyncio.gather(*asks)
    if by_content:
        results = await _of_nobody_else(event, results, ims)
    found = {(bytes.fromhex(r.id), r.hop): r.vendor_ref for r in results if r.vendor_ref}
    if found:
        await ims.db(record_references, (event.channel, event.vendor, event.account), found, ims.now_ms())
    return outcomes(event, "poll", event.attempt, results)


async def _payloads(event: Poll, ims: Context) -> dict[HopKey, Any]:
    """What each message said, as far as its content is still there."""
    render = channel(event.channel).render
    known = await ims.db(contents, [key_of(m) for m in event.messages])
    made: dict[HopKey, Any] = {}
    for key, (content, values) in known.items():
        try:
            made[key] = render(content, values)
        except Exception:  # removed meanwhile, say: nobody can look for it then
            log.exception("cannot say again what a message said", message_id=key[0].hex())
    return made


async def _of_nobody_else(event: Poll, results: list[Result], ims: Context) -> list[Result]:
    """What was found by its words, and is certainly not another hop's: what two may be stays uncertain."""
    refs = [r.vendor_ref for r in results if r.vendor_ref]
    held = await ims.db(owners, (event.vendor, event.account), refs) if refs else {}
    sure = []
    for r in results:
        key = bytes.fromhex(r.id), r.hop
        if r.vendor_ref and (refs.count(r.vendor_ref) > 1 or held.get(r.vendor_ref, {key}) != {key}):
            r = result_of(key, "uncertain", "0300", None, ims.now_ms(), text="another message says the same")
        sure.append(r)
    return sure


async def _ask_one(
    event: Poll,
    message: Send,
    payload: Any,
    sent_ms: int | None,
    entry: Entry | None,
    limit: asyncio.Semaphore,
    ims: Context,
) -> Result:
    key, now = key_of(message), ims.now_ms()
    unknown = result_of(key, "uncertain", "0300", None, now)
    if entry is None or sent_ms is None:
        return unknown
    reference = vendor_reference(UUID(hex=message.id), message.hop)
    outbound = Outbound(reference, message.to, message.type, event.lane, payload)
    async with limit:
        try:
            said = await _look_up(entry, outbound, sent_ms, timeout_of(ims, event.lane), ims)
        except (Unavailable, Uncertain, Rejected) as error:
            log.info("no answer about an uncertain message", message_id=message.id, error=str(error))
            return unknown
        except Exception:  # an answer that the adapter cannot bear is none, and takes no other's with it
            log.exception("cannot read what the vendor says", vendor=entry.name, message_id=message.id)
            return unknown
    if said is None:
        return unknown
    (found,) = said
    if found is None:
        sure = event.attempt >= SURE_AFTER_ASKS
        return result_of(key, "unavailable" if sure else "uncertain", "0300", None, now, text="unknown to the vendor")
    state = "sent" if found.state == "pending" else found.state
    if found.state == "sent" and final_on(entry.adapter, channel(event.channel).final_on) == "sent":
        state = "delivered"
    result = result_of(key, state, found.code, None, now, found.raw_code, found.raw_text)
    result.vendor_ref = found.vendor_ref or None
    return result


async def _look_up(
    entry: Entry, message: Outbound, sent_ms: int, timeout_s: float, ims: Context
) -> tuple[VendorResult | None] | None:
    """What the vendor knows of a message, be it nothing; None when it cannot be asked. Raises as the adapter does."""
    adapter = able(entry.adapter, LooksUp)
    if adapter is None:
        return None
    account = await wallet(ims).with_token(entry.adapter, entry.account, timeout_s)
    call = adapter.look_up(account, message, sent_ms, ims.now_ms(), os.urandom(16).hex())
    if call is None:
        return None
    answer = await exchange(ims, call, account.vendor, timeout_s)
    if refused(entry.adapter, account, answer, ims):
        raise Unavailable("the vendor wants a new token")
    return (adapter.read_look_up(message, answer),)
