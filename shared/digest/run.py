"""A tick's work: every digest that is due now and that nobody has sent, some at once, until all are done.

Which accounts want one is read from the replica; what it has not yet heard of comes with a later tick, and the last one
of a morning asks the primary, so that a replica that stands still delays digests but loses none. Each digest is claimed
in the primary, so ticks and processes may overlap.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import date

from shared.digest import delivery
from shared.digest.days import due_at, due_day, last_tick
from shared.domain.errors import Unavailable
from shared.runtime import Context, logs
from shared.runtime.settings import DigestSettings, load
from shared.stores import digests
from shared.watch import tasks

RUN_SECONDS = 50.0
"""A tick's request may take 90 s (shared/flow.py), a mail 38 s; what is left then waits for the next tick."""
PAGE = 200

log = logs.get(__name__)


async def run(ims: Context, tick_ms: int) -> None:
    """Send what is due at a tick; nothing at other times of the day.

    Unavailable (503, so PingSource ticks again at once): the list of accounts broke off; what was begun was ended.
    When every account has had its turn, the morning has succeeded, whether or not its client took the digest.
    """
    day = due_day(tick_ms)
    if day is None:
        log.info("no digest is due at this time")
        return
    await _give_up(ims, day)
    broken: Unavailable | None = None
    skipped: list[int] = []
    async with asyncio.TaskGroup() as group:
        try:
            whole = await _begin_all(ims, day, group, skipped, last=last_tick(tick_ms))
        except Unavailable as error:  # raised in here, it would cancel the digests that are under way
            broken = error
    if broken is not None:
        raise broken
    if whole and not skipped:
        await tasks.succeeded(ims.db, "digest", due_at(day))


async def _begin_all(ims: Context, day: date, group: asyncio.TaskGroup, skipped: list[int], *, last: bool) -> bool:
    """Begin each digest that is due; False when some are left for the next tick."""
    until = time.monotonic() + RUN_SECONDS
    slots = asyncio.Semaphore(load(DigestSettings).digest_parallel)
    async for account_id in _due(ims, day, last=last):
        await slots.acquire()
        if ims.draining or time.monotonic() > until:
            log.warning("digests are left for the next tick", day=day.isoformat())
            return False
        group.create_task(_one(ims, account_id, day, skipped, last)).add_done_callback(lambda _: slots.release())
    return True


async def _due(ims: Context, day: date, *, last: bool) -> AsyncIterator[int]:
    """The accounts whose digest is due, in order, page by page."""
    above: int | None = 0
    while above is not None:
        accounts, above = await _wanting(ims, day, above, last=last)
        done = await ims.db(digests.settled, day, accounts, ims.now_ms())
        for account_id in accounts:
            if account_id not in done:
                yield account_id


async def _wanting(ims: Context, day: date, above: int, *, last: bool) -> tuple[list[int], int | None]:
    if not last:
        try:
            return await ims.db_replica(digests.wanting, day, above, PAGE)
        except Unavailable as error:
            log.warning("the replica does not answer", detail=error.detail)
    return await ims.db(digests.wanting, day, above, PAGE)


async def _one(ims: Context, account_id: int, day: date, skipped: list[int], last: bool) -> None:
    """One account's fault must not keep the others from theirs; its claim ends by itself, and it is put on the list."""
    try:
        account = await ims.accounts.by_id(account_id)
        if account is not None and account.enabled:
            await delivery.send(ims, account, day, last=last)
    except Unavailable as error:
        skipped.append(account_id)
        log.warning("a digest waits for the next tick", account_id=account_id, detail=error.detail)
    except Exception:
        skipped.append(account_id)
        log.exception("cannot send a digest", account_id=account_id)


async def _give_up(ims: Context, day: date) -> None:
    """What earlier mornings could not deliver, and what died with its process, is not sent any more."""
    for account_id, missed, error in await ims.db(digests.give_up, day, ims.now_ms()):
        delivery.SENT.labels("any", "given_up").inc()
        log.error("digest given up", account_id=account_id, day=missed.isoformat(), error=error)
