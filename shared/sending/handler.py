"""The handler of every send_<channel> function.

If the process dies before the claim is committed, the redelivered event claims again. Between the claim and the
recorded answer, the redelivery finds a claim without an answer: *uncertain*, so the vendor is asked before anything is
sent again. After the answer is recorded, the redelivery finds it and says the same again.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.channels.common import channel as channel_rules
from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.domain.events import MAX_MESSAGES, Dispatch, Event, Outcome, Poll, Result, Send, SendPart
from shared.domain.ids import vendor_reference
from shared.runtime import Context, logs, metrics
from shared.sending.calls import perform
from shared.stores.claims import RELEASED, Answered, Claims, HopKey, claim, claimed_at, save_answers
from shared.stores.files import file_bodies
from shared.stores.vendors import Entry
from shared.vendors.base import Outbound, VendorResult

LEASE_MARGIN_S = 4.0
"""A call is over (answered or timed out) this long after its time-out at the latest."""
SURE_AFTER_ASKS = 3
"""From this question on, a vendor that does not know a message never got it."""
SAVE_TRIES = 8

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """One message to send."""

    key: HopKey
    send: Send
    part: SendPart
    outbound: Outbound


async def send(event: Dispatch | Poll, ims: Context) -> list[Event]:
    """Send a batch, or ask about one."""
    entry = await ims.vendors.get(event.channel, event.vendor, event.account)
    if isinstance(event, Poll):
        return await _ask(event, entry, ims)
    return await _send(event, entry, ims)


# --- sending --------------------------------------------------------------------------------------------------------


async def _send(event: Dispatch, entry: Entry | None, ims: Context) -> list[Event]:
    items = {key: (send, part) for part in event.parts for send in part.messages for key in (_key(send),)}
    vendor = (event.channel, event.vendor, event.account)
    timeout_s = _timeout(ims, event.lane)
    lease_ms = int((timeout_s + LEASE_MARGIN_S) * 1000)
    hops = [(*key, send.type) for key, (send, _) in sorted(items.items())]
    claims: Claims = await ims.db(claim, hops, vendor, os.urandom(8), ims.now_ms(), lease_ms)
    results = await _call_all(event, entry, claims, items, timeout_s, ims)
    if results:
        rows = [_row(r, items[bytes.fromhex(r.id), r.hop][0]) for r in results]
        await _save(ims, vendor, rows)
    results += [_again(key, a, items[key][1], ims.now_ms()) for key, a in claims.answered.items()]
    results += [_result(key, "uncertain", "0300", items[key][1], ims.now_ms()) for key in claims.stale]
    return _outcomes(event, "answer", 0, results)


def _key(send: Send) -> HopKey:
    return bytes.fromhex(send.id), send.hop


def _timeout(ims: Context, lane: str) -> float:
    settings = ims.vendor_settings
    return settings.vendor_timeout_auth_seconds if lane == "auth" else settings.vendor_timeout_seconds


async def _call_all(
    event: Dispatch,
    entry: Entry | None,
    claims: Claims,
    items: dict[HopKey, tuple[Send, SendPart]],
    timeout_s: float,
    ims: Context,
) -> list[Result]:
    """Call the vendor for all claimed messages, in as few calls as its API allows."""
    now, results, ready = ims.now_ms(), [], []
    open_ = entry is not None and await ims.breakers.allows(entry.name)
    files: dict[str, list[bytes]] = {}
    for key in sorted(claims.mine):
        send_, part = items[key]
        if now >= part.valid_until:
            results.append(_result(key, "expired", "0301", part, now))
        elif not open_:
            results.append(_result(key, "unavailable", "3001", part, now, text="the vendor's breaker is open"))
        else:
            names = part.content.get("files") or []
            if send_.type == "mms" and names and str(names) not in files:
                files[str(names)] = await ims.db(file_bodies, names)
            outbound = _outbound(event, send_, part, files.get(str(names), []))
            ready.append(Item(key, send_, part, outbound))
    if entry is not None and ready:
        limit = asyncio.Semaphore(ims.vendor_settings.vendor_concurrency)
        calls = [_call(entry, batch, timeout_s, limit, ims) for batch in _calls(entry, ready)]
        for some in await asyncio.gather(*calls):
            results.extend(some)
    return results


def _outbound(event: Dispatch, send_: Send, part: SendPart, files: Sequence[bytes]) -> Outbound:
    content = part.content
    measured = channel_rules(event.channel).measure(content, send_.vars)
    return Outbound(
        reference=vendor_reference(UUID(hex=send_.id), send_.hop),
        to=send_.to,
        sender=str(content.get("sender", "")),
        type=send_.type,
        text=measured.text,
        subject=measured.subject,
        lane=event.lane,
        files=files,
    )


def _calls(entry: Entry, items: Sequence[Item]) -> Iterable[list[Item]]:
    """Group what may share one call."""
    groups: dict[tuple[Any, ...], list[Item]] = defaultdict(list)
    for item in items:
        o = item.outbound
        text = o.text if entry.adapter.same_text else None
        groups[o.sender, o.type, o.subject, text, tuple(item.part.content.get("files") or ())].append(item)
    size = entry.adapter.max_batch
    for group in groups.values():
        for i in range(0, len(group), size):
            yield group[i : i + size]


async def _call(
    entry: Entry, items: list[Item], timeout_s: float, limit: asyncio.Semaphore, ims: Context
) -> list[Result]:
    """One call; whatever happens, one result a message."""
    by_reference = {i.outbound.reference: i for i in items}
    async with limit:
        try:
            answers = await _exchange(entry, items, timeout_s, ims)
        except Rejected as error:
            await _record(entry, ims, ok=1)
            return [
                _result(i.key, "failed", error.code, i.part, ims.now_ms(), error.raw_code, error.detail) for i in items
            ]
        except Unavailable as error:
            await _record(entry, ims, failed=1)
            return [_result(i.key, "unavailable", "3001", i.part, ims.now_ms(), text=error.detail) for i in items]
        except Uncertain as error:
            await _record(entry, ims, failed=1)
            return [_result(i.key, "uncertain", "0300", i.part, ims.now_ms(), text=str(error)) for i in items]
    await _record(entry, ims, ok=1)
    known = {a.reference: a for a in answers}
    return [_read(item, known.get(reference), ims.now_ms()) for reference, item in by_reference.items()]


async def _exchange(entry: Entry, items: list[Item], timeout_s: float, ims: Context) -> list[VendorResult]:
    adapter, account = entry.adapter, entry.account
    batch = [i.outbound for i in items]
    file_ids = []
    try:
        for call in adapter.uploads(account, batch[0], ims.now_ms(), os.urandom(16).hex()):
            file_ids.append(adapter.read_upload(await perform(ims.http, call, account.vendor, timeout_s)))
    except Uncertain as error:  # only a file: nothing was sent
        raise Unavailable(str(error)) from error
    if file_ids:
        from dataclasses import replace

        batch = [replace(o, file_ids=file_ids) for o in batch]
    call = adapter.send(account, batch, ims.now_ms(), os.urandom(16).hex())
    answer = await perform(ims.http, call, account.vendor, timeout_s)
    return adapter.read_send(batch, answer, ims.now_ms())


async def _record(entry: Entry, ims: Context, ok: int = 0, failed: int = 0) -> None:
    result = "ok" if ok else "failed"
    metrics.VENDOR_CALLS.labels(entry.account.vendor, entry.account.account, result).inc()
    await ims.breakers.record(entry.name, ok=ok, failed=failed)


def _read(item: Item, answer: VendorResult | None, now: int) -> Result:
    if answer is None:
        return _result(item.key, "uncertain", "0300", item.part, now, text="the answer does not name this message")
    state = "sent" if answer.state == "pending" else answer.state
    result = _result(item.key, state, answer.code, item.part, now, answer.raw_code, answer.raw_text)
    result.vendor_ref = answer.vendor_ref or None
    return result


def _result(
    key: HopKey, state: Any, code: str, part: SendPart | None, now: int, raw: str | None = None, text: str | None = None
) -> Result:
    account_id = part.account_id if part is not None else 0
    return Result(
        id=key[0].hex(),
        hop=key[1],
        state=state,
        code=code,
        raw_code=raw or None,
        raw_text=text or None,
        at=now,
        account_id=account_id,
    )


def _again(key: HopKey, answer: Answered, part: SendPart, now: int) -> Result:
    """The recorded answer once more."""
    result = _result(key, answer.state, answer.code or "0000", part, now, answer.raw_code, answer.raw_text)
    result.vendor_ref = answer.vendor_ref
    return result


def _row(r: Result, send_: Send) -> tuple[Any, ...]:
    state = RELEASED if r.state == "unavailable" else r.state
    return (bytes.fromhex(r.id), r.hop, send_.type, state, r.code, r.raw_code, r.raw_text, r.vendor_ref, r.at)


async def _save(ims: Context, vendor: tuple[str, str, str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Record the answers; worth some patience, since what is not recorded becomes uncertain."""
    for attempt in range(1, SAVE_TRIES + 1):
        try:
            await ims.db(save_answers, vendor, rows)
            return
        except Unavailable:
            if attempt == SAVE_TRIES:
                raise
            await asyncio.sleep(0.25 * attempt)


