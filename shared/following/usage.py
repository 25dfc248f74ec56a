"""`GET /v1/usage`: what limits an account, and how much of it is used."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared.accepting import files
from shared.accepting.limits import DAY_MS, KST_MS, counters
from shared.accounts.access import MAX_KEYS
from shared.edge.callers import caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.runtime.redis import away
from shared.stores import files as kept
from shared.stores import keys, notices
from shared.stores import usage as store
from shared.stores.accounts import Account, read_account

TIME_ZONE = "Asia/Seoul"

Json = dict[str, Any]


async def show(request: Request, ims: Context) -> Response:
    """Limits with what is used of them, and the messages of the account's day."""
    who = await caller(request, ims)
    account = await ims.db(read_account, who.account.account_id) or who.account
    now_ms = ims.now_ms()
    day = store.korean_day(now_ms)
    quota = await ims.db(kept.quota_of, account.account_id, files.quota(ims))
    held = await ims.db(kept.used, account.account_id, who.test, quota.keep_ms, now_ms)
    today = await ims.db(store.of_day, account.account_id, day)
    counted = await _counted(ims, account, now_ms)
    used = sum(row["accepted"] for row in today) if counted is None else counted
    ends = iso((now_ms + KST_MS) // DAY_MS * DAY_MS + DAY_MS - KST_MS)
    made = await ims.db(keys.count, account.account_id, now_ms)
    begun_ms = (now_ms + KST_MS) // DAY_MS * DAY_MS - KST_MS
    alerts = await ims.db(notices.since, account.account_id, notices.USAGE, begun_ms)
    return reading.answer(
        {
            "day": day,
            "time_zone": TIME_ZONE,
            "limits": {
                "daily": {**_of(used, account.daily_limit), "resets_at": ends},
                "rate_per_second": {"limit": account.rate_per_second},
                "in_flight_per_lane": {"limit": account.send_window},
                "files": _of(held.files, quota.files),
                "file_bytes": _of(held.bytes, quota.bytes),
                "keys": _of(made, MAX_KEYS),
            },
            "alerts": [{**data, "at": iso(at)} for data, at in alerts],
            "today": [] if who.test else today,
        }
    )


def _of(used: int, limit: int | None) -> Json:
    return {"used": used, "limit": limit, "left": None if limit is None else max(0, limit - used)}


async def _counted(ims: Context, account: Account, now_ms: int) -> int | None:
    """What the daily limit has counted; None where there is none, or while Redis is away."""
    if not account.daily_limit:
        return None
    (_, (name, _)) = counters(account, now_ms)
    try:
        return int(await ims.redis.state.get(name) or 0)
    except away():
        return None
