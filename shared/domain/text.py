"""What a text costs in bytes, which characters a Korean handset cannot show, and which message type carries it.

Carriers count EUC-KR bytes. Python's `euc_kr` writes 똠 in 8 bytes where carriers use 2, so everything here counts
with cp949; characters beyond KS X 1001 (cp949's extension) pass but are flagged, since old handsets lack them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

SMS_BYTES = 90
"""NHN SMS v3.0, SENS, Solapi 1014."""
LMS_BYTES = 2000
"""NHN SMS v3.0, SENS, Solapi 1013."""
MMS_BYTES = 2000
"""NHN SMS v3.0, SENS."""
SUBJECT_BYTES = 40
"""NHN SMS v3.0; LMS and MMS only."""
LIMITS: dict[str, int] = {"sms": SMS_BYTES, "lms": LMS_BYTES, "mms": MMS_BYTES}
MMS_FILES, MMS_FILE_BYTES, MMS_PIXELS = 3, 200 * 1024, 1000
"""The set that every vendor takes: at most 3 JPEGs of 200 KB and 1000 × 1000 pixels (NHN, SENS, Solapi)."""

GSM7_SINGLE, GSM7_PART = 160, 153
UCS2_SINGLE, UCS2_PART = 70, 67
"""3GPP TS 23.038 and 23.040: one short message, and each part of a joined one."""
INTERNATIONAL_PARTS = 5
"""Parts of one international message that a vendor joins: as far as NHN's table of charges goes (SMS v3.0)."""

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_EXTENDED = frozenset("^{}\\[~]|€\f")
"""Two septets each."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_DROPPED = ("Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me", "Sk", "So")
"""Unicode categories dropped on replacement: emoji and their modifiers, marks, control and format characters."""


def byte_length(text: str) -> int:
    """Bytes as the carriers count them; raises UnicodeEncodeError when a character is outside cp949."""
    return len(text.encode("cp949"))


def measure(text: str) -> int | None:
    """Bytes as the carriers count them, or None when a character cannot be sent."""
    try:
        size = len(text.encode("cp949"))
    except UnicodeEncodeError:
        return None
    return None if has_control(text) else size


def has_control(text: str) -> bool:
    """Whether a control character other than tab and line breaks is in the text."""
    return not text.isprintable() and _CONTROL.search(text) is not None


def sendable(char: str) -> bool:
    """Whether one character can be sent to a Korean handset."""
    return measure(char) is not None


def unsupported(text: str, at_most: int | None = None) -> list[tuple[int, str]]:
    """Position and character of everything that cannot be sent, in order; the codec does the searching."""
    found = [(m.start(), m.group()) for m in _CONTROL.finditer(text)]
    start = 0
    while at_most is None or len(found) < at_most:
        try:
            text[start:].encode("cp949")
        except UnicodeEncodeError as error:
            found += [(i, text[i]) for i in range(start + error.start, start + error.end)]
            start += error.end
        else:
            break
    return sorted(found)[:at_most]


def beyond_ksx1001(text: str) -> bool:
    """Whether a character lies in cp949's extension, which old handsets may not show (똠, 뷁 …)."""
    encoded = text.encode("cp949", "ignore")
    return not text.isascii() and len(text.encode("euc_kr", "ignore")) != len(encoded)


def replace_unsupported(text: str) -> str:
    """The text with what cannot be sent replaced: typographic signs by plain ones, emoji dropped, the rest by '?'.

    Works piece by piece: what is joined from replaced pieces can be sent too.
    """
    if measure(text) is not None:
        return text
    composed = unicodedata.normalize("NFC", text)
    return composed.translate({ord(c): _instead(c) for c in set(composed)})


_INVISIBLE = (
    "\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    "\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""White space, controls and what Unicode shows as nothing (Default_Ignorable_Code_Point), with the blanks of braille,
Hangul and music that are no white space by name."""
_SHOWN = re.compile(f"[^{_INVISIBLE}]").search


def blank(text: str) -> bool:
    """Whether a text shows nothing."""
    return _SHOWN(text) is None


HALF = "\ufffd"
"""What half an emoji is read as (REPLACEMENT CHARACTER): no handset shows it."""


def tidy(text: str) -> str:
    """A text as it is kept, compared and measured: composed (NFC; a Mac gives it apart), lines ending in `\\n`."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


@lru_cache(maxsize=16_384)
def _instead(char: str) -> str:
    if sendable(char):
        return char
    if (known := _replacements().get(char)) is not None:
        return known
    return "" if unicodedata.category(char) in _DROPPED or blank(char) else "?"


@cache
def _replacements() -> dict[str, str]:
    from shared.domain import replacements  # large, and only for texts that need it

    return replacements.read()


def gsm7_length(text: str) -> int | None:
    """Septets in the GSM 7-bit alphabet, or None when a character is outside it."""
    septets = 0
    for char in text:
        if char in GSM7:
            septets += 1
        elif char in GSM7_EXTENDED:
            septets += 2
        else:
            return None
    return septets


def parts(text: str) -> int:
    """Short messages that an international text takes, in GSM-7 where it fits that alphabet, else in UCS-2."""
    septets = gsm7_length(text)
    if septets is not None:
        return _split(septets, GSM7_SINGLE, GSM7_PART)
    return _split(len(text.encode("utf-16-be")) // 2, UCS2_SINGLE, UCS2_PART)


def _split(units: int, single: int, part: int) -> int:
    return 1 if units <= single else -(-units // part)


def choose_type(wanted: str, size: int, subject: bool, files: bool) -> str:
    """The type that carries a text of `size` bytes (Solapi autoTypeDetect, Aligo, SENS).

    `auto`: a file makes MMS, a subject or more than 90 bytes LMS, else SMS. MMS without a file goes as LMS. Whether the
    text fits the type is for the caller: `LIMITS`.
    """
    if wanted == "auto":
        wanted = "mms" if files else "lms" if subject or size > SMS_BYTES else "sms"
    return "lms" if wanted == "mms" and not files else wanted
