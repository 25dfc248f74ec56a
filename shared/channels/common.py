"""What all channels share: the faults of a request, what acceptance knows of an account, and the channel interface."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import urlsplit

from shared.channels import MODULES
from shared.channels.schema import MAX_URI, HopShared, Shared
from shared.domain import hosts, phone
from shared.domain.errors import ImsError
from shared.vendors.base import Payload


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
    name: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an account may speak as, beside its numbers: a sender profile, domain, app, brand or chatbot."""

    state: str
    """pending, approved or rejected"""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Template:
    """The version of a template that may be used now: `content` has the channel's fields, `states` is by vendor."""

    version: int
    state: str
    content: Mapping[str, Any]
    states: Mapping[str, str] = field(default_factory=dict)


class Wants(NamedTuple):
    """What a channel has to know of the account before it can check a content; all of it is fetched in one go."""

    files: frozenset[str] = frozenset()
    """File ids, as the client writes them."""
    identities: frozenset[tuple[str, str]] = frozenset()
    """(kind, value): ("profile", sender_key), ("domain", name), ("app", name), ("brand", id), ("chatbot", id) …"""
    templates: frozenset[str] = frozenset()
    """Codes."""
    devices: frozenset[str] = frozenset()
    """Addresses whose devices are looked up (`user:<id>`, direct tokens)."""


@dataclass(frozen=True, slots=True)
class AccountView:
    """What acceptance has to know of the account: its approved sender numbers in 0-form, and what channels want to
    know of what a request names (`Wants`), each only as far as it exists."""

    account_id: int
    username: str
    senders: frozenset[str]
    callback_uri: str | None = None
    files: Mapping[str, FileInfo] = field(default_factory=dict)
    identities: Mapping[tuple[str, str, str], Identity] = field(default_factory=dict)
    """(channel, kind, value) → state and settings."""
    templates: Mapping[tuple[str, str], Template] = field(default_factory=dict)
    """(channel, code) → the version that may be used."""
    devices: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Address → the devices on record behind it."""
    may_call: Callable[[str], bool] = lambda _: True
    """Whether a callback may lead to the address in its URL; names are judged when they are called."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Lane → {"fallback": hops as a client writes them, "wait"?: seconds}, for requests that name no fallback."""

    def usual(self, lane: str, channel: str) -> tuple[Sequence[tuple[int, Any]], float | None]:
        """The further hops of a request on a channel that names none, each with its place, and its first hop's wait: in
        an order that has the channel itself, what follows it."""
        known = self.defaults.get(lane)
        if not known:
            return (), None
        hops = list(enumerate(known["fallback"]))
        own = [place for place, hop in hops if hop.get("channel") == channel]
        return hops[own[-1] + 1 :] if own else hops, known.get("wait")


class Size(NamedTuple):
    """One message as it will go out: `length` in its type's unit (mt: bytes), `units` that are charged."""

    type: str
    length: int
    units: int = 1


class Hop(Protocol):
    """The content of one step of a plan, checked once and ready for any recipient."""

    content: dict[str, Any]
    """What PlanHop.content carries: all that `render` needs, JSON."""
    names: frozenset[str]
    """The variables that a recipient must give."""

    def type_for(self, values: Mapping[str, str]) -> str:
        """The message type for a recipient with these variables; raises Refused (1002, 1003, …) when the hop cannot
        carry it."""
        ...


