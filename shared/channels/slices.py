"""Take a large body apart without reading it: where its recipients lie, and how much stands beside them. Pure.

Reading JSON makes an object of every value, whoever wants it, and cannot stop in between: 10 MiB of `{}` are three
million objects, half a GB and seconds. So a large body is looked through first, in slices: counts are looked at before
contents, and what has too many of anything is refused when that is seen. What is left is a small body without its
recipients, and the places of those, which are then read a few at a time.

    {"sender": …, "recipients": [{…}, {…}, …], "text": …}   →   {"sender": …, "recipients": [0], "text": …}, People
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, SkipValidation
from pydantic_core import from_json

from shared.channels.common import Fault, InvalidRequest
from shared.channels.reading import escape, read_body
from shared.channels.schema import MAX_RECIPIENTS

SMALL, LARGE = 64 * 1024, 1024 * 1024
"""Bytes up to which a body is read at once whatever it holds, and beyond which never."""
MANY = 30_000
"""Values of a body between them; reading so many takes about 10 ms."""
MAX_FIELDS = 200
"""Members of the body itself; no channel has 50."""
MAX_VALUES = 20_000
"""Values of one recipient, and of all that is no recipient."""
MAX_DEPTH = 100
LONGEST_WORD = 5000
"""Digits of a number at most; the longest that can be read has 4,300."""
RUN_ITEMS, RUN_BYTES = 100, 64 * 1024
"""Recipients that are read at once; one alone may be longer."""
PACE = 1000
"""Steps of the look-through between two yields."""

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SPACE = rb"[ \t\n\r]*+"
_OPEN = re.compile(_SPACE + rb"\{" + _SPACE).match
_KEY = re.compile(rb"(" + _STRING + rb")" + _SPACE + rb":" + _SPACE, re.DOTALL).match
_WORD = re.compile(rb"[-+.0-9A-Za-z]++").match
_TEXT = re.compile(_STRING, re.DOTALL).match
_FLAT = re.compile(rb'\{(?>[^{}"]++|' + _STRING + rb'|\{(?>[^{}"]++|' + _STRING + rb")*+\})*+\}", re.DOTALL).match
"""An object of objects that hold none: a recipient as they are."""
_TOKEN = re.compile(rb"(?P<string>" + _STRING + rb')|(?P<sign>[{}\[\]])|(?P<rest>[^"{}\[\]]++)', re.DOTALL).match
_NEXT = re.compile(_SPACE + rb"([,}\]])" + _SPACE).match
_BLANK = re.compile(_SPACE).match


class _Run(BaseModel):
    """Some recipients."""

    recipients: list[SkipValidation[Any]]


class People(Sequence[Any]):
    """The recipients of a body, each read when it is wanted."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._starts, self._ends = array("Q"), array("Q")

    def add(self, start: int, end: int) -> None:
        """One more, and where it lies."""
        self._starts.append(start)
        self._ends.append(end)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._read(self._starts[index], self._ends[index])[0]

    def runs(self) -> Iterator[tuple[int, list[Any]]]:
        """Some at a time, with the index of the first; raises InvalidRequest for what is no JSON."""
        first = 0
        while first < len(self):
            last = first + 1
            while last < min(len(self), first + RUN_ITEMS) and self._ends[last] - self._starts[first] <= RUN_BYTES:
                last += 1
            yield first, self._read(self._starts[first], self._ends[last - 1])
            first = last

    def alone(self, index: int) -> bytes:
        """A body that has only this recipient."""
        return self._alone(self._starts[index], self._ends[index])

    def _alone(self, start: int, end: int) -> bytes:
        return b'{"recipients":[' + self._body[start:end] + b"]}"

    def _read(self, start: int, end: int) -> list[Any]:
        value, faults = read_body(_Run, self._alone(start, end))
        if faults:
            raise InvalidRequest(faults)
        return value.recipients

    def __iter__(self) -> Iterator[Any]:
        for _, items in self.runs():
            yield from items


class Apart(NamedTuple):
    """A body with a placeholder for its recipients, and the recipients."""

    body: bytes
    people: People


def is_large(body: bytes) -> bool:
    """Whether reading it at once would hold others up; counting costs a thousandth of reading."""
    size = len(body)
    if size <= SMALL:
        return False
    return size > LARGE or sum(body.count(sign) for sign in (b",", b"{", b"[")) > MANY


