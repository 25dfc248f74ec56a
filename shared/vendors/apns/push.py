"""APNs over HTTP/2 with a provider token (Apple: Sending notification requests to APNs; pushy's RejectionReason)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from uuid import NAMESPACE_OID, uuid5

import orjson

from shared.channels.push.payload import PushPayload, aps
from shared.domain.errors import Rejected
from shared.vendors import reading
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
    ttl_s,
    urgent,
)
from shared.vendors.tables import codes, meaning

CODES: CodeTable = codes("""
    BadCollapseId                1009  the collapse id is too long
    BadDeviceToken               5001  no token of this environment
    BadExpirationDate            1009  the expiration is no time
    BadMessageId                 1009  the apns-id is no UUID
    BadPriority                  1009  the priority is none
    BadTopic                     1009  the topic is none
    DeviceTokenNotForTopic       5001  the token belongs to another app
    DuplicateHeaders             1009  a header stands twice
    IdleTimeout                  3001  the connection was idle
    InvalidPushType              1009  the push type is none
    MissingDeviceToken           5001  no token in the path
    MissingTopic                 1009  no topic
    PayloadEmpty                 1009  the payload is empty
    TopicDisallowed              3004  the key may not send to this topic
    BadCertificate               3004  the certificate is bad
    BadCertificateEnvironment    3004  the certificate is of the other environment
    ExpiredProviderToken         3004  the provider token is older than an hour
    Forbidden                    3004  not allowed
    InvalidProviderToken         3004  the provider token cannot be verified
    MissingProviderToken         3004  no provider token
    BadPath                      1009  the path is none
    MethodNotAllowed             1009  not a POST
    Unregistered                 5001  the app was removed from the device
    ExpiredToken                 5001  the token has expired
    PayloadTooLarge              1002  the payload is over 4,096 bytes
    TooManyProviderTokenUpdates  3002  the provider token was renewed too often
    TooManyRequests              3002  too many requests for this device
    InternalServerError          3001  APNs had an error
    ServiceUnavailable           3001  APNs is away
    Shutdown                     3001  the server is shutting down
