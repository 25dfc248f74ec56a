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
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from shared.channels.common import channel as channel_rules
from shared.domain.defaults import in_night_window
from shared.domain.errors import Rejected
from shared.domain.events import Dispatch, Event, Poll, Result, Send, SendPart
from shared.domain.ids import vendor_reference
from shared.domain.routing.starting import NIGHT_FREE
from shared.runtime import Context
from shared.sending.asking import ask
from shared.sending.calling import Item, Job, Lease, call_vendor, stopped_by_time
from shared.sending.parking import going
from shared.sending.portions import Items, in_portions
from shared.sending.results import key_of, outcomes, result_of, timeout_of
from shared.sending.slices import Slices
from shared.stores import optouts
from shared.stores.claims import Answered, Claims, HopKey, claim
from shared.stores.files import file_bodies
from shared.stores.messages import insert_due
from shared.stores.vendors import Entry
from shared.vendors.base import Outbound, final_on

Made = tuple[str, Any] | Rejected
"""Our reference and the payload, or why there is none."""
HOLDING = optouts.Holding()
NIGHT_SOON_MS = 60_000
"""A batch that is made may leave so much later."""
LEASE_MARGIN_S = 4.0
"""A call is over (answered or timed out) this long after its time-out at the latest."""


async def send(event: Dispatch | Poll, ims: Context) -> list[Event]:
    """Send a batch, or ask about one."""
    entry = await ims.vendors.get(event.channel, event.vendor, event.account)
    if isinstance(event, Poll):
        return await ask(event, entry, ims)
    now = await going(event, entry, ims)
    return await _send(now, entry, ims) if now else []


async def _send(event: Dispatch, entry: Entry | None, ims: Context) -> list[Event]:
    items = {key: (send, part) for part in event.parts for send in part.messages for key in (key_of(send),)}
    limit = asyncio.Semaphore(ims.vendor_settings.vendor_concurrency)

    async def claimed(portion: Items) -> list[Result]:
        return await _claimed(event, portion, entry, limit, ims)

    return outcomes(event, "answer", 0, await in_portions(event, items, entry, claimed, ims))


async def _claimed(
    event: Dispatch, items: Items, entry: Entry | None, limit: asyncio.Semaphore, ims: Context
) -> list[Result]:
    """Claim, call, record."""
    vendor = (event.channel, event.vendor, event.account)
    timeout_s = timeout_of(ims, event.lane)
    lease_ms = int((timeout_s + LEASE_MARGIN_S) * 1000)
    hops = [(*key, send.type) for key, (send, _) in sorted(items.items())]
    made = _rendered(event.channel, items)
    made |= await _barred(event, items, ims)
    awake = await _awake(event, items, ims)
    token, begun_ms = os.urandom(8), ims.now_ms()
    claims: Claims = await ims.db(claim, hops, vendor, token, begun_ms, lease_ms)
    if claims.busy:
        again_ms = max(claims.busy.values()) + lease_ms
        await ims.db(insert_due, [(again_ms, "claimed", _part_of(event, claims.busy))])
    answers = Slices(ims, vendor, {key: send.type for key, (send, _) in items.items()})
    stopped, ready = await _sort(event, entry, claims, items, made, awake, ims)
    answers.add(stopped)
    if entry is not None and ready:
        lease = Lease(token, begun_ms, {item.key for item in ready})
        final = final_on(entry.adapter, channel_rules(event.channel).final_on)
        job = Job(entry, event.lane, timeout_s, limit, lease, final, ims, awake)
        await asyncio.gather(*(_call(job, batch, answers) for batch in _calls(entry, ready)))
    results = list(await answers.end())
    results += [_again(key, a, items[key][1], ims.now_ms()) for key, a in claims.answered.items()]
    results += [result_of(key, "uncertain", "0300", items[key][1], ims.now_ms()) for key in claims.stale]
    return results


async def _call(job: Job, batch: list[Item], answers: Slices) -> None:
    answers.add(await call_vendor(job, batch))


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
    made: Mapping[HopKey, Made],
    awake: Container[HopKey],
    ims: Context,
) -> tuple[list[Result], list[Item]]:
    """What of the claimed messages is not sent now, and what is."""
    results: list[Result] = []
    going: list[HopKey] = []
    for key in sorted(claims.mine):
        part, now = items[key][1], ims.now_ms()
        stopped = stopped_by_time(key, part, event.lane, now, awake)
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
    ready, wrong = await _ready(event.lane, {key: items[key] for key in going}, made, ims)
    if not ready:
        await ims.breakers.release(entry.name)
    return results + wrong, ready


