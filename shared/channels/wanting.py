"""What a body's hops have to know of the account, gathered over all channels before the body is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.channels import MODULES
from shared.channels.common import Channel, Wants, channel
from shared.channels.reading import parse
from shared.channels.schema import MAX_FALLBACK, MAX_RECIPIENTS
from shared.channels.slices import People

NOTHING: Mapping[str, Wants] = {}


def wanted(
    kind: Channel, body: bytes, everybody: People | None = None, defaults: Mapping[str, Any] = NOTHING
) -> Mapping[str, Wants]:
    """By channel; cheap for a body that wants nothing. `everybody`: the recipients of a large body; `defaults`: the
    account's, for a body that names no fallback.

    A body that cannot be read wants nothing: its faults are told when it is checked.
    """
    if not defaults and b'"fallback"' not in body and kind.hints and not any(hint in body for hint in kind.hints):
        return NOTHING
    try:
        raw = parse(body)
    except ValueError:
        return NOTHING
    if not isinstance(raw, dict):
        return NOTHING
    people = raw.get("recipients")
    recipients: Sequence[Any] = everybody or (people[:MAX_RECIPIENTS] if isinstance(people, list) else [])
    further = raw.get("fallback")
    if further is None:
        lane = raw.get("lane", "realtime")
        further = (defaults.get(lane) or {}).get("fallback") if isinstance(lane, str) else None
    return of_hops(further if isinstance(further, list) else [], {kind.name: kind.wants(raw, recipients)}, recipients)


def of_hops(
    hops: Sequence[Any], found: dict[str, Wants] | None = None, recipients: Sequence[Any] = ()
) -> Mapping[str, Wants]:
    """What further hops want, added to `found`."""
    found = found or {}
    for hop in hops[:MAX_FALLBACK]:
        name = hop.get("channel") if isinstance(hop, dict) else None
        if isinstance(name, str) and name in MODULES:
            more = channel(name).wants(hop, recipients)
            found[name] = _both(found[name], more) if name in found else more
    return {name: wants for name, wants in found.items() if any(wants)}


def _both(a: Wants, b: Wants) -> Wants:
    return Wants(a.files | b.files, a.identities | b.identities, a.templates | b.templates, a.devices | b.devices)


def files_of(wants: Mapping[str, Wants]) -> list[str]:
    """All files that a body names."""
    return sorted({name for one in wants.values() for name in one.files})


def all_of(hops: list[dict[str, Any]]) -> list[str]:
    """The files that a plan's compiled hops carry."""
    return [name for hop in hops if hop["channel"] in MODULES for name in channel(hop["channel"]).files(hop["content"])]
