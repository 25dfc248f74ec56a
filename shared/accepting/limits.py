"""The limits of an account: messages a second and a Korean day, counted in Redis before anything is published."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from shared.runtime import Context
from shared.runtime.problems import Problem
from shared.runtime.redis import away
from shared.stores.accounts import Account

COUNTERS = 2
"""Counters of one request: the second's and the day's, in this order."""
GIVE_BACK = """
local now = tonumber(redis.call('GET', KEYS[1]) or '0')
local back = math.min(now, tonumber(ARGV[1]))
if back > 0 then redis.call('DECRBY', KEYS[1], back) end
return back
"""
KST_MS, DAY_MS = 9 * 3_600_000, 86_400_000


def limited(account: Account) -> bool:
    """Whether anything has to be counted."""
    return bool(account.rate_per_second or account.daily_limit)


def counters(account: Account, now_ms: int) -> list[tuple[str, int]]:
    """(name, life in seconds) of the counters that a request at `now_ms` adds to."""
    number, second, day = account.account_id, now_ms // 1000, (now_ms + KST_MS) // DAY_MS
    return [(f"rate:{number}:{second}", 5), (f"daily:{number}:{day}", 2 * 86_400)]


async def give_back(ims: Context, account: Account, accepted_ms: int, messages: int) -> None:
    """Take messages that never left out of the count of their day, as far as Redis is there."""
    name, _ = counters(account, accepted_ms)[1]
    if account.daily_limit and messages:
        with suppress(*away()):
            await ims.redis.state.eval(GIVE_BACK, 1, name, messages)


def refusal(account: Account, messages: int, counts: Sequence[int]) -> Problem | None:
    """Why so many messages more are too many, their own number being in `counts` already."""
    per_second, per_day = counts
    if account.rate_per_second and per_second > max(account.rate_per_second, messages):
        return Problem(429, f"At most {account.rate_per_second} messages a second.", retry_after=1)
    if account.daily_limit and per_day > account.daily_limit:
        return Problem(429, f"The daily limit of {account.daily_limit} messages is used up.", retry_after=3600)
    return None
