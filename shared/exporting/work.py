"""Making an export's file: slice by slice, under a lease, each part with its place in one transaction.

It runs beside the calls of the process that took the request in. Whatever happens to that process, the parts that are
there stay, and whoever next asks for an export lets his process go on with it once the lease is over.
"""

from __future__ import annotations

import asyncio
import os
import zlib
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from shared.domain.errors import Unavailable
from shared.edge.csv_out import MARK, lines
from shared.exporting.sheets import SHEETS, Slice
from shared.runtime import Context, logs
from shared.runtime.problems import Problem
from shared.stores import exports as store
from shared.stores.exports import Part, Row

LEASE_MS = 30_000
MOST_ROWS = 1_000_000
AGAIN_S = 1.0

log = logs.get(__name__)

_running: WeakKeyDictionary[Context, dict[bytes, asyncio.Task[None]]] = WeakKeyDictionary()


def go_on(ims: Context, row: Row) -> None:
    """Let this process work on an export, if nobody does."""
    mine = _running.setdefault(ims, {})
    free = row.state == store.RUNNING and row.lease_ms <= ims.now_ms()
    if free and row.export_id not in mine:
        task = mine[row.export_id] = asyncio.create_task(_work(ims, row.export_id))
        task.add_done_callback(lambda _: mine.pop(row.export_id, None))


async def _work(ims: Context, export_id: bytes) -> None:
    token = os.urandom(8)
    failed = False
    try:
        while await _step(ims, export_id, token):
            if ims.draining:
                break
    except Unavailable as error:
        log.warning("an export waits", error=error.detail)
    except Exception:
        failed = True
        log.exception("an export has failed", export_id=export_id.hex())
    finally:
        await _leave(ims, export_id, token, failed=failed)


async def _leave(ims: Context, export_id: bytes, token: bytes, *, failed: bool) -> None:
    try:
        await ims.db(store.leave, export_id, token, ims.now_ms(), failed=failed)
    except Unavailable:
        log.warning("an export is left to its lease")


async def _step(ims: Context, export_id: bytes, token: bytes) -> bool:
    """One part; whether there is more to do."""
    row = await ims.db(store.take, export_id, token, ims.now_ms(), LEASE_MS)
    if row is None:
        return False
    sheet = SHEETS[row.what]
    values, _ = sheet.values(row.filters)
    try:
        rows, place = await _read(ims, row, values)
    except Problem as busy:  # too many searches of the account, or a slow one: others go first
        if busy.status not in (429, 503):
            raise
        await asyncio.sleep(AGAIN_S)
        return True
    end = place is None or row.found + len(rows) >= MOST_ROWS
    part = _part(row, sheet.columns, rows, place)
    return await ims.db(store.add_part, row, token, part, ims.now_ms(), end=end) and not end


async def _read(ims: Context, row: Row, values: dict[str, Any]) -> Slice:
    found: Slice = await ims.searches(row.account_id, SHEETS[row.what].read, row, values)
    return found


def _part(row: Row, columns: Sequence[str], rows: list[Sequence[Any]], place: bytes | None) -> Part:
    head = MARK + lines([columns]) if row.parts == 0 else ""
    text = (head + lines(rows)).encode()
    return Part(zlib.compress(text, 6), len(rows), len(text), place)
