"""What all channels share: the faults of a request, what acceptance knows of an account, and the channel interface."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import urlsplit

from shared.channels import MODULES
from shared.channels.schema import MAX_URI, HopShared, Shared
from shared.domain.errors import ImsError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: a JSON pointer, a stable code, and how to mend it.

    `code` is an IMS result code (1001 …) where a message would fail with it, else a word: required, unknown_field,
    type, range, format, conflict, not_found, unknown_channel.
    """

    pointer: str
    code: str
    detail: str


class InvalidRequest(ImsError):
    """The client's fault, with every fault found.

    `status` is 400 for a body that is no JSON, 403 where only sender numbers are not the account's, else 422.
    """

    def __init__(self, errors: list[Fault], status: int = 422) -> None:
        super().__init__("; ".join(f"{e.pointer}: {e.detail}" for e in errors[:3]))
        self.errors, self.status = errors, status


class Refused(Exception):
    """One recipient cannot be served: `pointer` is relative to the recipient, `code` and `detail` as in Fault."""

    def __init__(self, pointer: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer, self.code, self.detail = pointer, code, detail


@dataclass(frozen=True, slots=True)
class FileInfo:
    """An uploaded file; sizes in bytes and pixels."""

    media_type: str
    size: int
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class AccountView:
    """What acceptance has to know of the account: its approved sender numbers in 0-form, and the files it names."""

    account_id: int
    username: str
    senders: frozenset[str]
    callback_uri: str | None = None
    files: Mapping[str, FileInfo] = field(default_factory=dict)


class Measured(NamedTuple):
    """One message as it will go out: `length` in its type's unit (mt: bytes), `parts` of an international one."""

    text: str
    subject: str | None
    type: str
    length: int
    parts: int = 1


class Hop(Protocol):
    """The content of one step of a plan, checked once and ready for any recipient."""

    content: dict[str, Any]
    """What PlanHop.content carries."""
    names: frozenset[str]
    """The variables that a recipient must give."""

    def type_for(self, values: Mapping[str, str]) -> str:
        """The message type for a recipient with these variables; raises Refused."""
        ...


class Channel(Protocol):
    """One channel: its part of the request schema, and what becomes of it."""

    name: str

    @property
    def request(self) -> type[Shared]:
        """The whole body: the shared fields and the channel's own."""
        ...

    @property
    def hop(self) -> type[HopShared]:
        """A further hop of any request's plan: the channel's own fields, `channel` and `wait`."""
        ...

    def compile(
        self, content: Any, account: AccountView, lane: str, pointer: str, broken: frozenset[str]
    ) -> tuple[Hop | None, list[Fault]]:
        """Check what holds for all recipients; fields in `broken` are reported already and are not looked at."""
        ...

    def address(self, content: Any, to: str) -> str:
        """The stored form of an address; raises Refused."""
        ...

    def measure(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> Measured:
        """The message of one recipient, as it will go out."""
        ...


def channel(name: str) -> Channel:
    """The channel of that name; raises KeyError when there is none."""
    return cast(Channel, import_module(MODULES[name]).CHANNEL)


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII).fullmatch
_HOST = re.compile(r"(?=.{1,253}\.?$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.|$))+", re.ASCII).fullmatch
_URI = re.compile(r"https?://[!-~]+", re.IGNORECASE).fullmatch


def read_time(text: str) -> int | None:
    """Milliseconds of an RFC 3339 time with offset, or None."""
    if not _RFC3339(text):
        return None
    try:
        return round(datetime.fromisoformat(text.upper()).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def uri_fault(uri: str) -> str | None:
    """Why a text cannot be a callback URI, or None; whether its host may be called is decided when it is called."""
    if len(uri) > MAX_URI:
        return f"at most {MAX_URI} characters"
    if not _URI(uri):
        return "must be an http or https URL without spaces or non-ASCII characters"
    try:
        parts = urlsplit(uri)
        usable = parts.port != 0 and (":" in (parts.hostname or "") or bool(_HOST(parts.hostname or "")))
    except ValueError:
        usable = False
    if not usable:
        return "has no usable host or port"
    return "must not carry a user name or password" if "@" in parts.netloc else None
