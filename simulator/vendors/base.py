"""What a simulated vendor is: its API and its webhook, without any misbehaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from shared.vendors.base import VendorAccount
from simulator.fate import Fate
from simulator.http import Reply, Request
from simulator.store import Record, Store


class Extra(NamedTuple):
    """What a message has that is of another channel than its vendor's first, or more than a text."""

    channel: str
    magic: Mapping[str, Fate]
    """Fates by number on that channel."""
    shown: Mapping[str, Any] = {}
    """What `GET /received` shows beside the text: title, buttons, media …"""
    kept: Any = None
    """What the vendor itself remembers of it."""


class Item(NamedTuple):
    """One message of a call as the vendor reads it; `fault` is the raw code of what is wrong with it, or empty."""

    to: str
    sender: str
    type: str
    text: str
    reference: str
    fault: str
    extra: Extra | None = None


class Submission(NamedTuple):
    """A readable call that sends: `group` is the vendor's id for it, `path` the endpoint."""

    group: str
    path: str
    items: list[Item]


Operation = Literal["send", "look_up", "upload"]


class SimVendor(Protocol):
    """One API of a vendor. Methods raise `Refusal` with the vendor's own error. With `prefix`, the paths below it are
    served by this API, others by the vendor's first (`simulator/vendors/__init__.py`)."""

    name: str
    channel: str
    prefix: str
    polled: bool
    """It has no webhooks: whoever wants a result asks."""
    delivered: str
    """The raw code of delivery."""
    magic: Mapping[str, Fate]
    """Fates by number."""

    def operation(self, request: Request) -> Operation:
        """What the call asks for."""
        ...

    def account(self, request: Request, now_ms: int) -> str:
        """Whose call it is, its proof verified."""
        ...

    def submission(self, request: Request, now_ms: int, serial: int) -> Submission:
        """The messages of a call."""
        ...

    def vendor_ref(self, group: str, seq: int) -> str:
        """The vendor's id of a message."""
        ...

    def accepted(self, submission: Submission, records: Sequence[Record]) -> Reply:
        """The answer to a call that sends."""
        ...

    def look_up(self, request: Request, account: str, store: Store, now_ms: int) -> Reply:
        """The answer to a call that asks."""
        ...

    def upload(self, request: Request, account: str, serial: int) -> Reply:
        """The answer to a file."""
        ...

    def failure(self, status: int, text: str) -> Reply:
        """The vendor's own form of 404, 429, 500, 503 and 504."""
        ...

    def webhook(self, account: VendorAccount, records: Sequence[Record], attempt: int) -> tuple[dict[str, str], bytes]:
        """The headers and body that carry receipts."""
        ...
