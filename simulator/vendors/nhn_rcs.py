"""NHN Cloud RCS Bizmessage v1.0 as its clients see it: one recipient a call, nothing told but to those who ask."""

from __future__ import annotations

import hmac
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from shared.vendors.base import VendorAccount
from shared.vendors.nhn.api import KST
from shared.vendors.nhn.rcs import CODES, DELIVERED
from simulator.fate import Fate, magic
from simulator.http import Refusal, Reply, Request, json
from simulator.store import Record, Store
from simulator.vendors.base import Extra, Item, Operation, Submission

RAW_CODES = {
    "1001": "52001", "1002": "55709", "1004": "-4050", "1005": "55806", "1006": "50202", "1007": "-4042",
    "1008": "55705", "1011": "55815", "2001": "-4020", "2002": "55707", "2003": "-4010", "2004": "54002",
    "3001": "54004", "3002": "50201", "3003": "59999", "3004": "50005", "4004": "41212", "4006": "42602",
    "4008": "56007", "0302": "55822", "1009": "42513",
}  # fmt: skip
"""The raw code that a magic number gets for an IMS code."""
REFUSING = frozenset(raw for raw in CODES if raw[0] == "-")
"""Codes below zero are told in the answer, the carrier's only to those who ask."""
MAX_BODY = {"sms": 100, "lms": 1300}
MAX_BUTTONS = {"sms": 1, "lms": 3}
CARD_BODY = {"HORIZONTAL": 1300, "VERTICAL": 1300, "CAROUSEL_MEDIUM": 60, "CAROUSEL_SMALL": 30}
BASES = {"sms": "SS000000", "lms": "SL000000"}
TITLE, CARD_BUTTONS, FREE_BODY = 30, 2, 90
MEDIA_BYTES, MEDIA_S = 1024 * 1024, 7 * 24 * 3600
SPAN_MS = 31 * 24 * 3_600_000
LIMIT = 1000
_PATH = re.compile(r"/rcs/v1\.0/messages/(sms|lms|mms|template)(?:/([0-9A-Za-z]+))?")
_FILE = re.compile(rb'filename="[^"]*\.(?:jpg|jpeg|png|gif|bmp)"')


