"""What becomes of a message: by its number, where the number asks for a result, else it is delivered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

PREFIX = "0109000"
"""A number of this prefix ends with the IMS code, or the trick, that it asks for."""
SLOW_MS = LATE_MS = 3000


class Fate(NamedTuple):
    """One message's future. `raw` is the vendor's code, empty for delivery."""

    raw: str = ""
    refused: bool = False
    """In the answer; else by receipt."""
    copies: int = 1
    """Receipts: 0 is lost, 2 is twice."""
    delay_ms: int = 0
    """Added to the receipt's delay."""
    early: bool = False
    """The receipt comes before the answer."""
    slow_ms: int = 0
    """Added to the answer's delay."""
    hang: bool = False
    """The call is not answered, though everything in it is sent."""


DELIVERED = Fate()

TRICKS: Mapping[str, Fate] = {
    "0300": Fate(hang=True),
    "9901": Fate(slow_ms=SLOW_MS),
    "9902": Fate(copies=2),
    "9903": Fate(delay_ms=LATE_MS),
    "9904": Fate(early=True),
}


def magic(raw_codes: Mapping[str, str], refusing: frozenset[str]) -> dict[str, Fate]:
    """Fates by number: the tricks, and each IMS code as the raw code that the vendor would give for it."""
    fates = {PREFIX + code: fate for code, fate in TRICKS.items()}
    return fates | {PREFIX + code: Fate(raw, raw in refusing) for code, raw in raw_codes.items()}
