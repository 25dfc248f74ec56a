"""Limits that are nearly used up: told at 70 % and at 100 %, each once a day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from weakref import WeakKeyDictionary

from shared.accepting.limits import DAY_MS, KST_MS
from shared.runtime import Context
from shared.runtime.redis import away
from shared.stores import notices as store
from shared.stores.notices import News
from shared.stores.usage import korean_day

LEVELS = (70, 100)
"""Per cent of a limit."""
EACH_MS = 10_000

_looked: WeakKeyDictionary[Context, int] = WeakKeyDictionary()


async def look(ims: Context) -> None:
    """Compare what is used with the limits, now and then; without Redis nothing is known."""
    now_ms = ims.now_ms()
    if now_ms - _looked.get(ims, 0) < EACH_MS:
        return
    _looked[ims] = now_ms
    limits = await ims.db(store.limited)
    if not limits:
        return
    day = (now_ms + KST_MS) // DAY_MS
    try:
        used = await ims.redis.state.mget([f"daily:{account}:{day}" for account, _ in limits])
    except away():
        return
    news = list(reached(limits, [int(n or 0) for n in used], now_ms))
    if news:
        await ims.db(store.add, news, now_ms, quiet=True)


def reached(limits: Sequence[tuple[int, int]], used: Sequence[int], now_ms: int) -> Iterator[News]:
    """The levels that are reached, one notice each a day."""
    day = korean_day(now_ms)
    for (account, limit), n in zip(limits, used, strict=True):
        for level in LEVELS:
            if n * 100 >= limit * level:
                data = {"limit": "daily", "level": level, "day": day, "used": min(n, limit), "of": limit}
                yield News(account, store.USAGE, f"daily {day} {level}", data)
