"""Phone numbers: how Korean ones are written, which may send, which can receive, and how foreign ones are kept.

A number is stored in its 0-form (01012345678, 0215441234, 15991234), a foreign one in E.164 (+14155550123).
The patterns follow 전기통신번호관리세칙 and the vendors' rules for sender numbers (발신번호).
"""

from __future__ import annotations

import re

MOBILE = r"010[2-9]\d{7}|01[16789]\d{7,8}"
INTERNET = r"070[2-9]\d{7}"
LANDLINE = r"02\d{7,8}|0(?:3[1-3]|4[1-4]|5[1-5]|6[1-4])\d{7,8}"
REPRESENTATIVE = r"1[568]\d{6}"
FREE = r"080\d{7,8}"
PERSONAL = r"030\d{8,9}"
VIRTUAL = r"050\d{8,9}"
EXAMPLE = "01012345678"
"""No 010-0… or 010-1… exists, but every guide's example is this one, so it is taken; carriers answer 1001."""

_PLAIN = re.compile("010[2-9][0-9]{7}").fullmatch
_RECIPIENT = re.compile("|".join((MOBILE, INTERNET, LANDLINE, PERSONAL, VIRTUAL, EXAMPLE)), re.ASCII).fullmatch
_SENDER = re.compile("|".join((MOBILE, INTERNET, LANDLINE, REPRESENTATIVE, FREE, PERSONAL)), re.ASCII).fullmatch
_SERVICE = re.compile(f"{REPRESENTATIVE}|{FREE}", re.ASCII).fullmatch
_VIRTUAL = re.compile(VIRTUAL, re.ASCII).fullmatch
_REPRESENTATIVE = re.compile(REPRESENTATIVE, re.ASCII).fullmatch
_WRITTEN = re.compile(r"\+?[0-9\s\-.()·/]+").fullmatch
_SEPARATORS = re.compile(r"[^0-9]+")

MAX_WRITTEN = 40
"""A number written with more characters than this is no number."""


def normalise(written: str) -> str:
    """The 0-form of a Korean number: separators dropped, `0082`/`+82`/`82` turned to 0; '' when it is no number.

    Letters and other digits than 0–9 are not dropped but make it no number, so that a slip never reaches a stranger.
    """
    if len(written) > MAX_WRITTEN or not _WRITTEN(written.strip()):
        return ""
    digits = _SEPARATORS.sub("", written)
    for prefix in ("0082", "82"):
        if digits.startswith(prefix):
            rest = digits.removeprefix(prefix)
            return rest if _REPRESENTATIVE(rest) else "0" + rest.removeprefix("0")
    return "" if written.lstrip().startswith("+") else digits


def recipient(written: str) -> str | None:
    """The 0-form of a number that can receive texts, or None."""
    if _PLAIN(written):
        return written
    digits = normalise(written)
    return digits if _RECIPIENT(digits) else None


def sender(written: str) -> str | None:
    """The 0-form of a number that may be registered as a sender, or None; 050 never may."""
    digits = normalise(written)
    return digits if _SENDER(digits) else None


def foreign(written: str) -> str | None:
    """The E.164 form of a number outside Korea, written with `+` or its country code first, or None."""
    import phonenumbers  # heavy, and a process that sends only within Korea never needs it

    if len(written) > MAX_WRITTEN or not _WRITTEN(written.strip()):
        return None
    try:
        number = phonenumbers.parse("+" + _SEPARATORS.sub("", written).removeprefix("00"))
    except phonenumbers.NumberParseException:
        return None
    if number.country_code == 82 or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def why_not_recipient(written: str, international: bool = False) -> str:
    """What to tell the client about a number that `recipient` or `foreign` refused."""
    digits = normalise(written)
    if international:
        korean = bool(_RECIPIENT(digits))
        return (
            "a Korean number: send it without `international`"
            if korean
            else "not a foreign number: write it with its country code, like +14155550123"
        )
    if _SERVICE(digits):
        return "15xx, 16xx, 18xx and 080 numbers cannot receive texts"
    if written.lstrip().startswith("+") and not digits:
        return "a foreign number: set `international` to true"
    return "not a Korean phone number: write it like 01012345678, landlines with their area code"


def why_not_sender(written: str) -> str:
    """What to tell the client about a number that `sender` refused."""
    if _VIRTUAL(normalise(written)):
        return "050 numbers are refused as senders by the carriers"
    return "not a sender number: 8 digits for 15xx/16xx/18xx without area code, else 9–12 with the leading 0"


def mask(number: str) -> str:
    """A number for logs: `010****5678`; what is too short to mask partly is masked whole."""
    if len(number) < 8:
        return "*" * len(number)
    return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}"
