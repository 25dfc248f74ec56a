"""NHN Cloud SMS v3.0 as its clients see it."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from shared.domain.text import parts
from shared.vendors.base import VendorAccount
from shared.vendors.nhn.abroad import RECEIPT_EVENT
from shared.vendors.nhn.api import KST
from shared.vendors.nhn.mt import AUTH_WORDS, CODES, DELIVERED
from simulator.fate import Fate, magic
from simulator.http import Refusal, Reply, Request, json
from simulator.store import Record, Store
from simulator.vendors import nhn_kakao
from simulator.vendors.base import Item, Operation, Submission

RAW_CODES = {
    "0000": "1000", "1001": "1002", "1002": "-2015", "1003": "-2023", "1004": "-2312", "1005": "E915", "1006": "-2052",
    "1007": "-6001", "1008": "E919", "3001": "3011", "3002": "1001", "4001": "3001", "4002": "2003", "4003": "2004",
    "4004": "3010", "4005": "3006", "4006": "3012", "4007": "3017", "4008": "2000", "1009": "3009", "3003": "3000",
    "3004": "-1008",
}  # fmt: skip
"""The raw code that a magic number gets for an IMS code."""
REFUSING = frozenset(raw for raw in CODES if raw[0] == "-")
"""Codes below zero are told in the answer, the carrier's by receipt."""
SENDERS = ("sender/sms", "sender/mms", "sender/auth/sms", "sender/ad-sms", "sender/ad-mms")
MAX_RECIPIENTS = 1000
SMS_CHARACTERS, MMS_CHARACTERS, TITLE_CHARACTERS = 255, 4000, 120
FOREIGN_PARTS = 5
OPT_OUT = re.compile("무료수신거부|무료거부")
_PATH = re.compile(r"/sms/v3\.0/appKeys/([^/]+)/(.+)")


