"""How a mail names its message: in its return path, its ENVID, its Message-ID and X-IMS-Ref stands our reference with a
short MAC under the vendor account's `return_key`, so that nobody forges a bounce or complaint of another's mail.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping

from shared.domain.ids import parse_reference, vendor_reference

MAC_DIGITS = 16
_MARKED = re.compile(r"(?<![0-9a-z])([0-9a-f]{32})\.([0-9a-f]{16})(?![0-9a-z])", re.IGNORECASE)
LOCAL = "b+"


def marked(reference: str, settings: Mapping[str, str]) -> str:
    """A reference with its MAC: `<32 digits>.<16 digits>`, good in any case of letters."""
    return f"{reference}.{_mac(reference, settings)}"


def _mac(reference: str, settings: Mapping[str, str]) -> str:
    key = settings["return_key"].encode()
    return hmac.digest(key, reference.encode(), "sha256").hex()[:MAC_DIGITS]


def known_as(reference: str, lane: str) -> str:
    """The reference in a mail's Message-ID: a second copy of a password, sent because the first is uncertain, has the
    same, so that mail programs show it once."""
    if lane != "auth":
        return reference
    parsed = parse_reference(reference)
    return reference if parsed is None else vendor_reference(parsed.message_id, 1)


def return_path(reference: str, domain: str, settings: Mapping[str, str]) -> str:
    """The envelope's sender."""
    return f"{LOCAL}{marked(reference, settings)}@{domain}"


class Forged(ValueError):
    """A reference whose MAC is wrong."""


def find(text: str, settings: Mapping[str, str]) -> str | None:
    """The first reference in a text whose MAC is right, or None where there is none at all; raises Forged where there
    are only others."""
    wrong = False
    for found in _MARKED.finditer(text):
        reference, mac = found[1].lower(), found[2].lower()
        if hmac.compare_digest(mac, _mac(reference, settings)):
            return reference
        wrong = True
    if wrong:
        raise Forged("a reference that is none of ours")
    return None
