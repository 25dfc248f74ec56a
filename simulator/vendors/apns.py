"""APNs as its clients see it; HTTP/2 by the simulator's own port."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import orjson

from simulator.http import Refusal, Reply, Request, json
from simulator.store import Record
from simulator.vendors.base import Item, Operation, Submission
from simulator.vendors.pushing import ACCOUNT, PushService, claims

MAX_BYTES, MAX_COLLAPSE = 4096, 64
_PATH = re.compile(r"/3/device/(.*)").fullmatch
_TOKEN = re.compile(r"[0-9a-f]{64,200}|magic-[0-9]{4}", re.IGNORECASE).fullmatch
STATUS = {
    "Unregistered": 410,
    "BadDeviceToken": 400,
    "PayloadTooLarge": 413,
    "TooManyRequests": 429,
    "ServiceUnavailable": 503,
    "TopicDisallowed": 400,
    "ExpiredProviderToken": 403,
    "InvalidProviderToken": 403,
    "MissingProviderToken": 403,
}


class ApnsVendor(PushService):
    """See simulator/vendors/base.py."""

    name = "apns"
    raw_codes: Mapping[str, str] = {
        "1002": "PayloadTooLarge",
        "1009": "BadTopic",
        "3001": "ServiceUnavailable",
        "3002": "TooManyRequests",
        "3004": "TopicDisallowed",
        "5001": "Unregistered",
    }

    def operation(self, request: Request) -> Operation:
        """There is one."""
        if request.method != "POST":
            raise Refusal(_refused("MethodNotAllowed", 405))
        if not _PATH(request.path):
            raise Refusal(_refused("BadPath", 404))
        return "send"

    def account(self, request: Request, now_ms: int) -> str:
        """A provider token, between its first moment and an hour later."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(_refused("MissingProviderToken"))
        try:
            head, told = claims(token)
            head, told = claims(token, self._key(head.get("kid")))
            made = int(told["iat"])
            if head.get("alg") != "ES256" or not head.get("kid") or not told.get("iss"):
                raise ValueError("incomplete")
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal(_refused("InvalidProviderToken")) from error
        if not now_ms // 1000 - 3600 <= made <= now_ms // 1000 + 60:
            raise Refusal(_refused("ExpiredProviderToken"))
        return ACCOUNT

    def _key(self, kid: Any) -> Any:
        from joserfc.jwk import ECKey

        for settings in self._settings.values():
            if settings.get("key_id") == kid and settings.get("public_key"):
                return ECKey.import_key(settings["public_key"])
        return None

    def upload(self, request: Request, account: str, serial: int) -> Reply:
        """There is none."""
        return _refused("BadPath", 404)

    def submission(self, request: Request, now_ms: int, serial: int) -> Submission:
        """One message to one device."""
        found = _PATH(request.path)
        token, headers = (found[1] if found else ""), request.headers
        reason = _fault(token, request)
        if reason:
            raise Refusal(_refused(reason))
        try:
            told = orjson.loads(request.body)
            aps = told["aps"]
            alert = aps.get("alert") or {}
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise Refusal(_refused("PayloadEmpty", 400)) from error
        to = f"apns:{token.lower()}"
        extra = self.phone(
            to,
            token,
            title=alert.get("title"),
            image=told.get("image"),
            data={k: v for k, v in told.items() if k != "aps"},
            collapse=headers.get("apns-collapse-id"),
            priority=headers.get("apns-priority"),
            ttl=headers.get("apns-expiration"),
            tag=headers.get("apns-collapse-id"),
            badge=aps.get("badge"),
            sound=aps.get("sound"),
            push_type=headers.get("apns-push-type"),
        )
        name = headers.get("apns-id") or str(uuid4())
        item = Item(to, headers.get("apns-topic", ""), "apns", alert.get("body") or "", name, "", extra)
        return Submission(name, request.path, [item])

    def accepted(self, submission: Submission, records: Sequence[Record]) -> Reply:
        """200 without a body; else a reason."""
        (record,) = records
        name = (b"apns-id", record.group.encode())
        if not record.refused:
            return Reply(200, b"", (name,))
        reply = _refused(record.raw, timestamp=record.at if record.raw == "Unregistered" else None)
        extra = ((b"retry-after", b"1"),) if record.raw == "TooManyRequests" else ()
        return reply._replace(headers=(name, *extra))

    def failure(self, status: int, text: str) -> Reply:
        """A reason."""
        known = {404: "BadPath", 429: "TooManyRequests", 500: "InternalServerError"}
        return _refused(known.get(status, "ServiceUnavailable"), status)


def _fault(token: str, request: Request) -> str:
    headers = request.headers
    if not _TOKEN(token):
        return "BadDeviceToken"
    if not headers.get("apns-topic"):
        return "MissingTopic"
    if headers.get("apns-push-type") not in ("alert", "background"):
        return "InvalidPushType"
    if headers.get("apns-priority", "10") not in ("10", "5", "1"):
        return "BadPriority"
    if headers.get("apns-push-type") == "background" and headers.get("apns-priority") == "10":
        return "BadPriority"
    if not headers.get("apns-expiration", "0").isdigit():
        return "BadExpirationDate"
    if len(headers.get("apns-collapse-id", "").encode()) > MAX_COLLAPSE:
        return "BadCollapseId"
    try:
        UUID(headers.get("apns-id") or str(uuid4()))
    except ValueError:
        return "BadMessageId"
    return "PayloadTooLarge" if len(request.body) > MAX_BYTES else ""


def _refused(reason: str, status: int | None = None, timestamp: int | None = None) -> Reply:
    body: dict[str, Any] = {"reason": reason}
    if timestamp is not None:
        body["timestamp"] = timestamp
    return json(status or STATUS.get(reason, 400), body)
