"""Web Push: RFC 8030 (protocol), 8188 and 8291 (aes128gcm), 8292 (VAPID)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import orjson

from shared.channels.push.payload import WEB_BYTES, PushPayload, browser
from shared.domain.errors import Rejected
from shared.vendors import reading
from shared.vendors.base import Adapter, Answer, Call, CodeTable, Outbound, Token, VendorAccount
from shared.vendors.fcm.push import urgency
from shared.vendors.push.service import App, Service, Target, Verdict, plain_tag, retry_after, tag, ttl_s
from shared.vendors.tables import codes, meaning

CODES: CodeTable = codes("""
    400                   1009  the request is wrong
    401                   3004  the VAPID token was refused
    403                   3004  the VAPID key is not the one of the subscription
    VapidPkHashMismatch   3004  the subscription was made with another VAPID key
    404                   5001  no such subscription
    410                   5001  the subscription is gone
    EXPIRED               5001  the subscription's time is over
    BAD_KEYS              5001  the subscription's keys cannot be used
    413                   1002  the message is too big for this browser's service
    429                   3002  too many messages
    500                   3001  the push service had an error
    503                   3001  the push service is away
    507                   3001  the push service is full
""")
LIFE_MS, RENEW_MS = 12 * 3_600_000, 11 * 3_600_000
"""RFC 8292: at most 24 hours."""
MAX_TOPIC = 32
_TOPIC = re.compile(r"[A-Za-z0-9_-]+").fullmatch
ERROR_HEADERS = ("x-wns-error-description", "x-wns-notificationstatus", "x-wns-status", "www-authenticate")


class WebPush(Service):
    """The push services of browsers as a vendor."""

    name = "webpush"
    types = frozenset({"webpush"})
    prices: Mapping[str, Decimal] = {"webpush": Decimal("0.00")}
    codes = CODES

    def scope(self, app: App, target: Target, account: VendorAccount) -> tuple[str, ...]:
        """A token is for one origin."""
        return origin(_endpoint(target)), _subject(app, account), _key(app)

    def app_token(self, app: App, target: Target, account: VendorAccount, now_ms: int) -> Call | Token:
        """RFC 8292, new claims each time."""
        from joserfc import jwt
        from joserfc.jwk import ECKey

        claims: dict[str, Any] = {"aud": origin(_endpoint(target)), "exp": (now_ms + LIFE_MS) // 1000}
        if subject := _subject(app, account):
            claims["sub"] = subject
        signed = jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, ECKey.import_key(_key(app)))
        return Token(signed, now_ms + RENEW_MS)

    def read_token(self, answer: Answer, now_ms: int) -> Token:
        """Never asked for."""
        raise Rejected("3004", "push services give no tokens")

    def refuses_token(self, answer: Answer) -> bool:
        """Signing again makes the same."""
        return False

    def call(self, app: App, target: Target, account: VendorAccount, message: Outbound, now_ms: int) -> Call:
        """One encrypted message to one subscription."""
        payload: PushPayload = message.payload
        _unexpired(target, now_ms)
        said = orjson.dumps(browser(payload, tag(message), target.language))
        if len(said) > WEB_BYTES:
            raise Rejected("1002", f"{len(said)} bytes as a browser gets it, at most {WEB_BYTES}", "413")
        headers = {
            "ttl": str(max(1, ttl_s(message, now_ms))),
            "urgency": urgency(message),
            "topic": plain_tag(message, MAX_TOPIC, _TOPIC),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "authorization": f"vapid t={account.token}, k={app.settings.get('public_key', '')}",
        }
        return Call("POST", _endpoint(target), headers, encrypted(said, target), "egress")

    def verdict(self, answer: Answer, now_ms: int) -> Verdict:
        """Every 2xx is taken; a redirect is never followed."""
        status, words = answer.status, _words(answer)
        if 200 <= status < 300:
            return Verdict("sent", "0000", str(status), "", _name(answer.headers.get("location", "")))
        raw = "VapidPkHashMismatch" if "VapidPkHashMismatch" in words else str(status)
        code = meaning(CODES, raw).ims
        if status in (404, 410):
            return Verdict("failed", code, raw, words, death="sure")
        if status == 429:
            return Verdict("unavailable", code, raw, words, retry_after=retry_after(answer), whose="app")
        if status in (500, 503, 507) or 300 <= status < 400:
            text = "a redirect is not followed" if status < 400 else words
            return Verdict("unavailable", "3001", raw, text, retry_after=retry_after(answer, 1.0), whose="app")
        if 400 <= status < 500 and status != 408:
            whose: Any = "device" if status == 413 else "app"
            return Verdict("failed", code if raw in CODES else "1009", raw, words, whose=whose)
        return Verdict("uncertain", "0300", raw, words, whose="app")


def origin(url: str) -> str:
    """Scheme, host and port: what a VAPID token is for."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def encrypted(said: bytes, target: Target) -> bytes:
    """RFC 8291, one record, no padding. Raises Rejected for a subscription whose keys cannot be used."""
    import http_ece
    from cryptography.hazmat.primitives.asymmetric import ec

    keys = reading.dig(target.subscription, "keys")
    try:
        theirs, auth = _decoded(keys["p256dh"]), _decoded(keys["auth"])
        ours = ec.generate_private_key(ec.SECP256R1())
        made: bytes = http_ece.encrypt(said, private_key=ours, dh=theirs, auth_secret=auth, version="aes128gcm")
    except Exception as error:  # whatever a browser's program wrote into them
        raise Rejected("5001", "the subscription's keys cannot be used", "BAD_KEYS") from error
    return made


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


def _endpoint(target: Target) -> str:
    found = reading.dig(target.subscription, "endpoint")
    if not isinstance(found, str) or not found:
        raise Rejected("2005", "no such subscription", "")
    return found


def _unexpired(target: Target, now_ms: int) -> None:
    """`expirationTime` is in ms; null means none."""
    until = reading.dig(target.subscription, "expirationTime")
    if isinstance(until, (int, float)) and not isinstance(until, bool) and 0 < until <= now_ms:
        raise Rejected("5001", "the subscription's time is over", "EXPIRED")


def _key(app: App) -> str:
    if not app.secrets.get("vapid_key"):
        raise Rejected("3004", f"the app {app.name} has no VAPID key", "no key")
    return app.secrets["vapid_key"]


def _subject(app: App, account: VendorAccount) -> str:
    """Whom a push service writes to when something is wrong: the app's, else the operator's."""
    return str(app.settings.get("vapid_subject") or account.settings.get("subject") or "")


def _words(answer: Answer) -> str:
    """The body, and what some services say in headers only."""
    said = [answer.body[:200].decode("utf-8", "replace").strip()]
    said += [f"{name}: {answer.headers[name]}" for name in ERROR_HEADERS if answer.headers.get(name)]
    return " ".join(filter(None, said))


def _name(location: str) -> str:
    return location.rstrip("/").rpartition("/")[2][:64]


ADAPTER: Adapter = WebPush()
