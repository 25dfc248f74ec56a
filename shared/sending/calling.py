"""The calls of one batch: each rests on the batch's claim, and each message gets one result."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from shared.domain.defaults import in_night_window
from shared.domain.errors import ClientWaits, ImsError, Overloaded, Rejected, Unavailable, Uncertain
from shared.domain.events import Result, Send, SendPart
from shared.runtime import Context, logs, metrics
from shared.sending import uploaded
from shared.sending.calls import exchange
from shared.sending.results import result_of
from shared.sending.tokens import refused, wallet
from shared.stores.claims import HopKey, renew
from shared.stores.vendors import Entry
from shared.vendors.answers import DEFAULT_RETRY_AFTER_S
from shared.vendors.base import Answer, Outbound, Uploads, VendorAccount, VendorResult, able

CALL_WITHIN_MS = 2000
"""A call that begins later than this after its claim begins the claim anew first."""

THROTTLED = "3002"
FILE_GONE = "1011"


class NotMade(Exception):
    """The call could not be made of these messages and this account's settings: nothing has left, and the vendor is
    not to blame."""


log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """One message to send."""

    key: HopKey
    send: Send
    part: SendPart
    outbound: Outbound


@dataclass(slots=True)
class Lease:
    """The claim that the calls of a batch rest on: since when, and whose calls have not begun."""

    token: bytes
    begun_ms: int
    waiting: set[HopKey]
    _renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def begin(self, keys: Sequence[HopKey], ims: Context) -> set[HopKey]:
        """Calls for these hops begin now; those that are still ours. Raises Unavailable.

        Calls wait for each other. Without a new claim another process could find this one too old, call it uncertain,
        and start another hop beside a call that is still to come. One statement renews it for all that wait.
        """
        async with self._renewing:
            now = ims.now_ms()
            if now - self.begun_ms > CALL_WITHIN_MS:
                self.waiting = await ims.db(renew, sorted(self.waiting), self.token, now)
                self.begun_ms = now
        ours = self.waiting.intersection(keys)
        self.waiting -= ours
        return ours


@dataclass(frozen=True, slots=True)
class Job:
    """The calls of one batch: where to, how long each may take, how many at once, the claim they rest on, and what is
    final there."""

    entry: Entry
    lane: str
    timeout_s: float
    limit: asyncio.Semaphore
    lease: Lease
    final_on: str
    ims: Context
    awake: Container[HopKey] = ()
    """Advertisements that may leave at night."""


def stopped_by_time(key: HopKey, part: SendPart, lane: str, now: int, awake: Container[HopKey] = ()) -> Result | None:
    """The result of a message that time has overtaken on its way here."""
    if now >= part.valid_until:
        return result_of(key, "expired", "0301", part, now)
    if lane == "ad" and in_night_window(now) and key not in awake:
        return result_of(key, "unavailable", "1008", part, now, text="no advertisements at night")
    return None


async def call_vendor(job: Job, items: list[Item]) -> list[Result]:
    """One call; whatever happens, one result for each message that is still ours."""
    stopped: list[Result] = []
    async with job.limit:
        try:
            file_ids = await _upload(job, items[0].outbound)
            stopped, items = await _begin(job, items)
            answers = await _send(job, items, file_ids) if items else []
        except NotMade as error:
            await job.ims.breakers.release(job.entry.name)
            now = job.ims.now_ms()
            return stopped + [result_of(i.key, "unavailable", "3001", i.part, now, text=str(error)) for i in items]
        except Rejected as error:
            if error.code == FILE_GONE:
                uploaded.forget(items[0].outbound.payload.files)
            return stopped + await _all(job, items, "failed", error.code, error.raw_code, error.detail)
        except Unavailable as error:
            code = THROTTLED if isinstance(error, Overloaded) else "3001"
            well = isinstance(error, ClientWaits)
            told = await _all(job, items, "unavailable", code, None, error.detail, well)
            return stopped + _not_before(error, told)
        except Uncertain as error:
            return stopped + await _all(job, items, "uncertain", "0300", None, str(error))
        except Exception as error:  # an answer that the adapter cannot bear must not make the other calls' results lost
            log.exception("cannot read what the vendor says", vendor=job.entry.name)
            return stopped + await _all(job, items, "uncertain", "0300", None, f"internal: {type(error).__name__}")
    if items:
        await _record(job.entry, job.ims, ok=1)
    else:
        await job.ims.breakers.release(job.entry.name)
    known, now = {a.reference: a for a in answers}, job.ims.now_ms()
    return stopped + [_read(item, known.get(item.outbound.reference), now, job.final_on) for item in items]


async def _begin(job: Job, items: list[Item]) -> tuple[list[Result], list[Item]]:
    """Just before the call: leave out what is too late by now, and see that the claim outlasts the call."""
    now = job.ims.now_ms()
    found = [stopped_by_time(i.key, i.part, job.lane, now, job.awake) for i in items]
    stopped = [result for result in found if result is not None]
    going = [item for item, result in zip(items, found, strict=True) if result is None]
    if not going:
        return stopped, []
    try:
        ours = await job.lease.begin([i.key for i in going], job.ims)
    except Unavailable as error:
        text = f"the claim could not be renewed: {error.detail}"
        return stopped + [result_of(i.key, "unavailable", "3001", i.part, now, text=text) for i in going], []
    return stopped, [i for i in going if i.key in ours]


async def _all(
    job: Job, items: Sequence[Item], state: Any, code: str, raw: str | None, text: str | None, well: bool = False
) -> list[Result]:
    """The same result for all messages of a call; a refusal too shows that the vendor is there."""
    well = well or state == "failed"
    await _record(job.entry, job.ims, ok=int(well), failed=int(not well))
    now = job.ims.now_ms()
    return [result_of(i.key, state, code, i.part, now, raw, text) for i in items]


def _not_before(error: Unavailable, results: list[Result]) -> list[Result]:
    """The results, with the time from which on the vendor wants to be asked again, if it said one."""
    if error.retry_after > DEFAULT_RETRY_AFTER_S:
        for result in results:
            result.not_before = result.at + int(error.retry_after * 1000)
    return results


async def _upload(job: Job, outbound: Outbound) -> list[str]:
    """The vendor's ids of a message's files; none where the vendor takes them with the message or takes none."""
    if not outbound.files:
        return []
    adapter = able(job.entry.adapter, Uploads)
    if adapter is None:
        return []
    try:
        return await uploaded.once(job.entry, outbound, job.ims.now_ms, partial(_uploaded, job, adapter, outbound))
    except Uncertain as error:  # only a file: nothing was sent
        raise Unavailable(str(error)) from error


async def _uploaded(job: Job, adapter: Uploads, outbound: Outbound) -> list[str]:
    made = await _made(job, lambda account, now, nonce: adapter.uploads(account, outbound, now, nonce))
    return [adapter.read_upload(await _answered(job, made, place)) for place in range(len(made.calls))]


async def _send(job: Job, items: Sequence[Item], file_ids: list[str]) -> list[VendorResult]:
    adapter = job.entry.adapter
    batch = [i.outbound for i in items]
    if file_ids:
        batch = [replace(o, file_ids=file_ids) for o in batch]
    made = await _made(job, lambda account, now, nonce: [adapter.send(account, batch, now, nonce)])
    return adapter.read_send(batch, await _answered(job, made, 0), job.ims.now_ms())


Make = Callable[[VendorAccount, int, str], list[Any]]


@dataclass(slots=True)
class Made:
    """Calls that were made for an account with its token, and how they are made anew with another."""

    make: Make
    account: VendorAccount
    calls: list[Any]


async def _made(job: Job, make: Make) -> Made:
    account = await wallet(job.ims).with_token(job.entry.adapter, job.entry.account, job.timeout_s)
    try:
        return Made(make, account, make(account, job.ims.now_ms(), os.urandom(16).hex()))
    except ImsError:
        raise
    except Exception as error:  # an account without its settings, say: nothing has left
        log.exception("cannot make the call", vendor=job.entry.name)
        raise NotMade(f"the call cannot be made: {type(error).__name__}") from error


async def _answered(job: Job, made: Made, place: int) -> Answer:
    """The answer to a call. A token that is refused is renewed once: only then does it mean that we are refused."""
    answer = await exchange(job.ims, made.calls[place], made.account.vendor, job.timeout_s)
    if refused(job.entry.adapter, made.account, answer, job.ims):
        again = await _made(job, made.make)
        made.account, made.calls = again.account, again.calls
        answer = await exchange(job.ims, made.calls[place], made.account.vendor, job.timeout_s)
        refused(job.entry.adapter, made.account, answer, job.ims)
    return answer


async def _record(entry: Entry, ims: Context, ok: int = 0, failed: int = 0) -> None:
    result = "ok" if ok else "failed"
    metrics.VENDOR_CALLS.labels(entry.account.vendor, entry.account.account, result).inc()
    await ims.breakers.record(entry.name, ok=ok, failed=failed)


def _read(item: Item, answer: VendorResult | None, now: int, final: str) -> Result:
    if answer is None:
        return result_of(item.key, "uncertain", "0300", item.part, now, text="the answer does not name this message")
    state = "uncertain" if answer.state == "pending" else answer.state
    if state == "sent" and final == "sent":
        state = "delivered"
    result = result_of(item.key, state, answer.code, item.part, now, answer.raw_code, answer.raw_text)
    result.vendor_ref = answer.vendor_ref or None
    return result
