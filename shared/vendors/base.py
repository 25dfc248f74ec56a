"""What every vendor adapter is: pure translation between IMS and one vendor's API on one channel.

An adapter builds calls and reads answers; the calls themselves are made by shared/sending, so adapters test as plain
functions and the same contract tests run over each. Every adapter sends; what else a vendor offers is a capability
that its adapter has or has not, by having its methods: look up, upload, webhook, pull and confirm, cancel, token.

A vendor is a package: `api.py` has what its channels share (proofs, envelopes, times), one module a channel has the
adapter as `ADAPTER`. Its line stands in registry.py.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, cast

from shared.domain.events import MAX_MESSAGES
from shared.money import ABROAD, KOREA, ListPrices


@dataclass(frozen=True)
class VendorAccount:
    """One account at a vendor. `settings` holds its secrets and identifiers by the adapter's own names; `token` is the
    one that `Tokens` got for it, set for every call of an adapter with that capability."""

    vendor: str
    account: str
    base_url: str
    settings: Mapping[str, str] = field(repr=False)
    token: str = field(default="", repr=False)


class Payload(Protocol):
    """The content of one message, final (variables filled in): a frozen, hashable class of its channel."""

    @property
    def files(self) -> tuple[str, ...]:
        """The ids of the uploaded files whose bytes the adapter needs."""
        ...

    def shared_key(self) -> Hashable:
        """What messages must have alike to go in one call; everything else may differ from message to message."""
        ...


@dataclass(frozen=True)
class Outbound:
    """One message as a vendor gets it."""

    reference: str
    """Our reference, 32 hex digits (message id and hop); the vendor echoes it in receipts."""
    to: str
    """The address on the channel, in the form that the channel's `address` gives."""
    type: str
    """The message type within the channel: sms, lms, alimtalk, …"""
    lane: str = "realtime"
    payload: Any = None
    """The channel's own Payload; None where only a message sent earlier is meant (a look-up)."""
    files: Sequence[bytes] = ()
    """The bytes of `payload.files`."""
    file_ids: Sequence[str] = ()
    """Vendor-side ids of the files, once uploaded."""
    valid_until: int = 0
    """Until when it is of use (Unix ms); 0 where that does not matter."""


@dataclass(frozen=True)
class Call:
    """A request to make, over HTTP unless `transport` says otherwise (shared/sending/calls.py): http (HTTP/1.1,
    pooled), http2, egress (a URL that a client gave), or the dotted name of a module with a `perform` of its own."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    transport: str = "http"


@dataclass(frozen=True)
class Answer:
    """An HTTP response that came back; other transports say theirs in its terms."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cursor: str | None = None
    """Of a pull: the cursor that it was asked with."""


class VendorResult(NamedTuple):
    """What the vendor said of one message.

    `state`: sent (accepted by the vendor), delivered, failed, or pending: a look-up that knows no end yet, or an answer
    that does not mention the message (code 0300: ask before acting). Or unread: a part of a webhook that cannot be
    read, which stands in `raw_text` as a webhook of its own.
    """

    reference: str
    state: Literal["sent", "delivered", "failed", "pending", "unread"]
    code: str
    """The IMS code; 0000 for sent and delivered."""
    raw_code: str = ""
    raw_text: str = ""
    vendor_ref: str = ""
    at_ms: int | None = None
    """The vendor's own time of the event, when it gives one that can be believed."""
    resent: bool = False
    """The vendor has failed over by itself, though it was told not to: the recipient may get the message twice."""


class RawCode(NamedTuple):
    """What a vendor's code means: the IMS code, and the vendor's meaning in English."""

    ims: str
    text: str


CodeTable = Mapping[str, RawCode]
"""A vendor's codes on one channel, as the vendor writes them."""


class Wish(NamedTuple):
    """A recipient who called an 080 number, and so wants no more advertisements of whose number it is."""

    to: str
    number: str
    at_ms: int


class TellsWishes(Protocol):
    """An adapter whose vendor tells of opt-outs in webhooks."""

    def read_wishes(self, body: bytes, now_ms: int) -> tuple[list[Wish], list[bytes]]:
        """Those that a proved webhook tells of, and its parts that cannot be read, each a webhook of its own."""
        ...


class BadReceipt(Exception):
    """The webhook's proof is wrong (401)."""


class ProvedByHeaders(Protocol):
    """An adapter whose vendor's proof stands in a webhook's headers, wholly or in part.

    A webhook without it is refused before a byte of its body is read.
    """

    def may_be_from(self, account: VendorAccount, headers: Mapping[str, str], now_ms: int) -> bool:
        """Whether the headers (names in small letters) prove the vendor; for a signature over the body: whether it is
        there, of the right form, and fresh."""
        ...


