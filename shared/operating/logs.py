"""`/v1/admin/logs`: errors of all functions, grouped into signatures; new ones are what an operator looks at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared.edge.callers import operator
from shared.following import reading
from shared.operating.common import Json
from shared.operating.functions import PROCESSES
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.runtime.problems import Problem
from shared.runtime.redis import away
from shared.runtime.troubles import LOGS

SHOWN = 200
NEW_MS = 600_000
"""So long after its first time a signature is new: its alarm fires for as long, and once."""


async def known(redis: Any, now_ms: int, since_ms: int = 0) -> list[Json]:
    """Signatures with something since then, the latest first."""
    names = await redis.zrevrangebyscore(LOGS, now_ms + NEW_MS, since_ms, start=0, num=SHOWN)
    found = []
    for name in names:
        kept = await redis.hgetall(f"log:{name.decode()}")
        if kept:
            found.append(_view(name.decode(), kept, now_ms))
    return found


def _view(name: str, kept: Mapping[bytes, bytes], now_ms: int) -> Json:
    text = {key.decode(): value.decode("utf-8", "replace") for key, value in kept.items()}
    first_ms = int(text.get("first_ms", 0))
    return {
        "id": name,
        "function": text.get("function", ""),
        "module": text.get("module", ""),
        "event": text.get("event", ""),
        "error": text.get("error") or None,
        "count": int(text.get("count", 0)),
        "new": now_ms - first_ms < NEW_MS,
        "first": iso(first_ms),
        "last": iso(int(text.get("last_ms", 0))),
        "version": text.get("version", ""),
        "sample": text.get("sample", ""),
    }


async def list_all(request: Request, ims: Context) -> Response:
    """Errors of all functions' logs as signatures, the latest first: count, first and last time, and one sample, in
    which numbers of people and secrets are hidden. `new`: seen first within ten minutes."""
    await operator(request, ims)
    wanted = reading.query(request, {"function": _function, "new": _yes})
    try:
        found = await known(ims.redis.state, ims.now_ms())
    except away() as error:
        raise Problem(503, "Redis does not answer, and signatures lie there.", retry_after=5) from error
    function, new = wanted.get("function"), wanted.get("new", False)
    items = [one for one in found if one["function"] == (function or one["function"]) and (one["new"] or not new)]
    return reading.answer({"items": items, "next": None})


def _function(text: str) -> str:
    if text not in PROCESSES:
        raise ValueError(f"functions are: {', '.join(PROCESSES)}")
    return text


def _yes(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("is true or false")
    return text == "true"