# --- asking ---------------------------------------------------------------------------------------------------------


async def _ask(event: Poll, entry: Entry | None, ims: Context) -> list[Event]:
    """Ask the vendor about each message of the batch, by our reference."""
    keys = [_key(m) for m in event.messages]
    sent_at = await ims.db(claimed_at, keys)
    limit = asyncio.Semaphore(ims.vendor_settings.vendor_concurrency)
    asks = [_ask_one(event, m, sent_at.get(_key(m)), entry, limit, ims) for m in event.messages]
    return _outcomes(event, "poll", event.attempt, await asyncio.gather(*asks))


async def _ask_one(
    event: Poll, message: Send, sent_ms: int | None, entry: Entry | None, limit: asyncio.Semaphore, ims: Context
) -> Result:
    key, now = _key(message), ims.now_ms()
    unknown = _result(key, "uncertain", "0300", None, now)
    if entry is None or sent_ms is None:
        return unknown
    reference = vendor_reference(UUID(hex=message.id), message.hop)
    outbound = Outbound(reference, message.to, "", message.type, "", lane=event.lane)
    call = entry.adapter.look_up(entry.account, outbound, sent_ms, now, os.urandom(16).hex())
    if call is None:
        return unknown
    async with limit:
        try:
            answer = await perform(ims.http, call, event.vendor, _timeout(ims, event.lane))
            found = entry.adapter.read_look_up(outbound, answer)
        except (Unavailable, Uncertain, Rejected) as error:
            log.info("no answer about an uncertain message", message_id=message.id, error=str(error))
            return unknown
    if found is None:
        sure = event.attempt >= SURE_AFTER_ASKS
        return _result(key, "unavailable" if sure else "uncertain", "0300", None, now, text="unknown to the vendor")
    state = "sent" if found.state == "pending" else found.state
    result = _result(key, state, found.code, None, now, found.raw_code, found.raw_text)
    result.vendor_ref = found.vendor_ref or None
    return result


def _outcomes(event: Dispatch | Poll, via: Any, attempt: int, results: Sequence[Result]) -> list[Event]:
    return [
        Outcome(
            lane=event.lane,
            channel=event.channel,
            vendor=event.vendor,
            account=event.account,
            via=via,
            attempt=attempt,
            results=list(results[i : i + MAX_MESSAGES]),
        )
        for i in range(0, len(results), MAX_MESSAGES)
    ]
