"""Where reports are handed over: what the two functions share, made once per process from its context."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from shared.domain.errors import Unavailable
from shared.domain.events import MAX_MESSAGES, Attempt, Event, Reported
from shared.reports import measures
from shared.reports import units as pure
from shared.reports.claims import CLOSED, ENDED, GONE, WAITS, Claims
from shared.reports.courier import Courier, answers
from shared.reports.due import DueSet
from shared.reports.gate import Gate
from shared.reports.keys import Keys, message_of
from shared.reports.opening import Opening
from shared.reports.units import Try, Unit
from shared.runtime import logs
from shared.runtime.breaker import Breakers
from shared.runtime.context import Context
from shared.runtime.redis import away
from shared.runtime.settings import ReportSettings, load

GONE_CACHE_S = 1.0
BACKGROUND_LIMIT = 4096

log = logs.get(__name__)


class Desk:
    """`first` says whether this process makes first tries or retries; each has its own slots per host."""

    def __init__(self, ims: Context, *, first: bool, settings: ReportSettings | None = None) -> None:
        self.ims = ims
        self.settings = settings = settings or load(ReportSettings)
        self.keys = Keys(bool(ims.redis.cluster))
        self.due = due_set(ims.redis, settings)
        self.claims = claims(ims.redis, settings)
        limit = settings.report_first_concurrency if first else settings.report_retry_concurrency
        self.gate = Gate(limit, ims.egress.calls_at_once)
        self.opening = Opening(looks=not first)
        self.courier = Courier(
            ims.egress,
            ims.accounts,
            callback_breakers(ims.redis, settings),
            self.gate,
            self.opening,
            unit_s=settings.retry_unit_seconds,
            now_ms=ims.now_ms,
        )
        self._gone: dict[int, tuple[float, frozenset[bytes]]] = {}
        self._background: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether too many calls are under way already."""
        return len(self._background) >= BACKGROUND_LIMIT

    async def without_gone(self, units: Sequence[Unit]) -> tuple[list[Unit], list[Try]]:
        """Set aside the units whose URL has answered 410."""
        open_units: list[Unit] = []
        disabled: list[Try] = []
        for unit in units:
            if _digest(unit.callback_uri) in await self._gone_of(unit.account_id):
                disabled.append(Try(unit, "disabled", self.ims.now_ms(), error="the URL answered 410 before"))
            else:
                open_units.append(unit)
        return open_units, disabled

    async def _gone_of(self, account_id: int) -> frozenset[bytes]:
        known = self._gone.get(account_id)
        if known is None or time.monotonic() - known[0] > GONE_CACHE_S:
            try:
                found = frozenset(await self.ims.redis.state.smembers(self.keys.gone(account_id)))
            except away():
                found = known[1] if known else frozenset()
            known = self._gone[account_id] = (time.monotonic(), found)
        return known[1]

    async def settle(self, tries: Sequence[Try], claimed_ms: int) -> None:
        """Keep in Redis what became of units that were in the due-set."""
        ended = [t for t in tries if t.ended]
        again = [t for t in tries if t.due_ms is not None]
        if ended:
            await self.note(ended, claimed_ms)
            await self.due.end([t.unit for t in ended])
        if again:
            await self.due.again([t.unit for t in again], [t.due_ms or 0 for t in again], self.ims.now_ms())

    async def open_up(self, tries: Iterable[Try]) -> None:
        """Where hosts that were away take reports again, bring forward what waits for them, as fast as they take it.

        Should the process die, what was brought forward is due, and the rest comes at its own time, or sooner: any
        process that gets an answer to a retry goes on with it.
        """
        for host, (taken, failed) in answers(tries).items():
            count = self.opening.answered(host, taken, failed, self.gate.a_second(host), time.monotonic())
            if count:
                found = await self.due.hurry(host, count, self.ims.now_ms())
                self.opening.brought(host, found, time.monotonic())
                measures.HURRIED.inc(found)

    async def note(self, tries: Iterable[Try], claimed_ms: int, mark: bytes = b"") -> None:
        """Remember results, so that repeated events do not send again; and the URLs that are gone, or back."""
        results: dict[str, str] = {}
        for one in tries:
            results.update(dict.fromkeys(map(message_of, one.unit.keys), _noted(one)))
            if one.outcome == "disabled" and one.status == pure.GONE:
                await self.ims.redis.state.sadd(self.keys.gone(one.unit.account_id), _digest(one.unit.callback_uri))
                self._gone.pop(one.unit.account_id, None)
            elif mark and one.outcome == "delivered":
                await reopen(self.ims.redis, one.unit.account_id, one.unit.callback_uri)
        if results:
            await self.claims.note(results, claimed_ms, mark)

    def finish_later(self, under_way: Iterable[tuple[Unit, asyncio.Task[Try]]], claimed_ms: int) -> None:
        """Settle calls when they end. Should the process die first, their leases end and they are tried again."""
        for _, task in under_way:
            later = asyncio.create_task(self._finish(task, claimed_ms))
            self._background.add(later)
            later.add_done_callback(self._background.discard)

    async def _finish(self, task: asyncio.Task[Try], claimed_ms: int) -> None:
        try:
            result = await task
            await self.settle([result], claimed_ms)
            await self.open_up([result])
            await self.ims.bus.publish(reported([result]))
        except (*away(), Unavailable) as error:
            log.warning("a report's result was lost, it will be tried again", error=repr(error))

    async def idle(self) -> None:
        """Wait until no call is under way."""
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)


