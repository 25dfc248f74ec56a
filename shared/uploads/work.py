"""What the function `upload` does at each tick of the clock: check files that came, send those that are to be sent.

A cron tick starts a run of nearly a minute. Each file is worked on by one process at a time, under a lease that every
step renews; what a step writes counts only while the lease is its own (shared/stores/uploads.py), so a process that was
away for longer changes nothing.
"""

from __future__ import annotations

import asyncio
import os
import time

from shared.channels.common import channel
from shared.domain.errors import Unavailable
from shared.domain.events import Tick
from shared.runtime import Context, logs
from shared.stores import uploads as store
from shared.stores.uploads import Lost, Upload
from shared.stores.vendors import offers_of
from shared.uploads.checking import Check
from shared.uploads.reading import Unreadable
from shared.uploads.rules import Rules
from shared.uploads.sending import Sender, Stop
from shared.watch import tasks

RUN_S = 61.0
"""A little over a minute, so that ticks overlap."""
PAUSE_S = 0.5
LEASE_MS = 30_000
AT_ONCE = 3
TROUBLE_S = 1.0

log = logs.get(__name__)
_OWNER = os.urandom(8)
_served: set[bytes] = set()
"""Files with a task in this process: where ticks overlap, the later one leaves them to the earlier."""


async def upload(event: Tick, ims: Context) -> None:
    """Work on files until the run is over, or the process drains."""
    until, at_work, well = time.monotonic() + RUN_S, set[asyncio.Task[None]](), False
    while time.monotonic() < until and not ims.draining:
        at_work = {task for task in at_work if not task.done()}
        try:
            found = await ims.db(store.waiting, ims.now_ms(), 4 * AT_ONCE)
            well = True
        except Unavailable as error:
            log.warning("bulk files wait", detail=error.detail)
            found = []
        for upload_id in found:
            if len(_served) < AT_ONCE and upload_id not in _served:
                _served.add(upload_id)
                at_work.add(asyncio.create_task(_serve(upload_id, until, ims)))
        await asyncio.sleep(PAUSE_S)
    await asyncio.gather(*at_work)
    if well:
        await tasks.succeeded(ims.db, "upload", ims.now_ms())


async def _serve(upload_id: bytes, until: float, ims: Context) -> None:
    """Work on a file until nothing is left to do, or the run is over."""
    try:
        row = await ims.db(store.take, upload_id, _OWNER, ims.now_ms(), LEASE_MS)
        if row is not None:
            await (check if row.state == store.CHECKING else send)(row, until, ims, _OWNER)
    except Lost:
        return
    except Unavailable as error:
        log.warning("a bulk file waits", upload=upload_id.hex(), detail=error.detail)
        await asyncio.sleep(TROUBLE_S)
    except Exception:  # one file's trouble must not end the others' run
        log.exception("cannot work on a bulk file", upload=upload_id.hex())
        await asyncio.sleep(TROUBLE_S)
    finally:
        _served.discard(upload_id)
        await _leave(upload_id, ims)


async def _leave(upload_id: bytes, ims: Context) -> None:
    try:
        await ims.db(store.leave, upload_id, _OWNER)
    except Unavailable as error:
        log.warning("a lease stays", detail=error.detail)


async def check(row: Upload, until: float, ims: Context, owner: bytes) -> None:
    """Check a file from where its check has come to."""
    account = await ims.accounts.by_id(row.account_id)
    if account is None:
        return
    offers = offers_of(await ims.vendors.entries())(ims.now_ms())
    content = row.settings.get("content")
    rules = Rules(account, channel(row.channel), row.lane, content, row.test, ims.now_ms(), offers)
    work = Check(row, rules)
    try:
        await ims.db(work.open)
        while time.monotonic() < until and not ims.draining:
            block = await ims.db(work.block)
            values = dict(block.values)
            if block.ended:
                values |= {"state": store.CHECKED, "why": None, "updated_ms": ims.now_ms()}
            await ims.db(store.add_part, row, owner, ims.now_ms() + LEASE_MS, block.part, values)
            if block.ended:
                return
    except Unreadable as error:
        now = ims.now_ms()
        values = {"state": store.FAILED, "why": str(error)[:1000], "updated_ms": now, "ended_ms": now}
        await ims.db(store.note, row, owner, 0, values)


async def send(row: Upload, until: float, ims: Context, owner: bytes) -> None:
    """Send a checked file from where its sending has come to."""
    sender = Sender(ims, row, owner, LEASE_MS)
    try:
        while time.monotonic() < until and not ims.draining:
            if not await sender.step():
                now = ims.now_ms()
                values = {"state": store.DONE, "updated_ms": now, "ended_ms": now, "erase_ms": now + store.KEEP_MS}
                await ims.db(store.note, row, owner, 0, values)
                return
    except Stop as stop:
        values = {"state": store.PAUSED, "why": str(stop)[:1000], "updated_ms": ims.now_ms()}
        await ims.db(store.note, row, owner, 0, values)