class NhnRcsVendor:
    """See simulator/vendors/base.py."""

    name = "nhn"
    channel = "rcs"
    prefix = "/rcs/"
    polled = True
    delivered = DELIVERED

    def __init__(self, accounts: Iterable[VendorAccount]) -> None:
        self._by_key = {a.settings["app_key"]: a for a in accounts}
        self.magic: Mapping[str, Fate] = magic(RAW_CODES, REFUSING)
        self._media: dict[str, int] = {}
        self._kept: dict[str, list[Record]] = {}
        self._read, self._longest = 0, 0

    def operation(self, request: Request) -> Operation:
        """The same path sends by POST and is asked by GET."""
        if request.method == "POST" and request.path == "/rcs/v1.0/media":
            return "upload"
        parts = _PATH.fullmatch(request.path)
        if parts and request.method == "GET":
            return "look_up"
        if parts and request.method == "POST" and not parts[2]:
            return "send"
        raise Refusal(self.failure(404, "Not exist API."))

    def account(self, request: Request, now_ms: int) -> str:
        """Both keys are in headers."""
        account = self._by_key.get(request.headers.get("x-tc-app-key", ""))
        given = request.headers.get("x-secret-key", "")
        if account is None or not hmac.compare_digest(account.settings["secret_key"].encode(), given.encode()):
            raise Refusal(_refused("400", "Client exception", 401))
        return account.account

    def submission(self, request: Request, now_ms: int, serial: int) -> Submission:
        """One message."""
        kind = _kind(request)
        try:
            body = orjson.loads(request.body)
            fault = self._fault(kind, body, now_ms)
        except (AttributeError, KeyError, TypeError, orjson.JSONDecodeError) as error:
            raise Refusal(_refused("400", "Client exception", 400)) from error
        if fault:
            raise Refusal(_refused(fault, CODES[fault].text))
        number = body["recipientNumber"]
        to = "0" + number[3:] if number.startswith("+82") else number
        cards = body.get("cards") or [body]
        first = cards[0]
        said = first.get("description") if kind == "mms" else body.get("body")
        if kind == "template" and said is None:
            said = " ".join(str(value) for value in (body.get("templateParameter") or {}).values())
        buttons = [orjson.loads(b["buttonJson"]) for card in cards for b in card.get("buttons") or ()]
        shown = {
            "title": first.get("title"),
            "buttons": buttons,
            "media": [card["media"] for card in cards if card.get("media")],
            "cards": [{"title": c.get("title"), "text": c.get("description")} for c in cards] if kind == "mms" else [],
            "ad": {"header": "1", "footer": body["unsubscribeNumber"]} if body.get("isAd") else None,
        }
        stamp = datetime.fromtimestamp(now_ms / 1000, KST).strftime("%Y%m%d%H%M%S")
        item = Item(to, body["chatbotId"], f"rcs_{kind}", said or "", "", "", Extra("rcs", self.magic, shown, body))
        return Submission(f"{stamp}{serial:09d}", kind, [item])

    def vendor_ref(self, group: str, seq: int) -> str:
        """NHN's messageId."""
        return f"{group}u{seq}"

    def accepted(self, submission: Submission, records: Sequence[Record]) -> Reply:
        """`messageId`, or the refusal."""
        (record,) = records
        if record.refused:
            return _refused(record.raw, CODES[record.raw].text)
        return json(200, {"header": _header(True, 0, "success"), "messageId": record.vendor_ref})

    def look_up(self, request: Request, account: str, store: Store, now_ms: int) -> Reply:
        """A list between two times of one kind, or one message."""
        self._keep(store)
        parts = _PATH.fullmatch(request.path)
        kind, message_id = (parts[1], parts[2]) if parts else ("", "")
        mine = self._kept.get(f"{account}/{kind}", [])
        if message_id:
            found = next((r for r in reversed(mine) if r.vendor_ref == message_id), None)
            if found is None:
                return _refused("-7005", CODES["-7005"].text)
            return json(200, {"header": _header(True, 0, "success"), "messageRecipient": _detail(found, now_ms)})
        rows = self._window(mine, request.query, now_ms)
        try:
            limit = min(LIMIT, max(1, int(request.query.get("limit", "15"))))
            offset = max(0, int(request.query.get("offset", "0")))
        except ValueError as error:
            raise Refusal(_refused("400", "Client exception")) from error
        page = {"offset": offset, "limit": limit, "total": len(rows)}
        data = [_listed(r, now_ms) for r in rows[offset : offset + limit]]
        return json(200, {"header": _header(True, 0, "success"), "data": data, "pagination": page})

    def upload(self, request: Request, account: str, serial: int) -> Reply:
        """A form with `uploadFile`, good for seven days."""
        if b'name="uploadFile"' not in request.body or not _FILE.search(request.body):
            raise Refusal(_refused("-4032", CODES["-4032"].text))
        if len(request.body) > MEDIA_BYTES + 1024:
            raise Refusal(_refused("-4033", CODES["-4033"].text))
        name = f"file.{account}.{serial:012d}"
        self._media[name] = 0
        return json(200, {"header": _header(True, 0, "success"), "media": {"fileId": name}})

    def failure(self, status: int, text: str) -> Reply:
        """A header that is not successful."""
        return json(status, {"header": _header(False, -7000 if status == 404 else -9999, text)})

    def webhook(self, account: VendorAccount, records: Sequence[Record], attempt: int) -> tuple[dict[str, str], bytes]:
        """There is none."""
        raise NotImplementedError

    def _keep(self, store: Store) -> None:
        """Take in what has come since the last look."""
        fresh = []
        for record in reversed(list(store.remembered())[-LIMIT * 100 :]) if store.serial != self._read else ():
            if record.serial <= self._read:
                break
            if record.vendor == self.name and record.channel == self.channel and not record.refused:
                fresh.append(record)
        self._read = store.serial
        for record in reversed(fresh):
            self._kept.setdefault(f"{record.account}/{record.path}", []).append(record)
            self._longest = max(self._longest, record.final_at - record.at)

    def _window(self, mine: list[Record], query: Mapping[str, str], now_ms: int) -> list[Record]:
        sent = query.get("startSendDateTime"), query.get("endSendDateTime")
        received = query.get("startReceiveDateTime"), query.get("endReceiveDateTime")
        if all(sent) and all(received):
            raise Refusal(_refused("-7002", CODES["-7002"].text))
        given = sent if all(sent) else received
        if not all(given):
            raise Refusal(_refused("-7001", CODES["-7001"].text))
        try:
            first, last = (_ms(str(written)) for written in given)
        except ValueError as error:
            raise Refusal(_refused("-7003", CODES["-7003"].text)) from error
        if last < first or last - first > SPAN_MS:
            raise Refusal(_refused("-7003", CODES["-7003"].text))
        from_ = bisect_left(mine, first - self._longest, key=lambda r: r.at)
        chatbot, status = query.get("chatbotId"), query.get("messageStatus")
        return [
            r
            for r in mine[from_:]
            if (
                first <= r.at <= last + 999
                if given is sent
                else r.final_at <= now_ms and first <= r.final_at <= last + 999
            )
            and (not chatbot or r.sender == chatbot)
            and (not status or _status(r, now_ms) == status)
        ]

    def _fault(self, kind: str, body: dict[str, Any], now_ms: int) -> str:
        if not body.get("brandId"):
            return "-4000"
        if not body.get("chatbotId") or body["chatbotId"].startswith("010"):
            return "-4010"
        if not body["recipientNumber"]:
            return "400"
        if body.get("isAd") and not body.get("unsubscribeNumber"):
            return "-3001"
        if kind == "template":
            return self._template_fault(body)
        if kind == "mms":
            return self._mms_fault(body)
        if not body.get("body") or len(body["body"]) > MAX_BODY[kind] or len(body.get("title") or "") > TITLE:
            return "400"
        return _button_fault(body.get("buttons"), MAX_BUTTONS[kind])

    def _template_fault(self, body: dict[str, Any]) -> str:
        if not body.get("messagebaseId"):
            return "-4020"
        if any(value is None for value in (body.get("templateParameter") or {}).values()):
            return "-4024"
        return "400" if len(body.get("body") or "") > FREE_BODY else ""

    def _mms_fault(self, body: dict[str, Any]) -> str:
        kind, cards = body["mmsType"], body["cards"]
        carousel = kind.startswith("CAROUSEL")
        if carousel and not 3 <= len(cards) <= 6:
            return "-3033"
        if not carousel and len(cards) != 1:
            return "-3030"
        for card in cards:
            if len(card.get("title") or "") > TITLE:
                return "-3031"
            if len(card.get("description") or "") > CARD_BODY[kind]:
                return {"CAROUSEL_SMALL": "-3034", "CAROUSEL_MEDIUM": "-3035"}.get(kind, "-3032")
            if card.get("media") not in self._media:
                return "-4030"
            if fault := _button_fault(card.get("buttons"), CARD_BUTTONS):
                return fault
        return ""


