"""NHN Cloud KakaoTalk Bizmessage as its clients see it: AlimTalk v2.3 with its templates, Brand Message v1.0."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from shared.channels.kakao.limits import BUBBLES, CODE_WORDS
from shared.channels.kakao.matching import difference
from shared.vendors.base import VendorAccount
from shared.vendors.nhn.api import KST
from shared.vendors.nhn.kakao_codes import CODES
from simulator.fate import Fate, magic
from simulator.http import Refusal, Reply, Request, json
from simulator.store import Record, Store
from simulator.vendors.base import Extra, Item, Operation, Submission

DELIVERED = "1000"
RAW_CODES = {
    "1001": "1020", "1002": "3014", "1005": "4131", "1006": "4138", "2001": "3015", "2002": "3016", "2003": "1021",
    "2004": "3018", "3001": "3006", "3003": "3010", "4004": "3021", "4008": "4143", "1008": "3022", "1009": "3011",
    "4006": "-8008", "1007": "-3301", "1004": "-1003", "3004": "1014",
}  # fmt: skip
"""The raw code that a magic number gets for an IMS code."""
MAGIC = magic(RAW_CODES, frozenset(raw for raw in RAW_CODES.values() if raw[0] == "-"))
MAX_RECIPIENTS = 1000
TEXT = 1300
KEY_MS = 10 * 60_000
REVIEW_MS = 400
"""How long a review takes here; at Kakao about two business days."""
REFUSED_WORD = "거절"
"""A template with this word is refused by this reviewer."""
DEMO_KEY = "demo" + "0" * 36
_ALIMTALK = re.compile(r"/alimtalk/v2\.3/appkeys/([^/]+)/(.+)")
_BRAND = re.compile(r"/brand-message/v1\.0/appkeys/([^/]+)/(.+)")
_TEMPLATES = re.compile(r"senders/([^/]+)/templates(?:/([^/]+))?")


@dataclass
class Template:
    """A template in review, or reviewed."""

    body: dict[str, Any]
    at: int
    before: dict[str, Any] | None = None
    """The approved text that stays valid while a change is reviewed."""

    def state(self, now_ms: int) -> str:
        """TSC01 requested, TSC02 in review, TSC03 approved, TSC04 rejected."""
        since = now_ms - self.at
        if since < REVIEW_MS // 2:
            return "TSC01"
        if since < REVIEW_MS:
            return "TSC02"
        return "TSC04" if REFUSED_WORD in self.body.get("templateContent", "") else "TSC03"

    def usable(self, now_ms: int) -> dict[str, Any] | None:
        """What messages are held against."""
        return self.body if self.state(now_ms) == "TSC03" else self.before


NEVER = 1 << 60


def _demo() -> dict[tuple[str, str], Template]:
    shipped = "#{name}님, 주문 #{order}이(가) 발송되었습니다."
    return {
        (DEMO_KEY, "ORDER_SHIPPED"): Template({"templateCode": "ORDER_SHIPPED", "templateContent": shipped}, 0),
        (DEMO_KEY, "NOT_YET"): Template(
            {"templateCode": "NOT_YET", "templateContent": "#{name}님, 아직입니다."}, NEVER
        ),
    }


@dataclass
class Reviewed:
    """What NHN knows of templates and calls, for all of its accounts."""

    templates: dict[tuple[str, str], Template] = field(default_factory=_demo)
    keys: dict[str, int] = field(default_factory=dict)
    """Idempotency keys and when they came."""


class _Nhn:
    """What both APIs share."""

    name = "nhn"
    channel = "kakao"
    polled = False
    delivered = DELIVERED
    magic: Mapping[str, Fate] = MAGIC
    path: re.Pattern[str]

    def __init__(self, accounts: Iterable[VendorAccount]) -> None:
        self._by_key = {a.settings["app_key"]: a for a in accounts}
        self._known = Reviewed()

    def account(self, request: Request, now_ms: int) -> str:
        """The app key is in the path, the secret key in the header."""
        account = self._by_key.get(self._split(request)[0])
        if account is None:
            raise Refusal(_refused("-1000", "Invalid appKey."))
        given = request.headers.get("x-secret-key", "")
        if not hmac.compare_digest(account.settings["secret_key"].encode(), given.encode()):
            raise Refusal(_refused("-1002", "Secret key is invalid."))
        return account.account

    def vendor_ref(self, group: str, seq: int) -> str:
        """NHN names a message by request and sequence."""
        return f"{group}:{seq}"

    def failure(self, status: int, text: str) -> Reply:
        """A header that is not successful."""
        return json(status, {"header": _header(False, -9998 if status == 404 else -9999, text)})

    def look_up(self, request: Request, account: str, store: Store, now_ms: int) -> Reply:
        """By our reference, between two Korean minutes."""
        query, path = request.query, self._split(request)[1]
        if not (query.get("startCreateDate") and query.get("endCreateDate")) and not query.get("requestId"):
            raise Refusal(_refused("-4000", "a search needs its range"))
        key = query.get("recipientGroupingKey")
        found = [
            _known(record, now_ms)
            for record in store.remembered()
            if record.vendor == self.name and record.account == account and not record.refused
            if record.path == path.replace("messages", "raw-messages", 1) or self.prefix == "/brand-message/"
            if record.channel == "kakao" and (not key or record.our_ref == key)
        ]
        listed = {"messages": found, "totalCount": len(found)}
        return json(200, {"header": _header(True, 0, "SUCCESS"), "messageSearchResultResponse": listed})

    prefix: str

    def _split(self, request: Request) -> tuple[str, str]:
        parts = self.path.fullmatch(request.path)
        return (parts[1], parts[2]) if parts else ("", "")

    def webhook(self, account: VendorAccount, records: Sequence[Record], attempt: int) -> tuple[dict[str, str], bytes]:
        """MESSAGE_RESULT_UPDATE with its hooks; one webhook serves all of NHN's products (nhn.py)."""
        from simulator.vendors.nhn import webhook

        return webhook(account, records, attempt)


