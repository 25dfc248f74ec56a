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
    listed,
    odd,
    parsed,
    raw_code,
    shaped,
    telling,
)
from shared.vendors.base import Answer, BadReceipt, Call, CodeTable, Outbound, VendorAccount, VendorResult
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

    def headers(self, account: VendorAccount, now_ms: int, salt: str) -> dict[str, str]:
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
        code = meaning(self.codes, raw)
        text = str(item.get("statusMessage") or item.get("reason") or code.text)
        return VendorResult(reference, "failed", code.ims, raw, text, _vendor_ref(item), at_ms)

    def refusal(self, body: dict[str, Any], answer: Answer) -> Rejected | Uncertain | Unavailable:
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


def foreign(e164: str) -> dict[str, str]:
    import phonenumbers  # large, and foreign numbers are rare

    number = phonenumbers.parse(e164)
    return {"country": str(number.country_code), "to": phonenumbers.national_significant_number(number)}


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=4096)
def _ms(written: str | None) -> int | None:
    return round(datetime.fromisoformat(written).timestamp() * 1000) if written else None
