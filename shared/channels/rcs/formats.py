"""The forms of an RCS message with their limits in characters: NHN RCS Bizmessage v1.0, Notification Hub, Bizppurio.

A message names its form by the carriers' messagebaseId. Android RCS and unified RCS (Android and iPhone, since 2026-03)
differ: an advertisement of the first has header 1 and a footer, one of the second says (광고) and its 080 number in the
text. Formats of two-way chat are not for messages that a company begins.
"""

from __future__ import annotations

from typing import NamedTuple

TITLE = 30
"""NHN RCS v1.0, LMS title and card title (-3031)."""
CARD_TEXTS = 1300
"""Of all cards of a carousel together (Bizppurio, Hub)."""
COMPOSE_TEXT, CLIPBOARD_TEXT, MAP_LABEL, MAP_QUERY = 100, 200, 200, 200
EVENT_TITLE, EVENT_DESCRIPTION = 17, 500
"""A calendar event: the carriers take 17 where MaaP takes 100 (42066, 42067)."""
URL = 2048
"""MaaP, data of a suggestion (42049)."""
FOOTER = 20
"""Digits and hyphens of the 080 number (55706)."""
MEDIA_BYTES = 1024 * 1024
MEDIA_TYPES = ("image/jpeg", "image/jpg", "image/png", "image/gif", "image/bmp")
"""NHN RCS v1.0, files."""
TEXT_TEMPLATE, IMAGE_TEMPLATE, TEMPLATE_BUTTONS, TEMPLATE_BUTTON_NAME = 90, 500, 2, 16
EXPIRY: dict[str, int] = {"auth": 2, "realtime": 3}
"""expiryOption by lane, after which the carrier gives up: 1 = a day, 2 = 40 s, 3 = 3 min, 4 = 1 h (Hub); so a message
that fails over dies before or with the next hop."""
EXPIRY_OTHERS = 1


class Format(NamedTuple):
    """One messagebaseId. `text` and `title`: characters of each card; `cards`: 0 for a message without cards."""

    type: str
    text: int
    title: int
    buttons: int
    name: int
    """Characters on a button."""
    media: bool = False
    cards: int = 0
    unified: bool = False
    card_text: int = 0
    """Characters that every vendor takes on a card (NHN v1.0: -3034, -3035); more goes where the carriers' own limits
    hold."""


FORMATS: dict[str, Format] = {
    "SS000000": Format("rcs_sms", 100, 0, 1, 17),
    "SL000000": Format("rcs_lms", 1300, TITLE, 3, 17),
    "SMwThT00": Format("rcs_mms", 1300, TITLE, 2, 17, media=True),
    "SMwThM00": Format("rcs_mms", 1300, TITLE, 2, 17, media=True),
    **{
        f"CMwMhM0{n}00": Format("rcs_cards", CARD_TEXTS, TITLE, 2, 13, media=True, cards=n, card_text=60)
        for n in range(2, 7)
    },
    **{
        f"CMwShS0{n}00": Format("rcs_cards", CARD_TEXTS, TITLE, 2, 5, media=True, cards=n, card_text=30)
        for n in range(2, 7)
    },
    "RPSSAXX001": Format("rcs_unified_sms", 100, 0, 1, 7, unified=True),
    "RPLSAXX001": Format("rcs_unified_lms", 1300, TITLE, 3, 7, unified=True),
    "RPMSMMX001": Format("rcs_unified_mms", 1300, TITLE, 2, 7, media=True, unified=True),
    "RPMSMTX001": Format("rcs_unified_mms", 1300, TITLE, 2, 7, media=True, unified=True),
}
FEW_CARDS = 3
"""NHN v1.0 takes three to six cards (-3033), the carriers two to six."""
LONG_CARDS = "rcs_cards_long"
"""The type of a carousel that only vendors with the carriers' own limits take."""
TEMPLATE = "rcs_template"

TEXT_TEMPLATES = ("description", "cell", "free", "")
"""Forms of text templates; others (OMHITV0001 …) are image templates."""