class NhnAlimtalk(_Nhn):
    """See simulator/vendors/base.py."""

    prefix = "/alimtalk/"
    path = _ALIMTALK

    def operation(self, request: Request) -> Operation:
        """Sending, searching, and everything about templates."""
        path = self._split(request)[1]
        if request.method == "POST" and path in ("raw-messages", "auth/raw-messages"):
            return "send"
        if request.method == "GET" and path in ("messages", "auth/messages"):
            return "look_up"
        if _TEMPLATES.fullmatch(path) and request.method in ("POST", "PUT", "GET"):
            return "upload"
        raise Refusal(self.failure(404, "Not exist API."))

    def submission(self, request: Request, now_ms: int, serial: int) -> Submission:
        """Each recipient has the whole text, which is held against the template."""
        self._once(request.headers.get("x-nc-api-idempotency-key"), now_ms)
        body, path = _object(request.body), self._split(request)[1]
        recipients = body.get("recipientList")
        if not isinstance(recipients, list) or not 0 < len(recipients) <= MAX_RECIPIENTS:
            raise Refusal(_refused("-2001", "recipientList must have 1 to 1,000 recipients."))
        template = self._known.templates.get((str(body.get("senderKey")), str(body.get("templateCode"))))
        if template is None:
            raise Refusal(_refused("-3003", "The template does not exist."))
        usable = template.usable(now_ms)
        if usable is None:
            raise Refusal(_refused("-3005", "The template is not approved."))
        auth = path.startswith("auth/")
        items = [_alimtalk(recipient, str(body["senderKey"]), usable, auth=auth) for recipient in recipients]
        return Submission(_group(now_ms, serial), path, items)

    def accepted(self, submission: Submission, records: Sequence[Record]) -> Reply:
        """`sendResults`; when all were refused, so is the call."""
        results = [_result(record, echo=True) for record in records]
        message = {"requestId": submission.group, "senderGroupingKey": None, "sendResults": results}
        if all(record.refused for record in records):
            return json(200, {"header": _header(False, -1031, "all refused"), "message": message})
        return json(200, {"header": _header(True, 0, "SUCCESS"), "message": message})

    def upload(self, request: Request, account: str, serial: int) -> Reply:
        """Templates: register, change, ask."""
        found = _TEMPLATES.fullmatch(self._split(request)[1])
        key, code = (found[1], found[2]) if found else ("", None)
        now = _now_ms()
        if request.method == "GET":
            template = self._known.templates.get((key, code or ""))
            if template is None:
                raise Refusal(_refused("-3003", "The template does not exist."))
            return json(200, {"header": _header(True, 0, "SUCCESS"), "template": _shown(template, now)})
        body = _object(request.body)
        name = code or str(body.get("templateCode") or "")
        if not name or not body.get("templateContent"):
            raise Refusal(_refused("-3000", "templateCode and templateContent are needed."))
        known = self._known.templates.get((key, name))
        if request.method == "POST" and known is not None:
            raise Refusal(_refused("-3001", "The template code is used."))
        if request.method == "PUT" and (known is None or known.state(now) in ("TSC01", "TSC02")):
            raise Refusal(_refused("-3012", "The template cannot be changed now."))
        self._known.templates[key, name] = Template(body, now, known.usable(now) if known else None)
        return json(200, {"header": _header(True, 0, "SUCCESS")})

    def _once(self, key: str | None, now_ms: int) -> None:
        """The same key within ten minutes is refused, not replayed."""
        if not key:
            return
        keys = self._known.keys
        if now_ms - keys.get(key, 0) < KEY_MS:
            raise Refusal(_refused("-1005", "The idempotency key was used."))
        keys[key] = now_ms
        while len(keys) > 100_000:
            del keys[next(iter(keys))]


