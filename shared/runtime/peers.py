"""Where a request comes from."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.requests import Request

from shared.runtime.settings import AcceptSettings, load

Networks = tuple[IPv4Network | IPv6Network, ...]


def client_address(request: Request) -> str:
    """The caller's address: the peer's, or where that is a trusted proxy, the last that the proxies before it name.

    X-Forwarded-For is believed from right to left, as far as trusted proxies wrote it; whatever a caller puts into it
    stands further left. OpenFaaS' gateway writes addresses with the port: `10.0.0.7:51234`, `[2001:db8::7]:51234`.
    """
    address = request.client.host if request.client else ""
    trusted = _networks(load(AcceptSettings).trusted_proxies)
    if not trusted:
        return address
    said = [entry.strip() for line in request.headers.getlist("x-forwarded-for") for entry in line.split(",")]
    while said and _within(address, trusted):
        address = _without_port(said.pop())
    return address


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


@lru_cache(maxsize=8)
def _networks(ranges: str) -> Networks:
    return tuple(ip_network(part.strip(), strict=False) for part in ranges.split(",") if part.strip())


def is_trusted_proxy(address: str) -> bool:
    """Whether an address is one of the proxies before the functions."""
    return _within(address, _networks(load(AcceptSettings).trusted_proxies))


@lru_cache(maxsize=4096)
def _within(address: str, ranges: Networks) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in ranges)
