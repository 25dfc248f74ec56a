"""RCS messages of Solapi's message API: how one is judged and what a handset shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.channels.rcs.formats import FORMATS
from shared.vendors.solapi.rcs import CODES
from simulator.fate import Fate, magic
from simulator.vendors.base import Extra, Item

RAW_CODES = {
    "1001": "3010", "1002": "1031", "1004": "1062", "1005": "1026", "1006": "1030", "1007": "1061", "1008": "3108",
    "1011": "55815", "2001": "55502", "2002": "55707", "2003": "55210", "2004": "54002", "3001": "3012",
    "3002": "50201", "3003": "59999", "3004": "2063", "4001": "3032", "4002": "3043", "4003": "3044",
    "4004": "41212", "4005": "3047", "4006": "42602", "4007": "3059", "4008": "56007",
    "0302": "55822", "1003": "1029", "1009": "42513",
}  # fmt: skip
"""The raw code that a magic number gets for an IMS code."""
MAGIC: Mapping[str, Fate] = magic(RAW_CODES, frozenset(raw for raw in CODES if len(raw) == 4 and raw[0] == "1"))
TYPES = frozenset({"RCS_SMS", "RCS_LMS", "RCS_MMS", "RCS_TPL", "RCS_ITPL", "RCS_LTPL"})
BUTTONS = frozenset({"WL", "ML", "MQ", "MR", "CA", "CL", "DL", "MS"})
TITLE = 30


def item(message: dict[str, Any], to: str, reference: str) -> Item:
    """A message as Solapi reads it."""
    options = message.get("rcsOptions") or {}
    text = message.get("text") or ""
    cards = [{"title": message.get("subject"), "text": text}]
    cards += [{"title": c.get("title"), "text": c.get("description")} for c in options.get("additionalBody") or ()]
    media = [message.get("imageId"), *(c.get("imaggeId") for c in options.get("additionalBody") or ())]
    shown = {
        "title": message.get("subject"),
        "buttons": options.get("buttons") or [],
        "media": [name for name in media if name],
        "cards": cards if len(cards) > 1 else [],
        "ad": {"footer": options.get("unsubscribeNumber")} if options.get("commercialType") else None,
    }
    fault = _fault(message, options, text)
    return Item(to, message["from"], message["type"].lower(), text, reference, fault, Extra("rcs", MAGIC, shown))


def _fault(message: dict[str, Any], options: dict[str, Any], text: str) -> str:
    if not options.get("brandId"):
        return "1010"
    if not options.get("disableSms") and message.get("from") and text:
        return "1011"
    name = options.get("templateId") or ""
    form = FORMATS.get(name)
    if form is None and message["type"] not in ("RCS_TPL", "RCS_ITPL", "RCS_LTPL"):
        return "1010"
    if form is None:
        return ""
    if len(text) > form.text or len(message.get("subject") or "") > TITLE:
        return "1031"
    if form.media and not message.get("imageId"):
        return "1034"
    if any(b.get("buttonType") not in BUTTONS or not b.get("buttonName") for b in options.get("buttons") or ()):
        return "1011"
    return "1011" if len(options.get("buttons") or ()) > form.buttons else ""
