"""What stays of a request's plan when the content of its messages is removed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

KEPT = frozenset(
    {
        "type",
        "sender",
        "sender_key",
        "template_code",
        "from",
        "app",
        "brand_id",
        "chatbot_id",
        "format",
        "international",
    }
)
"""Who sent and in which form; all else is content, whatever channel it belongs to."""


def without_content(hops: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A plan (events.PlanHop as plain dicts) with nothing of its messages' content."""
    return [{**hop, "content": {k: v for k, v in hop["content"].items() if k in KEPT}} for hop in hops]