_desks: WeakKeyDictionary[Context, Desk] = WeakKeyDictionary()


def desk_of(ims: Context, *, first: bool) -> Desk:
    """The process's desk, made on first use."""
    desk = _desks.get(ims)
    if desk is None:
        desk = _desks[ims] = Desk(ims, first=first)
    return desk


def due_set(redis: Any, settings: ReportSettings) -> DueSet:
    """The due-set over the process's Redis clients."""
    lease_ms = int(settings.report_lease_seconds * 1000)
    return DueSet(redis.reports, redis.timers, redis.state, Keys(bool(redis.cluster)), lease_ms=lease_ms)


def claims(redis: Any, settings: ReportSettings) -> Claims:
    """Claims on first reports over the process's Redis clients."""
    return Claims(
        redis.state,
        Keys(bool(redis.cluster)),
        claim_ms=int(settings.report_claim_seconds * 1000),
        slot_ms=int(settings.report_done_seconds * 1000),
    )


def callback_breakers(redis: Any, settings: ReportSettings) -> Breakers:
    """Breakers of the clients' hosts: their window is a minute of the schedule, with a probe each twelfth of it: one
    call in five seconds harms no host, and one that is back gets its reports soon."""
    minute_s = settings.retry_unit_seconds
    return Breakers(redis, "callback", reset_s=minute_s / 12, window_s=minute_s, patient=False)


def _digest(url: str) -> bytes:
    return hashlib.sha256(url.encode()).digest()[:16]


async def reopen(redis: Any, account_id: int, url: str) -> None:
    """Let reports go to a URL again that had answered 410 (its owner set it anew, or it took a replay)."""
    await redis.state.srem(Keys(bool(redis.cluster)).gone(account_id), _digest(url))


def _noted(one: Try) -> str:
    """What is remembered of a try, so that it can be told again."""
    if one.outcome == "delivered":
        return str(one.status)
    if one.outcome == "disabled":
        return GONE if one.status == pure.GONE else CLOSED
    return ENDED if one.ended else WAITS


def reported(tries: Iterable[Try]) -> list[Event]:
    """The events that tell what became of tries, each of at most 500 messages and a fair size."""
    return [Reported(attempts=group) for group in _grouped(pure.attempts(tries))]


def _grouped(attempts: list[Attempt]) -> list[list[Attempt]]:
    groups: list[list[Attempt]] = []
    size = MAX_MESSAGES + 1
    for attempt in attempts:
        weight = len(attempt.ids) + len(attempt.answer or "") // 500 + sum(_weight(r) for r in attempt.reports or ())
        if not groups or size + weight > MAX_MESSAGES:
            groups.append([])
            size = 0
        groups[-1].append(attempt)
        size += weight
    return groups


def _weight(report: dict[str, Any]) -> int:
    """A report's data in units of half a kilobyte, roughly: its hops are what makes it long."""
    return 1 + len(report.get("hops") or ())
