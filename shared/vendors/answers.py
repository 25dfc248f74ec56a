"""What all HTTP vendors have in common: which status means what, and which result belongs to which message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from shared.domain.codes import UNCERTAIN
from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.vendors.base import Answer, Outbound, VendorResult

ACCOUNT_REFUSED = "3004"
TOO_MANY_FILES = "4004"
"""Fails over: another vendor may carry them."""
DEFAULT_RETRY_AFTER_S = 1.0


def check(answer: Answer) -> None:
    """Raise for a status that says it all: 429/503 not accepted, other 5xx and 408 unknown, 401/403 our account."""
    status = answer.status
    if status < 400:
        return
    if status in (429, 503):
        raise Unavailable(f"HTTP {status}", _retry_after(answer))
    if status >= 500 or status == 408:
        raise Uncertain(f"HTTP {status}")
    if status in (401, 403):
        raise Rejected(ACCOUNT_REFUSED, _excerpt(answer), str(status))


def parsed(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer; one that cannot be read leaves open what the vendor did."""
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise Uncertain(f"unreadable answer: {_excerpt(answer)}") from error
    if not isinstance(body, dict):
        raise Uncertain(f"unexpected answer: {_excerpt(answer)}")
    return body


def images(outbound: Outbound, limit: int) -> Sequence[bytes]:
    """The images of an mms. Raises Rejected when the vendor could not carry them all: none is left out silently."""
    if len(outbound.files) > limit:
        raise Rejected(TOO_MANY_FILES, f"at most {limit} image(s) at this vendor")
    return outbound.files


def asked(answer: Answer) -> dict[str, Any]:
    """The JSON object of a look-up's answer; Unavailable when it says nothing, since asking again is harmless."""
    try:
        check(answer)
        return parsed(answer)
    except (Uncertain, Rejected) as error:
        raise Unavailable(str(error), DEFAULT_RETRY_AFTER_S) from error


class Pending:
    """The messages of a batch that the answer has not yet mentioned."""

    def __init__(self, batch: Sequence[Outbound]) -> None:
        self._by_reference = {m.reference: m for m in batch}
        self._by_number: dict[str, list[str]] | None = None

    def take(self, reference: str | None, to: str) -> str | None:
        """The reference of the message meant: by our reference, or by its number, in order, if none is echoed."""
        if reference:
            return reference if self._by_reference.pop(reference, None) else None
        if self._by_number is None:
            self._by_number = {}
            for m in self._by_reference.values():
                self._by_number.setdefault(m.to.lstrip("+"), []).append(m.reference)
        waiting = self._by_number.get(to, [])
        while waiting:
            if self._by_reference.pop(found := waiting.pop(0), None):
                return found
        return None

    def rest(self) -> list[str]:
        """The references that no result has named."""
        return list(self._by_reference)

    def unmentioned(self) -> list[VendorResult]:
        """The rest as results: the vendor has not said what it did with them."""
        return [VendorResult(r, "pending", UNCERTAIN, raw_text="not in the answer") for r in self.rest()]


def _retry_after(answer: Answer) -> float:
    try:
        return max(0.0, float(answer.headers.get("retry-after", DEFAULT_RETRY_AFTER_S)))
    except ValueError:
        return DEFAULT_RETRY_AFTER_S


def _excerpt(answer: Answer) -> str:
    return answer.body[:200].decode("utf-8", "replace")
