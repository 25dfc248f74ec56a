"""A phone number as people write it: what is taken off, what is read as a digit, and where it is divided.

Invisible characters that come along when a number is copied (bidi marks, zero-width spaces, soft hyphens, variation
selectors) are taken off, blanks and dashes of every kind are read as those of the keyboard, and every decimal digit
of Unicode as its value. All else is no part of a number and is named with its place, so that a slip, a second number
or an extension never makes the number of a stranger.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

MAX_WRITTEN = 40
"""A number written with more characters than this, invisible ones aside, is no number."""
MAX_GIVEN = 200
"""Characters that are looked at at all."""

_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
).match
"""Shown as nothing, beside the format characters (Cf)."""
_DASHES = frozenset("\u02d7\u2043\u2212\u2500\u2501\u3161\u30fc\uff70\u2796\u1173")
"""Read as a hyphen, beside Unicode's dashes (Pd): minus signs, box lines, and what a Korean or Japanese keyboard
gives in its place (ㅡ, ー)."""
_RANGES = frozenset("\u301c\u3030\u30a0")
"""Dashes (Pd) that are tildes or doubled: 1~8 is more than one number."""
_LIKE: dict[str, str] = {
    **dict.fromkeys("\uff0e\u2024\ufe52", "."),
    **dict.fromkeys("\u2027\u2219\u22c5\u30fb\uff65\u0387", "\u00b7"),
    **dict.fromkeys("\uff0f\u2044\u2215", "/"),
    **dict.fromkeys("\uff08\ufe59", "("),
    **dict.fromkeys("\uff09\ufe5a", ")"),
    **dict.fromkeys("\uff0b\ufe62", "+"),
}
_SIGNS = frozenset(" +-./\u00b7()")
_PIECES = re.compile(r"([^0-9]*)([0-9]+|$)").finditer
"""What stands before each group of digits, with the group; at last what stands after all of them."""
_LEAD = re.compile(r" *(?:\+ *)?(?:\( *(?:\+ *)?)?").match
_GAP = re.compile(r" *(?:\) *)?(?:[-./\u00b7] *)?(?:\( *)?").match
_TAIL = re.compile(r" *(?:\) *)?").match
_TEL = re.compile(r"\s*tel:", re.IGNORECASE | re.ASCII).match
"""The scheme of a link that was copied (RFC 3966); its parameters are none of a number's signs."""


class Wrong(ValueError):
    """A number cannot be read; the text says which sign is in the way, and its place from 0."""


class Break(NamedTuple):
    """A place where a number is divided: digits before it, the sign as it is read and as it was given, its place."""

    after: int
    sign: str
    given: str
    place: int


class Bracket(NamedTuple):
    """Digits `start` to `end` in brackets; `start` is None where only the closing one is written, as in 02)123-4567."""

    start: int | None
    end: int
    given: str
    place: int


class Written(NamedTuple):
    """A number's digits, whether a plus stands before them, and how they are divided."""

    digits: str
    plus: bool
    breaks: tuple[Break, ...]
    brackets: tuple[Bracket, ...]


def sign(char: str, place: int) -> str:
    """A sign as an error names it."""
    shown = repr(char) if char.isprintable() else "a sign"
    return f"{shown} (U+{ord(char):04X}) at {place}"


@lru_cache(maxsize=1024)
def plain(char: str) -> str:
    """A character as it is read: a digit, a sign of a number, nothing where it is invisible, else itself."""
    if char.isascii():
        return " " if char == "\t" else char
    kind = unicodedata.category(char)
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    if kind == "Cf" or _INVISIBLE(char):
        return ""
    if kind == "Zs":
        return " "
    if char in _DASHES or (kind == "Pd" and char not in _RANGES):
        return "-"
    return _LIKE.get(char, char)


def read(text: str) -> Written:
    """Take a written number apart; raises Wrong."""
    if len(text) > MAX_GIVEN:
        raise Wrong(f"has {len(text)} characters, more than any number")
    link = _TEL(text)
    start = link.end() if link else 0
    kept = [(char, place) for place, given in enumerate(text[start:], start) if (char := plain(given))]
    whole = "".join(char for char, _ in kept)
    line, before = whole.strip(), len(whole) - len(whole.lstrip())
    if len(line) > MAX_WRITTEN:
        raise Wrong(f"has {len(line)} characters, more than any number")
    return _divided(text, line, [place for _, place in kept[before : before + len(line)]])


def _divided(text: str, line: str, places: list[int]) -> Written:
    """`line` is the text as it is read, `places` are where its characters stand in the text."""
    digits: list[str] = []
    opened: tuple[int, int] | None = None
    count, plus = 0, False
    breaks: list[Break] = []
    brackets: list[Bracket] = []
    for match in _PIECES(line):
        gap, group = match.groups()
        rule = _GAP if count and group else _LEAD if group else _TAIL
        fits = rule(gap)
        if fits is None or fits.end() < len(gap) or gap.count("+") > 1:
            raise _wrong(text, gap, places[match.start() :], fits.end() if fits else 0)
        if ")" in gap:
            place = opened[1] if opened else places[match.start() + gap.index(")")]
            brackets.append(Bracket(opened[0] if opened else None, count, text[place], place))
            opened = None
        if "(" in gap:
            if opened is not None:
                raise Wrong(f"{sign(text[opened[1]], opened[1])} is not closed")
            opened = count, places[match.start() + gap.index("(")]
        if count and group and gap:
            at = match.start() + next((i for i, c in enumerate(gap) if c != " "), 0)
            breaks.append(Break(count, line[at], text[places[at]], places[at]))
        plus = plus or "+" in gap
        digits.append(group)
        count += len(group)
    if opened is not None:
        raise Wrong(f"{sign(text[opened[1]], opened[1])} is not closed")
    return Written("".join(digits), plus, tuple(breaks), tuple(brackets))


def _wrong(text: str, gap: str, places: list[int], first: int) -> Wrong:
    """Names the first sign that no number has, else the first that stands where it cannot."""
    for char, place in zip(gap, places, strict=False):
        if char not in _SIGNS:
            return Wrong(f"{sign(text[place], place)} is no part of a phone number")
    place = places[min(first, len(gap) - 1)]
    return Wrong(f"{sign(text[place], place)} stands where a number has no sign")