class NhnBrand(_Nhn):
    """See simulator/vendors/base.py."""

    prefix = "/brand-message/"
    path = _BRAND

    def operation(self, request: Request) -> Operation:
        """Sending, searching, images."""
        path = self._split(request)[1]
        if request.method == "POST" and path == "freestyle-messages":
            return "send"
        if request.method == "GET" and path == "messages":
            return "look_up"
        if request.method == "POST" and path == "images":
            return "upload"
        raise Refusal(self.failure(404, "Not exist API."))

    def submission(self, request: Request, now_ms: int, serial: int) -> Submission:
        """One content for all."""
        body = _object(request.body)
        recipients = body.get("recipientList")
        if not isinstance(recipients, list) or not 0 < len(recipients) <= MAX_RECIPIENTS:
            raise Refusal(_refused("-2001", "recipientList must have 1 to 1,000 recipients."))
        bubble = BUBBLES.get(str(body.get("chatBubbleType")))
        if bubble is None:
            raise Refusal(_refused("-3200", "Unknown chatBubbleType."))
        text = str(body.get("content") or body.get("additionalContent") or "")
        if bubble.text and len(text) > bubble.text:
            raise Refusal(_refused("-3219", "The content is too long."))
        shown = {
            "title": body.get("header"),
            "buttons": body.get("buttons") or [],
            "media": [body[k] for k in ("image", "item", "carousel", "video", "commerce", "coupon") if body.get(k)],
        }
        sender = str(body.get("senderKey"))
        items = [
            Item(
                str(r.get("recipientNo") or ""), sender, "brand", text, r.get("recipientGroupingKey") or "",
                "" if r.get("targeting") in ("M", "N", "I") else "-3298",
                Extra("kakao", MAGIC, shown, "RSC04" if _resends(r) else "RSC01"),
            )
            for r in recipients
        ]  # fmt: skip
        return Submission(_group(now_ms, serial), self._split(request)[1], items)

    def accepted(self, submission: Submission, records: Sequence[Record]) -> Reply:
        """The answer does not echo our reference."""
        results = [_result(record, echo=False) for record in records]
        message = {"requestId": submission.group, "sendResults": results}
        return json(200, {"header": _header(True, 0, "SUCCESS"), "message": message})

    def upload(self, request: Request, account: str, serial: int) -> Reply:
        """An image by form."""
        if b"imageType" not in request.body:
            raise Refusal(_refused("-3321", "imageType is needed."))
        image = {"imageUrl": f"https://mud-kage.kakao.example/{serial}.jpg", "imageSeq": serial}
        return json(200, {"header": _header(True, 0, "SUCCESS"), "image": image})


def hook(record: Record) -> dict[str, Any]:
    """A KakaoTalk message's part of the webhook: there is no messageStatus."""
    return {
        "hookId": f"{record.group}{record.seq}",
        "kakaoMessageType": "BRAND_MESSAGE_NORMAL" if record.type == "brand" else "ALIMTALK_NORMAL",
        "requestId": record.group,
        "recipientSeq": record.seq,
        "requestDate": _kst(record.at),
        "createDate": _kst(record.at),
        "receiveDate": _kst(record.final_at),
        "recipientNo": record.to,
        "resultCode": record.raw,
        "senderGroupingKey": None,
        "recipientGroupingKey": record.our_ref,
        "resendStatus": record.extra.kept if record.extra else "RSC01",
        "isAddedChannel": None,
    }


