"""The handler of every send_<channel> function.

If the process dies before the claim is committed, the redelivered event claims again. Between the claim and the
recorded answer, the redelivery finds a claim without an answer: while its call may last it comes again as due work, by
itself, for its neighbours need not wait; after that it is *uncertain*, so the vendor is asked before anything is sent
again. After the answer is recorded, the redelivery finds it and says the same again.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from typing import Any
from uuid import UUID

from shared.channels.common import channel as channel_rules
from shared.domain.errors import Rejected, Unavailable
from shared.domain.events import Dispatch, Event, Poll, Result, Send, SendPart
from shared.domain.ids import vendor_reference
from shared.runtime import Context
from shared.sending.asking import ask
from shared.sending.calling import Item, Job, call_vendor, stopped_by_time
from shared.sending.results import key_of, outcomes, result_of, timeout_of
from shared.stores.claims import RELEASED, Answered, Claims, HopKey, claim
from shared.stores.files import file_bodies
from shared.stores.inbox import record_answers
from shared.stores.messages import insert_due
from shared.stores.vendors import Entry
from shared.vendors.base import Outbound

LEASE_MARGIN_S = 4.0
"""A call is over (answered or timed out) this long after its time-out at the latest."""
SAVE_TRIES = 8


async def send(event: Dispatch | Poll, ims: Context) -> list[Event]:
    """Send a batch, or ask about one."""
    entry = await ims.vendors.get(event.channel, event.vendor, event.account)
    if isinstance(event, Poll):
        return await ask(event, entry, ims)
    return await _send(event, entry, ims)


async def _send(event: Dispatch, entry: Entry | None, ims: Context) -> list[Event]:
    items = {key: (send, part) for part in event.parts for send in part.messages for key in (key_of(send),)}
    vendor = (event.channel, event.vendor, event.account)
    timeout_s = timeout_of(ims, event.lane)
    lease_ms = int((timeout_s + LEASE_MARGIN_S) * 1000)
    hops = [(*key, send.type) for key, (send, _) in sorted(items.items())]
    token, begun_ms = os.urandom(8), ims.now_ms()
    claims: Claims = await ims.db(claim, hops, vendor, token, begun_ms, lease_ms)
    if claims.busy:
        again_ms = max(claims.busy.values()) + lease_ms
        await ims.db(insert_due, [(again_ms, "claimed", _part_of(event, claims.busy))])
    results, ready = await _sort(event, entry, claims, items, ims)
    if entry is not None and ready:
        limit = asyncio.Semaphore(ims.vendor_settings.vendor_concurrency)
        job = Job(entry, event.lane, timeout_s, limit, token, begun_ms, ims)
        for some in await asyncio.gather(*(call_vendor(job, batch) for batch in _calls(entry, ready))):
            results.extend(some)
    if results:
        rows = [_row(r, items[bytes.fromhex(r.id), r.hop][0]) for r in results]
        await _save(ims, vendor, rows)
    results += [_again(key, a, items[key][1], ims.now_ms()) for key, a in claims.answered.items()]
    results += [result_of(key, "uncertain", "0300", items[key][1], ims.now_ms()) for key in claims.stale]
    return outcomes(event, "answer", 0, results)


def _part_of(event: Dispatch, keys: Container[HopKey]) -> Dispatch:
    """The event with only these hops."""
    parts = []
    for part in event.parts:
        members = [m for m in part.messages if key_of(m) in keys]
        if members:
            parts.append(part.model_copy(update={"messages": members}))
    return event.model_copy(update={"parts": parts})


async def _sort(
    event: Dispatch,
    entry: Entry | None,
    claims: Claims,
    items: dict[HopKey, tuple[Send, SendPart]],
    ims: Context,
) -> tuple[list[Result], list[Item]]:
    """What of the claimed messages is not sent now, and what is."""
    results: list[Result] = []
    going: list[HopKey] = []
    for key in sorted(claims.mine):
        part, now = items[key][1], ims.now_ms()
        stopped = stopped_by_time(key, part, event.lane, now)
        if stopped is None and (entry is None or not entry.enabled or entry.sandbox != part.test):
            stopped = result_of(key, "unavailable", "3001", part, now, text="this vendor account may not carry it")
        if stopped is None:
            going.append(key)
        else:
            results.append(stopped)
    if not going or entry is None:
        return results, []
    if not await ims.breakers.allows(entry.name):
        text, now = "the vendor's breaker is open", ims.now_ms()
        return results + [result_of(k, "unavailable", "3001", items[k][1], now, text=text) for k in going], []
    files: dict[str, list[bytes] | Rejected] = {}
    ready: list[Item] = []
    for key in going:
        try:
            ready.append(await _item(event, key, *items[key], files=files, ims=ims))
        except Rejected as error:
            results.append(result_of(key, "failed", error.code, items[key][1], ims.now_ms(), text=error.detail))
    if not ready:
        await ims.breakers.release(entry.name)
    return results, ready


async def _item(
    event: Dispatch, key: HopKey, send_: Send, part: SendPart, *, files: dict[str, list[bytes] | Rejected], ims: Context
) -> Item:
    """A message with its files, which `files` keeps for its neighbours; Rejected when one of them is gone."""
    names = part.content.get("files") or []
    if send_.type != "mms" or not names:
        return Item(key, send_, part, _outbound(event, send_, part, []))
    if str(names) not in files:
        try:
            files[str(names)] = await ims.db(file_bodies, names)
        except Rejected as error:
            files[str(names)] = error
    bodies = files[str(names)]
    if isinstance(bodies, Rejected):
        raise bodies
    return Item(key, send_, part, _outbound(event, send_, part, bodies))


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


def _again(key: HopKey, answer: Answered, part: SendPart, now: int) -> Result:
    """The recorded answer once more."""
    result = result_of(key, answer.state, answer.code or "0000", part, now, answer.raw_code, answer.raw_text)
    result.vendor_ref = answer.vendor_ref
    return result


def _row(r: Result, send_: Send) -> tuple[Any, ...]:
    state = RELEASED if r.state == "unavailable" else r.state
    return (bytes.fromhex(r.id), r.hop, send_.type, state, r.code, r.raw_code, r.raw_text, r.vendor_ref, r.at)


async def _save(ims: Context, vendor: tuple[str, str, str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Record the answers; worth some patience, since what is not recorded becomes uncertain."""
    for attempt in range(1, SAVE_TRIES + 1):
        try:
            await ims.db(record_answers, vendor, rows, ims.now_ms())
            return
        except Unavailable:
            if attempt == SAVE_TRIES:
                raise
            await asyncio.sleep(0.25 * attempt)
