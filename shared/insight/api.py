"""`/v1/stats` and `/v1/admin/stats`: what became of the messages of a time, by what one asks for."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault
from shared.edge.callers import caller, operator
from shared.following import reading
from shared.insight import windows
from shared.insight.windows import DIMENSIONS, HOUR_MS, MINUTE_MS
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.runtime.problems import Problem
from shared.stores import keys

DAY_MS = 86_400_000
STEPS = {"minute": MINUTE_MS, "hour": HOUR_MS, "day": DAY_MS}
TIME_ZONE, ZONE_MS = "Asia/Seoul", 9 * HOUR_MS
MOST_STEPS = 1000
LATER_S = 3600
"""Somebody has to set up a server first."""

Json = dict[str, Any]


def _by(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if unknown := [name for name in names if name not in DIMENSIONS]:
        raise ValueError(f"{unknown[0][:30]} is none of: {', '.join(DIMENSIONS)}")
    return names


def _step(text: str) -> str:
    if text not in STEPS:
        raise ValueError(f"steps are: {', '.join(STEPS)}")
    return text


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


READERS: dict[str, reading.Reader] = {"by": _by, "step": _step, "since": reading.time, "until": reading.time}


async def own(request: Request, ims: Context) -> Response:
    """Messages of the account by the time of their acceptance; a test key sees those of test keys."""
    who = await caller(request, ims)
    given = reading.query(request, READERS)
    return await _answer(ims, who.account.account_id, who.test, given)


async def of_any(request: Request, ims: Context) -> Response:
    """The same of any account, named by `username`; `test=true`: of its test keys."""
    await operator(request, ims)
    given = reading.query(request, {**READERS, "username": str, "test": _flag})
    if "username" not in given:
        raise reading.invalid([Fault("/username", "required", "the account")])
    account_id = await ims.db(keys.account_of, given.pop("username"))
    if account_id is None:
        raise reading.not_found("account")
    return await _answer(ims, account_id, given.pop("test", False), given)


async def _answer(ims: Context, account_id: int, test: bool, given: Json) -> Response:
    if not ims.insight.there:
        told = "This installation keeps no statistics (IMS_MONGODB_URL)."
        raise Problem(503, told, kind="no-statistics", retry_after=LATER_S)
    step, by = given.get("step", "hour"), given.get("by", ())
    size, now = STEPS[step], ims.now_ms()
    until = given.get("until", now)
    since = given.get("since", until - DAY_MS)
    begin, end = _floor(since, size), _floor(until - 1, size) + size
    if since >= until:
        raise reading.invalid([Fault("/since", "conflict", "must be before `until`")])
    if (end - begin) // size > MOST_STEPS:
        raise reading.invalid([Fault("/since", "range", f"at most {MOST_STEPS} steps; take a larger `step`")])
    found = await ims.insight(ims.insight.read, account_id, begin, end, step != "minute")
    items = [item for at in range(begin, end, size) for item in _items(at, size, found, by, test)]
    shown = {"items": items, "step": step, "by": list(by), "since": iso(begin), "until": iso(end)}
    return reading.answer({**shown, "complete": end <= now, "time_zone": TIME_ZONE, "currency": "KRW"})


def _floor(ms: int, size: int) -> int:
    """The beginning of the step in which a moment lies; days are Korea's."""
    zone = ZONE_MS if size == DAY_MS else 0
    return (ms + zone) // size * size - zone


def _items(at: int, size: int, found: dict[int, list[Json]], by: tuple[str, ...], test: bool) -> list[Json]:
    """The items of one step: one for each combination that there was, or an empty one."""
    width = min(size, HOUR_MS)
    inside = [row for begin in range(at, at + size, width) for row in found.get(begin, ()) if row["t"] is test]
    groups: dict[tuple[str, ...], list[Json]] = {}
    for row in inside:
        groups.setdefault(tuple(row[DIMENSIONS[name]] for name in by), []).append(row)
    if not groups:
        return [{"at": iso(at), **dict.fromkeys(by), **windows.counted([])}]
    return [
        {"at": iso(at), **{n: v or None for n, v in zip(by, key, strict=True)}, **windows.counted(rows)}
        for key, rows in sorted(groups.items())
    ]
