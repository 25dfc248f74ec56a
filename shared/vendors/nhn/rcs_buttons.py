"""Buttons as the carriers' suggestions (RCS Biz Center; NHN RCS v1.0 takes each as a JSON string)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from shared.channels.rcs.payload import Button


def _url(button: Button) -> dict[str, Any]:
    return {"urlAction": {"openUrl": {"url": button.get("url")}}}


def _dialer(button: Button) -> dict[str, Any]:
    return {"dialerAction": {"dialPhoneNumber": {"phoneNumber": button.get("phone")}}}


def _compose(button: Button) -> dict[str, Any]:
    said = {"phoneNumber": button.get("phone"), "text": button.get("text")}
    return {"composeAction": {"composeTextMessage": said}}


def _clipboard(button: Button) -> dict[str, Any]:
    return {"clipboardAction": {"copyToClipboard": {"text": button.get("text")}}}


def _map_show(button: Button) -> dict[str, Any]:
    where: dict[str, Any] = {name: float(button.get(name)) for name in ("latitude", "longitude")}
    if button.get("label"):
        where["label"] = button.get("label")
    return {"mapAction": {"showLocation": {"location": where, **_fallback(button)}}}


def _map_query(button: Button) -> dict[str, Any]:
    return {"mapAction": {"showLocation": {"location": {"query": button.get("query")}, **_fallback(button)}}}


def _map_share(button: Button) -> dict[str, Any]:
    return {"mapAction": {"requestLocationPush": {}}}


def _calendar(button: Button) -> dict[str, Any]:
    event = {"startTime": button.get("start"), "endTime": button.get("end"), "title": button.get("title")}
    if button.get("description"):
        event["description"] = button.get("description")
    return {"calendarAction": {"createCalendarEvent": event}}


def _fallback(button: Button) -> dict[str, str]:
    return {"fallbackUrl": button.get("url")} if button.get("url") else {}


ACTIONS: dict[str, Callable[[Button], dict[str, Any]]] = {
    "URL": _url,
    "DIALER": _dialer,
    "COMPOSE": _compose,
    "CLIPBOARD": _clipboard,
    "MAP_SHOW": _map_show,
    "MAP_QUERY": _map_query,
    "MAP_SHARE": _map_share,
    "CALENDAR": _calendar,
}


def button_json(button: Button) -> dict[str, str]:
    """A button of NHN's: its type, and its suggestion as text."""
    action = {**ACTIONS[button.type](button), "displayText": button.name}
    return {"buttonType": button.type, "buttonJson": orjson.dumps({"action": action}).decode()}
