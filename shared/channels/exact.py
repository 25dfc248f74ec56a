"""What the fast JSON parser leaves out: half an emoji, keys that are given twice, and numbers as they were written.

Each costs a second, slower reading of the body, and only where the first one shows that it is needed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from shared.domain.text import tidy

_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)
"""Whole emoji, halves of them, and everything else that begins with a backslash, so that none is taken for a half."""
HALF = rb"\ufffd"
_SPACED = re.compile(rb'"[ \t\r\n]+:').findall


def mended(body: bytes) -> bytes:
    """A body whose halves of emoji (a text that was cut) are U+FFFD, which JSON parsers take and no handset shows."""
    return _ESCAPES.sub(lambda found: HALF if found[1] else found[0], body)


class Number(float):
    """A number with the text that it was written in."""

    written: str


def _number(written: str) -> Number:
    number = Number(written)
    number.written = written
    return number


class Doubled(dict[str, Any]):
    """An object with a key that is given twice; of its values the last one counts, as everywhere in JSON."""

    names: list[str]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubled = Doubled(found)
    doubled.names = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    return doubled


class Exact:
    """A body that is sound JSON, read as slowly as it takes, once and only when asked."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    @cached_property
    def tree(self) -> Any:
        """All of it, with `Number` and `Doubled` in it; None where this parser gives up."""
        try:
            body = mended(self._body) if b"\\u" in self._body else self._body
            return json.loads(body, object_pairs_hook=_object, parse_float=_number, parse_int=len)
        except (ValueError, RecursionError):
            return None

    def doubled(self) -> Iterator[tuple[str | int, ...]]:
        """The places of keys that are given twice."""
        return _doubled(self.tree, ())

    def written(self, index: int, name: str, value: float) -> str:
        """A recipient's variable in decimal notation, as it was written where that is plain."""
        variables = self.tree["recipients"][index]["variables"] if self.tree is not None else {}
        given = variables.get(name)
        if given is None:
            given = next((v for n, v in variables.items() if tidy(n) == name), None)
        return decimal(given.written if isinstance(given, Number) else repr(value))


MAX_DIGITS = 4000


def decimal(written: str) -> str:
    """A JSON number without an exponent: 5e-05 is 0.00005, 1.50 stays; zero has no sign. '' when it is too long."""
    plain = written
    if "e" in written or "E" in written:
        try:
            number = Decimal(written)
        except InvalidOperation:
            return ""
        if number and abs(number.adjusted()) > MAX_DIGITS:
            return ""
        plain = f"{number:f}"
    return plain.removeprefix("-") if not plain.strip("-0.") else plain


def _doubled(value: Any, place: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, Doubled):
        yield from ((*place, name) for name in value.names)
    inside = value.items() if isinstance(value, dict) else enumerate(value) if type(value) is list else ()
    for step, part in inside:
        if isinstance(part, dict | list):
            yield from _doubled(part, (*place, step))


def may_be_doubled(body: bytes, value: Any) -> bool:
    """Whether a body has more keys than what was read from it, or a text in it looks so."""
    return body.count(b'":') + len(_SPACED(body)) != keys(value)


def keys(value: Any) -> int:
    """How many keys all objects in a value have."""
    count, waiting = 0, [value]
    for part in waiting:  # which grows meanwhile
        kind = type(part)
        if kind is dict:
            count += len(part)
            part = part.values()
        elif kind is not list:
            if isinstance(part, BaseModel):
                count += len(part.model_fields_set)
                waiting += [getattr(part, name) for name in part.model_fields_set]
            continue
        waiting += [inner for inner in part if type(inner) is not str]
    return count
