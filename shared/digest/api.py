"""`/v1/digests/{date}`: a day's digest, and sending it once more."""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared.digest import delivery
from shared.digest.days import day_at, read_day
from shared.digest.preferences import nowhere
from shared.domain.errors import Overloaded
from shared.edge.callers import caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.runtime.problems import Problem
from shared.stores import digests
from shared.stores.accounts import Account
from shared.stores.sql import Connection

Json = dict[str, Any]


async def get_digest(request: Request, ims: Context) -> Response:
    """A day's digest, made from its counts, and how far its sending is; today's is not complete yet.

    A test key sees the counts of test keys' messages, which no digest that is sent has.
    """
    who = await caller(request, ims)
    day = _day(request, ims)
    data = await ims.db_replica(_read, who.account, day, ims.now_ms(), who.test)
    told = None if who.test else await ims.db(_delivery, who.account.account_id, day)
    return reading.answer({**data, "delivery": told})


def _read(conn: Connection, account: Account, day: date, now_ms: int, test: bool) -> Json:
    language = digests.preferences(conn, account.account_id).language
    return delivery.read(conn, account, day, language, now_ms, test)


def _delivery(conn: Connection, account_id: int, day: date) -> Json | None:
    known = digests.state(conn, account_id, day)
    if known is None:
        return None
    return {
        "state": known.state,
        "by": known.sent_by,
        "tries": known.tries,
        "error": known.error,
        "at": iso(known.updated_ms),
    }


async def send_again(request: Request, ims: Context) -> Response:
    """Send a day's digest now, whatever became of it before, and tell how that went.

    202: it is under way already; 429: this account was sent one less than 10 minutes ago.
    """
    who = await caller(request, ims)
    day = _day(request, ims)
    if day >= day_at(ims.now_ms()):
        fault = {"pointer": "/date", "code": "range", "detail": "must be a day that is over in Korea"}
        raise Problem(
            422, "This day is not over in Korea; its digest can be sent from midnight on.", [fault], kind="not-over"
        )
    missing = nowhere(await ims.db(digests.preferences, who.account.account_id), who.account)
    if missing is not None:
        raise missing
    try:
        outcome = await delivery.send(ims, who.account, day, again=True)
    except Overloaded as error:
        raise Problem(429, error.detail, retry_after=error.retry_after, kind="sent-lately") from error
    told = await ims.db(_delivery, who.account.account_id, day)
    return reading.answer({"date": day.isoformat(), "delivery": told}, 200 if outcome else 202)


def _day(request: Request, ims: Context) -> date:
    """The day in the path; what is no day, or lies ahead, has no digest."""
    day = read_day(request.path_params["date"])
    if day is None or day > day_at(ims.now_ms()):
        raise reading.not_found("digest; name a day in Korea up to today, like 2026-01-31")
    return day
