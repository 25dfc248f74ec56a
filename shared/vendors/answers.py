"""What all HTTP vendors have in common: which status means what, and which result belongs to which message."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

import orjson

from shared.domain.codes import UNCERTAIN
from shared.domain.errors import Overloaded, Rejected, Unavailable, Uncertain
from shared.vendors.base import Answer, Outbound, VendorResult

ACCOUNT_REFUSED = "3004"
TOO_MANY_FILES = "4004"
"""Fails over: another vendor may carry them."""
UNREADABLE = "1009"
UNREADABLE_BY = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What reading raises where a field is missing, absurd or of another kind."""
DEFAULT_RETRY_AFTER_S, MAX_RETRY_AFTER_S = 1.0, 300.0


def check(answer: Answer) -> None:
    """Raise for a status that says it all; a 2xx and what a vendor itself refuses (other 4xx) have bodies to read.

    Not taken: 429 (slow down), 503, 413. Our account: 401, 403. May be taken: any redirect, 408 and other 5xx, for
    whoever answers so may stand before a vendor that has the message.
    """
    status = answer.status
    if 200 <= status < 300:
        return
    if status == 429:
        raise Overloaded(f"HTTP {status}", _retry_after(answer))
    if status == 503:
        raise Unavailable(f"HTTP {status}", _retry_after(answer))
    if status in (401, 403):
        raise Rejected(ACCOUNT_REFUSED, _excerpt(answer), str(status))
    if status == 413:
        raise Rejected(UNREADABLE, _excerpt(answer), str(status))
    if status < 400 or status >= 500 or status == 408:
        raise Uncertain(f"HTTP {status}")


def parsed(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer; raises as `odd` when there is none."""
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise odd(answer, "unreadable answer") from error
    if not isinstance(body, dict):
        raise odd(answer, "unexpected answer")
    return body


def odd(answer: Answer, what: str) -> Uncertain | Unavailable:
    """The error of an answer that is not the vendor's own. A 4xx refuses, be it by something before the vendor or for
    a wrong path, so nothing was taken; a 2xx leaves open what the vendor did."""
    text = f"{what}: HTTP {answer.status} {_excerpt(answer)}"
    return Unavailable(text) if answer.status >= 400 else Uncertain(text)


@contextmanager
def shaped(answer: Answer) -> Iterator[None]:
    """Reading an answer within it raises as `odd` where a field is missing or of another kind."""
    try:
        yield
    except UNREADABLE_BY as error:
        raise odd(answer, f"unexpected answer ({type(error).__name__})") from error


def listed(items: Any) -> Sequence[dict[str, Any]]:
    """The objects of a list, or of an object's values; TypeError when it is neither."""
    found = list(items.values()) if isinstance(items, dict) else items
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise TypeError("not a list of objects")
    return found


def raw_code(value: Any) -> str:
    """A vendor's code as text; empty when there is none."""
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


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


@contextmanager
def telling(answer: Answer) -> Iterator[None]:
    """Reading a look-up's answer within it raises Unavailable for whatever is not as it should be: an answer that is
    taken for "unknown" would send the message again."""
    try:
        yield
    except UNREADABLE_BY as error:
        raise Unavailable(f"unexpected answer: {_excerpt(answer)}", DEFAULT_RETRY_AFTER_S) from error


class Pending:
    """The messages of a batch that the answer has not yet mentioned."""

    def __init__(self, batch: Sequence[Outbound]) -> None:
        self._by_reference = {m.reference: m for m in batch}
        self._by_number: dict[str, deque[str]] | None = None

    def take(self, reference: Any, to: str) -> str | None:
        """The reference of the message meant: by our reference, or by its number, in order, if none is echoed."""
        if reference:
            known = isinstance(reference, str) and self._by_reference.pop(reference, None) is not None
            return str(reference) if known else None
        if self._by_number is None:
            self._by_number = {}
            for m in self._by_reference.values():
                self._by_number.setdefault(m.to.lstrip("+"), deque()).append(m.reference)
        waiting = self._by_number.get(to, deque())
        while waiting:
            if self._by_reference.pop(found := waiting.popleft(), None):
                return found
        return None

    def rest(self) -> list[str]:
        """The references that no result has named."""
        return list(self._by_reference)

    def unmentioned(self) -> list[VendorResult]:
        """The rest as results: the vendor has not said what it did with them."""
        return [VendorResult(r, "pending", UNCERTAIN, raw_text="not in the answer") for r in self.rest()]


def _retry_after(answer: Answer) -> float:
    """Seconds, given as such or as a date; at most five minutes, whatever a vendor writes."""
    written = answer.headers.get("retry-after", "")
    try:
        seconds = float(written)
    except ValueError:
        seconds = _until(written, answer.headers.get("date", ""))
    return min(max(0.0, seconds), MAX_RETRY_AFTER_S) if isfinite(seconds) else DEFAULT_RETRY_AFTER_S


def _until(date: str, now: str) -> float:
    """From the vendor's own clock to a date."""
    try:
        return (parsedate_to_datetime(date) - parsedate_to_datetime(now)).total_seconds()
    except (TypeError, ValueError):
        return DEFAULT_RETRY_AFTER_S


def _excerpt(answer: Answer) -> str:
    return answer.body[:200].decode("utf-8", "replace")