""")
RENEW_MS = 50 * 60_000
"""A provider token is good for 60 minutes and not to be renewed within 20."""
DOUBTFUL = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic", "MissingDeviceToken"})
SURE = frozenset({"Unregistered", "ExpiredToken"})
OF_THE_DEVICE = frozenset({"PayloadTooLarge", "TooManyRequests"})
OTHER = {"production": "sandbox", "sandbox": "production"}


class Apns(Service):
    """APNs as a vendor; `sandbox_url` of the vendor account is the host for development builds."""

    name = "apns"
    types = frozenset({"apns"})
    prices: Mapping[str, Decimal] = {"apns": Decimal("0.00")}
    codes = CODES

    def scope(self, app: App, target: Target, account: VendorAccount) -> tuple[str, ...]:
        """One provider token a key, for all its apps and both hosts."""
        key_id, team, _ = _keys(app)
        return team, key_id, app.secrets["apns_key"]

    def app_token(self, app: App, target: Target, account: VendorAccount, now_ms: int) -> Call | Token:
        """ES256, signed by ourselves."""
        from joserfc import jwt
        from joserfc.jwk import ECKey

        key_id, team, _ = _keys(app)
        try:
            key = ECKey.import_key(app.secrets["apns_key"])
            signed = jwt.encode({"alg": "ES256", "kid": key_id}, {"iss": team, "iat": now_ms // 1000}, key)
        except Exception as error:  # whatever the key is
            raise Rejected("3004", "the app's `apns_key` cannot sign", "key") from error
        return Token(signed, now_ms + RENEW_MS)

    def read_token(self, answer: Answer, now_ms: int) -> Token:
        """Never asked for."""
        raise Rejected("3004", "APNs gives no tokens")

    def refuses_token(self, answer: Answer) -> bool:
        """Only an old one is worth a new one; others are refused for what they are."""
        return answer.status == 403 and _said(answer)[0] == "ExpiredProviderToken"

    def call(self, app: App, target: Target, account: VendorAccount, message: Outbound, now_ms: int) -> Call:
        """One message to one token."""
        payload: PushPayload = message.payload
        ttl = ttl_s(message, now_ms)
        headers = {
            "authorization": f"bearer {account.token}",
            "apns-topic": _keys(app)[2],
            "apns-push-type": "background" if payload.silent else "alert",
            "apns-id": str(uuid5(NAMESPACE_OID, message.reference + target.token)),
            "apns-expiration": str(now_ms // 1000 + ttl if ttl else 0),
            "apns-priority": "10" if urgent(message) and not payload.silent else "5",
            "apns-collapse-id": plain_tag(message, MAX_COLLAPSE, PRINTABLE),
        }
        url = f"{_host(target, account)}/3/device/{target.token}"
        return Call("POST", url, headers, orjson.dumps(aps(payload, target.language)), "http2")

    def verdict(self, answer: Answer, now_ms: int) -> Verdict:
        """200 has no body; else a reason, with 410 the time since when the token is gone."""
        if answer.status == 200:
            return Verdict("sent", "0000", "", "", answer.headers.get("apns-id", ""))
        reason, since = _said(answer)
        row = meaning(CODES, reason)
        code, text = row.ims, row.text
        if reason not in CODES:
            return self._unknown(answer, reason)
        if reason in SURE or reason in DOUBTFUL:
            at = reading.moment(since, now_ms).at_ms if since is not None else None
            return Verdict("failed", code, reason, text, death="sure" if reason in SURE else "doubtful", since_ms=at)
        if code == "3002":
            whose = "device" if reason in OF_THE_DEVICE else "app"
            return Verdict("unavailable", code, reason, text, retry_after=retry_after(answer), whose=whose)  # type: ignore[arg-type]
        if code == "3001":
            return Verdict("unavailable", code, reason, text, retry_after=retry_after(answer, 1.0), whose="vendor")
        return Verdict("failed", code, reason, text, whose="device" if reason in OF_THE_DEVICE else "app")

    def _unknown(self, answer: Answer, reason: str) -> Verdict:
        """An answer without a reason that Apple documents: its status says what it can; no token dies of it."""
        raw, text = reason or str(answer.status), f"HTTP {answer.status}"
        if answer.status in (429, 503):
            code = "3002" if answer.status == 429 else "3001"
            return Verdict("unavailable", code, raw, text, retry_after=retry_after(answer, 1.0), whose="vendor")
        if answer.status == 413:
            return Verdict("failed", "1002", raw, text)
        if answer.status in (401, 403):
            return Verdict("failed", "3004", raw, text, whose="app")
        if 400 <= answer.status < 500 and answer.status != 408:
            return Verdict("failed", "3003", raw, text, whose="app")
        return Verdict("uncertain", "0300", raw, text, whose="vendor")

    def other(self, target: Target, account: VendorAccount, said: Verdict) -> Target | None:
        """A token of the other environment is no token here."""
        if said.raw_code != "BadDeviceToken" or not account.settings.get("sandbox_url"):
            return None
        return replace(target, environment=OTHER[target.environment or "production"])


def _keys(app: App) -> tuple[str, str, str]:
    """Key id, team, topic."""
    found = tuple(str(app.settings.get(name) or "") for name in ("apns_key_id", "apns_team_id", "apns_topic"))
    if not all(found) or not app.secrets.get("apns_key"):
        wanted = "apns_key, apns_key_id, apns_team_id and apns_topic"
        raise Rejected("3004", f"the app {app.name} lacks some of {wanted} (PUT /v1/identities)", "no key")
    return found[0], found[1], found[2]


def _host(target: Target, account: VendorAccount) -> str:
    if target.environment == "sandbox":
        return account.settings.get("sandbox_url") or account.base_url
    return account.base_url


def _said(answer: Answer) -> tuple[str, object]:
    try:
        told = orjson.loads(answer.body) if answer.body else {}
    except orjson.JSONDecodeError:
        return "", None
    return reading.text(reading.dig(told, "reason"))[:64], reading.dig(told, "timestamp")


ADAPTER: Adapter = Apns()
