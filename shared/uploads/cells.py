"""Cells as people meant them: signs that Excel adds, blanks that nobody sees, and numbers whose first 0 was lost."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from shared.domain import phone

_UNSEEN = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]").sub
_EQUALS = re.compile(r'="([^"]*)"').fullmatch
_DECIMAL = re.compile(r"(\+?\d{7,15})\.0+").fullmatch
_ROUNDED = re.compile(r"\d[.,]?\d*E\+?\d+", re.I).fullmatch
_LOST = re.compile(r"[1-9]\d{7,9}").fullmatch
ROUNDED = "Excel has rounded it: format the column as text, and write the number anew"


def clean(text: str) -> str:
    """A cell without what nobody sees, and without the ' that guards what looks like a formula."""
    if text.isalnum() and text.isascii():
        return text
    text = _UNSEEN("", text).strip() if not text.isprintable() or text[:1].isspace() or text[-1:].isspace() else text
    if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@", "\t", "\r"):
        return text[1:]
    return text


def is_blank(text: str) -> bool:
    """Whether nothing is to be seen."""
    return not text or (not (text.isascii() and text.isalnum()) and not _UNSEEN("", text).strip())


@lru_cache(maxsize=1024)
def folded(name: str) -> str:
    """A column's name as it is compared: case, width, blanks and the way of composing do not matter."""
    plain = unicodedata.normalize("NFKC", _UNSEEN("", name))
    return " ".join(plain.split()).casefold()


def title(name: str) -> str:
    """A column's name as it is shown."""
    return " ".join(unicodedata.normalize("NFC", _UNSEEN("", name)).split())


def number(text: str) -> tuple[str, bool, str | None]:
    """A phone number's cell: as accepting reads it, whether a lost 0 was given back, and what is wrong with it.

    The 0 comes back only where exactly one reading is a number.
    """
    if len(text) == 11 and text.startswith("010") and text.isdigit():
        return text, False, None
    text = clean(text)
    if found := _EQUALS(text):
        text = found[1].strip()
    if text.startswith("'"):
        text = text[1:].strip()
    if found := _DECIMAL(text):
        text = found[1]
    if _ROUNDED(text):
        return text, False, ROUNDED
    if _LOST(text) and phone.recipient(text) is None and phone.recipient(f"0{text}"):
        return f"0{text}", True, None
    return text, False, None
