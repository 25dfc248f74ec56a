"""FCM HTTP v1 as its clients see it, and Google's token endpoint."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import orjson

from shared.vendors.fcm.push import BAD_REQUEST, FCM_ERROR, SCOPE
from simulator.http import Refusal, Reply, Request, json
from simulator.store import Record
from simulator.vendors.base import Item, Operation, Submission
from simulator.vendors.pushing import ACCOUNT, PushService, claims

LIFE_S = 3599
MAX_BYTES = 4096
_SEND = re.compile(r"/v1/projects/([^/]+)/messages:send").fullmatch
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class FcmVendor(PushService):
    """See simulator/vendors/base.py."""

    name = "fcm"
    raw_codes: Mapping[str, str] = {
        "1002": "TOO_BIG",
        "1009": "INVALID_ARGUMENT",
        "3001": "UNAVAILABLE",
        "3002": "QUOTA_EXCEEDED",
        "3004": "PERMISSION_DENIED",
        "5001": "UNREGISTERED",
    }

    def __init__(self, accounts: Any) -> None:
        super().__init__(accounts)
        self._tokens: dict[str, int] = {}

    def operation(self, request: Request) -> Operation:
        """The token endpoint stands in for an upload: it carries no message."""
        if request.method == "POST" and request.path == "/token":
            return "upload"
        if request.method == "POST" and _SEND(request.path):
            return "send"
        raise Refusal(Reply(404, b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", ((b"x", b"html"),)))

    def account(self, request: Request, now_ms: int) -> str:
        """A JWT at the token endpoint, else the access token."""
        if request.path == "/token":
            self._granted(request, now_ms)
            return ACCOUNT
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(given, 0) <= now_ms:
            raise Refusal(_error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."))
        return ACCOUNT

    def _granted(self, request: Request, now_ms: int) -> None:
        form = {k: v[0] for k, v in parse_qs(request.body.decode("latin-1")).items()}
        try:
            if form.get("grant_type") != GRANT:
                raise ValueError("unsupported grant")
            _, told = claims(form.get("assertion", ""))
            _, told = claims(form["assertion"], self._key(told.get("iss")))
            now = now_ms // 1000
            if told.get("scope") != SCOPE or not str(told.get("aud", "")).endswith("/token"):
                raise ValueError("wrong scope or aud")
            if not now - 3600 < int(told["iat"]) <= now + 60 or not now < int(told["exp"]) <= now + 3660:
                raise ValueError("Token must be a short-lived token (60 minutes) and in a reasonable timeframe.")
        except (ValueError, KeyError, TypeError) as error:
            wrong = {"error": "invalid_grant", "error_description": str(error)}
            raise Refusal(json(400, wrong)) from error

    def _key(self, issuer: Any) -> Any:
        """The public key of a service account that is known here."""
        from joserfc.jwk import RSAKey

        for settings in self._settings.values():
            if settings.get("client_email") == issuer and settings.get("public_key"):
                return RSAKey.import_key(settings["public_key"])
        return None

    def upload(self, request: Request, account: str, serial: int) -> Reply:
        """An access token."""
        import time

        token = f"ya29.sim-{secrets.token_urlsafe(24)}"
        self._tokens[token] = time.time_ns() // 1_000_000 + LIFE_S * 1000
        return json(200, {"access_token": token, "expires_in": LIFE_S, "token_type": "Bearer"})

    def submission(self, request: Request, now_ms: int, serial: int) -> Submission:
        """One message to one token."""
        try:
            message = orjson.loads(request.body)["message"]
            token = message["token"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise Refusal(_invalid("message", "The message is not set.")) from error
        found = _SEND(request.path)
        shown, data = message.get("notification") or {}, message.get("data") or {}
        _check(token, data)
        if len(orjson.dumps({k: v for k, v in (("notification", shown), ("data", data)) if v})) > MAX_BYTES:
            raise Refusal(_refusal("TOO_BIG"))
        to, android = f"fcm:{token}", message.get("android") or {}
        notice = android.get("notification") or {}
        extra = self.phone(
            to,
            token,
            title=shown.get("title"),
            image=shown.get("image"),
            data=data,
            collapse=android.get("collapse_key"),
            priority=android.get("priority"),
            ttl=android.get("ttl"),
            tag=notice.get("tag"),
        )
        reference = notice.get("tag") or ""
        project = found[1] if found else ""
        item = Item(to, project, "fcm", shown.get("body") or "", reference, "", extra)
        return Submission(f"projects/{project}/messages/0:{now_ms}%{serial:x}", request.path, [item])

    def accepted(self, submission: Submission, records: Sequence[Record]) -> Reply:
        """A name, or FCM's error."""
        (record,) = records
        return _refusal(record.raw) if record.refused else json(200, {"name": record.group})

    def failure(self, status: int, text: str) -> Reply:
        """google.rpc.Status."""
        known = {404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}
        return _error(status, known.get(status, "UNKNOWN"), text)


def _check(token: Any, data: Any) -> None:
    if not isinstance(token, str) or not token:
        raise Refusal(_invalid("message.token", "The registration token is not a valid FCM registration token"))
    for key, value in data.items() if isinstance(data, dict) else ():
        if not isinstance(value, str):
            raise Refusal(_invalid("message.data[0].value", f"Invalid value at 'message.data[0].value', {value!r}"))
        if key in ("from", "message_type") or key.startswith(("gcm", "google")):
            raise Refusal(_invalid("message.data", f"Invalid data payload key: {key}"))


def _error(status: int, name: str, message: str, *details: Any) -> Reply:
    error: dict[str, Any] = {"code": status, "message": message, "status": name}
    return json(status, {"error": {**error, "details": list(details)} if details else error})


def _invalid(field: str, message: str) -> Reply:
    detail = {"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": message}]}
    return _error(400, "INVALID_ARGUMENT", message, detail)


def _refusal(raw: str) -> Reply:
    def fcm(code: str) -> dict[str, str]:
        return {"@type": FCM_ERROR, "errorCode": code}

    match raw:
        case "UNREGISTERED":
            return _error(404, "NOT_FOUND", "Requested entity was not found.", fcm("UNREGISTERED"))
        case "TOO_BIG":
            both = ({"@type": BAD_REQUEST}, fcm("INVALID_ARGUMENT"))
            return _error(400, "INVALID_ARGUMENT", "Android message is too big", *both)
        case "QUOTA_EXCEEDED":
            reply = _error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", fcm("QUOTA_EXCEEDED"))
            return reply._replace(headers=((b"retry-after", b"1"),))
        case "UNAVAILABLE":
            return _error(503, "UNAVAILABLE", "The service is currently unavailable.", fcm("UNAVAILABLE"))
        case "PERMISSION_DENIED":
            return _error(403, "PERMISSION_DENIED", "Permission denied.")
    return _invalid("message.data[0].value", "Invalid value at 'message.data[0].value' (TYPE_STRING), 12")
