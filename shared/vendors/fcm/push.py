"""FCM HTTP v1 (firebase.google.com: send, error codes; firebase-admin-python 7.7 for the shapes of errors)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from shared.channels.push.payload import PushPayload, data, notification
from shared.domain.errors import Rejected
from shared.vendors import reading
from shared.vendors.answers import check, parsed, shaped
from shared.vendors.base import Adapter, Answer, Call, CodeTable, Outbound, Token, VendorAccount
from shared.vendors.push.service import (
    MAX_COLLAPSE,
    PRINTABLE,
    App,
    Service,
    Target,
    Verdict,
    plain_tag,
    retry_after,
    tag,
    ttl_s,
    urgent,
)
from shared.vendors.tables import codes, meaning

CODES: CodeTable = codes("""
    UNREGISTERED            5001  the app was removed, or its token has been replaced
    SENDER_ID_MISMATCH      5001  the token belongs to another project
    BAD_TOKEN               5001  the registration token is no FCM token
    TOO_BIG                 1002  the message is too big
    INVALID_ARGUMENT        1009  a field of the request is wrong
    NOT_FOUND               3004  no such project or path
    UNAUTHENTICATED         3004  the access token was refused
    PERMISSION_DENIED       3004  the service account may not send for this project
    THIRD_PARTY_AUTH_ERROR  3004  the project's APNs key or web push key is wrong
    QUOTA_EXCEEDED          3002  the project's quota is used up
    UNAVAILABLE             3001  FCM is overloaded
    INTERNAL                3001  FCM had an error
    UNSPECIFIED             3003  FCM gives no cause
""")
GOOGLE = "https://fcm.googleapis.com"
GOOGLE_TOKEN = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
EARLY_S, LEAST_S = 300, 60
"""A token is renewed five minutes before its end."""
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


class Fcm(Service):
    """FCM as a vendor."""

    name = "fcm"
    types = frozenset({"fcm"})
    prices: Mapping[str, Decimal] = {"fcm": Decimal("0.00")}
    codes = CODES

    def scope(self, app: App, target: Target, account: VendorAccount) -> tuple[str, ...]:
        """A token is the service account's."""
        return (_token_url(account), _service_account(app)["client_email"], app.secrets["fcm_service_account"])

    def app_token(self, app: App, target: Target, account: VendorAccount, now_ms: int) -> Call | Token:
        """RFC 7523: a JWT of the service account for an access token. Its own idea of where to ask is not used."""
        from joserfc import jwt
        from joserfc.jwk import RSAKey

        held, url, now = _service_account(app), _token_url(account), now_ms // 1000
        claims = {"iss": held["client_email"], "scope": SCOPE, "aud": url, "iat": now, "exp": now + 3600}
        header = {"alg": "RS256", "typ": "JWT", "kid": held.get("private_key_id", "")}
        try:
            signed = jwt.encode(header, claims, RSAKey.import_key(held["private_key"]))
        except Exception as error:  # whatever the key is
            raise Rejected("3004", "the service account's key cannot sign", "key") from error
        form = f"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={signed}"
        return Call("POST", url, {"content-type": "application/x-www-form-urlencoded"}, form.encode(), "http2")

    def read_token(self, answer: Answer, now_ms: int) -> Token:
        """`invalid_grant` is the app's key or our clock: the tokens of devices have no part in it."""
        check(answer)
        told = parsed(answer)
        if answer.status >= 400:
            error = reading.text(told.get("error"))
            date = answer.headers.get("date", "")
            clock = f"; Google's clock says {date}" if error == "invalid_grant" and date else ""
            raise Rejected("3004", reading.refused(error, told.get("error_description", "")) + clock, error[:64])
        with shaped(answer):
            value, life = told["access_token"], int(told["expires_in"])
            if not isinstance(value, str) or not value:
                raise TypeError("no token")
        return Token(value, now_ms + max(LEAST_S, life - EARLY_S) * 1000)

    def refuses_token(self, answer: Answer) -> bool:
        """401 of ours, or 403 without a cause; never because of Apple's key or one token's project."""
        if answer.status not in (401, 403):
            return False
        return _causes(_error(answer))[0] == ""

    def call(self, app: App, target: Target, account: VendorAccount, message: Outbound, now_ms: int) -> Call:
        """One message to one token."""
        project = _service_account(app)["project_id"]
        body = {"message": body_of(message, target, now_ms)}
        headers = {"authorization": f"Bearer {account.token}", "content-type": "application/json"}
        url = f"{account.base_url}/v1/projects/{project}/messages:send"
        return Call("POST", url, headers, orjson.dumps(body), "http2")

    def verdict(self, answer: Answer, now_ms: int) -> Verdict:
        """Only what speaks of the token kills it; see vendors' error page and the shapes that admin SDKs know."""
        if 200 <= answer.status < 300:
            return _accepted(answer)
        error = _error(answer)
        raw = _raw_code(answer.status, error)
        said = reading.refused(error.get("status") or answer.status, error.get("message"))
        code = meaning(CODES, raw).ims
        if raw in ("UNREGISTERED", "SENDER_ID_MISMATCH", "BAD_TOKEN"):
            return Verdict("failed", code, raw, said, death="sure")
        if raw == "QUOTA_EXCEEDED":
            return Verdict("unavailable", code, raw, said, retry_after=retry_after(answer), whose="app")
        if raw in ("UNAVAILABLE", "INTERNAL"):
            return Verdict("unavailable", code, raw, said, retry_after=retry_after(answer, 1.0), whose="vendor")
        if raw == "":
            return Verdict("uncertain", "0300", str(answer.status), said, whose="vendor")
        return Verdict("failed", code, raw, said, whose="app")


