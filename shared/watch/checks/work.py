"""Work in MySQL and whom it waits for: due work, backlogs, schedule's ticks, hops, vendors, clients' hosts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from shared.domain.ids import LANES
from shared.reports.courier import host_of
from shared.runtime.breaker import CLOSED
from shared.stores import stops
from shared.stores import watch as store
from shared.watch.samples import NEVER_S, Sample

DUE_METRICS = frozenset({"due_overdue", "schedule_silent"})
BACKLOG_METRICS = frozenset({"backlog_still"})
PAUSE_METRICS = frozenset({"lane_paused"})
HOP_METRICS = frozenset({"hop_oldest", "vendor_failed"})
BREAKER_METRICS = frozenset({"vendor_open", "callbacks_open"})
SCHEDULE = "schedule"
WINDOW_MS = 60 * 60_000
"""Messages accepted since then are looked at: an older one that is not finished waits for its receipt."""
LATELY_MS = 5 * 60_000
"""A vendor is judged by what it was asked since then."""
STUCK_MS = 15 * 60_000
"""However many came since, messages accepted from then until LATELY_MS ago are looked at, too."""
ENOUGH = 20
"""Fewer results in the window say nothing about a vendor."""
VENDOR_FAULTS = frozenset({"0300", "1006", "3001", "3002", "3004"})
"""Codes that blame the vendor or our account there, not the recipient."""
UNFINISHED = ("sending", "uncertain", "sent")
NO_BACKLOG = (0, 0, 0)
HOSTS = 500
"""Clients' hosts whose breakers are asked, at most: those for which most reports wait."""


async def due(db: Any, now_ms: int) -> list[Sample]:
    """By lane, how long the oldest due batch has been due (s); and how long schedule has not ticked."""
    overdue = {LANES[lane]: (count, oldest) for lane, count, oldest in await db(store.overdue, now_ms)}
    beat = await db(store.last_beat, SCHEDULE)
    silent = (now_ms - beat) / 1000 if beat is not None else NEVER_S
    return [
        *(
            Sample("due_overdue", lane, (now_ms - overdue[lane][1]) / 1000, f"{overdue[lane][0]:,} batches")
            if lane in overdue
            else Sample("due_overdue", lane, 0.0)
            for lane in LANES
        ),
        Sample("schedule_silent", SCHEDULE, max(0.0, silent)),
    ]


async def pauses(db: Any, now_ms: int) -> list[Sample]:
    """By lane, how long (s) an operator has paused it, with by whom and why."""
    held = {stop.object: stop for stop in await db(stops.holding, now_ms, stops.LANE)}
    return [
        Sample("lane_paused", lane, (now_ms - held[lane].since_ms) / 1000, f"{held[lane].by_name}: {held[lane].reason}")
        if lane in held
        else Sample("lane_paused", lane, 0.0)
        for lane in LANES
    ]


async def backlogs(db: Any, marks: dict[str, int], now_ms: int) -> list[Sample]:
    """By lane, for how long (s) the oldest batch of its backlog has been the same; `marks` get which, and since when.

    Batches leave oldest first within an account, so one that stays means that nothing of its account leaves.
    """
    found = {LANES[lane]: rest for lane, *rest in await db(store.oldest_backlogs)}
    return [_backlog(lane, found.get(lane, NO_BACKLOG), marks, now_ms) for lane in LANES]


def _backlog(lane: str, found: Sequence[int], marks: dict[str, int], now_ms: int) -> Sample:
    batches, oldest, accounts = found
    which, since = f"backlog_oldest:{lane}", f"backlog_since:{lane}"
    if not batches:
        for name in (which, since):
            marks.pop(name, None)
        return Sample("backlog_still", lane, 0.0)
    if marks.get(which) != oldest:
        marks[which], marks[since] = oldest, now_ms
    words = f"{batches:,} batches of {accounts:,} accounts wait"
    return Sample("backlog_still", lane, (now_ms - marks[since]) / 1000, words)


async def hops(db: Any, now_ms: int) -> list[Sample]:
    """How long the oldest unfinished hop of a lane and state has lasted (s); failures (%) of each vendor account and
    channel."""
    recent: list[store.Hops] = await db(store.recent_hops, now_ms - WINDOW_MS, now_ms - LATELY_MS)
    older = await db(store.older_hops, now_ms - STUCK_MS, now_ms - LATELY_MS)
    return [*_unfinished([*recent, *older], now_ms), *_vendors(recent, now_ms)]


def _unfinished(recent: list[store.Hops], now_ms: int) -> list[Sample]:
    oldest: dict[str, int] = {}
    for hop in recent:
        if hop.state in UNFINISHED:
            name = f"{LANES[hop.lane]}/{hop.state}"
            oldest[name] = min(hop.oldest_ms, oldest.get(name, now_ms))
    return [Sample("hop_oldest", name, (now_ms - at) / 1000) for name, at in sorted(oldest.items())]


def _vendors(recent: list[store.Hops], now_ms: int) -> list[Sample]:
    totals: Counter[str] = Counter()
    failed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for hop in recent:
        name = f"{hop.vendor}/{hop.account}/{hop.channel}"
        totals[name] += hop.lately
        if hop.code in VENDOR_FAULTS:
            failed[name][hop.code] += hop.lately
    return [
        Sample("vendor_failed", name, 100 * failed[name].total() / total, _codes(failed[name], total))
        for name, total in sorted(totals.items())
        if total >= ENOUGH
    ]


def _codes(failed: Counter[str], total: int) -> str:
    return f"of {total:,} messages: " + ", ".join(f"{n:,} × {code}" for code, n in failed.most_common(3))


async def breakers(db: Any, vendors: Any, callbacks: Any, names: list[str]) -> list[Sample]:
    """Open breakers of vendor accounts (`names`), and how many clients' hosts have one; asking takes no probe."""
    waiting: Counter[str] = Counter()
    for uri, count in await db(store.pending_callbacks):
        waiting[host_of(uri)] += count
    hosts = [host for host, _ in waiting.most_common(HOSTS) if await _is_open(callbacks, host)]
    some = ", ".join(f"{host}: {waiting[host]:,} reports" for host in hosts[:3])
    return [
        *[Sample("vendor_open", name, float(await _is_open(vendors, name))) for name in names],
        Sample("callbacks_open", "hosts", len(hosts), some),
    ]


async def _is_open(breakers: Any, name: str) -> bool:
    await breakers.admits(name)
    return bool(breakers.state(name) != CLOSED)