class NhnVendor:
    """See simulator/vendors/base.py."""

    name = "nhn"
    channel = "mt"
    prefix = "/"
    polled = False
    delivered = DELIVERED
    abroad_event = RECEIPT_EVENT
    """What foreign carriers say comes by a webhook of its own, after the code of delivery."""

    def __init__(self, accounts: Iterable[VendorAccount]) -> None:
        self._by_key = {a.settings["app_key"]: a for a in accounts}
        self.magic: Mapping[str, Fate] = magic({k: v for k, v in RAW_CODES.items() if v != DELIVERED}, REFUSING)

    def operation(self, request: Request) -> Operation:
        """The same path sends by POST and is searched by GET."""
        path = _split(request)[1]
        if request.method == "POST" and path == "attachfile/binaryUpload":
            return "upload"
        if path in SENDERS and request.method in ("POST", "GET"):
            return "send" if request.method == "POST" else "look_up"
        raise Refusal(self.failure(404, "Not exist API."))

    def account(self, request: Request, now_ms: int) -> str:
        """The app key is in the path, the secret key in the header."""
        account = self._by_key.get(_split(request)[0])
        if account is None:
            raise Refusal(_refused("-1000", "Invalid appKey."))
        given = request.headers.get("x-secret-key", "")
        if not hmac.compare_digest(account.settings["secret_key"].encode(), given.encode()):
            raise Refusal(_refused("-1007", "Secret key is invalid.", 401))
        return account.account

    def submission(self, request: Request, now_ms: int, serial: int) -> Submission:
        """One body for every recipient, so most faults refuse the whole call."""
        body = _object(request.body)
        path = _split(request)[1]
        recipients = body.get("recipientList")
        if not isinstance(recipients, list) or not recipients:
            raise Refusal(_refused("-2001", "RecipientList can not be null."))
        if len(recipients) > MAX_RECIPIENTS:
            raise Refusal(_refused("-2016", "The max recipient size is 1000."))
        if fault := _fault(path, body, all(map(_is_foreign, recipients))):
            raise Refusal(_refused(fault, CODES[fault].text))
        kind = "sms" if path.endswith("sms") else "mms" if body.get("attachFileIdList") else "lms"
        sender, text = body["sendNo"], body["body"]
        try:
            items = [_item(recipient, sender, kind, text) for recipient in recipients]
        except (AttributeError, TypeError) as error:
            raise Refusal(_refused("-9997", f"unreadable recipient: {error!r}")) from error
        stamp = datetime.fromtimestamp(now_ms / 1000, KST).strftime("%Y%m%d%H%M%S")
        return Submission(f"{stamp}{serial:011d}", path, items)

    def vendor_ref(self, group: str, seq: int) -> str:
        """NHN names a message by request and sequence."""
        return f"{group}:{seq}"

    def accepted(self, submission: Submission, records: Sequence[Record]) -> Reply:
        """`sendResultList`."""
        data = {
            "requestId": submission.group,
            "statusCode": "2",
            "senderGroupingKey": None,
            "sendResultList": [_result(r) for r in records],
        }
        return json(200, {"header": _header(True, 0, "SUCCESS"), "body": {"data": data}})

    def look_up(self, request: Request, account: str, store: Store, now_ms: int) -> Reply:
        """By number or grouping key, between two Korean times; what was refused was never registered."""
        query = request.query
        if not (query.get("startCreateDate") and query.get("endCreateDate")):
            raise Refusal(_refused("-2011", CODES["-2011"].text))
        try:
            size = max(1, int(query.get("pageSize", "15")))
            first, last = _ms(query["startCreateDate"]), _ms(query["endCreateDate"])
        except ValueError as error:
            raise Refusal(_refused("-2000", "Date format error.")) from error
        number, key, path = query.get("recipientNo"), query.get("recipientGroupingKey"), _split(request)[1]
        candidates = [*store.to(number), *store.to(f"+{number}")] if number else store.remembered()
        found = [
            _known(r, now_ms)
            for r in candidates
            if r.vendor == self.name and r.account == account and r.path == path and not r.refused
            if first <= r.at <= last and (not key or r.our_ref == key)
        ][:size]
        page = {"pageNum": 1, "pageSize": size, "totalCount": len(found), "data": found}
        return json(200, {"header": _header(True, 0, "SUCCESS"), "body": page})

    def upload(self, request: Request, account: str, serial: int) -> Reply:
        """A base64 JPEG."""
        body = _object(request.body)
        if not str(body.get("fileName", "")).endswith((".jpg", ".jpeg")) or not body.get("fileBody"):
            raise Refusal(_refused("-2003", CODES["-2003"].text))
        data = {"fileId": serial, "fileName": body["fileName"], "filePath": "/temporary/"}
        return json(200, {"header": _header(True, 0, "SUCCESS"), "body": {"data": data}})

    def failure(self, status: int, text: str) -> Reply:
        """A header that is not successful."""
        return json(status, {"header": _header(False, -9998 if status == 404 else -9999, text)})

    def webhook(self, account: VendorAccount, records: Sequence[Record], attempt: int) -> tuple[dict[str, str], bytes]:
        """MESSAGE_RESULT_UPDATE with its hooks, also of NHN's other products."""
        return webhook(account, records, attempt)


def webhook(account: VendorAccount, records: Sequence[Record], attempt: int) -> tuple[dict[str, str], bytes]:
    """One webhook of an account: its records are of one product and event."""
    headers = {
        "content-type": "application/json;charset=UTF-8",
        "x-toast-webhook-signature": account.settings["webhook_secret"],
    }
    event = {
        "hooksId": f"{records[0].group}{records[0].serial:08d}{attempt}",
        "webhookConfigId": account.account,
        "productName": "KakaoTalk Bizmessage" if records[0].channel == "kakao" else "SMS",
        "appKey": account.settings["app_key"],
        "event": records[0].event or "MESSAGE_RESULT_UPDATE",
        "hooks": [_told(record) for record in records],
    }
    return headers, orjson.dumps(event)


def _told(record: Record) -> dict[str, Any]:
    if record.event:
        return _receipt_abroad(record)
    return nhn_kakao.hook(record) if record.channel == "kakao" else _hook(record)


def _is_foreign(recipient: Any) -> bool:
    number = (
        isinstance(recipient, dict) and not recipient.get("recipientNo") and recipient.get("internationalRecipientNo")
    )
    return bool(number) and not str(number).startswith("82")


