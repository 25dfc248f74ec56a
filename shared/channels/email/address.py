"""Mail addresses: what is one, how it is stored and compared, and a sender's mailbox (RFC 5321 §4.1.2, RFC 5322 §3.4).

Stored as given, but the domain in ASCII and small letters (IDNA 2008). Local parts are ASCII: an address that needs
SMTPUTF8 (RFC 6531) is refused, for few hosts take it (docs/decisions/0039). Quoted local parts and address literals are
refused too. Nothing is repaired: what looks like an address with a slip in it may be a stranger's.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

MAX_LOCAL, MAX_ADDRESS = 64, 254
"""Octets (RFC 5321 §4.5.3.1; the path's 256 with its brackets)."""
MAX_NAME = 200
"""Characters of a display name."""

_ATOM = "A-Za-z0-9!#$%&'*+/=?^_`{|}~-"
_LOCAL = re.compile(rf"[{_ATOM}]+(\.[{_ATOM}]+)*").fullmatch
_NOT_LOCAL = re.compile(rf"[^.{_ATOM}]").search
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?").fullmatch
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL).fullmatch


class NoAddress(ValueError):
    """Why a text is no address that can be mailed."""


class Mailbox(NamedTuple):
    """An address and the name shown with it, which may be empty."""

    name: str
    address: str


def _shown(sign: str) -> str:
    visible = f"{sign!r} " if sign.isprintable() and not sign.isspace() else ""
    return f"{visible}(U+{ord(sign):04X})"


@lru_cache(maxsize=4096)
def domain(text: str) -> str:
    """A domain's A-labels in small letters; raises NoAddress."""
    name = text.lower()
    if not name.isascii():
        name = _ascii(name)
    labels = name.split(".")
    if len(labels) < 2 or len(name) > MAX_ADDRESS or not all(map(_LABEL, labels)) or labels[-1].isdigit():
        raise NoAddress("what stands behind the @ is no domain name, like example.com")
    return name


def _ascii(name: str) -> str:
    import idna

    try:
        return idna.encode(name, strict=True).decode()
    except (idna.IDNAError, UnicodeError):
        bad = next((c for c in name if not c.isascii() and unicodedata.category(c)[0] not in "LM"), "")
        raise NoAddress(
            f"has a sign that no domain has: {_shown(bad)}" if bad else "its domain is no domain name"
        ) from (None)


def read(text: str) -> str:
    """The stored form of an address; blanks around it do not count. Raises NoAddress."""
    given = text.strip(" \t")
    local, at, host = given.rpartition("@")
    if not at:
        bad = next((c for c in given if not c.isascii()), "")
        raise NoAddress(f"has no @, but {_shown(bad)}" if bad else "has no @: an address is like kim@example.com")
    if odd := _NOT_LOCAL(local):
        raise NoAddress(f"has a sign that no address here has before its @: {_shown(odd[0])}")
    if not _LOCAL(local):
        raise NoAddress("what stands before the @ is empty, or has a dot first, last or twice")
    if len(local) > MAX_LOCAL:
        raise NoAddress(f"has {len(local)} characters before the @, at most {MAX_LOCAL}")
    address = f"{local}@{domain(host)}"
    if len(address) > MAX_ADDRESS:
        raise NoAddress(f"has {len(address)} characters, at most {MAX_ADDRESS}")
    return address


def key(address: str) -> str:
    """By which addresses are compared: opt-outs, bounces and duplicates hold whatever the case."""
    return address.lower()


def host(address: str) -> str:
    """The domain of a stored address."""
    return address.rpartition("@")[2]


def mailbox(text: str) -> Mailbox:
    """`a@b` or `Name <a@b>`, split as it was written: the address in the brackets counts, whatever the name says."""
    given = text.strip(" \t")
    if bad := next((c for c in given if unhappy(c)), ""):
        raise NoAddress(f"has a sign that cannot stand in a header: {_shown(bad)}")
    if not given.endswith(">"):
        return Mailbox("", read(given))
    name, bracket, address = given[:-1].rpartition("<")
    if not bracket:
        raise NoAddress("has a > without its <")
    return Mailbox(_name(name.strip(" \t")), read(address))


def _name(written: str) -> str:
    quoted = _QUOTED(written)
    name = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else written
    if "<" in name or ">" in name:
        raise NoAddress("has more than one address: give one, as `Name <a@b>`")
    if len(name) > MAX_NAME:
        raise NoAddress(f"its name has {len(name)} characters, at most {MAX_NAME}")
    return name


def unhappy(sign: str) -> bool:
    """Whether a sign would end a header or hide in it: controls, line and paragraph separators, lone surrogates."""
    return unicodedata.category(sign) in ("Cc", "Zl", "Zp", "Cs")
