"""Hosts that are addresses, in every way that URLs and resolvers read them (WHATWG URL, inet_aton)."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+", re.ASCII).fullmatch


def address(host: str) -> Address | None:
    """The address that a host is: 127.0.0.1, also as 127.1, 2130706433, 0x7f.0.0.1, 0177.0.0.1 or with a dot behind.

    None for a name; raises ValueError for what ends in a number and is no address: no name does.
    """
    if ":" in host:
        return ip_address(host)
    labels = host.removesuffix(".").split(".")
    if not _NUMBER(labels[-1]):
        return None
    if len(labels) > 4:
        raise ValueError("an IPv4 address has at most four parts")
    parts = [_number(label) for label in labels]
    if any(part > 255 for part in parts[:-1]) or parts[-1] >= 256 ** (5 - len(parts)):
        raise ValueError("a part of an IPv4 address is too large")
    return IPv4Address(sum(part << 8 * (3 - place) for place, part in enumerate(parts[:-1])) + parts[-1])


def _number(label: str) -> int:
    if not _NUMBER(label):
        raise ValueError("a part of an IPv4 address is no number")
    if label[:2] in ("0x", "0X"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if len(label) > 1 and label.startswith("0") else 10)
