"""Phone numbers: how Korean ones are written, which may send, which can receive, and how foreign ones are kept.

A number is stored in its 0-form (01012345678, 0215441234, 15991234), a foreign one in E.164 (+14155550123).
The patterns follow 전기통신번호관리세칙 and the vendors' rules for sender numbers (발신번호).
"""

from __future__ import annotations

import re
from functools import lru_cache

from shared.domain.written import Bracket, Break, Written, Wrong, read, sign

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
_USUAL = re.compile("(010)-([2-9][0-9]{3})-([0-9]{4})").fullmatch
_RECIPIENT = re.compile("|".join((MOBILE, INTERNET, LANDLINE, PERSONAL, VIRTUAL, EXAMPLE)), re.ASCII).fullmatch
_SENDER = re.compile("|".join((MOBILE, INTERNET, LANDLINE, REPRESENTATIVE, FREE, PERSONAL)), re.ASCII).fullmatch
_SERVICE = re.compile(f"{REPRESENTATIVE}|{FREE}", re.ASCII).fullmatch
_VIRTUAL = re.compile(VIRTUAL, re.ASCII).fullmatch
_REPRESENTATIVE = re.compile(REPRESENTATIVE, re.ASCII).fullmatch
_COUNTRY = re.compile(r"(?:00)?82").match

KOREA = "KR"
ELSEWHERE = "*"
"""The country of a number that belongs to none: satellite phones, international freephone."""

LAST = 4
"""Digits of the last group of every Korean number."""
PAIRS = frozenset({3, 5, 7, 9})
"""Where 010 23 45 67 89 is divided."""
CARRIERS = ("00700", "00727", "00755", "00766", "00770", "001", "002", "005", "006", "008")
"""What is dialled in Korea before a country code (국제전화 식별번호), beside the 00 of most countries."""
LAST_FOREIGN = 3
"""Fewer digits than this, set apart behind what is a foreign number already, are an extension or another number."""


def normalise(written: str) -> str:
    """The 0-form of a Korean number: separators taken off, `0082`/`+82`/`82` turned to 0; '' when it is none."""
    try:
        return _korean(written)
    except Wrong:
        return ""


def recipient(written: str) -> str | None:
    """The 0-form of a number that can receive texts, or None."""
    if _PLAIN(written):
        return written
    if usual := _USUAL(written):
        return "".join(usual.groups())
    digits = normalise(written)
    return digits if _RECIPIENT(digits) else None


def sender(written: str) -> str | None:
    """The 0-form of a number that may be registered as a sender, or None; 050 never may."""
    digits = normalise(written)
    return digits if _SENDER(digits) else None


def foreign(written: str) -> str | None:
    """The E.164 form of a number outside Korea, or None.

    It is written with `+`, `00`, the prefix of a Korean carrier or its country code first.
    """
    try:
        return _foreign(written)
    except Wrong:
        return None


def country(number: str) -> str:
    """The country (ISO 3166, two letters) of a number in its stored form."""
    return _region(number) if number.startswith("+") else KOREA


@lru_cache(maxsize=65_536)
def _region(e164: str) -> str:
    import phonenumbers  # heavy, and foreign numbers are rare

    found = phonenumbers.region_code_for_number(phonenumbers.parse(e164))
    return found if found and len(found) == 2 else ELSEWHERE


def _complete(digits: str) -> bool:
    return bool(_RECIPIENT(digits) or _SENDER(digits))


def _korean(written: str) -> str:
    """The 0-form of what is written; raises Wrong where a sign is none of a number or divides it in a wrong place."""
    number = read(written)
    code = _COUNTRY(number.digits)
    if number.plus and (code is None or code.end() != 2):
        return ""
    cut = code.end() if code else 0
    rest = number.digits[cut:]
    added = "0" if code and not rest.startswith("0") and not _REPRESENTATIVE(rest) else ""
    digits = added + rest
    shift = cut - len(added)
    for at in number.breaks:
        if at.after > cut and _complete(digits[: at.after - shift]):
            raise follower(at)
    if _complete(digits):
        _check_division(number, digits, cut, shift)
    return digits


def follower(at: Break) -> Wrong:
    """A number is complete, and more comes."""
    return Wrong(f"what follows {sign(at.given, at.place)} is another number or an extension: give one number alone")


