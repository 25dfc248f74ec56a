"""`{"group": "…"}` among the recipients: the group's members at the moment of acceptance take its place.

Whoever is named otherwise, or by a group before, is not named again. A retry under its Idempotency-Key takes the
members of its first moment, so its message ids stay those of the same people.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from shared.channels import exact
from shared.channels.common import Channel, Fault, InvalidRequest, Refused, channel
from shared.channels.reading import TWICE
from shared.runtime import Context
from shared.stores.contacts import MOST_MEMBERS, Contact, members

MAX_NAME = 400
"""Characters of a name that is looked for at all."""

Json = dict[str, Any]


class _Twice(Exception):
    """A key stands twice in an object."""


def _object(pairs: list[tuple[str, Any]]) -> Json:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _Twice
    return made


def _constant(text: str) -> Any:
    raise ValueError(text)


def _read(body: bytes) -> Any:
    """The body with its numbers as they are written; None for what is read, and refused, by others."""
    number = dict.fromkeys(("parse_float", "parse_int"), lambda text: orjson.Fragment(text.encode()))
    try:
        return json.loads(
            exact.mended(body),
            object_pairs_hook=_object,
            parse_constant=_constant,
            **number,  # type: ignore[arg-type]
        )
    except _Twice:
        raise InvalidRequest([Fault("/recipients", "conflict", f"beside a group: {TWICE}")]) from None
    except (ValueError, RecursionError):
        return None


def _names_group(item: Any) -> bool:
    return isinstance(item, dict) and "group" in item and "to" not in item


async def expanded(ims: Context, account_id: int, kind: Channel, body: bytes, at_ms: int) -> bytes:
    """The body with groups' members in their place; raises InvalidRequest."""
    tree = _read(body)
    items = tree.get("recipients") if isinstance(tree, dict) else None
    if not isinstance(items, list) or not any(map(_names_group, items)):
        return body
    seen = {_compared(kind, item.get("to")) for item in items if isinstance(item, dict) and "to" in item}
    faults: list[Fault] = []
    people: list[Any] = []
    for index, item in enumerate(items):
        if not _names_group(item):
            people.append(item)
            continue
        found = await _members(ims, account_id, item, f"/recipients/{index}", at_ms, faults)
        people += _once([recipient(one, kind) for one in found], kind, seen)
    if faults:
        raise InvalidRequest(faults)
    if len(people) > MOST_MEMBERS:
        raise InvalidRequest([Fault("/recipients", "range", _too_many("the groups together have", len(people)))])
    return orjson.dumps({**tree, "recipients": people})


async def _members(
    ims: Context, account_id: int, item: Json, pointer: str, at_ms: int, faults: list[Fault]
) -> list[Contact]:
    name = item["group"]
    if len(item) > 1 or not isinstance(name, str):
        faults.append(Fault(pointer, "type", 'a group is named alone: {"group": "its name"}'))
        return []
    found = await ims.db(members, account_id, name, at_ms) if len(name) <= MAX_NAME else None
    if not found:
        wrong = "no such group" if found is None else "nobody is in this group"
        faults.append(Fault(f"{pointer}/group", "not_found" if found is None else "range", wrong))
    elif len(found) > MOST_MEMBERS:
        faults.append(Fault(f"{pointer}/group", "range", _too_many("the group has", len(found) - 1, "more than ")))
        return []
    return found or []


def _too_many(who: str, count: int, more: str = "") -> str:
    return f"{who} {more}{count} people; a request takes {MOST_MEMBERS}, a file as a job (POST /v1/uploads) any number"


def recipient(one: Contact, kind: Channel) -> Json:
    """A contact as a recipient: `to` is its address of the channel, or the number of another channel to phones."""
    to = one.addresses.get(kind.name)
    if to is None and kind.phone:
        to = next((text for name, text in one.addresses.items() if channel(name).phone), None)
    made: Json = {"to": to or "", "variables": ({"name": one.name} if one.name else {}) | one.variables}
    others = {name: text for name, text in one.addresses.items() if name != kind.name}
    return {**made, "addresses": others} if others else made


def _once(found: list[Json], kind: Channel, seen: set[str]) -> list[Json]:
    fresh = []
    for one in found:
        known = _compared(kind, one["to"])
        if not known or known not in seen:
            fresh.append(one)
            seen.add(known)
    return fresh


def _compared(kind: Channel, to: Any) -> str:
    if not isinstance(to, str):
        return ""
    try:
        stored = kind.address(None, to)
    except Refused:
        return to
    return stored.lower() if kind.name == "email" else stored
