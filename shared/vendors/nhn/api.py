"""What NHN Cloud's products share: the secret header, the envelope of every answer, webhooks, Korean times.

Every answer is `{header: {isSuccessful, resultCode, resultMessage}, …}`, whatever its HTTP status; the name of what it
carries changes with the product. Webhooks prove themselves by `X-Toast-Webhook-Signature`, the signature agreed in the
console. Times have no zone: they are Korean. `settings`: app_key, secret_key, webhook_secret.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson

from shared.domain.errors import ImsError, Rejected, Unavailable, Uncertain
from shared.vendors.answers import check, odd, parsed, raw_code, shaped
from shared.vendors.base import Answer, BadReceipt, CodeTable, VendorAccount, VendorResult, Wish
from shared.vendors.nhn import abroad, wishes
from shared.vendors.reading import Moment, each, moment, text
from shared.vendors.tables import meaning

KST = timezone(timedelta(hours=9))
RESULTS_EVENT = "MESSAGE_RESULT_UPDATE"
SMS = "SMS"
"""`productName` of texts' webhooks; NHN's example writes `Sms`."""
DOUBTFUL = "-9999"
"""System error: it may have been taken."""


def headers(account: VendorAccount) -> dict[str, str]:
    """The headers of every call."""
    return {"x-secret-key": account.settings["secret_key"], "content-type": "application/json;charset=UTF-8"}


def accepted(answer: Answer, codes: CodeTable, unavailable: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The body of an answer that says that the request was taken; raises as `refusal` otherwise."""
    check(answer)
    with shaped(answer):
        body = parsed(answer)
        if body["header"]["isSuccessful"] is not True:
            raise refusal(body["header"], answer, codes, unavailable)
        return body


def refusal(
    header: Mapping[str, Any], answer: Answer, codes: CodeTable, unavailable: frozenset[str] = frozenset()
) -> ImsError:
    """What an envelope that is not successful means; `unavailable` are raw codes of requests that were not taken."""
    raw, said = raw_code(header.get("resultCode")), text(header.get("resultMessage"))
    if not raw or header["isSuccessful"] is not False:
        return odd(answer, "an answer without resultCode")
    if raw in unavailable:
        return Unavailable(f"{raw} {said}")
    if raw == DOUBTFUL:
        return Uncertain(f"{raw} {said}")
    return Rejected(meaning(codes, raw).ims, said, raw)


def proved(account: VendorAccount, given: Mapping[str, str]) -> bool:
    """Whether X-Toast-Webhook-Signature, a static string, proves that a webhook is of this account."""
    secret = account.settings.get("webhook_secret", "")
    proof = given.get("x-toast-webhook-signature", "")
    return bool(secret) and hmac.compare_digest(secret.encode(), proof.encode())


def prove(account: VendorAccount, given: Mapping[str, str]) -> None:
    """Raise BadReceipt for a webhook whose proof is wrong."""
    if not proved(account, given):
        raise BadReceipt("X-Toast-Webhook-Signature does not match")


def results_of(body: bytes, read: Callable[[Any], VendorResult | None]) -> list[VendorResult]:
    """What `read` makes of each hook of a webhook; nothing for events that carry no results.

    What is said of texts abroad is read here, whichever channel's adapter got the webhook.
    """
    event = orjson.loads(body)
    if not isinstance(event, dict) or not isinstance(event.get("hooks"), list):
        raise ValueError("an NHN webhook is an object with hooks")
    name, product = event.get("event"), text(event.get("productName"))
    if name == abroad.RECEIPT_EVENT:
        return each(event["hooks"], abroad.receipt, lambda hook: {"event": name, "hooks": [hook]})
    if name != RESULTS_EVENT:
        return []

    def one(hook: Any) -> VendorResult | None:
        handed_over = abroad.handed_over(hook) if product.upper() == SMS else None
        return handed_over or read(hook)

    about = {"event": name, **({"productName": product} if product else {})}
    return each(event["hooks"], one, lambda hook: {**about, "hooks": [hook]})


class Hooked:
    """The webhooks of an adapter: X-Toast-Webhook-Signature proves them, MESSAGE_RESULT_UPDATE brings results, and any
    2xx is an answer. `hook` reads one part."""

    def hook(self, hook: Any, now_ms: int) -> VendorResult | None:
        """One part of a webhook."""
        raise NotImplementedError

    def may_be_from(self, account: VendorAccount, headers: Mapping[str, str], now_ms: int) -> bool:
        """Whether the proof is right."""
        return proved(account, headers)

    def read_receipt(
        self, account: VendorAccount, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> list[VendorResult]:
        """The results of a webhook whose proof is right; NHN's other events carry none."""
        prove(account, headers)
        return self.read_webhook(headers, body, now_ms)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> list[VendorResult]:
        """The same without its proof."""
        return results_of(body, lambda hook: self.hook(hook, now_ms))

    def read_wishes(self, body: bytes, now_ms: int) -> tuple[list[Wish], list[bytes]]:
        """UNSUBSCRIBE: who has called an 080 number, in time of the call."""
        return wishes.read(body, now_ms, KST)

    def receipt_reply(self) -> tuple[int, Mapping[str, str], bytes]:
        """Any 2xx."""
        return 200, {"content-type": "application/json"}, b"{}"


def kst(ms: int) -> str:
    """A time as NHN writes it, with seconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(KST).strftime("%Y-%m-%d %H:%M:%S")


def when(written: Any, now_ms: int = 0) -> Moment:
    """NHN's time."""
    return moment(written, now_ms, KST)