class Adapter(Protocol):
    """One vendor on one channel. All methods are pure; time and randomness are passed in."""

    name: str
    channel: str
    types: frozenset[str]
    """The channel's message types that it can carry."""
    max_batch: int
    """Messages in one call."""
    max_files: int
    """Files that one message may carry."""
    same_content: bool
    """True when one call carries one content: `send` then takes only batches whose payloads are all equal."""
    prices: Mapping[str, Decimal]
    """KRW by message type within Korea, unless the table of prices says otherwise (shared/money.py). What it has in
    `abroad` (type → country, or "*" for all others → KRW a unit) is for foreign numbers; without it they cost the
    same."""
    codes: CodeTable
    """Every raw code that the vendor documents for this channel, but those of success."""

    def send(self, account: VendorAccount, batch: Sequence[Outbound], now_ms: int, nonce: str) -> Call:
        """The call that sends a batch; its messages share lane, type, file ids and their payloads' `shared_key`.

        `nonce` is new for every call, retries included: some vendors take a signature only once. Raises Rejected for
        what the vendor cannot carry.
        """
        ...

    def read_send(self, batch: Sequence[Outbound], answer: Answer, now_ms: int) -> list[VendorResult]:
        """One result per message of the batch, in any order.

        Raises Unavailable (certainly not accepted: 503, quota windows, a 4xx that is not the vendor's own; Overloaded
        for 429), Uncertain (other 5xx, redirects, a 2xx that cannot be read), or Rejected for an answer that refuses
        the whole batch permanently (its code may still fail over).
        """
        ...


def dispatch_size(adapter: Adapter) -> int:
    """How many messages one event should bring to a sender: fewer for a vendor that takes one or a few a call, so that
    a batch ends in seconds."""
    return MAX_MESSAGES if adapter.max_batch > FEW else DISPATCH_OF_FEW


FEW, DISPATCH_OF_FEW = 10, 100


def final_on(adapter: Adapter, channel: str) -> str:
    """What ends a message: `receipt`, or `sent` where the vendor's yes is the end. The adapter's own word
    (`final_on`), else the channel's (`channel`)."""
    return cast(str, getattr(adapter, "final_on", channel))


def files_keep_s(adapter: Adapter) -> int:
    """How long an uploaded file may be named by further messages (seconds); 0 where each call brings its own."""
    return cast(int, getattr(adapter, "files_keep_s", 0))


def look_up_by_content(adapter: Adapter) -> bool:
    """Whether a message can only be asked for by what it says, since the vendor keeps no reference of ours: its look-up
    then gets the payload."""
    return bool(getattr(adapter, "look_up_by_content", False))


# --- capabilities -----------------------------------------------------------------------------------------------------


class LooksUp(Protocol):
    """Can be asked by our reference what became of a message, after a time-out."""

    def look_up(self, account: VendorAccount, message: Outbound, sent_ms: int, now_ms: int, nonce: str) -> Call | None:
        """The call that asks what became of one message; None when this one cannot be asked for."""
        ...

    def read_look_up(self, message: Outbound, answer: Answer) -> VendorResult | None:
        """None when the vendor does not know the message (it was never accepted).

        Raises Unavailable when the answer says nothing of the message: ask again.
        """
        ...


class Uploads(Protocol):
    """Takes files before the messages that carry them."""

    def uploads(self, account: VendorAccount, outbound: Outbound, now_ms: int, nonce: str) -> list[Call]:
        """The calls that upload a message's `files`, in order, before `send` gets their ids; empty when none is needed.

        Raises Rejected for more than `max_files`.
        """
        ...

    def read_upload(self, answer: Answer) -> str:
        """The file's id at the vendor. Raises as `read_send` does, but a doubtful upload may simply be repeated."""
        ...


