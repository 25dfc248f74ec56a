"""What operators' handlers share: the reason of a stop, its end, dry runs, and how a stop is shown."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request

from shared.channels.common import Fault
from shared.channels.schema import Content
from shared.following import reading
from shared.runtime.clock import iso
from shared.stores.stops import Stop

Json = dict[str, Any]
DRY = ("dry_run",)
MINUTE_MS = 60_000
DAY_MINUTES, WEEK_MINUTES = 1440, 10_080
Reason = Annotated[str, Field(min_length=1, max_length=255)]


class Because(Content):
    """Why somebody does it."""

    reason: Reason


def flag(text: str) -> bool:
    """true or false."""
    if text not in ("true", "false"):
        raise ValueError("is true or false")
    return text == "true"


def dry(request: Request) -> bool:
    """Whether only the effect is asked for (`?dry_run=true`)."""
    return bool(reading.query(request, {"dry_run": flag}).get("dry_run"))


def said(reason: str) -> list[Fault]:
    """A reason of blanks is none."""
    return [] if reason.strip() else [Fault("/reason", "required", "why; whoever meets it later must know")]


def stop_view(stop: Stop) -> Json:
    """A stop as it is shown."""
    return {
        "kind": stop.kind,
        "object": stop.object,
        "reason": stop.reason,
        "by": stop.by_name,
        "details": stop.details or None,
        "since": iso(stop.since_ms),
        "until": iso(stop.until_ms),
    }
