"""Read the recipients of a request one by one: who can be served, as what type, and why the others cannot."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

import orjson
from pydantic import TypeAdapter

from shared.channels import MODULES, names
from shared.channels.common import Channel, Hop, Refused, channel
from shared.channels.exact import Exact
from shared.channels.reading import TWICE, Twice, escape
from shared.channels.schema import MAX_REF
from shared.channels.slices import People
from shared.domain.codes import CODES, NO_ADDRESS
from shared.domain.events import Recipient
from shared.domain.text import tidy

FIELDS = frozenset({"to", "ref", "variables", "addresses"})
MAX_VARIABLE = 4000
"""Characters of one variable; no channel's text is longer."""
MAX_ADDRESS = 2048
"""Characters; the endpoints that browsers give for Web Push are the longest."""
MAX_VALUES = 128 * 1024
"""Bytes of a recipient's variables as JSON, as they are stored and travel: an event of one message stays within 512 KiB
(shared/domain/events.py)."""
LISTED = 10
"""Missing variables and unknown fields that a fault names one by one."""
MAX_NAME = 64

_NO_TEXT: dict[type, str] = {bool: "true or false", type(None): "null", list: "a list", dict: "an object"}
"""What JSON has beside strings and numbers; how such a value would be written is for the client to say."""

_RECIPIENTS = TypeAdapter(list[Recipient])


@dataclass(frozen=True, slots=True)
class Rejected:
    """A recipient that is not served: its place in the request (from 0), and a fault as in common.Fault."""

    index: int
    to: str
    code: str
    detail: str
    pointer: str


class Leg(NamedTuple):
    """One hop of the plan as recipients meet it: its channel, its content as the client wrote it and as compiled."""

    kind: Channel
    content: Any
    hop: Hop


class Reader:
    """Reads recipients for a plan. Without `legs` (they have faults) only what does not depend on them is checked.

    A recipient is refused when no hop of the plan can reach it; a hop that cannot is among its `skips`.
    """

    def __init__(
        self, address: Callable[[str], str], legs: Sequence[Leg], body: bytes, people: People | None = None
    ) -> None:
        self._exact, self._people = Exact(body), people
        self._address = address
        self._legs = legs
        self._names: list[str] = sorted({name for leg in legs for name in leg.hop.names})
        self._room = MAX_VALUES - 6 * sum(len(name) + 1 for name in self._names)
        self._by_address = [leg.kind.by_address for leg in legs]
        self._types = ["" if leg.hop.names or leg.kind.by_address else leg.hop.type_for({}) for leg in legs]
        self._type = self._types[0] if legs else ""

    def read(self, items: Sequence[Any], start: int) -> tuple[list[Recipient], list[Rejected]]:
        """Read a run of recipients whose first stands at index `start`; `n` of each is its index plus one."""
        rows: list[dict[str, Any]] = []
        rejected: list[Rejected] = []
        for index, item in enumerate(items, start):
            try:
                rows.append(self._row(index, item))
            except Refused as refused:
                rejected.append(_rejected(index, item, refused))
        return _RECIPIENTS.validate_python(rows), rejected

    def _written(self, index: int, name: str, value: float) -> str:
        if self._people is None:
            return self._exact.written(index, name, value)
        return Exact(self._people.alone(index)).written(0, name, value)

    def _row(self, index: int, item: Any) -> dict[str, Any]:
        if type(item) is not dict:
            if isinstance(item, Twice):
                raise Refused(item.pointer, "conflict", TWICE)
            raise Refused("", "type", "must be an object with `to`")
        to = item.get("to")
        if type(to) is not str:
            raise Refused("/to", "1001", "`to` is required and must be a string")
        row: dict[str, Any] = {"n": index + 1, "to": to, "type": self._type}
        refused: dict[int, Refused] = {}
        try:
            row["to"] = self._address(to)
        except Refused as fault:
            if len(self._legs) < 2 or len(to) > MAX_ADDRESS:
                raise
            refused[0] = fault
        if len(item) > 1:
            _extras(item, row, self._legs)
        values = self._values(index, item.get("variables")) if self._names else {}
        if self._names:
            row["vars"] = values
        if self._names or len(self._legs) > 1 or any(self._by_address):
            self._walk(row, values, refused)
        return row

    def _walk(self, row: dict[str, Any], values: dict[str, str], refused: dict[int, Refused]) -> None:
        """Ask each hop whether it can carry the message: the first that can gives the type."""
        first = None
        for place, leg in enumerate(self._legs):
            if place in refused:
                continue
            try:
                to = self._reach(place, leg, row) if place else row["to"]
                if self._by_address[place]:
                    kind = leg.hop.type_to(values, to)  # type: ignore[attr-defined]
                else:
                    kind = leg.hop.type_for(values) if leg.hop.names else self._types[place]
            except Refused as fault:
                if fault.code not in CODES:
                    raise
                refused[place] = fault
                continue
            if first is None:
                first, row["type"] = place, kind
        if first is None:
            raise refused[0]
        if refused:
            row["skips"] = {place: refused[place].code for place in sorted(refused)}

    def _reach(self, place: int, leg: Leg, row: dict[str, Any]) -> str:
        """The recipient's address on a further hop; kept with the hop's place where it is none of the known ones."""
        given = row.get("addresses") or {}
        written = given.get(leg.kind.name)
        if written is None:
            if not (leg.kind.phone and self._legs[0].kind.phone):
                raise Refused("/addresses", NO_ADDRESS, f"names no address for {leg.kind.name}")
            written = row["to"]
        stored = leg.kind.address(leg.content, written)
        if stored != written:
            row["addresses"] = {**given, str(place): stored}
        return stored

    def _values(self, index: int, given: Any) -> dict[str, str]:
        given = given or {}
        missing = [name for name in self._names if name not in given]
        if missing:  # perhaps only written otherwise: names are compared as texts are
            given = {tidy(name): value for name, value in given.items()}
            missing = [name for name in self._names if name not in given]
        if missing:
            raise Refused("/variables", "1010", f"missing: {', '.join(missing[:LISTED])}")
        values = {name: self._value(index, name, given[name]) for name in self._names}
        if self._room < 6 * sum(map(len, values.values())):  # what JSON makes of a character has at most six bytes
            _check_size(values)
        return values

    def _value(self, index: int, name: str, value: Any) -> str:
        text = tidy(value) if type(value) is str else self._number(index, name, value)
        if len(text) > MAX_VARIABLE:
            raise Refused(f"/variables/{escape(name)}", "range", f"has {len(text)} characters, at most {MAX_VARIABLE}")
        return text

    def _number(self, index: int, name: str, value: Any) -> str:
        """A number in decimal notation, as it was written where that is plain: 1.50 is "1.50", 1e21 has 22 digits."""
        pointer = f"/variables/{escape(name)}"
        if type(value) is float and isfinite(value):
            if text := self._written(index, name, value):
                return text
            raise Refused(pointer, "range", f"has more than {MAX_VARIABLE} digits in decimal notation")
        if type(value) is int:
            return str(value)
        given = _NO_TEXT.get(type(value), "one that is not finite")
        raise Refused(pointer, "type", f"must be a string or a finite number, not {given}")


