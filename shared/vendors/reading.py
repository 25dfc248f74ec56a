"""Reading what vendors write: every field may be missing, absurd or of another type, and every item stands alone.

Codes, texts and references of other types become text that shows it, and what is too long is cut with a mark. A time
that cannot be believed counts for none, so that the time of arrival stands for it; the text notes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import orjson

from shared.domain.cutting import RAW_CODE, RAW_TEXT, VENDOR_REF, cut, cut_name
from shared.domain.moments import believable
from shared.vendors.base import VendorResult

SHOWN_TIME = 40
"""Characters of a time that cannot be believed."""
MS_FROM = 100_000_000_000
"""From here on a number is a time in ms, below it in s."""


class Moment(NamedTuple):
    """When something happened at the vendor (Unix ms, None: nobody knows), and what is odd about it."""

    at_ms: int | None
    note: str = ""


UNKNOWN = Moment(None)


def text(value: Any) -> str:
    """A field as text: a string as it is, nothing as "", all else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return orjson.dumps(value).decode()
    except (TypeError, ValueError, RecursionError):  # nested too deeply, or a number that is too large
        return f"({type(value).__name__} that cannot be shown)"


def reference(value: Any) -> str:
    """Our reference as the vendor echoes it; nothing that is no string can be one."""
    return value if isinstance(value, str) else ""


def dig(item: Any, *names: str) -> Any:
    """A field within objects; None where one of them is no object or lacks it."""
    for name in names:
        if not isinstance(item, dict):
            return None
        item = item.get(name)
    return item


def moment(written: Any, now_ms: int, zone: tzinfo = UTC) -> Moment:
    """A time as ISO 8601 text (in `zone` where it says none) or as Unix s or ms.

    `now_ms` is our own clock; 0 where it is not known, and then nothing is too late.
    """
    if written is None or written == "":
        return UNKNOWN
    at_ms = _milliseconds(written, zone) if isinstance(written, str) else _number(written)
    if at_ms is not None and believable(at_ms, now_ms):
        return Moment(round(at_ms))
    return Moment(None, f"time not believed: {cut(text(written), SHOWN_TIME)}")


@lru_cache(maxsize=4096)
def _milliseconds(written: str, zone: tzinfo) -> float | None:
    try:
        at = datetime.fromisoformat(written.strip())
        return (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp() * 1000
    except (ValueError, OverflowError):
        return _number(float(written)) if written.isascii() and written.isdigit() and len(written) < 20 else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if value >= MS_FROM else value * 1000


def result(
    ours: str,
    state: Literal["sent", "delivered", "failed", "pending"],
    code: str,
    raw: str = "",
    said: Any = "",
    vendor_ref: str = "",
    at: Moment = UNKNOWN,
) -> VendorResult:
    """A result whose texts fit; `said` is the vendor's text, whatever it is, and what is odd about `at` is added."""
    note = f" [{at.note}]" if at.note else ""
    words = cut(text(said), RAW_TEXT - len(note)) + note
    return VendorResult(
        ours, state, code, cut(raw, RAW_CODE), words.strip(), cut_name(vendor_ref, VENDOR_REF), at.at_ms
    )


def refused(raw: Any, said: Any) -> str:
    """A vendor's code and words as the text of an error."""
    return cut(f"{text(raw)} {text(said)}", RAW_TEXT)


def joined(*parts: Any) -> str:
    """A vendor reference of several fields; empty when one of them is missing."""
    written = [text(part) for part in parts]
    return ":".join(written) if all(written) else ""


def each(
    items: Iterable[Any], read: Callable[[Any], VendorResult | None], alone: Callable[[Any], Any]
) -> list[VendorResult]:
    """What `read` makes of each item of a webhook or a pulled list; None says nothing.

    An item that it cannot bear is `unread`, kept as `alone(item)`: a webhook with nothing else in it. Raises ValueError
    when that holds for every item.
    """
    found: list[VendorResult] = []
    total = bad = 0
    for item in items:
        total += 1
        try:
            one = read(item)
        except Exception as error:
            bad, last = bad + 1, error
            one = VendorResult("", "unread", "", raw_text=text(alone(item)))
        if one is not None:
            found.append(one)
    if bad and bad == total:
        raise ValueError(f"nothing in it can be read: {last!r}"[:200]) from last
    return found


def objects(items: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list, or of an object's values; what else is in it is passed over. TypeError for neither."""
    found = list(items.values()) if isinstance(items, dict) else items
    if not isinstance(found, list):
        raise TypeError("not a list of objects")
    return (item for item in found if isinstance(item, dict))
