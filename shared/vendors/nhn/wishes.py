"""NHN's webhook UNSUBSCRIBE {recipientNo, unsubscribeNo, createdDateTime}: somebody has called an 080 number.

Read here whichever product's adapter got the webhook. Times are Korean; one that cannot be believed is the arrival's.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import orjson

from shared.domain import phone
from shared.vendors.base import Wish
from shared.vendors.reading import moment, text

EVENT = "UNSUBSCRIBE"


def read(body: bytes, now_ms: int, zone: tzinfo) -> tuple[list[Wish], list[bytes]]:
    """The wishes of a webhook, and its unreadable parts; nothing of other events."""
    event = orjson.loads(body)
    hooks = event.get("hooks") if isinstance(event, dict) and event.get("event") == EVENT else None
    if not isinstance(hooks, list):
        return [], []
    found: list[Wish] = []
    bad: list[bytes] = []
    for hook in hooks:
        wish = _wish(hook, now_ms, zone)
        if wish is None:
            bad.append(orjson.dumps({"event": EVENT, "hooks": [hook]}))
        else:
            found.append(wish)
    return found, bad


def _wish(hook: Any, now_ms: int, zone: tzinfo) -> Wish | None:
    if not isinstance(hook, dict):
        return None
    to, number = (phone.normalise(text(hook.get(name))) for name in ("recipientNo", "unsubscribeNo"))
    at = moment(hook.get("createdDateTime"), now_ms, zone).at_ms
    return Wish(to, number, now_ms if at is None else at) if to and number else None
