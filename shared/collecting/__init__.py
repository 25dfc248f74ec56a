"""Results that vendors tell only when they are asked: pulled, published, then confirmed.

A cron tick starts a run of nearly a minute. Each vendor account is pulled under a lease of its own, so replicas never
pull one twice at once, and by a task of its own, so one that is dead or slow holds no other up.

The order of effects, page by page: lease → pull → events in Kafka → the vendor's confirmation → the place is kept. When
the process dies after …
- *the lease*: another goes on when it is over (LEASE_S).
- *Kafka*: the page is pulled again; what is told twice changes nothing.
- *the confirmation*: as before; the vendor tells those results no more, and they are in Kafka.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from shared.collecting import templates
from shared.domain.errors import ImsError, Unavailable
from shared.domain.events import Event, Tick
from shared.receiving import letters, outcomes, unread
from shared.runtime import Context, logs
from shared.sending.calls import exchange
from shared.sending.tokens import refused, wallet
from shared.stores import pulls
from shared.stores.vendors import Entry
from shared.telling import tell
from shared.vendors.base import Pulled, Pulls, VendorResult, able
from shared.watch import tasks

RUN_S = 58.0
PAUSE_S = 1.0
"""Between two rounds of an account that has nothing more to tell."""
TROUBLE_S, MOST_TROUBLE_S = 2.0, 30.0
"""After a pull that failed: twice as long after each further one."""
LEASE_S = 30.0
"""Longer than a pull and its publish may take."""
REMEMBERED = 100_000
"""Results of an account that are not published again while the process remembers them: pulls overlap."""

log = logs.get(__name__)
_OWNER = os.urandom(8)
_served: set[str] = set()
"""Accounts with a task in this process: where ticks overlap, the later one leaves them to the earlier."""
_told: dict[str, dict[VendorResult, None]] = {}


async def collect(event: Tick, ims: Context) -> None:
    """Pull all accounts until the run is over, or the process drains."""
    until = time.monotonic() + RUN_S
    at_work: dict[str, asyncio.Task[None]] = {
        "templates": asyncio.create_task(templates.follow(until, ims)),
        "telling": asyncio.create_task(tell(until, ims)),
    }
    well = False
    while time.monotonic() < until and not ims.draining:
        try:
            entries = await ims.vendors.entries()
            well = True
        except Unavailable as error:
            log.warning("vendor accounts are not known", detail=error.detail)
            entries = []
        for entry in entries:
            if able(entry.adapter, Pulls) is not None and entry.name not in at_work and entry.name not in _served:
                at_work[entry.name] = asyncio.create_task(_serve(entry, until, ims))
        await asyncio.sleep(PAUSE_S)
    await asyncio.gather(*at_work.values())
    if well:
        await tasks.succeeded(ims.db, "collect", ims.now_ms())


async def _serve(entry: Entry, until: float, ims: Context) -> None:
    """Pull one account again and again."""
    _served.add(entry.name)
    trouble = TROUBLE_S
    try:
        while time.monotonic() < until and not ims.draining:
            try:
                more = await pull_once(entry, ims)
                pause, trouble = 0.0 if more else PAUSE_S, TROUBLE_S
            except ImsError as error:
                log.warning("a vendor tells no results", vendor=entry.name, error=str(error)[:200])
                pause, trouble = trouble, min(2 * trouble, MOST_TROUBLE_S)
            except Exception:  # what one vendor says must not end the others' run
                log.exception("cannot pull a vendor's results", vendor=entry.name)
                pause, trouble = trouble, min(2 * trouble, MOST_TROUBLE_S)
            await asyncio.sleep(min(pause, max(0.0, until - time.monotonic())))
    finally:
        _served.discard(entry.name)


async def pull_once(entry: Entry, ims: Context) -> bool:
    """One page of an account's results, published and confirmed; whether more waits. Raises as vendors' calls do."""
    adapter = able(entry.adapter, Pulls)
    if adapter is None:
        return False
    of = (entry.account.vendor, entry.account.account, entry.channel)
    lease = await ims.db(pulls.take, of, _OWNER, ims.now_ms(), int(LEASE_S * 1000))
    if lease is None:
        return False
    pulled = await _pull(entry, adapter, lease.cursor, ims)
    fresh = list(_not_told(entry, pulled.results))
    await ims.bus.publish(_events(entry, fresh, ims.now_ms()))
    await _confirm(entry, adapter, pulled, ims)
    await ims.db(pulls.keep, of, _OWNER, pulled.cursor)
    _remember(entry, fresh)
    return pulled.more


async def _pull(entry: Entry, adapter: Pulls, cursor: str | None, ims: Context) -> Pulled:
    timeout_s = ims.vendor_settings.vendor_timeout_seconds
    account = await wallet(ims).with_token(entry.adapter, entry.account, timeout_s)
    call = adapter.pull(account, cursor, ims.now_ms(), os.urandom(16).hex())
    answer = await exchange(ims, call, account.vendor, timeout_s)
    if refused(entry.adapter, account, answer, ims):
        raise Unavailable("the vendor wants a new token")
    return adapter.read_pull(account, replace(answer, cursor=cursor), ims.now_ms())


async def _confirm(entry: Entry, adapter: Pulls, pulled: Pulled, ims: Context) -> None:
    timeout_s = ims.vendor_settings.vendor_timeout_seconds
    account = await wallet(ims).with_token(entry.adapter, entry.account, timeout_s)
    call = adapter.confirm(account, pulled, ims.now_ms(), os.urandom(16).hex())
    if call is not None:
        answer = await exchange(ims, call, account.vendor, timeout_s)
        if answer.status >= 400:
            raise Unavailable(f"not confirmed: HTTP {answer.status}")


def _not_told(entry: Entry, results: Sequence[VendorResult]) -> Iterator[VendorResult]:
    told = _told.get(entry.name, {})
    return (result for result in results if result not in told)


def _remember(entry: Entry, results: Sequence[VendorResult]) -> None:
    told = _told.setdefault(entry.name, {})
    told.update(dict.fromkeys(results))
    while len(told) > REMEMBERED:
        del told[next(iter(told))]


def _events(entry: Entry, results: Sequence[VendorResult], now_ms: int) -> list[Event]:
    """The results on the road of receipts; what of them nobody can read is a letter."""
    return [
        *outcomes(entry, results, now_ms),
        *letters(entry.account, entry.channel, {}, unread(results), now_ms),
    ]