def _fault(path: str, body: dict[str, Any], abroad: bool) -> str:
    """What is wrong with a call; only a text that all goes abroad is not bound to what Korean handsets show."""
    text, title = body.get("body"), body.get("title")
    if not isinstance(text, str) or not text or (path.endswith("mms") and not title):
        return "-2014"
    if not body.get("sendNo"):
        return "-2312"
    if abroad:
        return "-8000" if path == "sender/auth/sms" and not AUTH_WORDS.search(text) else ""
    limit = SMS_CHARACTERS if path.endswith("sms") else MMS_CHARACTERS
    if len(text) > limit or len(title or "") > TITLE_CHARACTERS:
        return "-2015"
    try:
        text.encode("cp949")
        (title or "").encode("cp949")
    except UnicodeEncodeError:
        return "-2023"
    if path == "sender/auth/sms" and not AUTH_WORDS.search(text):
        return "-8000"
    return "-6003" if path.startswith("sender/ad-") and not ("(광고)" in text and OPT_OUT.search(text)) else ""


def _item(recipient: dict[str, Any], sender: str, kind: str, text: str) -> Item:
    number = recipient.get("recipientNo")
    if not number:
        foreign = recipient.get("internationalRecipientNo") or ""
        number = "0" + foreign[2:] if foreign.startswith("82") else f"+{foreign}" if foreign else ""
    fault = "" if number else "-2018"
    if number.startswith("+"):
        fault = "-2024" if kind != "sms" else "-2048" if parts(text) > FOREIGN_PARTS else ""
    return Item(number, sender, kind, text, recipient.get("recipientGroupingKey") or "", fault)


def _result(record: Record) -> dict[str, Any]:
    return {
        "recipientNo": record.to.lstrip("+"),
        "resultCode": int(record.raw) if record.refused else 0,
        "resultMessage": CODES[record.raw].text if record.refused else "SUCCESS",
        "recipientSeq": record.seq,
        "recipientGroupingKey": record.our_ref,
    }


def _known(record: Record, now_ms: int) -> dict[str, Any]:
    final = now_ms >= record.final_at
    return {
        "requestId": record.group,
        "requestDate": _kst(record.at),
        "resultDate": _kst(record.final_at) if final else None,
        "body": record.text,
        "sendNo": record.sender,
        "recipientNo": record.to.lstrip("+"),
        "msgStatus": ("3" if record.delivered else "0") if final else "2",
        "resultCode": record.raw if final else None,
        "recipientSeq": record.seq,
        "messageType": record.type.upper(),
        "recipientGroupingKey": record.our_ref,
    }


def _hook(record: Record) -> dict[str, Any]:
    return {
        "hookId": f"{record.group}{record.seq}",
        "senderType": "NORMAL_SMS",
        "requestId": record.group,
        "recipientSeq": record.seq,
        "requestDate": _kst(record.at, "T"),
        "receiveDate": _kst(record.final_at, "T"),
        "sendNo": record.sender,
        "recipientNo": record.to,
        "messageStatus": "COMPLETED" if record.delivered else "FAILED",
        "recipientGroupingKey": record.our_ref,
        "senderGroupingKey": None,
        "resultCode": record.raw,
        "messageCount": parts(record.text) if record.to.startswith("+") else 1,
    }


def _receipt_abroad(record: Record) -> dict[str, Any]:
    return {
        "hookId": f"{record.group}{record.seq}D",
        "requestId": record.group,
        "recipientSeq": record.seq,
        "dlrStatus": "DELIVERED" if record.delivered else "FAILED",
        "networkCode": "US-VIRTUAL",
        "errorCode": "0" if record.delivered else "1",
    }


def _split(request: Request) -> tuple[str, str]:
    parts = _PATH.fullmatch(request.path)
    return (parts[1], parts[2]) if parts else ("", "")


def _header(successful: bool, code: int, text: str) -> dict[str, Any]:
    return {"isSuccessful": successful, "resultCode": code, "resultMessage": text}


def _refused(raw: str, text: str, status: int = 200) -> Reply:
    return json(status, {"header": _header(False, int(raw), text), "body": None})


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(_refused("-9997", "Invalid API parameters.", 400)) from error
    if not isinstance(value, dict):
        raise Refusal(_refused("-9997", "Invalid API parameters.", 400))
    return value


@lru_cache(maxsize=4096)
def _kst(ms: int, between: str = " ") -> str:
    return datetime.fromtimestamp(ms // 1000, KST).replace(tzinfo=None).isoformat(between)


def _ms(written: str) -> int:
    return round(datetime.fromisoformat(written).replace(tzinfo=KST).timestamp() * 1000)