class Channel:
    """One channel: its part of the request schema, and all that depends on what its messages are.

    A channel is a package whose `CHANNEL` is an instance of a subclass; its line stands in shared/channels/__init__.py.
    """

    name: str
    request: type[Shared]
    """The whole body: the shared fields and the channel's own."""
    hop: type[HopShared]
    """A further hop of any request's plan: the channel's own fields, `channel` and `wait`."""
    phone: bool = False
    """Whether its addresses are phone numbers, which all phone channels of a plan share."""
    by_address: bool = False
    """Whether a message's type depends on its address, too: then compiled hops are asked by `type_to(values, to)`."""
    final_on: str = "receipt"
    """What ends a message: `receipt`, or `sent` where the vendor's yes is the end (a later no only extends the trail).
    An adapter may say otherwise for its vendor."""
    receipt_s: Mapping[str, int] = {}
    """Seconds by message type until a missing receipt counts as failed; for other types as in domain/defaults.py."""
    suppresses: bool = False
    """Whether its addresses can be suppressed: looked up before each batch is sent (shared/stores/suppressions.py)."""
    hints: tuple[bytes, ...] = (b"{",)
    """A body without any of these and without a fallback wants nothing, so it need not be looked through."""

    def wants(self, hop: Mapping[str, Any], recipients: Sequence[Any]) -> Wants:
        """What has to be looked up for a hop as the client wrote it: nothing of it is checked yet."""
        return Wants()

    def compile(
        self, content: Any, account: AccountView, lane: str, pointer: str, broken: frozenset[str]
    ) -> tuple[Hop | None, list[Fault]]:
        """Check what holds for all recipients; fields in `broken` are reported already and are not looked at."""
        raise NotImplementedError

    def address(self, content: Any, to: str) -> str:
        """The stored form of an address; `content` is the hop's model. Raises Refused with the pointer `/to`."""
        raise NotImplementedError

    def render(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> Payload:
        """The message of one recipient, as it will go out; `content` is what the compiled hop carries."""
        raise NotImplementedError

    def measure(self, payload: Any) -> Size:
        """Type, length and charged units of a rendered message."""
        raise NotImplementedError

    def country(self, address: str) -> str:
        """The country that an address belongs to, for its price; addresses that have none count as Korean."""
        return phone.country(address) if self.phone else phone.KOREA

    def by_units(self, content: Mapping[str, Any]) -> bool:
        """Whether messages of a compiled content are charged by `Size.units`; else each is one unit."""
        return False

    def type_of(self, content: Mapping[str, Any], values: Mapping[str, str] | None) -> str:
        """The type that a recipient's message has on this hop."""
        return self.measure(self.render(content, values)).type

    def template_content(self, content: Mapping[str, Any]) -> tuple[list[Fault], list[str]]:
        """What is wrong with a template's content (pointers as in a request), and the variables that it names."""
        return [], variables_in(content)

    def template_preview(self, content: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
        """What the handset shows of a template: its fields filled in, with `type` and `length`. Raises Refused."""
        shown = filled(content, values)
        text = shown.get("text") or shown.get("body") or ""
        return {"content": shown, "type": None, "length": len(text) if isinstance(text, str) else 0}

    def vendors(self, content: Mapping[str, Any]) -> tuple[str, ...]:
        """The vendors that alone may carry a compiled content; empty: any that can."""
        return ()

    def type_at(self, kind: str, to: str) -> str:
        """The type of a message that `measure` calls `kind`, at an address in its stored form."""
        return kind

    def files(self, content: Mapping[str, Any]) -> tuple[str, ...]:
        """The ids of the files that every message of a compiled content carries."""
        return ()


_VARIABLE = re.compile(r"#\{([^{}]{1,64})\}")


def variables_in(value: Any) -> list[str]:
    """The names of `#{…}` in all texts of a content, in the order in which they come first."""
    if isinstance(value, str):
        return list(dict.fromkeys(_VARIABLE.findall(value)))
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return list(dict.fromkeys(name for part in parts for name in variables_in(part)))


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """A content with its variables filled in, in one pass; what has no value stays."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda m: values.get(m[1], m[0]), value)
    if isinstance(value, Mapping):
        return {name: filled(part, values) for name, part in value.items()}
    return [filled(part, values) for part in value] if isinstance(value, list) else value


def channel(name: str) -> Channel:
    """The channel of that name; raises KeyError when there is none."""
    return cast(Channel, import_module(MODULES[name]).CHANNEL)


_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:[Zz]|[+-](\d\d):(\d\d))", re.ASCII
).fullmatch
_HOST = re.compile(r"(?=.{1,253}\.?$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.|$))+", re.ASCII).fullmatch
_URI = re.compile(r"https?://[!-~]+", re.IGNORECASE).fullmatch


YEAR_10000_MS = 253_402_300_800_000
"""From here on nothing can be written any more."""


def read_time(text: str) -> int | None:
    """Milliseconds of an RFC 3339 time with offset, or None."""
    found = _RFC3339(text)
    if found is None or (found[8] or "") > "59":
        return None
    try:
        at = round(datetime.fromisoformat(text.upper()).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return at if at < YEAR_10000_MS else None


def time_fault(text: str) -> str:
    """Why `read_time` read nothing."""
    if (found := _RFC3339(text)) is None:
        return "must be RFC 3339 with offset, like 2030-01-31T09:00:00+09:00"
    year, month, day, hour, minute, second, *offset = (int(part or 0) for part in found.groups())
    if not year:
        return "no such year: 0000"
    if not 1 <= month <= 12:
        return f"no such month: {month:02}"
    last = monthrange(year, month)[1]
    if not 1 <= day <= last:
        return f"no such day: {year:04}-{month:02} has {last} days"
    if hour > 23:
        return f"no such hour: {hour:02}; midnight is 00:00:00 of the next day"
    if minute > 59:
        return f"no such minute: {minute:02}"
    if second > 59:
        return f"no such second: {second:02}; leap seconds are not known ahead"
    return f"no such offset: {text[-6:]}" if max(offset[0] - 23, offset[1] - 59) > 0 else "is no time that can be kept"


def uri_fault(uri: str) -> str | None:
    """Why a text cannot be a callback URI, or None; whether its host may be called is decided when it is called."""
    if len(uri) > MAX_URI:
        return f"at most {MAX_URI} characters"
    if not _URI(uri):
        return "must be an http or https URL without spaces or non-ASCII characters"
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        usable = parts.port != 0 and (hosts.address(host) is not None or bool(_HOST(host)))
    except ValueError:
        usable = False
    if not usable:
        return "has no usable host or port"
    return "must not carry a user name or password" if "@" in parts.netloc else None
