"""What NHN tells of texts to foreign numbers (SMS v3.0, webhook).

Result code 1000 only means that the foreign carrier has taken the text. What became of it comes later, by its own
webhook, INTERNATIONAL_DELIVERY_RECEIPT: it names the message by NHN's reference alone.
"""

from __future__ import annotations

from typing import Any

from shared.vendors.answers import raw_code
from shared.vendors.base import VendorResult
from shared.vendors.reading import UNKNOWN, Moment, dig, joined, reference, result, text
from shared.vendors.tables import codes, meaning

RECEIPT_EVENT = "INTERNATIONAL_DELIVERY_RECEIPT"
TAKEN = "1000"
KOREA = "82"

CODES = codes("""
    EXPIRED   4008  the foreign carrier gave up in the end
    FAILED    3003  the foreign carrier could not deliver and gave no cause
    REJECTED  3003  the foreign carrier refused and gave no cause
    DLR1      3003  unknown error abroad
    DLR2      4002  the handset abroad is away for now
    DLR3      4001  no such subscriber abroad
    DLR4      4005  barred by the recipient abroad
    DLR5      3003  number portability error abroad
    DLR6      4006  spam filter abroad
    DLR7      4003  the handset abroad is busy
    DLR8      4002  network error abroad
    DLR9      1007  the recipient abroad has opted out
    DLR11     3003  no route abroad
    DLR12     3003  no route abroad
    DLR13     4005  age restriction abroad
    DLR14     4005  barred by the carrier abroad
    DLR16     1006  quota used up abroad
    DLR20     4006  stopped by the guard against traffic pumping
    DLR21     4006  stopped by the guard against traffic pumping
    DLR22     4006  stopped by the guard against traffic pumping
    DLR39     1004  the sender number is not registered in the US
    DLR51     1004  the sender number is not registered in the US
    DLR53     1007  no consent of the recipient abroad
    DLR54     3003  against the country's rules
    DLR99     3003  other error abroad
    DLR1000   3003  other error abroad
""")
"""The words of `dlrStatus`, and `errorCode` with DLR before it: its numbers mean other things than result codes do."""

ENDS = frozenset({"EXPIRED", "FAILED", "REJECTED"})
"""ACCEPTED, BUFFERED and UNKNOWN end nothing."""


def is_foreign(number: Any) -> bool:
    """Whether a number in NHN's form (digits with their country code, or 0…) is of another country."""
    digits = number.lstrip("+") if isinstance(number, str) else ""
    return digits.isdigit() and not digits.startswith(("0", KOREA))


def handed_over(hook: Any) -> VendorResult | None:
    """A hook that says that a foreign carrier has taken a text: sent, and nothing more; None for all other hooks."""
    if not is_foreign(dig(hook, "recipientNo")):
        return None
    raw = raw_code(dig(hook, "resultCode"))
    if raw != TAKEN and (raw or dig(hook, "messageStatus") != "COMPLETED"):
        return None
    ours = reference(dig(hook, "recipientGroupingKey") or dig(hook, "recipientGropuingKey"))
    return taken(ours, joined(hook.get("requestId"), hook.get("recipientSeq")), UNKNOWN)


def taken(ours: str, vendor_ref: str, at: Moment) -> VendorResult:
    """A foreign carrier has it."""
    return result(ours, "sent", "0000", TAKEN, "taken by the foreign carrier", vendor_ref, at)


def receipt(hook: Any) -> VendorResult | None:
    """What a hook of INTERNATIONAL_DELIVERY_RECEIPT says; None where it is no end."""
    vendor_ref = joined(hook.get("requestId"), hook.get("recipientSeq"))
    status = hook["dlrStatus"]
    if not vendor_ref:
        raise ValueError("a hook that names no message")
    if status is not None and not isinstance(status, str):
        raise TypeError("dlrStatus is no text")
    if status == "DELIVERED":
        return result("", "delivered", "0000", status, text(hook.get("networkCode")), vendor_ref)
    if status not in ENDS:
        return None
    error = raw_code(hook.get("errorCode"))
    raw = f"DLR{error}" if error not in ("", "0") else status
    code = meaning(CODES, raw)
    return result("", "failed", code.ims, raw, code.text or status, vendor_ref)