def _accepted(answer: Answer) -> Verdict:
    """200 with `name`; a 2xx that cannot be read leaves open what FCM did."""
    try:
        told = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return Verdict("uncertain", "0300", str(answer.status), "unreadable answer", whose="vendor")
    name = reading.dig(told, "name")
    if not isinstance(name, str) or not name:
        return Verdict("uncertain", "0300", str(answer.status), "unexpected answer", whose="vendor")
    return Verdict("sent", "0000", "", "", name.rpartition("/")[2])


def _error(answer: Answer) -> dict[str, Any]:
    try:
        found = reading.dig(orjson.loads(answer.body), "error")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _causes(error: Mapping[str, Any]) -> tuple[str, list[str] | None]:
    """FcmError's code, and the fields that a BadRequest names (None: there is no BadRequest)."""
    code, fields = "", None
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        kind = reading.dig(detail, "@type")
        if kind == FCM_ERROR:
            code = reading.text(reading.dig(detail, "errorCode"))
        elif kind == BAD_REQUEST:
            violations = reading.dig(detail, "fieldViolations")
            listed = violations if isinstance(violations, list) else []
            fields = [reading.text(reading.dig(one, "field")) for one in listed]
    return code, fields


def _raw_code(status: int, error: Mapping[str, Any]) -> str:
    """The row of the table; empty for an answer that leaves open what happened."""
    cause, fields = _causes(error)
    words = reading.text(error.get("message")).lower()
    if status == 404:
        return "UNREGISTERED" if cause == "UNREGISTERED" else "NOT_FOUND"
    if status == 400:
        if "too big" in words:
            return "TOO_BIG"
        names = fields or []
        by_name = bool(names) and all(field == "message.token" for field in names)
        by_word = not names and "registration token" in words
        return "BAD_TOKEN" if by_name or by_word else "INVALID_ARGUMENT"
    if status == 403:
        return "SENDER_ID_MISMATCH" if cause == "SENDER_ID_MISMATCH" else "PERMISSION_DENIED"
    if status == 401:
        return "THIRD_PARTY_AUTH_ERROR" if cause in ("THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR") else "UNAUTHENTICATED"
    if status == 413:
        return "TOO_BIG"
    known = {429: "QUOTA_EXCEEDED", 503: "UNAVAILABLE", 500: "INTERNAL"}
    if status in known:
        return known[status]
    return "INVALID_ARGUMENT" if 400 <= status < 500 and status != 408 else ""


def _service_account(app: App) -> dict[str, Any]:
    held = app.secrets.get("fcm_service_account")
    if not held:
        raise Rejected("3004", f"the app {app.name} has no `fcm_service_account` (PUT /v1/identities)", "no key")
    found: dict[str, Any] = orjson.loads(held)
    return found


def _token_url(account: VendorAccount) -> str:
    given = account.settings.get("token_url")
    return given or (GOOGLE_TOKEN if account.base_url.startswith(GOOGLE) else f"{account.base_url}/token")


def body_of(message: Outbound, target: Target, now_ms: int) -> dict[str, Any]:
    """`message` of the send call. Title and body stand once, in `notification`."""
    payload: PushPayload = message.payload
    ttl, name = ttl_s(message, now_ms), tag(message)
    shown, told = notification(payload, target.language), data(payload, target.language)
    android: dict[str, Any] = {"priority": "HIGH" if urgent(message) else "NORMAL", "ttl": f"{ttl}s"}
    apns_headers = {
        "apns-priority": "10" if urgent(message) and shown else "5",
        "apns-expiration": str(now_ms // 1000 + ttl),
        "apns-collapse-id": plain_tag(message, MAX_COLLAPSE, PRINTABLE),
    }
    aps: dict[str, Any] = {} if shown else {"content-available": 1}
    web: dict[str, Any] = {"headers": {"TTL": str(max(1, ttl)), "Urgency": urgency(message)}}
    if payload.collapse_key:
        android["collapse_key"] = payload.collapse_key
    if shown:
        android["notification"] = _android(payload, name)
        web["notification"] = {"tag": name}
        aps |= {k: v for k, v in (("badge", payload.badge), ("sound", payload.sound or "default")) if v is not None}
        if payload.image:
            aps["mutable-content"] = 1
    if payload.link and payload.link.startswith("https://"):
        web["fcm_options"] = {"link": payload.link}
    made: dict[str, Any] = {"token": target.token, "android": android, "webpush": web}
    made["apns"] = {"headers": apns_headers, "payload": {"aps": aps}}
    if shown.get("image"):
        made["apns"]["fcm_options"] = {"image": shown["image"]}
    made |= {name: part for name, part in (("notification", shown), ("data", told)) if part}
    return made


def _android(payload: PushPayload, name: str) -> dict[str, Any]:
    made: dict[str, Any] = {"tag": name}
    if payload.sound:
        made["sound"] = payload.sound
    if payload.badge is not None:
        made["notification_count"] = payload.badge
    return made


def urgency(message: Outbound) -> str:
    """RFC 8030 by lane."""
    return {"auth": "high", "realtime": "high", "bulk": "normal"}.get(message.lane, "low")


ADAPTER: Adapter = Fcm()
