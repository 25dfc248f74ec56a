"""Solapi: SMS, LMS and MMS through its message API v4.

Auth: each call is signed anew, HMAC-SHA256 of date + salt; a signature is good for 15 minutes and for one use. Our
reference travels in `customFields` and comes back in answers, look-ups and webhooks. Webhooks are arrays, repeated
until 2xx, and prove themselves by `X-Solapi-Secret`, the SHA-1 of the secret agreed in the console.
`settings`: api_key, api_secret, webhook_secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import orjson

from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.vendors.answers import (
    ACCOUNT_REFUSED,
    Pending,
    asked,
    check,
    images,
    listed,
    odd,
    parsed,
    raw_code,
    shaped,
    telling,
)
from shared.vendors.base import Answer, BadReceipt, Call, CodeTable, Outbound, VendorAccount, VendorResult
from shared.vendors.tables import codes, meaning

DELIVERED = "4000"
ACCEPTED = frozenset({"2000", "3000"})
"""Taken by the platform, taken by the carrier: neither is the end."""

CODES = codes("""
    1010  1009  a required value is missing
    1011  1009  format error
    1013  1009  an SMS has no subject
    1014  1002  the subject is over 40 bytes
    1020  3004  wrong account or password
    1021  3003  no such message
    1022  3003  no such group
    1023  1009  no such image
    1024  3001  server error
    1025  1009  unknown message type
    1026  1005  duplicate recipient
    1027  1003  not UTF-8
    1028  1003  non-printable characters
    1029  1003  characters outside EUC-KR
    1030  1006  balance used up
    1031  1002  the text is too long
    1032  1009  bad custom field
    1033  1009  Kakao options on a text message
    1034  1009  the image id does not exist
    1058  3003  no route
    1060  4005  the recipient is blocked
    1061  1007  refused by the recipient (080)
    1062  1004  sender number not registered
    1064  4007  blocked after a report to KISA
    2011  1009  format error
    2024  3001  server error
    2060  4005  the recipient is blocked
    2061  1007  refused by the recipient (080)
    2062  1004  sender number not registered
    2063  3004  the account is blocked
    2064  4007  blocked after a report to KISA
    2230  1006  balance used up
    2254  4006  filtered as spam by the platform
    3010  1001  recipient number format error
    3011  1009  format error
    3012  3001  error at the carrier's gateway
    3013  1004  sender number against the rules
    3014  3003  unknown state
    3024  3001  server error
    3031  3003  cannot be delivered
    3032  4001  no subscriber
    3040  4008  delivery time exceeded
    3041  4003  handset busy
    3042  4002  no coverage
    3043  4002  handset off
    3044  4003  handset memory full
    3045  4001  service suspended
    3046  4004  other handset problem
    3047  4005  the recipient refuses
    3048  3003  unknown code
    3050  4004  the handset has no SMS service
    3051  4003  the handset cannot be called
    3052  3003  deleted by the carrier's operator
    3053  4003  the carrier's queue is full
    3054  4006  spam
    3055  4006  spam, listed at nospam.or.kr
    3056  4002  lost in the radio network
    3057  4002  lost between network and handset
    3058  3003  no route
    3059  4007  forged sender number
    3060  4005  adult check failed
    3108  1008  an advertisement outside its hours
""")

ERRORS: dict[str, str] = {
    "NotEnoughBalance": "1006",
    "BalanceLimitExceeded": "1006",
    "InvalidAPIKey": ACCOUNT_REFUSED,
    "SignatureDoesNotMatch": ACCOUNT_REFUSED,
    "RequestTimeTooSkewed": ACCOUNT_REFUSED,
    "Forbidden": ACCOUNT_REFUSED,
}
"""IMS codes of the API's named errors (`errorCode` of a 4xx); all others are faults of the request (1009)."""
REPLAYED = "DuplicatedSignature"
"""A call arrived twice: the first may have been accepted."""

LOOK_UP_MARGIN_MS = 5 * 60_000
LOOK_UP_LIMIT = 500
SEND_PATH, LIST_PATH, FILES_PATH = "/messages/v4/send-many/detail", "/messages/v4/list", "/storage/v1/files"


