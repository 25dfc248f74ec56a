"""Solapi's AlimTalk (type ATA): the template's text is filled by Solapi."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.domain import variables
from shared.vendors.solapi.kakao import CODES
from simulator.fate import magic
from simulator.vendors.base import Extra, Item

__all__ = ["CODES", "item"]

RAW_CODES = {
    "1002": "1031", "1005": "1026", "1006": "1030", "1008": "3108", "2001": "3105", "2002": "3103", "2003": "3101",
    "2004": "3104", "3001": "3012", "4008": "3040", "1009": "1032", "1011": "1051", "3004": "1020",
}  # fmt: skip
MAGIC = magic(RAW_CODES, frozenset(raw for raw in CODES if raw[0] == "1"))
TEMPLATES: Mapping[str, str] = {"ORDER_SHIPPED": "#{name}님, 주문 #{order}이(가) 발송되었습니다."}
"""What is approved at this Solapi."""
TEXT = 1000
FIELD_NAME, FIELD_VALUE = 30, 100


def item(message: Mapping[str, Any]) -> Item:
    """One AlimTalk of a call."""
    options = message["kakaoOptions"]
    fields = message.get("customFields") or {}
    given = {
        name.removeprefix("#{").removesuffix("}"): value for name, value in (options.get("variables") or {}).items()
    }
    text, fault = _filled(options, given)
    if any(len(name) > FIELD_NAME or len(value) > FIELD_VALUE for name, value in fields.items()):
        fault = "1032"
    kept = "sent as SMS by Solapi itself" if options.get("disableSms") is not True else ""
    extra = Extra("kakao", MAGIC, {"title": None, "buttons": [], "media": []}, kept)
    return Item(message["to"], str(options.get("pfId") or ""), "alimtalk", text, fields.get("ref", ""), fault, extra)


def _filled(options: Mapping[str, Any], given: Mapping[str, str]) -> tuple[str, str]:
    if not options.get("pfId"):
        return "", "1041"
    template = TEMPLATES.get(str(options.get("templateId")))
    if template is None:
        return "", "1042"
    if missing := variables.compiled(template).missing(given):
        return f"missing: {missing}", "1043"
    text = variables.fill(template, given)
    return text, "1031" if len(text) > TEXT else ""