def _button_fault(buttons: Any, most: int) -> str:
    if not buttons:
        return ""
    if len(buttons) > most:
        return "-3000"
    for button in buttons:
        try:
            action = orjson.loads(button["buttonJson"])["action"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return "-3000"
        if not action.get("displayText") or len(action["displayText"]) > 17:
            return "-3000"
    return ""


def _kind(request: Request) -> str:
    parts = _PATH.fullmatch(request.path)
    return parts[1] if parts else ""


def _status(record: Record, now_ms: int) -> str:
    return "IN_PROGRESS" if now_ms < record.final_at else "DELIVERED" if record.delivered else "FAILED"


def _base(record: Record) -> str:
    body = record.extra.kept
    return BASES.get(record.path) or body.get("messagebaseId") or str(body.get("mmsType"))


def _listed(record: Record, now_ms: int) -> dict[str, Any]:
    final = now_ms >= record.final_at
    return {
        "messageId": record.vendor_ref,
        "recipientSequence": 0,
        "messageType": record.path.upper(),
        "brandId": record.extra.kept["brandId"],
        "chatbotId": record.sender,
        "recipientNumber": record.to,
        "messagebaseId": _base(record),
        "title": record.extra.shown["title"] or "",
        "body": record.text,
        "messageStatus": _status(record, now_ms),
        "sendDateTime": _iso(record.at),
        "receiveDateTime": _iso(record.final_at) if final else None,
        "fallbackStatus": "NONE",
        "fallbackDateTime": "",
    }


def _detail(record: Record, now_ms: int) -> dict[str, Any]:
    final = now_ms >= record.final_at
    return {
        **_listed(record, now_ms),
        "isAd": bool(record.extra.kept.get("isAd")),
        "resultCode": int(record.raw) if final else None,
        "telecom": "kt",
        "resultDateTime": _iso(record.final_at) if final else None,
        "isFallback": False,
        "fallbackRequestId": "",
        "fallbackResultCode": "",
    }


def _header(successful: bool, code: int, text: str) -> dict[str, Any]:
    return {"isSuccessful": successful, "resultCode": code, "resultMessage": text}


def _refused(raw: str, text: str, status: int = 200) -> Reply:
    return json(status, {"header": _header(False, int(raw), text)})


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, KST).isoformat(timespec="milliseconds")


def _ms(written: str) -> int:
    return round(datetime.fromisoformat(written).replace(tzinfo=KST).timestamp() * 1000)
