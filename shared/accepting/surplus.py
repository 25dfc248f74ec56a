"""What goes straight to route and what waits its turn in MySQL, and how the second is kept."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shared.accepting.packing import cut, pack
from shared.accepting.submission import Submission
from shared.domain.errors import Unavailable
from shared.domain.events import Request
from shared.domain.shares import fitting
from shared.runtime import Context, logs
from shared.runtime.shares import Entered, Shares
from shared.stores.due import keep_surplus

SURPLUS_SECONDS = 3.0
"""So long MySQL may take; then what should wait its turn is published at once."""

log = logs.get(__name__)


@dataclass
class Division:
    """Requests, or parts of them, each with its size in bytes; what waits its turn by account."""

    lane: str
    at_ms: int
    direct: list[tuple[Request, int]] = field(default_factory=list)
    kept: dict[int, list[tuple[Request, int]]] = field(default_factory=lambda: defaultdict(list))
    counted: Counter[int] = field(default_factory=Counter)

    def count_off(self, shares: Shares) -> None:
        """What was counted is not on the road after all."""
        for account, messages in self.counted.items():
            shares.leave(self.lane, account, messages, self.at_ms)


def by_account(group: Iterable[Submission]) -> Counter[int]:
    """Messages of a group's accounts."""
    messages: Counter[int] = Counter()
    for s in group:
        messages[s.account.account_id] += len(s.request.messages)
    return messages


def divide(
    ims: Context, group: Sequence[Submission], going: Sequence[Submission], entered: Entered | None, now_ms: int
) -> Division:
    """Let in what fits into each account's share, the first first. Without Redis, or a releaser, all of it fits.

    What was counted as entering and does not go in now is counted off again.
    """
    lane = group[0].request.lane
    parts = Division(lane, now_ms)
    if entered is None:
        parts.direct = [(s.request, s.size) for s in going]
        return parts
    left = by_account(going)
    if entered.released:
        window = ims.lanes.window(lane)
        left = Counter({a: fitting(n, entered.standing(a), window, entered.active) for a, n in left.items()})
    for s in going:
        account, n = s.account.account_id, len(s.request.messages)
        fits = min(n, left[account])
        left[account] -= fits
        parts.counted[account] += fits
        head, tail = cut(s.request, s.size, fits)
        if head is not None:
            head[0].counted = now_ms
            parts.direct.append(head)
        if tail is not None:
            parts.kept[account].append(tail)
    for account, n in by_account(group).items():
        ims.shares.leave(lane, account, n - parts.counted[account], now_ms)
    return parts


async def keep(ims: Context, parts: Division) -> None:
    """Keep what waits its turn; Unavailable when neither MySQL nor Kafka took it.

    MySQL may have taken what is then published, too: route takes in once what comes twice.
    """
    if not parts.kept:
        return
    events = {account: pack(requests) for account, requests in parts.kept.items()}
    try:
        async with asyncio.timeout(SURPLUS_SECONDS):
            await ims.db(keep_surplus, events)
    except (Unavailable, TimeoutError) as error:
        log.warning("what should wait its turn goes at once", error=type(error).__name__)
        await ims.bus.publish([e for found in events.values() for e in found])
