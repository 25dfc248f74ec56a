"""What is said of hops: the results of one, and the events that carry them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.domain.cutting import RAW_CODE, RAW_TEXT, cut
from shared.domain.events import MAX_MESSAGES, Dispatch, Event, Outcome, Poll, Result, Send, SendPart
from shared.runtime import Context
from shared.stores.claims import HopKey


def key_of(send: Send) -> HopKey:
    """The hop of a message that is to be sent."""
    return bytes.fromhex(send.id), send.hop


def timeout_of(ims: Context, lane: str) -> float:
    """How long a vendor may take to answer, in seconds."""
    settings = ims.vendor_settings
    return settings.vendor_timeout_auth_seconds if lane == "auth" else settings.vendor_timeout_seconds


def result_of(
    key: HopKey, state: Any, code: str, part: SendPart | None, now: int, raw: str | None = None, text: str | None = None
) -> Result:
    """One result, said now."""
    account_id = part.account_id if part is not None else 0
    return Result(
        id=key[0].hex(),
        hop=key[1],
        state=state,
        code=code,
        raw_code=cut(raw, RAW_CODE) or None,
        raw_text=cut(text, RAW_TEXT) or None,
        at=now,
        account_id=account_id,
    )


def outcomes(event: Dispatch | Poll, via: Any, attempt: int, results: Sequence[Result]) -> list[Event]:
    """The results as events for route."""
    return [
        Outcome(
            lane=event.lane,
            channel=event.channel,
            vendor=event.vendor,
            account=event.account,
            via=via,
            attempt=attempt,
            results=list(results[i : i + MAX_MESSAGES]),
        )
        for i in range(0, len(results), MAX_MESSAGES)
    ]
