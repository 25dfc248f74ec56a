"""Read a body into a model and name every fault, going on with the fields that are sound."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from shared.channels import exact
from shared.channels.common import Fault, InvalidRequest

M = TypeVar("M", bound=BaseModel)

MAX_FAULTS = 100
_SHOULD = re.compile(r"^(Input|String|List|Decimal input) should").sub

_CODES: dict[str, str] = {
    "extra_forbidden": "unknown_field",
    "missing": "required",
    "too_short": "range",
    "too_long": "range",
    "string_too_short": "range",
    "string_too_long": "range",
    "greater_than": "range",
    "greater_than_equal": "range",
    "less_than_equal": "range",
    "literal_error": "range",
    "decimal_max_digits": "range",
    "decimal_max_places": "range",
    "decimal_whole_digits": "range",
    "finite_number": "range",
}


def parse(body: bytes) -> Any:
    """A body as it is read: half an emoji is U+FFFD; raises ValueError when it is no JSON."""
    try:
        return from_json(body)
    except ValueError:
        if (mended := exact.mended(body)) == body:
            raise
    return from_json(mended)


def read_body(model: type[M], body: bytes) -> tuple[M, list[Fault]]:
    """The body as a model, faulty fields left out, and their faults; raises InvalidRequest when it is no object.

    A key that is given twice is a fault of its place; within a recipient it is that recipient's (recipients.py).
    """
    value, faults = _read_body(model, body)
    if exact.may_be_doubled(body, value):
        faults += _doubled(value, body, faults)
    return value, faults


def _doubled(value: BaseModel, body: bytes, faults: list[Fault]) -> Iterator[Fault]:
    told, read = {fault.pointer for fault in faults}, exact.Exact(body)
    items = getattr(value, "recipients", None)
    for place in read.doubled():
        pointer = "".join(f"/{escape(str(step))}" for step in place)
        if items and place[0] == "recipients" and len(place) > 2 and isinstance(index := place[1], int):
            if type(items[index]) is dict:
                items[index] = Twice(items[index], "".join(f"/{escape(str(step))}" for step in place[2:]))
        elif pointer not in told:
            yield Fault(pointer, "conflict", TWICE)


TWICE = "is given twice: JSON readers differ in which of them they take"


class Twice(dict[str, Any]):
    """A recipient with a key that is given twice, at `pointer`."""

    def __init__(self, item: dict[str, Any], pointer: str) -> None:
        super().__init__(item)
        self.pointer = pointer


def _read_body(model: type[M], body: bytes) -> tuple[M, list[Fault]]:
    try:
        return model.model_validate_json(body), []
    except ValidationError as error:
        problems = _problems(error)
    if problems[0]["type"] == "json_invalid" and (mended := exact.mended(body)) != body:
        return _read_body(model, mended)
    if problems[0]["type"] == "json_invalid":
        detail = problems[0]["msg"].replace("Invalid JSON: ", "")
        if body.startswith(BOM_UTF8):
            detail = "it begins with a byte order mark; leave that out"
        raise InvalidRequest([Fault("", "format", f"the body is not JSON in UTF-8: {detail}")], status=400)
    raw = from_json(body)
    if not isinstance(raw, dict):
        raise InvalidRequest([Fault("", "type", "the body must be a JSON object")])
    return _sound(model, raw, "", problems)


def read_object(model: type[M], raw: dict[str, Any], pointer: str) -> tuple[M, list[Fault]]:
    """The same for a part of a body that stands at `pointer`."""
    try:
        return model.model_validate(raw), []
    except ValidationError as error:
        return _sound(model, raw, pointer, _problems(error, pointer))


def _problems(error: ValidationError, pointer: str = "") -> list[ErrorDetails]:
    """What is wrong, unless that is so much that telling it would cost seconds."""
    if error.error_count() > MAX_FAULTS:
        wrong = f"has {error.error_count()} faults; at most {MAX_FAULTS} are told one by one"
        raise InvalidRequest([Fault(pointer, "range", wrong)]) from None
    return error.errors(include_url=False, include_context=False, include_input=False)


def _sound(model: type[M], raw: dict[str, Any], pointer: str, problems: list[ErrorDetails]) -> tuple[M, list[Fault]]:
    faulty = {p["loc"][0] for p in problems}
    faults = _faults(model, raw, problems, pointer)
    try:
        return model.model_validate({k: v for k, v in raw.items() if k not in faulty}, strict=False), faults
    except ValidationError:  # a field that must be there is missing or faulty: there is nothing to go on with
        raise InvalidRequest(faults) from None


def _faults(model: type[BaseModel], raw: Any, problems: list[ErrorDetails], pointer: str) -> list[Fault]:
    """A fault a place. Of a value that may be of several kinds pydantic tells what each kind has against it: what the
    nearest one has, which is the deepest, is the client's."""
    found: dict[str, Fault] = {}
    either: set[str] = set()
    for problem in problems:
        steps, of_several = _place(raw, problem)
        fault = _fault(model, problem, pointer + "".join(f"/{escape(str(step))}" for step in steps))
        known = found.setdefault(fault.pointer, fault)
        if of_several:
            either.add(fault.pointer)
            if fault.detail not in known.detail:
                found[fault.pointer] = replace(known, detail=f"{known.detail}; or {fault.detail}")
    return [f for p, f in found.items() if p not in either or not any(o.startswith(f"{p}/") for o in found)]


def _place(raw: Any, problem: ErrorDetails) -> tuple[list[str | int], bool]:
    """The steps to what is wrong, without the names of kinds that stand among them; whether there were any."""
    steps: list[str | int] = []
    at: Any = raw
    loc = problem["loc"]
    for step in loc:
        if step in at if isinstance(at, dict) else isinstance(at, list) and isinstance(step, int):
            at = at[step]
            steps.append(step)
        elif problem["type"] == "missing" and step is loc[-1]:
            steps.append(step)
    return steps, len(steps) < len(loc)


def _fault(model: type[BaseModel], problem: ErrorDetails, where: str) -> Fault:
    code = _CODES.get(problem["type"], "type")
    if code == "unknown_field":
        known = ", ".join(sorted(model.model_fields))
        return Fault(where, code, f"no such field; known are: {known}")
    detail = _SHOULD("must", problem["msg"]).replace(" after validation", "")
    return Fault(where, code, detail.replace("Value", "value"))


def escape(step: str) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return step.replace("~", "~0").replace("/", "~1")


def top_fields(faults: list[Fault], pointer: str = "") -> frozenset[str]:
    """The fields directly under `pointer` that have a fault."""
    return frozenset(f.pointer[len(pointer) + 1 :].split("/")[0] for f in faults)
