"""`GET /v1/callbacks/attempts`: tries of reports that failed, came late or were repeated, with what was answered."""

from __future__ import annotations

import unicodedata
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared.edge import objects
from shared.edge.callers import caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.stores import callbacks as store
from shared.stores.callbacks import Exchange, Tries

OUTCOMES = ("delivered", "failed", "exhausted", "disabled")
LATEST_MS = (1 << 62) - 1
HIDDEN = frozenset({"set-cookie", "www-authenticate", "proxy-authenticate", "authorization"})
"""Headers of an answer whose values are nobody's business."""

Json = dict[str, Any]


def outcome(text: str) -> str:
    """What became of a try."""
    if text not in OUTCOMES:
        raise ValueError(f"outcomes are: {', '.join(OUTCOMES)}")
    return text


FILTERS: dict[str, reading.Reader] = {"outcome": outcome, "since": reading.time, "until": reading.time}


async def list_attempts(request: Request, ims: Context) -> Response:
    """Tries, newest first. One that was taken at the first call within a second has no row of its own."""
    who = await caller(request, ims)
    given = objects.asked(request, "attempts", who.mark, FILTERS)
    until_ms, below = given.get("until", LATEST_MS), 0
    if given.place != objects.BOTTOM:
        until_ms, below = int.from_bytes(given.place[:8], "big"), int.from_bytes(given.place[8:], "big")
    wanted = Tries(
        who.account.account_id, given.get("since", 0), until_ms, below, given.limit + 1, given.get("outcome"), who.test
    )
    rows = await ims.searches(wanted.account_id, store.exchanges, wanted)
    return objects.page(given, rows, view, place_of)


def place_of(row: Exchange) -> bytes:
    """Behind which try a list goes on."""
    return row.at_ms.to_bytes(8, "big") + row.attempt_id.to_bytes(8, "big")


def view(row: Exchange) -> Json:
    """A try as its client sees it."""
    return {
        "webhook_id": row.webhook_id,
        "attempt": row.attempt,
        "outcome": row.outcome,
        "status": row.status,
        "error": row.error,
        "duration_ms": row.duration_ms,
        "reports": row.messages,
        "at": iso(row.at_ms),
        **answered(row.answer),
    }


def answered(answer: str | None) -> Json:
    """The headers and the body of an answer, as far as they were kept; control characters made visible."""
    if not answer:
        return {"headers": None, "body": None}
    head, _, body = answer.partition("\r\n\r\n")
    pairs = [line.partition(":") for line in head.split("\r\n")[1:] if ":" in line]
    headers = {name.strip().lower(): _shown(value.strip()) for name, _, value in pairs}
    return {"headers": {n: "…" if n in HIDDEN else v for n, v in headers.items()}, "body": _shown(body)}


def _shown(text: str) -> str:
    return "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in text)
