"""The digest as a callback, signed like a report (Standard Webhooks). Pure.

The body is made of a day's final counts, so it is the same on every try, under the same webhook-id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any

import orjson

from shared.reports import callback

TYPE = "digest.daily"


def webhook_id(account_id: int, day: date) -> str:
    """A digest's own id: of its account and day, so the same on every try; mails have it as their Message-ID."""
    return f"digest_{hashlib.sha256(f'{account_id} {day.isoformat()}'.encode()).hexdigest()[:32]}"


def body(data: dict[str, Any]) -> bytes:
    """The request's body; its timestamp is the end of the day."""
    return orjson.dumps({"type": TYPE, "timestamp": data["until"], "data": data})


def headers(name: str, tries: int, secrets: Sequence[str], now_ms: int, content: bytes) -> list[tuple[str, str]]:
    """The headers of a try, signed anew."""
    stamp = now_ms // 1000
    out = [
        ("content-type", "application/json"),
        ("user-agent", callback.user_agent()),
        ("webhook-id", name),
        ("webhook-timestamp", str(stamp)),
        ("ims-attempt", str(tries)),
    ]
    if secrets:
        out.append(("webhook-signature", callback.signature(secrets, name, stamp, content)))
    return out
