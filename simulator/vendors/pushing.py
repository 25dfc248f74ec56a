"""What the simulated push services share: magic tokens, proofs by JWT, and what a phone shows."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from shared.vendors.base import VendorAccount
from simulator.fate import TRICKS, Fate
from simulator.http import Reply, Request, json
from simulator.store import Record, Store
from simulator.vendors.base import Extra

_MAGIC = re.compile(r"magic-([0-9]{4})").search
ACCOUNT = "main"


def fates(raw_codes: Mapping[str, str]) -> dict[str, Fate]:
    """Fates by IMS code; push services refuse in their answers."""
    return {**TRICKS, **{code: Fate(raw, True) for code, raw in raw_codes.items()}}


class PushService:
    """Base of the three; see simulator/vendors/base.py."""

    name: str
    channel = "push"
    prefix = "/"
    polled = True
    delivered = ""
    magic: Mapping[str, Fate] = {}
    raw_codes: Mapping[str, str]

    def __init__(self, accounts: Iterable[VendorAccount]) -> None:
        self._settings = {a.account: a.settings for a in accounts}
        self._fates = fates(self.raw_codes)

    def phone(self, to: str, token: str, **shown: Any) -> Extra:
        """What the phone shows, and the fate that a magic token asks for."""
        found = _MAGIC(token)
        fate = self._fates.get(found[1]) if found else None
        return Extra("push", {to: fate} if fate else {}, shown)

    def vendor_ref(self, group: str, seq: int) -> str:
        """One message a call."""
        return group

    def look_up(self, request: Request, account: str, store: Store, now_ms: int) -> Reply:
        """There is none."""
        return self.failure(404, "Not Found")

    def webhook(self, account: VendorAccount, records: Sequence[Record], attempt: int) -> tuple[dict[str, str], bytes]:
        """There is none."""
        return {}, b""

    def failure(self, status: int, text: str) -> Reply:
        """In the service's own form."""
        return json(status, {"error": text})


def claims(token: str, key: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWT, its signature verified where the key is known. Raises ValueError."""
    from joserfc import jwt
    from joserfc.errors import JoseError

    try:
        if key is not None:
            verified = jwt.decode(token, key)
            return dict(verified.header), dict(verified.claims)
        head, body, signature = token.split(".")
        if not signature:
            raise ValueError("no signature")
        found = orjson.loads(_decoded(head)), orjson.loads(_decoded(body))
    except (JoseError, ValueError) as error:
        raise ValueError(str(error)) from error
    if not all(isinstance(part, dict) for part in found):
        raise ValueError("no objects")
    return found


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
