"""Sends one digest: claim, make, send, settle. A tick and `POST /v1/digests/{date}/send` come through here.

| dies after … | the next try finds … |
|---|---|
| claim | `sending`; once the lease is over it is taken again |
| the call or mail, before its end was noted | the same: it is sent again, with the same webhook-id or Message-ID |
| settle | the end |

No call and no mail is begun that could outlast the lease, so two are never under way at once.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from shared.digest import content, hook, mail, smtp
from shared.digest.days import bounds
from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.reports.callback import signing
from shared.runtime import Context, logs, metrics
from shared.runtime.scope import Threads
from shared.runtime.settings import DigestSettings, MailSettings, load
from shared.stores import digests
from shared.stores.accounts import Account
from shared.stores.digests import Claim, Preferences
from shared.stores.sql import Connection

GONE = 410
BEGIN_WITHIN = 0.3
"""The part of the lease within which a call or a mail's text must have been begun; the answers need the rest."""

SENT = metrics.counter("ims_digests_total", "Tries to send daily digests, by way and outcome", ["way", "outcome"])

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`state` is sent, failed, uncertain (nobody knows whether it arrived) or given_up (the same again is useless)."""

    state: str
    error: str | None = None


TOO_SLOW = Outcome("failed", "too slow to be begun within its lease")


async def send(ims: Context, account: Account, day: date, *, again: bool = False, last: bool = False) -> Outcome | None:
    """One try; None when the digest has ended or is in somebody's hands. `last`: no other tick comes."""
    lease_ms = ims.now_ms() + round(load(DigestSettings).digest_lease_seconds * 1000)
    wanted = Claim(account.account_id, day, os.urandom(8), 0, lease_ms)
    began = time.monotonic()
    held = await ims.db(digests.claim, wanted, ims.now_ms(), again)
    if held is None:
        return None
    chosen, data = await ims.db(_made, account, day, ims.now_ms())
    until = began + load(DigestSettings).digest_lease_seconds * BEGIN_WITHIN
    outcome = TOO_SLOW
    if time.monotonic() < until:
        outcome = await _SENDERS[chosen.send_by](ims, account, chosen, data, held, until)
    if last and outcome.state in digests.OPEN:
        outcome = Outcome("given_up", outcome.error)
    await _settle(ims, held, chosen.send_by, outcome)
    return outcome


def _made(conn: Connection, account: Account, day: date, now_ms: int) -> tuple[Preferences, content.Json]:
    """What goes out is read from the primary: some rows of truth, even when the replica is behind."""
    chosen = digests.preferences(conn, account.account_id)
    return chosen, read(conn, account, day, chosen.language, now_ms)


def read(conn: Connection, account: Account, day: date, language: str, now_ms: int, test: bool = False) -> content.Json:
    """A day's digest, made from its counts; `test`: of the messages of test keys, which is never sent."""
    rows = digests.rows(conn, account.account_id, day, test)
    samples = digests.samples(conn, account.account_id, content.sample_ids(rows))
    whole = content.Day(account.username, day, bounds(day)[1] <= now_ms, language)
    return content.digest(whole, rows, samples)


def callback_of(chosen: Preferences, account: Account) -> str | None:
    """Where digests by callback go: to their own address, else to the account's callback while that is switched on."""
    return chosen.callback_uri or (account.callback_uri if account.callback_enabled else None)


async def _settle(ims: Context, held: Claim, way: str, outcome: Outcome) -> None:
    SENT.labels(way, outcome.state).inc()
    kept = await ims.db(digests.settle, held, outcome.state, way, outcome.error, ims.now_ms())
    facts = {"account_id": held.account_id, "day": held.day.isoformat(), "way": way, "tries": held.tries}
    if not kept:
        log.warning("another try of this digest decides", **facts)
    elif outcome.state == "given_up":
        log.error("digest given up", **facts, error=outcome.error)
    else:
        log.info("digest", **facts, state=outcome.state, error=outcome.error)


async def _by_callback(
    ims: Context, account: Account, chosen: Preferences, data: content.Json, held: Claim, _: float
) -> Outcome:
    uri = callback_of(chosen, account)
    if uri is None:
        return Outcome("failed", "no callback is set, or callbacks are switched off")
    body = hook.body(data)
    name = hook.webhook_id(account.account_id, held.day)
    now_ms = ims.now_ms()
    headers = hook.headers(name, held.tries, signing(account, now_ms), now_ms, body)
    answer = await ims.egress.post(uri, body, headers)
    if answer.status is None:
        return Outcome("uncertain", answer.error)
    if 200 <= answer.status < 300:
        return Outcome("sent")
    return Outcome("given_up" if answer.status == GONE else "failed", f"HTTP {answer.status}")


async def _by_email(
    ims: Context, account: Account, chosen: Preferences, data: content.Json, held: Claim, until: float
) -> Outcome:
    settings, own = load(MailSettings), load(DigestSettings)
    if chosen.email is None or not settings.smtp_host:
        return Outcome("failed", "no address is set" if chosen.email is None else "this installation sends no mail")
    name = hook.webhook_id(account.account_id, held.day)
    letter = mail.message(data, chosen.language, chosen.email, settings.smtp_from, name, own.gateway_url, ims.now_ms())
    try:
        await asyncio.get_running_loop().run_in_executor(_threads(), smtp.send, settings, letter, chosen.email, until)
    except Rejected as error:
        return Outcome("given_up", error.detail)
    except Unavailable as error:
        return Outcome("failed", error.detail)
    except Uncertain as error:
        return Outcome("uncertain", str(error))
    return Outcome("sent")


@lru_cache(maxsize=1)
def _threads() -> Threads:
    """A thread for each digest that may be under way, so that no claim waits for one."""
    return Threads(load(DigestSettings).digest_parallel, thread_name_prefix="mail")


_SENDERS = {"callback": _by_callback, "email": _by_email}