def _rendered(channel: str, items: Mapping[HopKey, tuple[Send, SendPart]]) -> dict[HopKey, Made]:
    """What each message will say, before any is claimed: what breaks on one of them must not leave its neighbours with
    claims and no answer."""
    render = channel_rules(channel).render
    made: dict[HopKey, Made] = {}
    for key, (send_, part) in items.items():
        reference = vendor_reference(UUID(hex=send_.id), send_.hop)
        try:
            made[key] = reference, render(part.content, send_.vars)
        except Rejected as error:
            made[key] = error
    return made


async def _barred(
    event: Dispatch, items: Mapping[HopKey, tuple[Send, SendPart]], ims: Context
) -> dict[HopKey, Rejected]:
    """The messages to addresses that bounced, complained or unsubscribed, or whose recipient has opted out by now."""
    wanted = {(part.account_id, send_.to) for send_, part in items.values()}
    suppresses = channel_rules(event.channel).suppresses
    codes = await ims.db(optouts.stops, HOLDING, event.channel, wanted, event.lane, suppresses)
    found = {key: codes.get((part.account_id, send_.to)) for key, (send_, part) in items.items()}
    return {key: Rejected(code, "stopped before it was sent") for key, code in found.items() if code}


async def _awake(event: Dispatch, items: Mapping[HopKey, tuple[Send, SendPart]], ims: Context) -> Container[HopKey]:
    """The advertisements that may leave at night: all mails, and those to who has agreed to that."""
    if event.lane != "ad":
        return ()
    if event.channel in NIGHT_FREE:
        return items.keys()
    if not in_night_window(ims.now_ms() + NIGHT_SOON_MS):
        return ()
    wanted = {(part.account_id, send_.to) for send_, part in items.values()}
    awake = await ims.db(optouts.awake, event.channel, wanted)
    return {key for key, (send_, part) in items.items() if (part.account_id, send_.to) in awake}


async def _ready(
    lane: str, going: Mapping[HopKey, tuple[Send, SendPart]], made: Mapping[HopKey, Made], ims: Context
) -> tuple[list[Item], list[Result]]:
    """The messages as they will go out, with their files; and those that cannot be made, each with its code."""
    files: dict[tuple[str, ...], list[bytes] | Rejected] = {(): []}
    ready: list[Item] = []
    wrong: list[Result] = []
    for key, (send_, part) in going.items():
        try:
            reference, payload = _taken(made[key])
            bodies = await _bodies(payload.files, files, ims)
            outbound = Outbound(reference, send_.to, send_.type, lane, payload, bodies, valid_until=part.valid_until)
            ready.append(Item(key, send_, part, outbound))
        except Rejected as error:
            wrong.append(result_of(key, "failed", error.code, part, ims.now_ms(), text=error.detail))
    return ready, wrong


def _taken(made: Made) -> tuple[str, Any]:
    if isinstance(made, Rejected):
        raise made
    return made


async def _bodies(
    names: tuple[str, ...], known: dict[tuple[str, ...], list[bytes] | Rejected], ims: Context
) -> list[bytes]:
    """The contents of files, which `known` keeps for the neighbours; Rejected when one of them is gone."""
    if names not in known:
        try:
            known[names] = await ims.db(file_bodies, names)
        except Rejected as error:
            known[names] = error
    bodies = known[names]
    if isinstance(bodies, Rejected):
        raise bodies
    return bodies


def _calls(entry: Entry, items: Sequence[Item]) -> Iterable[list[Item]]:
    """Group what may share one call."""
    groups: dict[tuple[Any, ...], list[Item]] = defaultdict(list)
    same, size = entry.adapter.same_content, entry.adapter.max_batch
    for item in items:
        o = item.outbound
        groups[o.type, o.payload if same else o.payload.shared_key()].append(item)
    for group in groups.values():
        for i in range(0, len(group), size):
            yield group[i : i + size]


def _again(key: HopKey, answer: Answered, part: SendPart, now: int) -> Result:
    """The recorded answer once more."""
    result = result_of(key, answer.state, answer.code or "0000", part, now, answer.raw_code, answer.raw_text)
    result.vendor_ref = answer.vendor_ref
    return result