class Webhooks(Protocol):
    """Posts receipts to us: one webhook a vendor account, whichever of its channels the messages went by."""

    def read_receipt(
        self, account: VendorAccount, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> list[VendorResult]:
        """Verify and read a webhook; events other than results of messages give nothing.

        Headers have lower-case names. Each part stands alone: one that cannot be read is `unread` beside the others
        (shared/vendors/reading.py). Raises BadReceipt, or ValueError if nothing is readable. A result of another
        channel of the same account is told too, with its raw code: route gives it the meaning of the channel that
        carried it.
        """
        ...

    def receipt_reply(self) -> tuple[int, Mapping[str, str], bytes]:
        """What this vendor expects as the webhook's answer."""
        ...


class ReadsAgain(Protocol):
    """Reads a webhook without its proof, which was right when it came: from its dead letter, once mended."""

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> list[VendorResult]:
        """As `read_receipt`; of the headers there may be only `content-type`."""
        ...


class Pulled(NamedTuple):
    """What one pull brought: results, what `confirm` needs to make the vendor forget them, where the next pull goes on
    (kept between runs; None: from now), and whether more waits."""

    results: list[VendorResult]
    receipt: Any = None
    cursor: str | None = None
    more: bool = False


class Pulls(Protocol):
    """Gives results only when asked; what was taken is published first, then confirmed."""

    def pull(self, account: VendorAccount, cursor: str | None, now_ms: int, nonce: str) -> Call:
        """The call that asks for results from `cursor` on (None: the first time)."""
        ...

    def read_pull(self, account: VendorAccount, answer: Answer, now_ms: int) -> Pulled:
        """What the answer brought. Raises Unavailable for an answer that says nothing: ask again later."""
        ...

    def confirm(self, account: VendorAccount, pulled: Pulled, now_ms: int, nonce: str) -> Call | None:
        """The call after which the vendor does not tell these results again; None where it needs none."""
        ...


class Cancels(Protocol):
    """Takes back what it has not yet sent."""

    def cancel(self, account: VendorAccount, vendor_refs: Sequence[str], now_ms: int, nonce: str) -> Call:
        """The call that takes messages back, by the vendor's references."""
        ...

    def read_cancel(self, vendor_refs: Sequence[str], answer: Answer) -> frozenset[str]:
        """The references that will certainly not be sent any more."""
        ...


class TemplateState(NamedTuple):
    """What a vendor says of a template: a state of shared/domain/templates.py, and its reviewers' words as
    [{"by", "text", "at"}]."""

    state: str
    comments: Sequence[Mapping[str, Any]] = ()


class Templates(Protocol):
    """Has templates registered, and reviews them. `template` is {"code", "name", "version", "content"}."""

    def register_template(self, account: VendorAccount, template: Mapping[str, Any], nonce: str) -> Call:
        """The call that hands a template in: a new one, or a change of one that is there (`version` over 1)."""
        ...

    def read_register(self, answer: Answer) -> TemplateState:
        """What became of it. Raises as `read_send` does; Rejected for what the vendor refuses at once."""
        ...

    def ask_template(self, account: VendorAccount, template: Mapping[str, Any], nonce: str) -> Call:
        """The call that asks how far a template is."""
        ...

    def read_template(self, answer: Answer) -> TemplateState:
        """Its state. Raises as `read_send` does."""
        ...


class Token(NamedTuple):
    """A token of a vendor account and until when it is good (Unix ms)."""

    value: str
    expires_ms: int


class Tokens(Protocol):
    """Wants a token with every call: one that the vendor gives, or one that we sign ourselves."""

    def token(self, account: VendorAccount, now_ms: int, nonce: str) -> Call | Token:
        """The call that asks for a token, or the token itself."""
        ...

    def read_token(self, answer: Answer, now_ms: int) -> Token:
        """The token of an answer. Raises as `read_send` does."""
        ...

    def token_refused(self, answer: Answer) -> bool:
        """Whether an answer to another call refuses the token, so that nothing was taken and a new token may help."""
        ...


def list_prices(adapter: Any) -> ListPrices:
    """An adapter's own prices: type → country → KRW."""
    return _listed(cast(Hashable, adapter))


@cache
def _listed(adapter: Any) -> ListPrices:
    abroad: ListPrices | None = getattr(adapter, "abroad", None)
    return {
        kind: {KOREA: price, **({ABROAD: price} if abroad is None else abroad.get(kind, {}))}
        for kind, price in adapter.prices.items()
    }


def most_units(adapter: Any) -> int:
    """Of how many charged units a message may be at most: the parts of a foreign text (`foreign_parts`)."""
    return cast(int, getattr(adapter, "foreign_parts", sys.maxsize))


C = TypeVar("C")


@cache
def _methods(capability: Any) -> tuple[str, ...]:
    return tuple(name for name, value in vars(capability).items() if callable(value) and not name.startswith("_"))


def able(adapter: Any, capability: type[C]) -> C | None:
    """The adapter as one with the capability (`able(adapter, LooksUp)`); None when it lacks a method of it."""
    return cast(C, adapter) if all(hasattr(adapter, name) for name in _methods(cast(Any, capability))) else None