def _check_division(number: Written, digits: str, cut: int, shift: int) -> None:
    """Raises Wrong unless a number is divided as people do it.

    `digits` is its 0-form, `cut` the length of the country code, `shift` where the 0-form begins in what is written.
    """
    areas = {area + shift for area in _areas(digits)}
    trunk = {cut + 1} if cut and cut == shift and digits.startswith("0") else set()
    places = areas | trunk | {cut, len(number.digits) - LAST} | ({2} if cut == len("0082") else set())
    if len(digits) == 11 and {at.after - shift for at in number.breaks if at.sign in " -."} >= PAIRS:
        places |= {shift + pair for pair in PAIRS}
    for at in number.breaks:
        if at.after not in places:
            raise misplaced(at)
    whole = len(number.digits)
    for bracket in number.brackets:
        start, end = bracket.start or 0, bracket.end
        if (
            end not in areas | trunk | {cut, whole}
            or start not in {0, cut} | trunk
            or _encloses_the_last(bracket, whole)
        ):
            raise misplaced(bracket)


def _encloses_the_last(bracket: Bracket, whole: int) -> bool:
    """Whether brackets stand around the end of a number, but not around all of it."""
    return bracket.end == whole and bracket.start != 0


def misplaced(at: Break | Bracket) -> Wrong:
    """A separator that is no separator there."""
    return Wrong(f"{sign(at.given, at.place)} stands where no number is divided")


def _areas(digits: str) -> tuple[int, ...]:
    """How long what comes before the subscriber's number is, in the 0-form."""
    if digits.startswith("02"):
        return (2,)
    return (3, 4) if digits.startswith(("03", "05")) and digits[2] not in "123456" else (3,)


def _foreign(written: str) -> str | None:
    number = read(written)
    cuts = _prefixes(number)
    found = {e164: cut for cut in reversed(cuts) if (e164 := _valid(number.digits[cut:]))}
    if len(found) > 1:
        raise Wrong(f"can be read as {' and as '.join(sorted(found))}: write it with + and its country code")
    for e164, cut in found.items():
        _check_foreign(number, cut)
        return e164
    for at in number.breaks:
        if any(_valid(number.digits[cut : at.after]) for cut in cuts):
            raise follower(at)
    return None


def _prefixes(number: Written) -> list[int]:
    """How many digits may stand before the country code; more than one where only the whole can tell."""
    if number.plus or not number.digits.startswith("00"):
        return [0]
    carriers = [len(prefix) for prefix in CARRIERS if number.digits.startswith(prefix)]
    apart = {at.after for at in number.breaks}
    if any(cut in apart for cut in carriers) or not _valid(number.digits[2:]):
        return [2, *carriers]
    return [2]


def _valid(digits: str) -> str | None:
    """The E.164 form of digits that begin with a country code other than Korea's, or None."""
    import phonenumbers  # heavy, and a process that sends only within Korea never needs it

    try:
        number = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return None
    if number.country_code == 82 or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _check_foreign(number: Written, cut: int) -> None:
    """Raises Wrong where something follows a complete number, as far as that can be told.

    Where numbers have many lengths, a shorter one is often complete: its digits in groups of the same size are one.
    """
    whole, before = len(number.digits), 0
    for at in number.breaks:
        rest, group = whole - at.after, at.after - before
        doubtful = at.sign in "/\u00b7(" or (rest < LAST_FOREIGN and rest < group)
        if doubtful and at.after > cut and _valid(number.digits[cut : at.after]):
            raise follower(at)
        before = at.after
    if number.breaks and whole - before == 1:
        raise misplaced(number.breaks[-1])
    for bracket in number.brackets:
        if _encloses_the_last(bracket, whole):
            raise misplaced(bracket)


def why_not_recipient(written: str, international: bool = False) -> str:
    """What to tell the client about a number that `recipient` or `foreign` refused."""
    try:
        if international:
            _foreign(written)
        digits = _korean(written)
    except Wrong as wrong:
        return f"not a phone number: {wrong}"
    if international:
        korean = bool(_RECIPIENT(digits))
        return (
            "a Korean number: send it without `international`"
            if korean
            else "not a foreign number: write it with its country code, like +14155550123"
        )
    if _SERVICE(digits):
        return "15xx, 16xx, 18xx and 080 numbers cannot receive texts"
    if foreign(written) and (not digits or digits.startswith("00")):
        return "a foreign number: set `international` to true"
    return "not a Korean phone number: write it like 01012345678, landlines with their area code"


def why_not_sender(written: str) -> str:
    """What to tell the client about a number that `sender` refused."""
    try:
        digits = _korean(written)
    except Wrong as wrong:
        return f"not a phone number: {wrong}"
    if _VIRTUAL(digits):
        return "050 numbers are refused as senders by the carriers"
    return "not a sender number: 8 digits for 15xx/16xx/18xx without area code, else 9–12 with the leading 0"


def mask(number: str) -> str:
    """A number for logs: `010****5678`; what is too short to mask partly is masked whole."""
    if len(number) < 8:
        return "*" * len(number)
    return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}"
