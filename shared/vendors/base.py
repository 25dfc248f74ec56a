"""What every vendor adapter is: pure translation between IMS and one vendor's API.

An adapter builds a request and reads an answer; the HTTP call itself is made by shared/runtime, so adapters test as
plain functions and the same contract tests run over each. Adding a vendor is one file here and one line in REGISTRY.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol


@dataclass(frozen=True)
class VendorAccount:
    """One account at a vendor. `settings` holds its secrets and identifiers by the adapter's own names."""

    vendor: str
    account: str
    base_url: str
    settings: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Outbound:
    """One message as a vendor sees it: text and subject are final (variables filled in)."""

    reference: str
    """Our reference, 32 hex digits (message id and hop); the vendor echoes it in receipts."""
    to: str
    """The 0-form (01012345678), or E.164 with its plus (+14155550123) for a foreign number."""
    sender: str
    type: str
    """sms, lms or mms"""
    text: str
    subject: str | None = None
    lane: str = "realtime"
    files: Sequence[bytes] = ()
    """Raw JPEGs of an mms."""
    file_ids: Sequence[str] = ()
    """Vendor-side ids of the files, once uploaded."""


@dataclass(frozen=True)
class Call:
    """An HTTP request to make."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """An HTTP response that came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class VendorResult(NamedTuple):
    """What the vendor said of one message.

    `state`: sent (accepted by the vendor), delivered, failed, or pending: a look-up that knows no end yet, or an answer
    that does not mention the message (code 0300: ask before acting).
    """

    reference: str
    state: Literal["sent", "delivered", "failed", "pending"]
    code: str
    """The IMS code; 0000 for sent and delivered."""
    raw_code: str = ""
    raw_text: str = ""
    vendor_ref: str = ""
    at_ms: int | None = None
    """The vendor's own time of the event, when it gives one."""


class RawCode(NamedTuple):
    """What a vendor's code means: the IMS code, and the vendor's meaning in English."""

    ims: str
    text: str


CodeTable = Mapping[str, RawCode]
"""A vendor's codes on one channel, as the vendor writes them."""


class BadReceipt(Exception):
    """The webhook's proof is wrong (401)."""


class Adapter(Protocol):
    """One vendor and channel. All methods are pure; time and randomness are passed in."""

    name: str
    channel: str
    types: frozenset[str]
    """What it can carry: sms, lms, mms."""
    max_batch: int
    """Messages in one call."""
    max_files: int
    """Images that one mms may carry."""
    same_text: bool
    """True when one call carries one text: `send` then takes only batches whose texts are all equal."""
    can_look_up: bool
    """Whether `look_up` can ask by our reference after a time-out."""
    idempotent: bool
    """Whether sending the same reference again is harmless."""
    prices: Mapping[str, Decimal]
    """KRW by message type, unless the account's contract says otherwise."""
    codes: CodeTable
    """Every raw code that the vendor documents for this channel, but those of success."""

    def uploads(self, account: VendorAccount, outbound: Outbound, now_ms: int, nonce: str) -> list[Call]:
        """The calls that upload an mms's `files`, in order, before `send` gets their ids; empty when none is needed.

        Raises Rejected for more than `max_files`.
        """
        ...

    def read_upload(self, answer: Answer) -> str:
        """The file's id at the vendor. Raises as `read_send` does, but a doubtful upload may simply be repeated."""
        ...

    def send(self, account: VendorAccount, batch: Sequence[Outbound], now_ms: int, nonce: str) -> Call:
        """The call that sends a batch; its messages share sender, type, subject, lane and file ids.

        `nonce` is new for every call, retries included: some vendors take a signature only once.
        """
        ...

    def read_send(self, batch: Sequence[Outbound], answer: Answer, now_ms: int) -> list[VendorResult]:
        """One result per message of the batch, in any order.

        Raises Unavailable (certainly not accepted: 503, quota windows, a 4xx that is not the vendor's own; Overloaded
        for 429), Uncertain (other 5xx, redirects, a 2xx that cannot be read), or Rejected for an answer that refuses
        the whole batch permanently (its code may still fail over).
        """
        ...

    def look_up(self, account: VendorAccount, message: Outbound, sent_ms: int, now_ms: int, nonce: str) -> Call | None:
        """The call that asks what became of one message by our reference; None when the vendor cannot be asked."""
        ...

    def read_look_up(self, message: Outbound, answer: Answer) -> VendorResult | None:
        """None when the vendor does not know the message (it was never accepted).

        Raises Unavailable when the answer says nothing of the message: ask again.
        """
        ...

    def read_receipt(
        self, account: VendorAccount, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> list[VendorResult]:
        """Verify and read a webhook; events other than results of messages give nothing.

        Headers have lower-case names. Raises BadReceipt, or ValueError if unreadable.
        """
        ...

    def receipt_reply(self) -> tuple[int, Mapping[str, str], bytes]:
        """What this vendor expects as the webhook's answer."""
        ...
