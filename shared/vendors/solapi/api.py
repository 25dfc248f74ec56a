"""What Solapi's channels share: signatures, references, answers, look-ups and webhooks of its message API v4.

Auth: each call is signed anew, HMAC-SHA256 of date + salt; a signature is good for 15 minutes and for one use. Our
reference travels in `customFields` and comes back in answers, look-ups and webhooks. Webhooks are arrays, repeated
until 2xx, and prove themselves by `X-Solapi-Secret`, the SHA-1 of the secret agreed in the console.
`settings`: api_key, api_secret, webhook_secret.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.vendors.answers import (
    ACCOUNT_REFUSED,
    Pending,
    asked,
    check,
    listed,
    odd,
    parsed,
    raw_code,
    shaped,
    telling,
)
from shared.vendors.base import Answer, BadReceipt, Call, CodeTable, Outbound, VendorAccount, VendorResult
from shared.vendors.reading import Moment, dig, each, moment, objects, reference, refused, result, text
from shared.vendors.tables import meaning

DELIVERED = "4000"
ACCEPTED = frozenset({"2000", "3000"})
"""Taken by the platform, taken by the carrier: neither is the end."""

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


class MessageApi:
    """What the adapters of all channels do alike; a channel adds its codes and what a message of it looks like."""

    name: str = "solapi"
    codes: CodeTable

    def read_send(self, batch: Sequence[Outbound], answer: Answer, now_ms: int) -> list[VendorResult]:
        """`failedMessageList` and `messageList`; a message in neither is pending, unless there was no list at all."""
        check(answer)
        body = parsed(answer)
        refused = body.get("failedMessageList")
        if refused is None and "groupInfo" not in body:
            raise self.refusal(body, answer)
        with shaped(answer):
            return self._read_lists(Pending(batch), refused or [], body.get("messageList"), now_ms)

    def _read_lists(self, waiting: Pending, refused: Any, messages: Any, now_ms: int) -> list[VendorResult]:
        now = Moment(now_ms)
        results = [self._failed(ref, item, now) for item in objects(refused) if (ref := _take(waiting, item))]
        if messages is None and len(results) == len(refused):
            return results + [result(ref, "sent", "0000", at=now) for ref in waiting.rest()]
        for item in objects(messages or []):
            if ref := _take(waiting, item):
                raw = raw_code(item.get("statusCode")) or "2000"
                if raw in ACCEPTED:
                    results.append(result(ref, "sent", "0000", raw, "", _vendor_ref(item), now))
                else:
                    results.append(self._failed(ref, item, now))
        return results + waiting.unmentioned()

    def look_up(self, account: VendorAccount, message: Outbound, sent_ms: int, now_ms: int, nonce: str) -> Call | None:
        """By number and time; our reference is then found in the answer."""
        query = {
            "to": message.to if message.to[0] != "+" else foreign(message.to)["to"],
            "dateType": "CREATED",
            "startDate": _iso(sent_ms - LOOK_UP_MARGIN_MS),
            "endDate": _iso(now_ms + LOOK_UP_MARGIN_MS),
            "limit": LOOK_UP_LIMIT,
        }
        url = f"{account.base_url}{LIST_PATH}?{urlencode(query)}"
        return Call("GET", url, self.headers(account, now_ms, nonce))

    def read_look_up(self, message: Outbound, answer: Answer) -> VendorResult | None:
        """`messageList` is keyed by Solapi's message id; a full page may not have come to ours."""
        body = asked(answer)
        if "messageList" not in body:
            raise Unavailable(refused(body.get("errorCode"), body.get("errorMessage")))
        with telling(answer):
            items = listed(body["messageList"])
            for item in items:
                if dig(item, "customFields", "ref") == message.reference:
                    raw = raw_code(item.get("statusCode")) or "2000"
                    pending = result(message.reference, "pending", "0000", raw, "", _vendor_ref(item))
                    return pending if raw in ACCEPTED else self._final(message.reference, item, 0)
        if len(items) >= LOOK_UP_LIMIT:
            raise Unavailable(f"{LOOK_UP_LIMIT} messages to this number, and ours is not among them")
        return None

    def may_be_from(self, account: VendorAccount, headers: Mapping[str, str], now_ms: int) -> bool:
        """X-Solapi-Secret proves it."""
        secret = account.settings.get("webhook_secret", "")
        given = headers.get("x-solapi-secret", "").encode()
        return bool(secret) and hmac.compare_digest(webhook_proof(secret).encode(), given)

    def read_receipt(
        self, account: VendorAccount, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> list[VendorResult]:
        """An array of reports, each bare or wrapped as {eventDataId, data, retryCount}."""
        if not self.may_be_from(account, headers, now_ms):
            raise BadReceipt("X-Solapi-Secret does not match")
        return self.read_webhook(headers, body, now_ms)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> list[VendorResult]:
        """The same without its proof."""
        if headers.get("x-solapi-event-name", "SINGLE-REPORT") != "SINGLE-REPORT":
            return []
        events = orjson.loads(body)
        if not isinstance(events, list):
            raise ValueError("a Solapi report is an array")
        return each(events, lambda event: self._report(event, now_ms), lambda event: [event])

    def receipt_reply(self) -> tuple[int, Mapping[str, str], bytes]:
        """Any 2xx within five seconds."""
        return 200, {"content-type": "application/json"}, b"{}"

    def headers(self, account: VendorAccount, now_ms: int, salt: str) -> dict[str, str]:
        date = _iso(now_ms)
        signature = sign(account.settings["api_secret"], date, salt)
        proof = f"HMAC-SHA256 apiKey={account.settings['api_key']}, date={date}, salt={salt}, signature={signature}"
        return {"authorization": proof, "content-type": "application/json"}

    def _report(self, event: Any, now_ms: int) -> VendorResult | None:
        item = event.get("data", event)
        return self._final(reference(dig(item, "customFields", "ref")), item, now_ms)

    def _final(self, ours: str, item: dict[str, Any], now_ms: int) -> VendorResult | None:
        raw = raw_code(item["statusCode"])
        if raw in ACCEPTED:
            return None
        vendor_ref = _vendor_ref(item)
        if not raw or not (ours or vendor_ref):
            raise ValueError("a report without its code, or without a message")
        at = moment(item.get("dateReceived") or item.get("dateReported") or item.get("dateUpdated"), now_ms)
        if raw == DELIVERED:
            return result(ours, "delivered", "0000", raw, "", vendor_ref, at)
        return self._failed(ours, item, at)

    def _failed(self, ours: str, item: dict[str, Any], at: Moment) -> VendorResult:
        raw = raw_code(item.get("statusCode"))
        code = meaning(self.codes, raw)
        said = item.get("statusMessage") or item.get("reason") or code.text
        return result(ours, "failed", code.ims, raw, said, _vendor_ref(item), at)

    def refusal(self, body: dict[str, Any], answer: Answer) -> Rejected | Uncertain | Unavailable:
        name, said = raw_code(body.get("errorCode")), text(body.get("errorMessage"))
        if not name:
            return odd(answer, "an answer without errorCode")
        if name == REPLAYED:
            return Uncertain(f"{name} {said}")
        return Rejected(ERRORS.get(name, "1009"), said, name)


def sign(secret: str, date: str, salt: str) -> str:
    """The signature of one call."""
    return hmac.new(secret.encode(), (date + salt).encode(), hashlib.sha256).hexdigest()


def webhook_proof(secret: str) -> str:
    """What `X-Solapi-Secret` carries."""
    return hashlib.sha1(secret.encode()).hexdigest()  # noqa: S324 (the vendor's own choice)


def _take(waiting: Pending, item: dict[str, Any]) -> str | None:
    return waiting.take(dig(item, "customFields", "ref"), text(item.get("to")))


def _vendor_ref(item: dict[str, Any]) -> str:
    return text(item.get("messageId"))


def foreign(e164: str) -> dict[str, str]:
    import phonenumbers  # large, and foreign numbers are rare

    number = phonenumbers.parse(e164)
    return {"country": str(number.country_code), "to": phonenumbers.national_significant_number(number)}


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