def _extras(item: Mapping[str, Any], row: dict[str, Any], legs: Sequence[Leg]) -> None:
    if not item.keys() <= FIELDS:
        unknown = ", ".join(name[:MAX_NAME] for name in sorted(item.keys() - FIELDS)[:LISTED])
        raise Refused("", "unknown_field", f"no such field: {unknown}; known are: {', '.join(sorted(FIELDS))}")
    ref = item.get("ref")
    if ref is not None:
        if type(ref) is not str or len(ref) > MAX_REF:
            raise Refused("/ref", "range", f"must be a string of at most {MAX_REF} characters")
        row["ref"] = ref
    variables = item.get("variables")
    if variables is not None and type(variables) is not dict:
        raise Refused("/variables", "type", "must be an object of names and values")
    if item.get("addresses") is not None:
        row["addresses"] = _addresses(item["addresses"], {leg.kind.name for leg in legs[1:]})


def _check_size(values: Mapping[str, str]) -> None:
    size = len(orjson.dumps(values))
    if size > MAX_VALUES:
        raise Refused("/variables", "range", f"have {size} bytes as JSON, at most {MAX_VALUES}")


def _addresses(given: Any, planned: Container[str]) -> dict[str, str]:
    """As written; the numbers of phone channels that no further hop uses in their stored form."""
    if type(given) is not dict:
        raise Refused("/addresses", "type", "must be an object of channels and addresses")
    for name, address in given.items():
        if name not in names():
            raise Refused(f"/addresses/{escape(name)}", "unknown_channel", f"channels are: {', '.join(names())}")
        if type(address) is not str or not 0 < len(address) <= MAX_ADDRESS:
            raise Refused(f"/addresses/{name}", "type", f"must be a string of 1 to {MAX_ADDRESS} characters")
    return {
        name: channel(name).address(None, address) if name not in planned and _phone(name) else address
        for name, address in given.items()
    }


def _phone(name: str) -> bool:
    return name in MODULES and channel(name).phone


def _rejected(index: int, item: Any, refused: Refused) -> Rejected:
    to = item.get("to") if isinstance(item, dict) else None
    pointer = f"/recipients/{index}{refused.pointer}"
    return Rejected(index, to if isinstance(to, str) else "", refused.code, refused.detail, pointer)
