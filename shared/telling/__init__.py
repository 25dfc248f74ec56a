"""What clients are told beside reports: addresses that became bad, limits that are nearly used up.

`collect` runs this beside its pulls. A notice is a row, written in the transaction that knows of it; here it is called
out, signed like a report, under the same id on every try, on the schedule of reports. When the process dies after …
- *take*: the row is due again when its lease is over.
- *the call*: it is told again, with the same webhook-id.
"""

from __future__ import annotations

import asyncio
import time

import orjson

from shared.domain.errors import Unavailable
from shared.domain.retry import next_report_due
from shared.reports.callback import signature, signing, user_agent
from shared.runtime import Context, logs
from shared.runtime.clock import iso
from shared.runtime.settings import ReportSettings, load
from shared.stores import notices as store
from shared.stores.accounts import Account
from shared.stores.notices import Notice
from shared.telling import alerts

AT_ONCE = 50
LEASE_MS = 30_000
PAUSE_S = 2.0
GONE = 410

log = logs.get(__name__)


async def tell(until: float, ims: Context) -> None:
    """Tell what is due until the run is over, or the process drains."""
    while time.monotonic() < until and not ims.draining:
        try:
            await alerts.look(ims)
            more = await tell_once(ims)
        except Unavailable as error:
            log.warning("nothing can be told beside reports", detail=error.detail)
            more = False
        except Exception:
            log.exception("cannot tell what is due")
            more = False
        if not more:
            await asyncio.sleep(min(PAUSE_S, max(0.0, until - time.monotonic())))


async def tell_once(ims: Context) -> bool:
    """One batch; whether there may be more."""
    due = await ims.db(store.take, ims.now_ms(), LEASE_MS, AT_ONCE)
    await asyncio.gather(*(_tell(ims, notice) for notice in due))
    return len(due) == AT_ONCE


async def _tell(ims: Context, notice: Notice) -> None:
    account = await ims.accounts.by_id(notice.account_id)
    if account is None or account.callback_uri is None or not account.callback_enabled:
        await ims.db(store.settle, notice, store.GIVEN_UP, 0)
        return
    body, headers = message(account, notice, ims.now_ms())
    answer = await ims.egress.post(account.callback_uri, body, headers)
    if answer.status is not None and 200 <= answer.status < 300:
        await ims.db(store.settle, notice, store.TOLD, 0)
        return
    unit_s = load(ReportSettings).retry_unit_seconds
    due_ms = None if answer.status == GONE else next_report_due(notice.tries + 1, ims.now_ms(), unit_s)
    log.info("a client was not told", type=notice.type, account_id=notice.account_id, status=answer.status)
    await ims.db(store.settle, notice, store.GIVEN_UP if due_ms is None else store.WAITING, due_ms or 0)


def message(account: Account, notice: Notice, now_ms: int) -> tuple[bytes, list[tuple[str, str]]]:
    """Body and headers of one try."""
    body = orjson.dumps({"type": notice.type, "timestamp": iso(notice.created_ms), "data": notice.data})
    name, stamp = f"evt_{notice.notice_id.hex()}", now_ms // 1000
    headers = [
        ("content-type", "application/json"),
        ("user-agent", user_agent()),
        ("webhook-id", name),
        ("webhook-timestamp", str(stamp)),
        ("ims-attempt", str(notice.tries + 1)),
    ]
    holding = signing(account, now_ms)
    if holding:
        headers.append(("webhook-signature", signature(holding, name, stamp, body)))
    return body, headers
