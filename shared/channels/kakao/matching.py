"""Hold a text against an approved template: all but the variables must be equal, sign by sign.

Kakao compares so, and refuses what differs by one blank (3016); IMS says where before anything leaves. The template is
cut at its variables, and its literals are searched one after the other, the leftmost place each: linear, where a
regular expression of many gaps takes seconds.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from shared.domain.variables import compiled


class Difference(NamedTuple):
    """Where a text leaves its template: the place (from 1), and what stands there in each ('' at an end)."""

    place: int
    given: str
    wanted: str

    def __str__(self) -> str:
        if not self.given:
            return f"it ends after {self.place - 1} characters, where the template goes on with {named(self.wanted)}"
        if not self.wanted:
            return f"character {self.place}: {named(self.given)} where the template ends"
        return f"character {self.place}: {named(self.given)} where the template has {named(self.wanted)}"


def named(sign: str) -> str:
    """A sign as people can tell it from others: `U+00A0 (NO-BREAK SPACE)`, `U+002C ','`."""
    code = f"U+{ord(sign):04X}"
    name = unicodedata.name(sign, "")
    if unicodedata.category(sign)[0] in "LNPS":
        return f"{code} {sign!r}"
    return f"{code} ({name})" if name else code


def difference(template: str, text: str) -> Difference | None:
    """The first place where a text is not what the template allows; None when it is."""
    literals = compiled(template).parts[::2]
    if len(literals) == 1:
        return _at(text, literals[0], 0, whole=True)
    first, *middle, last = literals
    if not text.startswith(first):
        return _at(text, first, 0)
    at = len(first)
    for literal in middle:
        found = text.find(literal, at)
        if found < 0:
            return _nearest(text, literal, at)
        at = found + len(literal)
    if len(text) - len(last) >= at and text.endswith(last):
        return None
    found = text.rfind(last, at) if last else -1
    if found >= 0:
        end = found + len(last)
        return Difference(end + 1, text[end], "")
    return _nearest(text, last, at)


def gaps(template: str, text: str) -> Iterator[tuple[str, int, int]]:
    """(variable, begin, end) of what stands for each variable in a text that the template allows."""
    literals, names = compiled(template).parts[::2], compiled(template).parts[1::2]
    at = len(literals[0])
    for place, (name, literal) in enumerate(zip(names, literals[1:], strict=True), 1):
        last = place == len(names)
        end = len(text) - len(literal) if last else text.find(literal, at)
        yield name, at, end
        at = end + len(literal)


def pasted(template: str, text: str) -> Difference | None:
    """A blank or an invisible sign at an end of what stands for a variable, in a text that the template allows.

    Written into the text by hand it is none of the value: an editor has left it there.
    """
    for _, begin, end in gaps(template, text):
        for i in (begin, end - 1):
            if begin < end and unicodedata.category(text[i])[0] in "CZ":
                return Difference(i + 1, text[i], "#")
    return None


def _at(text: str, literal: str, begin: int, *, whole: bool = False) -> Difference | None:
    """The first difference of a text from a literal that must stand at `begin`, and be the rest of it if `whole`."""
    for i, sign in enumerate(literal):
        place = begin + i
        if place >= len(text):
            return Difference(place + 1, "", sign)
        if text[place] != sign:
            return Difference(place + 1, text[place], sign)
    end = begin + len(literal)
    return Difference(end + 1, text[end], "") if whole and end < len(text) else None


def _nearest(text: str, literal: str, at: int) -> Difference:
    """Where the text comes nearest to a literal that is not in it."""
    best, reached = len(text), 0
    start = text.find(literal[0], at)
    while start >= 0:
        length = _common(text, literal, start)
        if length > reached:
            best, reached = start, length
        start = text.find(literal[0], start + 1)
    place = best + reached
    return Difference(place + 1, text[place] if place < len(text) else "", literal[reached])


def _common(text: str, literal: str, start: int) -> int:
    length = 0
    while length < len(literal) and start + length < len(text) and text[start + length] == literal[length]:
        length += 1
    return length


def too_loose(template: str) -> bool:
    """Whether a template would match almost anything: nothing but variables and blanks."""
    return not compiled(template).literal.strip()
