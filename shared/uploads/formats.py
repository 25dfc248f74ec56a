"""A number as a sheet shows it: the number formats of ECMA-376, 18.8.30 and 18.8.31, as far as offices use them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 14: "yyyy-mm-dd", 15: "d-mmm-yy",
    16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm",
    27: 'yyyy"年" mm"月" dd"日"', 31: 'yyyy"년" mm"월" dd"일"', 37: "#,##0;-#,##0", 38: "#,##0;-#,##0",
    39: "#,##0.00;-#,##0.00", 40: "#,##0.00;-#,##0.00", 45: "mm:ss", 47: "mm:ss", 49: "@",
}  # fmt: skip
"""18.8.30; dates in the order that a Korean Excel shows."""
MOST_SERIAL = 2958466
"""The day after 9999-12-31."""
_TOKEN = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[([^\]]*)\]|(AM/PM|A/P|오전/오후)|([ymdhs]+)|(0\.0+)|(.)', re.I | re.S)
_DATES = re.compile(r'"[^"]*"|\\.|\[(?!h|m|s)[^\]]*\]', re.I)
_DAYS = "월화수목금토일"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OWN = 0xE000
"""Signs that stand for a format's own words while its digits are put in."""
_NUMBER = re.compile(r"[0#?,.]*[0#?][0#?,.]*")


@lru_cache(maxsize=1024)
def is_date(code: str) -> bool:
    """Whether a format shows a date or a time."""
    return bool(re.search(r"[ymdhs]", _DATES.sub("", code.split(";")[0]), re.I))


def plain(value: str) -> str:
    """A number without a format: whole ones as they are, others with 11 significant digits, as Excel shows them."""
    try:
        number = Decimal(value)
    except ArithmeticError:
        return value
    if not number.is_finite():
        return value
    if abs(number) < Decimal("1e15") and number == number.to_integral_value():
        return str(int(number))
    if abs(number) >= Decimal("1e15"):
        return f"{number:.5E}"
    return f"{Decimal(f'{number:.11g}'):f}".rstrip("0").rstrip(".")


def shown(value: str, code: str, since_1904: bool = False) -> str | None:
    """A number in a format; None where the format is not known."""
    if code.lower() in ("general", "@", ""):
        return plain(value)
    try:
        number = Decimal(value)
        return _date(number, code.split(";")[0], since_1904) if is_date(code) else _number(number, code)
    except (ArithmeticError, ValueError, OverflowError):
        return None


def _moment(serial: Decimal, since_1904: bool) -> datetime:
    if not 0 <= serial < MOST_SERIAL:
        raise ValueError("no date")
    base = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30 if serial >= 60 else 31)
    return base + timedelta(seconds=int((serial * 86_400).quantize(Decimal(1), ROUND_HALF_UP)))


def _date(serial: Decimal, code: str, since_1904: bool) -> str | None:
    at = _moment(serial, since_1904)
    tokens = list(_TOKEN.finditer(code))
    half = any(token[4] for token in tokens)
    words: list[str] = []
    hours = False
    for place, token in enumerate(tokens):
        quoted, escaped, bracket, noon, letters, _, other = token.groups()
        if quoted is not None or escaped is not None:
            words.append(quoted if quoted is not None else escaped)
        elif bracket is not None:
            if bracket[:1].lower() in "hms" and bracket:
                return None
        elif noon:
            words.append(("오후" if at.hour >= 12 else "오전") if "$-412" in code else "PM" if at.hour >= 12 else "AM")
        elif letters:
            after = next((t[5] for t in tokens[place + 1 :] if t[5]), "")
            minutes = letters[0] in "mM" and (hours or after[:1].lower() == "s") and len(letters) < 3
            words.append(_part(at, letters.lower(), half=half, minutes=minutes))
            hours = letters[0] in "hH"
        elif other is not None:
            words.append(other if other != "@" else "")
    return "".join(words).strip()


def _part(at: datetime, letters: str, *, half: bool, minutes: bool) -> str:
    kind, size = letters[0], len(letters)
    if kind == "y":
        return f"{at.year:04}" if size > 2 else f"{at.year % 100:02}"
    if kind == "d" and size > 2:
        return _DAYS[at.weekday()] + ("요일" if size > 3 else "")
    if kind == "m" and not minutes and size > 2:
        return _MONTHS[at.month - 1]
    hour = (at.hour % 12 or 12) if half else at.hour
    value = {"d": at.day, "m": at.minute if minutes else at.month, "h": hour, "s": at.second}[kind]
    return f"{value:02}" if size > 1 else str(value)


def _number(number: Decimal, code: str) -> str | None:
    sections = code.split(";")
    negative = number < 0
    section = sections[1] if negative and len(sections) > 1 else sections[2] if not number and len(sections) > 2 else ""
    own = bool(section)
    section = section or sections[0]
    bare = re.sub(r"\[[^\]]*\]|_.|\*.", "", section)
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(found[1] or found[2] or "")
        return chr(_OWN + len(kept) - 1)

    text = re.sub(r'"([^"]*)"|\\(.)', keep, bare)
    if re.search(r"[eE][+-]|/", text) or len(_NUMBER.findall(text)) == 0:
        return None
    if "%" in text:
        number *= 100
    mask = "".join(_NUMBER.findall(text))
    digits = _digits(abs(number), mask) if len(_NUMBER.findall(text)) == 1 else None
    filled = _NUMBER.sub(lambda _: digits or "", text, count=1) if digits else _masked(abs(number), text)
    if filled is None:
        return None
    literal = "".join(kept[ord(c) - _OWN] if _OWN <= ord(c) < _OWN + len(kept) else c for c in filled)
    return ("-" if negative and not own else "") + literal.strip()


def _digits(number: Decimal, mask: str) -> str:
    whole, _, part = mask.partition(".")
    while whole.endswith(","):
        whole, number = whole[:-1], number / 1000
    rounded = number.quantize(Decimal(1).scaleb(-len(part)), ROUND_HALF_UP)
    left, _, right = f"{rounded:f}".partition(".")
    left = left.zfill(whole.replace(",", "").count("0"))
    left = left.lstrip("0") if "0" not in whole else left
    if "," in whole:
        left = f"{int(left or 0):,}".rjust(len(left), "0")
    kept = right.rstrip("0") if "0" not in part else right[: len(right)]
    while kept and len(kept) > part.rfind("0") + 1 and kept.endswith("0"):
        kept = kept[:-1]
    return left + (f".{kept}" if kept else "")


def _masked(number: Decimal, text: str) -> str | None:
    """Digits with signs between them, like 000-0000-0000."""
    if "." in text or "," in text:
        return None
    places = [i for i, c in enumerate(text) if c in "0#?"]
    digits = str(int(number.quantize(Decimal(1), ROUND_HALF_UP)))
    over, digits = digits[: -len(places)], digits[-len(places) :]
    written = list(text)
    digits = digits.rjust(len(places))
    for place, digit in zip(places, digits, strict=True):
        written[place] = digit if digit != " " else "0" if text[place] == "0" else ""
    written[places[0]] = over + written[places[0]]
    return "".join(written)
