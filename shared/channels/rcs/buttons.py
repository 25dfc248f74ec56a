"""Buttons of an RCS message: which fields each type has, their limits, and what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.channels.common import Fault, read_time
from shared.channels.rcs import formats
from shared.channels.schema import Content
from shared.domain import variables

MAX_ANY = 3000
"""Characters that are looked at at all; beyond every limit, so that a fault can still say how far."""
Short = Annotated[str, Field(max_length=MAX_ANY)]

TYPES = ("URL", "DIALER", "COMPOSE", "CLIPBOARD", "MAP_SHOW", "MAP_QUERY", "MAP_SHARE", "CALENDAR")
_URL = re.compile(r"https?://[^\s/]+\S*", re.IGNORECASE).fullmatch
_PHONE = re.compile(r"\+?[0-9-]{3,20}", re.ASCII).fullmatch
_DEGREES = re.compile(r"-?\d{1,3}(\.\d{1,10})?", re.ASCII).fullmatch


class RcsButton(Content):
    """A button. `URL`: `url` (or `mobile`); `DIALER`: `phone`; `COMPOSE`: `phone`, `text`; `CLIPBOARD`: `text`;
    `MAP_SHOW`: `latitude`, `longitude`, `label`, `url` where there is no map; `MAP_QUERY`: `query`, `url`; `MAP_SHARE`
    has none; `CALENDAR`: `start`, `end` (RFC 3339), `title`, `description`."""

    type: Literal["URL", "DIALER", "COMPOSE", "CLIPBOARD", "MAP_SHOW", "MAP_QUERY", "MAP_SHARE", "CALENDAR"]
    name: Short
    url: Short | None = None
    mobile: Short | None = None
    phone: Short | None = None
    text: Short | None = None
    latitude: float | Short | None = None
    longitude: float | Short | None = None
    label: Short | None = None
    query: Short | None = None
    start: Short | None = None
    end: Short | None = None
    title: Short | None = None
    description: Short | None = None


FIELDS: dict[str, dict[str, tuple[int, bool]]] = {
    "URL": {"url": (formats.URL, True)},
    "DIALER": {"phone": (20, True)},
    "COMPOSE": {"phone": (20, True), "text": (formats.COMPOSE_TEXT, True)},
    "CLIPBOARD": {"text": (formats.CLIPBOARD_TEXT, True)},
    "MAP_SHOW": {
        "latitude": (20, True),
        "longitude": (20, True),
        "label": (formats.MAP_LABEL, False),
        "url": (formats.URL, False),
    },
    "MAP_QUERY": {"query": (formats.MAP_QUERY, True), "url": (formats.URL, False)},
    "MAP_SHARE": {},
    "CALENDAR": {
        "start": (40, True),
        "end": (40, True),
        "title": (formats.EVENT_TITLE, True),
        "description": (formats.EVENT_DESCRIPTION, False),
    },
}
"""By type: each field with its most characters, and whether it must be there."""


def plain(button: RcsButton) -> dict[str, str]:
    """A button as the plan carries it: its type's fields as text."""
    given = button.model_dump(exclude_none=True)
    if "mobile" in given:
        given["url"] = given.pop("mobile")
    return {name: value if isinstance(value, str) else str(value) for name, value in given.items()}


def faults(button: RcsButton, form: formats.Format, pointer: str) -> Iterator[Fault]:
    """What is wrong with a button of a message of that form, before anything is filled in."""
    if button.url is not None and button.mobile is not None:
        yield Fault(f"{pointer}/mobile", "conflict", "give either `url` or `mobile`")
    given, known = plain(button), FIELDS[button.type]
    if not button.name.strip():
        yield Fault(f"{pointer}/name", "required", "a button needs its name")
    if form.unified and button.type == "CLIPBOARD":
        yield Fault(f"{pointer}/type", "conflict", "unified RCS has no CLIPBOARD: iPhones do not show it")
    for name in given.keys() - known.keys() - {"type", "name"}:
        at = "mobile" if name == "url" and button.mobile is not None else name
        yield Fault(
            f"{pointer}/{at}", "conflict", f"{button.type} has no {name}; it has {', '.join(known) or 'no field'}"
        )
    for name, (_, needed) in known.items():
        if needed and not given.get(name):
            yield Fault(f"{pointer}/{name}", "required", f"{button.type} needs {name}")
    for name, wrong in _wrong(given, form.name, filled=False):
        yield Fault(f"{pointer}/{name}", *wrong)


def filled_fault(button: Mapping[str, str], form_name: int, values: Mapping[str, str]) -> tuple[str, str] | None:
    """What is wrong with a button of one recipient: a code and words."""
    whole = {name: variables.fill(value, values) for name, value in button.items()}
    return next(
        (
            (code, f"{name} of the button {button['name']!r} {detail}")
            for name, (code, detail) in _wrong(whole, form_name)
        ),
        None,
    )


def _wrong(given: Mapping[str, str], most_name: int, filled: bool = True) -> Iterator[tuple[str, tuple[str, str]]]:
    limits = {"name": most_name, **{name: most for name, (most, _) in FIELDS[given["type"]].items()}}
    for name, most in limits.items():
        text = given.get(name, "")
        open_ = not filled and "#{" in text
        length = len(variables.compiled(text).literal if open_ else text)
        if length > most:
            yield name, ("1002", f"has {length} characters, at most {most}")
        elif text and not open_ and (detail := _form_fault(name, text)):
            yield name, ("format", detail) if not filled else ("1009", detail)


def _form_fault(name: str, text: str) -> str | None:
    if name == "url" and not _URL(text):
        return "must be an http or https address without blanks"
    if name == "phone" and not _PHONE(text):
        return "must be a phone number of digits and hyphens"
    if name in ("latitude", "longitude") and not (
        _DEGREES(text) and abs(float(text)) <= (90 if name == "latitude" else 180)
    ):
        return "must be degrees, like 37.5665"
    if name in ("start", "end") and read_time(text) is None:
        return "must be RFC 3339 with offset, like 2030-01-31T09:00:00+09:00"
    return None


def names_of(buttons: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The variables of buttons."""
    for button in buttons:
        for value in button.values():
            yield from variables.names(value)