def take_apart(body: bytes) -> Generator[None, None, Apart | None]:
    """Look a body through, yielding every now and then; None when it names no list of recipients.

    Raises InvalidRequest: 400 for what is no JSON, 422 for too many of anything.
    """
    walk = _Walk(body)
    opened = _OPEN(body, 0, SMALL)
    if opened is None:
        raise _not_an_object(body)
    at, fields, found = opened.end(), 0, None
    sign = body[at : at + 1]
    at += sign == b"}"
    while sign != b"}":
        key = _KEY(body, at, at + SMALL)
        if key is None:
            raise _unreadable(body, at, "a name and a colon are expected")
        fields += 1
        if fields > MAX_FIELDS:
            raise _too_many("", f"has more than {MAX_FIELDS} fields")
        begins = at = key.end()
        if key[1] == b'"recipients"' and body[at : at + 1] == b"[":
            if found is not None:
                raise InvalidRequest([Fault("/recipients", "conflict", "give it once")])
            people = People(body)
            at = yield from walk.people(at + 1, people)
            found = begins, at, people
        else:
            at = yield from walk.value(at, _pointer(key[1]), beside=True)
        sign, at = walk.sign(at, b",}")
    rest = _BLANK(body, at, at + SMALL)
    if rest is None or rest.end() != len(body):
        raise _unreadable(body, at, "nothing more is expected")
    if found is None or not len(found[2]):
        return None
    begins, ends, people = found
    return Apart(body[:begins] + b"[0]" + body[ends:], people)


class _Walk:
    """Goes through a body and counts what it passes."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._beside = 0
        self._steps = 0

    def people(self, at: int, people: People) -> Generator[None, None, int]:
        """The items of a list that begins at `at`; the place behind it."""
        body = self._body
        blank = _BLANK(body, at, at + SMALL)
        at = blank.end() if blank else at
        if body[at : at + 1] == b"]":
            return at + 1
        while True:
            if len(people) >= MAX_RECIPIENTS:
                raise _too_many("/recipients", f"must have at most {MAX_RECIPIENTS} items")
            flat = _FLAT(body, at, at + SMALL)
            end = flat.end() if flat else (yield from self.value(at, f"/recipients/{len(people)}"))
            people.add(at, end)
            sign, at = self.sign(end, b",]")
            if sign == b"]":
                return at
            self._steps += 10
            if self._steps >= PACE:
                self._steps = 0
                yield

    def value(self, at: int, pointer: str, *, beside: bool = False) -> Generator[None, None, int]:
        """A value that begins at `at`; the place behind it. `beside`: it counts with all that is no recipient."""
        body, depth, values = self._body, 0, self._beside if beside else 0
        scalar = _TEXT(body, at, at + LARGE) or _WORD(body, at, at + LONGEST_WORD)
        if scalar is not None:
            return scalar.end()
        item, before, listed = 0, values, beside and body[at : at + 1] == b"["
        """Of a list: its item at hand, and how much stood before it."""
        while True:
            token = _TOKEN(body, at, at + LARGE)
            if token is None:
                raise _unreadable(body, at, "a text does not end, or has more than 1 MiB")
            at = token.end()
            if token.lastgroup == "sign":
                depth += 1 if token[0] in (b"{", b"[") else -1
                values += 1
            elif token.lastgroup == "rest":
                values += token[0].count(b",")
                if depth == 1 and values:
                    item, before = item + token[0].count(b","), values
            if depth > MAX_DEPTH:
                raise _unreadable(body, at, "lists and objects stand too deep in each other")
            if values > MAX_VALUES:
                if listed and values - before > MAX_VALUES // 2:
                    pointer = f"{pointer}/{item}"
                raise _too_many(pointer, f"has more than {MAX_VALUES} values")
            if depth <= 0:
                break
            self._steps += 1
            if self._steps >= PACE:
                self._steps = 0
                yield
        if depth < 0:
            raise _unreadable(body, at, "a value is expected")
        if beside:
            self._beside = values
        return at

    def sign(self, at: int, wanted: bytes) -> tuple[bytes, int]:
        """What stands behind a value, and the place of what follows."""
        found = _NEXT(self._body, at, at + SMALL)
        if found is None or found[1] not in wanted:
            raise _unreadable(self._body, at, f"{' or '.join(map(repr, wanted.decode()))} is expected")
        return found[1], found.end()


def _pointer(name: bytes) -> str:
    return "/" + escape(name[1:-1][:64].decode(errors="replace"))


def _too_many(pointer: str, detail: str) -> InvalidRequest:
    return InvalidRequest([Fault(pointer, "range", detail)])


def _not_an_object(body: bytes) -> InvalidRequest:
    try:
        from_json(body[:SMALL])
    except ValueError as error:
        if "EOF" not in str(error) or not body[:SMALL].strip():  # it is wrong before it is cut
            return _unreadable(body, 0, str(error))
    return InvalidRequest([Fault("", "type", "the body must be a JSON object")])


def _unreadable(body: bytes, at: int, why: str) -> InvalidRequest:
    line = body.count(b"\n", 0, at) + 1
    column = at - body.rfind(b"\n", 0, at)
    detail = f"the body is not JSON in UTF-8: {why}, at line {line} column {column}"
    return InvalidRequest([Fault("", "format", detail)], status=400)
