"""Where a push message goes: `fcm:<token>`, `apns:<token>`, `webpush:<subscription id>` or `user:<id>`.

Only the first colon ends the kind. Tokens compare byte for byte, but APNs' hex digits without case; user ids after NFC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from shared.channels.common import Refused
from shared.domain.text import blank, tidy

SERVICES = ("fcm", "apns", "webpush")
KINDS = (*SERVICES, "user")
MAX_TOKEN, MAX_USER = 2000, 255
_FCM = re.compile(r"[!-~]+").fullmatch
_APNS = re.compile(r"[0-9a-fA-F]{8,400}|magic-[0-9]{4}").fullmatch
NOBODY = frozenset({"undefined", "null", "none", "nan", "[object object]"})
"""What a program writes when it has no name; nobody is called so."""

Devices = Sequence[Mapping[str, Any]]


def kind_of(address: str) -> str:
    """`fcm`, `apns`, `webpush` or `user`; empty for none of them."""
    kind = address.partition(":")[0]
    return kind if kind in KINDS else ""


def normal(to: str) -> str:
    """The stored form; raises Refused with the pointer `/to`."""
    kind, _, rest = to.partition(":")
    wrong = _fault(kind, rest)
    if wrong:
        raise Refused("/to", "1001", wrong)
    if kind == "apns":
        rest = rest.lower()
    elif kind == "webpush":
        rest = str(UUID(rest))
    elif kind == "user":
        rest = tidy(rest)
    return f"{kind}:{rest}"


def _fault(kind: str, rest: str) -> str | None:
    if kind not in KINDS:
        return "must be fcm:<token>, apns:<token>, webpush:<subscription id> or user:<id>"
    if kind == "user":
        return user_fault(rest)
    if kind == "fcm" and not (_FCM(rest) and len(rest) <= MAX_TOKEN):
        return f"an FCM token is of 1 to {MAX_TOKEN} printable ASCII characters"
    if kind == "apns" and not _APNS(rest):
        return "an APNs token is written in hexadecimal digits"
    if kind == "webpush":
        try:
            UUID(rest)
        except ValueError:
            return "must be the id that PUT /v1/devices gave the subscription"
    return None


def user_fault(user: str) -> str | None:
    """Why a text names no user, or None."""
    if blank(user) or not user.strip():
        return "names nobody: it is blank"
    if user.strip().lower() in NOBODY:
        return f"names nobody: {user.strip()!r} is what programs write when they have no name"
    return f"has {len(user)} characters, at most {MAX_USER}" if len(user) > MAX_USER else None


def reach(to: str, app: str, lane: str, known: Devices, later: bool) -> None:
    """See that somebody is there; raises Refused. `later`: it leaves at a time when devices may have come."""
    kind = kind_of(to)
    mine = [d for d in known if d["app"] == app]
    if kind == "user":
        _reach_user(mine, lane, later)
        return
    if kind == "webpush" and not mine:
        raise Refused("/to", "2005", "no such subscription of this app: register it first (PUT /v1/devices)")
    if mine and mine[0]["state"] == "dead":
        raise Refused("/to", "5001", f"its service says that it is gone: {mine[0]['why'] or 'unregistered'}")
    if lane == "ad" and not any(d["ads"] for d in mine):
        raise Refused("/to", "1007", "the device on record has not consented to advertisements")


def _reach_user(mine: Devices, lane: str, later: bool) -> None:
    live = [d for d in mine if d["state"] != "dead"]
    if not live and not later:
        raise Refused("/to", "2005", "this user has no live device of this app")
    if live and lane == "ad" and not any(d["ads"] for d in live):
        raise Refused("/to", "1007", "no device of this user has consented to advertisements")