class Solapi:
    """The adapter; see shared/vendors/base.py."""

    name: str = "solapi"
    channel: str = "mt"
    types: frozenset[str] = frozenset({"sms", "lms", "mms"})
    max_batch = 500
    max_files = 1
    same_text = False
    can_look_up = True
    idempotent = False
    prices: Mapping[str, Decimal] = {"sms": Decimal("8.40"), "lms": Decimal("25.90"), "mms": Decimal("60.00")}
    codes: CodeTable = CODES

    def uploads(self, account: VendorAccount, outbound: Outbound, now_ms: int, nonce: str) -> list[Call]:
        """One call an image; each has its own salt."""
        return [
            Call(
                "POST",
                account.base_url + FILES_PATH,
                self._headers(account, now_ms, f"{nonce}{n}"),
                orjson.dumps({"type": "MMS", "name": f"{n}.jpg", "file": base64.b64encode(image).decode()}),
            )
            for n, image in enumerate(images(outbound, self.max_files))
        ]

    def read_upload(self, answer: Answer) -> str:
        """Solapi's `fileId`."""
        check(answer)
        body = parsed(answer)
        if not body.get("fileId"):
            raise self._refusal(body, answer)
        return str(body["fileId"])

    def send(self, account: VendorAccount, batch: Sequence[Outbound], now_ms: int, nonce: str) -> Call:
        """`allowDuplicates`, since two messages to one number are two messages: IMS itself sees to duplicates."""
        first = batch[0]
        shared: dict[str, Any] = {"from": first.sender, "type": first.type.upper(), "autoTypeDetect": False}
        if first.subject and first.type != "sms":
            shared["subject"] = first.subject
        if first.file_ids:
            shared["imageId"] = first.file_ids[0]
        messages = [
            {**shared, "to": m.to, "text": m.text, "customFields": {"ref": m.reference}}
            if m.to[0] != "+"
            else {**shared, **_foreign(m.to), "text": m.text, "customFields": {"ref": m.reference}}
            for m in batch
        ]
        body = orjson.dumps({"messages": messages, "allowDuplicates": True, "showMessageList": True})
        return Call("POST", account.base_url + SEND_PATH, self._headers(account, now_ms, nonce), body)

    def read_send(self, batch: Sequence[Outbound], answer: Answer, now_ms: int) -> list[VendorResult]:
        """`failedMessageList` and `messageList`; a message in neither is pending, unless there was no list at all."""
        check(answer)
        body = parsed(answer)
        refused = body.get("failedMessageList")
        if refused is None and "groupInfo" not in body:
            raise self._refusal(body, answer)
        with shaped(answer):
            return self._read_lists(Pending(batch), listed(refused or []), body.get("messageList"), now_ms)

    def _read_lists(
        self, waiting: Pending, refused: Sequence[dict[str, Any]], messages: Any, now_ms: int
    ) -> list[VendorResult]:
        results = [self._failed(ref, item, now_ms) for item in refused if (ref := _take(waiting, item))]
        if messages is None:
            return results + [VendorResult(ref, "sent", "0000", at_ms=now_ms) for ref in waiting.rest()]
        for item in listed(messages):
            if ref := _take(waiting, item):
                raw = raw_code(item.get("statusCode")) or "2000"
                if raw in ACCEPTED:
                    sent = VendorResult(ref, "sent", "0000", raw, "", _vendor_ref(item), now_ms)
                    results.append(sent)
                else:
                    results.append(self._failed(ref, item, now_ms))
        return results + waiting.unmentioned()

    def look_up(self, account: VendorAccount, message: Outbound, sent_ms: int, now_ms: int, nonce: str) -> Call | None:
        """By number and time; our reference is then found in the answer."""
        query = {
            "to": message.to if message.to[0] != "+" else _foreign(message.to)["to"],
            "dateType": "CREATED",
            "startDate": _iso(sent_ms - LOOK_UP_MARGIN_MS),
            "endDate": _iso(now_ms + LOOK_UP_MARGIN_MS),
            "limit": LOOK_UP_LIMIT,
        }
        url = f"{account.base_url}{LIST_PATH}?{urlencode(query)}"
        return Call("GET", url, self._headers(account, now_ms, nonce))

    def read_look_up(self, message: Outbound, answer: Answer) -> VendorResult | None:
        """`messageList` is keyed by Solapi's message id; a full page may not have come to ours."""
        body = asked(answer)
        if "messageList" not in body:
            raise Unavailable(f"{body.get('errorCode')} {body.get('errorMessage')}")
        with telling(answer):
            items = listed(body["messageList"])
            for item in items:
                if (item.get("customFields") or {}).get("ref") == message.reference:
                    raw = raw_code(item.get("statusCode")) or "2000"
                    pending = VendorResult(message.reference, "pending", "0000", raw, "", _vendor_ref(item))
                    return pending if raw in ACCEPTED else self._final(message.reference, item)
        if len(items) >= LOOK_UP_LIMIT:
            raise Unavailable(f"{LOOK_UP_LIMIT} messages to this number, and ours is not among them")
        return None

    def read_receipt(
        self, account: VendorAccount, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> list[VendorResult]:
        """An array of reports, each bare or wrapped as {eventDataId, data, retryCount}."""
        secret = account.settings.get("webhook_secret", "")
        given = headers.get("x-solapi-secret", "").encode()
        if not secret or not hmac.compare_digest(webhook_proof(secret).encode(), given):
            raise BadReceipt("X-Solapi-Secret does not match")
        if headers.get("x-solapi-event-name", "SINGLE-REPORT") != "SINGLE-REPORT":
            return []
        events = orjson.loads(body)
        if not isinstance(events, list):
            raise ValueError("a Solapi report is an array")
        try:
            items = [event.get("data", event) for event in events]
            ends = (self._final((i.get("customFields") or {}).get("ref") or "", i) for i in items)
            return [end for end in ends if end]
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a Solapi report: {error!r}") from error

    def receipt_reply(self) -> tuple[int, Mapping[str, str], bytes]:
        """Any 2xx within five seconds."""
        return 200, {"content-type": "application/json"}, b"{}"

    def _headers(self, account: VendorAccount, now_ms: int, salt: str) -> dict[str, str]:
        date = _iso(now_ms)
        signature = sign(account.settings["api_secret"], date, salt)
        proof = f"HMAC-SHA256 apiKey={account.settings['api_key']}, date={date}, salt={salt}, signature={signature}"
        return {"authorization": proof, "content-type": "application/json"}

    def _final(self, reference: str, item: dict[str, Any]) -> VendorResult | None:
        raw = raw_code(item["statusCode"])
        if raw in ACCEPTED:
            return None
        at_ms = _ms(item.get("dateReceived") or item.get("dateReported") or item.get("dateUpdated"))
        if raw == DELIVERED:
            return VendorResult(reference, "delivered", "0000", raw, "", _vendor_ref(item), at_ms)
        return self._failed(reference, item, at_ms)

    def _failed(self, reference: str, item: dict[str, Any], at_ms: int | None) -> VendorResult:
        raw = raw_code(item.get("statusCode"))
        code = meaning(CODES, raw)
        text = str(item.get("statusMessage") or item.get("reason") or code.text)
        return VendorResult(reference, "failed", code.ims, raw, text, _vendor_ref(item), at_ms)

    def _refusal(self, body: dict[str, Any], answer: Answer) -> Rejected | Uncertain | Unavailable:
        name, text = raw_code(body.get("errorCode")), str(body.get("errorMessage") or "")
        if not name:
            return odd(answer, "an answer without errorCode")
        if name == REPLAYED:
            return Uncertain(f"{name} {text}")
        return Rejected(ERRORS.get(name, "1009"), text, name[:32])


def sign(secret: str, date: str, salt: str) -> str:
    """The signature of one call."""
    return hmac.new(secret.encode(), (date + salt).encode(), hashlib.sha256).hexdigest()


def webhook_proof(secret: str) -> str:
    """What `X-Solapi-Secret` carries."""
    return hashlib.sha1(secret.encode()).hexdigest()  # noqa: S324 (the vendor's own choice)


def _take(waiting: Pending, item: dict[str, Any]) -> str | None:
    return waiting.take((item.get("customFields") or {}).get("ref"), item.get("to") or "")


def _vendor_ref(item: dict[str, Any]) -> str:
    return str(item.get("messageId") or "")


def _foreign(e164: str) -> dict[str, str]:
    import phonenumbers  # large, and foreign numbers are rare

    number = phonenumbers.parse(e164)
    return {"country": str(number.country_code), "to": phonenumbers.national_significant_number(number)}


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=4096)
def _ms(written: str | None) -> int | None:
    return round(datetime.fromisoformat(written).timestamp() * 1000) if written else None
