"""Asking a vendor what became of messages whose call timed out."""

from __future__ import annotations

import asyncio
import os
from uuid import UUID

from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.domain.events import Event, Poll, Result, Send
from shared.domain.ids import vendor_reference
from shared.runtime import Context, logs
from shared.sending.calls import perform
from shared.sending.results import key_of, outcomes, result_of, timeout_of
from shared.stores.claims import claimed_at
from shared.stores.inbox import record_references
from shared.stores.vendors import Entry
from shared.vendors.base import Outbound

SURE_AFTER_ASKS = 3
"""From this question on, a vendor that does not know a message never got it."""

log = logs.get(__name__)


async def ask(event: Poll, entry: Entry | None, ims: Context) -> list[Event]:
    """Ask the vendor about each message of the batch, by our reference."""
    keys = [key_of(m) for m in event.messages]
    sent_at = await ims.db(claimed_at, keys)
    limit = asyncio.Semaphore(ims.vendor_settings.vendor_concurrency)
    asks = [_ask_one(event, m, sent_at.get(key_of(m)), entry, limit, ims) for m in event.messages]
    results = await asyncio.gather(*asks)
    found = {(bytes.fromhex(r.id), r.hop): r.vendor_ref for r in results if r.vendor_ref}
    if found:
        await ims.db(record_references, (event.channel, event.vendor, event.account), found, ims.now_ms())
    return outcomes(event, "poll", event.attempt, results)


async def _ask_one(
    event: Poll, message: Send, sent_ms: int | None, entry: Entry | None, limit: asyncio.Semaphore, ims: Context
) -> Result:
    key, now = key_of(message), ims.now_ms()
    unknown = result_of(key, "uncertain", "0300", None, now)
    if entry is None or sent_ms is None:
        return unknown
    reference = vendor_reference(UUID(hex=message.id), message.hop)
    outbound = Outbound(reference, message.to, "", message.type, "", lane=event.lane)
    call = entry.adapter.look_up(entry.account, outbound, sent_ms, now, os.urandom(16).hex())
    if call is None:
        return unknown
    async with limit:
        try:
            answer = await perform(ims.http, call, event.vendor, timeout_of(ims, event.lane))
            found = entry.adapter.read_look_up(outbound, answer)
        except (Unavailable, Uncertain, Rejected) as error:
            log.info("no answer about an uncertain message", message_id=message.id, error=str(error))
            return unknown
    if found is None:
        sure = event.attempt >= SURE_AFTER_ASKS
        return result_of(key, "unavailable" if sure else "uncertain", "0300", None, now, text="unknown to the vendor")
    state = "sent" if found.state == "pending" else found.state
    result = result_of(key, state, found.code, None, now, found.raw_code, found.raw_text)
    result.vendor_ref = found.vendor_ref or None
    return result