def _alimtalk(recipient: Any, sender: str, template: Mapping[str, Any], *, auth: bool) -> Item:
    if not isinstance(recipient, dict):
        raise Refusal(_refused("-2001", "unreadable recipient"))
    text, number = str(recipient.get("content") or ""), str(recipient.get("recipientNo") or "")
    shown = {
        "title": recipient.get("templateTitle"),
        "buttons": recipient.get("buttons") or [],
        "quick_replies": recipient.get("quickReplies") or [],
        "media": [],
    }
    fault = _fault(text, number, recipient, template, auth=auth)
    kept = "RSC04" if _resends(recipient) else "RSC01"
    ours = recipient.get("recipientGroupingKey") or ""
    return Item(number, sender, "alimtalk", text, ours, fault, Extra("kakao", MAGIC, shown, kept))


def _resends(recipient: Mapping[str, Any]) -> bool:
    """The console of this account fails over where a request is silent."""
    return (recipient.get("resendParameter") or {}).get("isResend") is not False


def _fault(text: str, number: str, recipient: Mapping[str, Any], template: Mapping[str, Any], *, auth: bool) -> str:
    if not number:
        return "-5000"
    if len(text) > TEXT:
        return "-2004"
    if auth and not any(word in text.lower() for word in CODE_WORDS):
        return "-8006"
    if difference(template["templateContent"], text):
        return "-3010"
    wanted, given = template.get("buttons") or [], recipient.get("buttons") or []
    if [(b.get("type"), b.get("name")) for b in wanted] != [(b.get("type"), b.get("name")) for b in given]:
        return "-3011"
    title = template.get("templateTitle")
    return "-3042" if title and difference(title, str(recipient.get("templateTitle") or "")) else ""


def _shown(template: Template, now_ms: int) -> dict[str, Any]:
    state = template.state(now_ms)
    comments = []
    if state == "TSC04":
        words = {"id": 1, "content": "변수만으로 이루어진 광고성 내용입니다.", "userName": "검수자", "status": "REJ"}
        comments.append({**words, "createdAt": _kst(template.at + REVIEW_MS), "attachment": []})
    return {**template.body, "status": state, "comments": comments, "block": False, "dormant": False}


def _result(record: Record, *, echo: bool) -> dict[str, Any]:
    made = {
        "recipientSeq": record.seq,
        "recipientNo": record.to,
        "resultCode": int(record.raw) if record.refused else 0,
        "resultMessage": CODES[record.raw].text if record.refused else "SUCCESS",
    }
    return {**made, "recipientGroupingKey": record.our_ref} if echo else made


def _known(record: Record, now_ms: int) -> dict[str, Any]:
    final = now_ms >= record.final_at
    return {
        "requestId": record.group,
        "recipientSeq": record.seq,
        "recipientNo": record.to,
        "content": record.text,
        "messageStatus": ("COMPLETED" if record.delivered else "FAILED") if final else "READY",
        "resultCode": record.raw if final else None,
        "receiveDate": _kst(record.final_at) if final else None,
        "resendStatus": record.extra.kept if record.extra else "RSC01",
        "recipientGroupingKey": record.our_ref,
    }


def _group(now_ms: int, serial: int) -> str:
    return f"{datetime.fromtimestamp(now_ms / 1000, KST).strftime('%Y%m%d%H%M%S')}{serial:011d}"


def _kst(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, KST).replace(tzinfo=None).isoformat(" ")


def _now_ms() -> int:
    return int(datetime.now(KST).timestamp() * 1000)


def _header(successful: bool, code: int, text: str) -> dict[str, Any]:
    return {"isSuccessful": successful, "resultCode": code, "resultMessage": text}


def _refused(raw: str, text: str) -> Reply:
    return json(200, {"header": _header(False, int(raw), text), "message": None})


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(_refused("-9998", "Invalid API parameters.")) from error
    if not isinstance(value, dict):
        raise Refusal(_refused("-9998", "Invalid API parameters."))
    return value
