"""What every push service is: pure translation for one device at a time.

An adapter's `send` only says which message goes out; the app's keys belong to the client's account, so its calls are
made where they are known (transport.py), by the methods here.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from uuid import UUID

from shared.channels.push.payload import PushPayload
from shared.domain.errors import ClientWaits, ImsError, Overloaded, Unavailable, Uncertain
from shared.domain.ids import parse_reference
from shared.vendors import reading
from shared.vendors.base import Answer, Call, CodeTable, Outbound, Token, VendorAccount, VendorResult

TRANSPORT = "shared.vendors.push.transport"
PRINTABLE = re.compile(r"[!-~]+").fullmatch
MAX_COLLAPSE = 64
"""Bytes of an apns-collapse-id."""
MAX_TTL_S = 28 * 86_400
"""FCM and Web Push keep nothing longer."""
WAIT_S = 60.0
"""How long an app rests that was told to slow down without a time."""
MAX_WAIT_S = 300.0


@dataclass(frozen=True)
class App:
    """A client's app: its name and its keys, in clear."""

    account_id: int
    name: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True)
class Target:
    """One device: `device_id` where it is on record."""

    service: str
    token: str = field(repr=False)
    device_id: bytes | None = None
    subscription: Mapping[str, Any] | None = field(repr=False, default=None)
    environment: str | None = None
    language: str | None = None
    registered_ms: int = 0

    @property
    def last(self) -> str:
        """Enough to tell two devices apart, and too little to reach one."""
        return self.token[-4:]


@dataclass(frozen=True)
class PushCall:
    """The call of an adapter: made by transport.py, once for each device. Without a payload it asks what is known."""

    account: VendorAccount
    message: Outbound
    transport: str = TRANSPORT


class Verdict(NamedTuple):
    """What a service said of one device.

    `whose` trouble it is: the device's, the app's (its keys, its quota) or the vendor's. `death`: whether the token is
    gone: `sure`, `doubtful` (it may be our mistake: the wrong host or key) or not at all; `since_ms`: since when.
    """

    state: Literal["sent", "failed", "unavailable", "uncertain"]
    code: str
    raw_code: str = ""
    raw_text: str = ""
    vendor_ref: str = ""
    retry_after: float = 0.0
    whose: Literal["device", "app", "vendor"] = "device"
    death: Literal["", "sure", "doubtful"] = ""
    since_ms: int | None = None


class Service:
    """Base of the three: an adapter of the channel `push` that sends to one device a call."""

    name: str
    channel = "push"
    types: frozenset[str]
    max_batch = 1
    max_files = 0
    same_content = False
    prices: Mapping[str, Decimal]
    codes: CodeTable

    def send(self, account: VendorAccount, batch: Sequence[Outbound], now_ms: int, nonce: str) -> Any:
        """One message, whose call is made where the app's keys are known."""
        (message,) = batch
        return PushCall(account, message)

    def read_send(self, batch: Sequence[Outbound], answer: Answer, now_ms: int) -> list[VendorResult]:
        """The service's own answer."""
        (message,) = batch
        said = self.verdict(answer, now_ms)
        raise_for(said)
        state: Any = "sent" if said.state == "sent" else "failed"
        return [reading.result(message.reference, state, said.code, said.raw_code, said.raw_text, said.vendor_ref)]

    # what the services differ in

    def scope(self, app: App, target: Target, account: VendorAccount) -> tuple[str, ...]:
        """What a token is good for: all that share it share a token. Raises Rejected (3004) for an app without keys."""
        raise NotImplementedError

    def app_token(self, app: App, target: Target, account: VendorAccount, now_ms: int) -> Call | Token:
        """The call that gets a token, or the token that we sign ourselves."""
        raise NotImplementedError

    def read_token(self, answer: Answer, now_ms: int) -> Token:
        """The token of an answer. Raises as an adapter's `read_send` does."""
        raise NotImplementedError

    def refuses_token(self, answer: Answer) -> bool:
        """Whether a new token may help."""
        raise NotImplementedError

    def call(self, app: App, target: Target, account: VendorAccount, message: Outbound, now_ms: int) -> Call:
        """The call for one device; `account.token` is the token. Raises Rejected."""
        raise NotImplementedError

    def verdict(self, answer: Answer, now_ms: int) -> Verdict:
        """What an answer says."""
        raise NotImplementedError

    def other(self, target: Target, account: VendorAccount, said: Verdict) -> Target | None:
        """The same device elsewhere, where that is worth a try before it is called gone."""
        return None


def raise_for(said: Verdict) -> None:
    """Raise what a sender must know by an error: try later, or nobody knows."""
    if said.state == "uncertain":
        raise Uncertain(f"{said.raw_code} {said.raw_text}".strip())
    if said.state != "unavailable":
        return
    text = f"{said.raw_code} {said.raw_text}".strip()
    if said.whose == "app":
        raise ClientWaits(text, said.retry_after or WAIT_S)
    if said.code == "3002":
        raise Overloaded(text, said.retry_after or 1.0)
    raise Unavailable(text, said.retry_after or 1.0)


def verdict_of(error: ImsError) -> Verdict:
    """An error of a call as a verdict."""
    if isinstance(error, Unavailable):
        code = "3002" if isinstance(error, Overloaded) else "3001"
        whose: Any = "app" if isinstance(error, ClientWaits) else "vendor"
        return Verdict("unavailable", code, "", str(error), retry_after=error.retry_after, whose=whose)
    if isinstance(error, Uncertain):
        return Verdict("uncertain", "0300", "", str(error), whose="vendor")
    code = getattr(error, "code", "1009")
    return Verdict("failed", code, getattr(error, "raw_code", ""), getattr(error, "detail", str(error)), whose="app")


def retry_after(answer: Answer, default: float = WAIT_S) -> float:
    """Seconds that an answer asks us to wait, given as such or as a date."""
    from shared.vendors.answers import _retry_after

    return _retry_after(answer) if answer.headers.get("retry-after") else default


def message_id(message: Outbound) -> UUID:
    """The message, whichever hop of it."""
    found = parse_reference(message.reference)
    return found.message_id if found is not None else UUID(hex=message.reference)


def tag(message: Outbound) -> str:
    """What a repeat replaces: the client's key, else the message itself."""
    payload: PushPayload = message.payload
    return payload.collapse_key or message_id(message).hex


def plain_tag(message: Outbound, most: int, signs: Callable[[str], object]) -> str:
    """The same as a header may carry it: a digest of what is too long or has other signs."""
    name = tag(message)
    if len(name) <= most and signs(name):
        return name
    return base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()[:24]).decode()


def ttl_s(message: Outbound, now_ms: int) -> int:
    """Seconds that it is of use still, as far as services keep anything."""
    if not message.valid_until:
        return MAX_TTL_S
    return max(0, min(MAX_TTL_S, (message.valid_until - now_ms) // 1000))


def urgent(message: Outbound) -> bool:
    """Whether a phone that sleeps is woken for it."""
    return message.lane in ("auth", "realtime")
