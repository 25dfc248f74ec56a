"""Addresses in every way that URLs write them, and callbacks that may not lead to some of them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.channels.common import uri_fault
from shared.domain import hosts
from shared.domain.errors import Invalid
from shared.runtime.egress import Policy, networks

STRICT, LOCAL = Policy(http=True), Policy(http=True, allow=networks("127.0.0.0/8, ::1"))


def ways(address: IPv4Address) -> list[str]:
    """An IPv4 address as inet_aton, browsers and IPv6 write it."""
    a, b, c, d = address.packed
    n = int(address)
    dotted = [str(address), f"{a}.{b}.{c * 256 + d}", f"{a}.{n % 2**24}", str(n), hex(n), f"0{n:o}"]
    mixed = [
        f"0x{a:x}.{b}.0{c:o}.{d}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"0X{a:X}.0x{b:x}.{c * 256 + d}",
        f"000{a:o}.{n % 2**24}",
    ]
    inside = [f"[::ffff:{address}]", f"[::ffff:{n >> 16:x}:{n & 65535:x}]", f"[0:0:0:0:0:FFFF:{address}]"]
    return [*dotted, *mixed, *[f"{way}." for way in dotted], *inside]


FORBIDDEN = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
]


@given(st.ip_addresses(v=4))
def test_every_writing_of_an_address_is_that_address(address: IPv4Address) -> None:
    for way in ways(address):
        read = hosts.address(way.strip("[]"))
        assert (read.ipv4_mapped if isinstance(read, IPv6Address) else read) == address


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_callback_to_a_forbidden_address_is_refused_however_it_is_written(address: str) -> None:
    for way in ways(ip_address(address)):  # type: ignore[arg-type]
        for uri in (f"https://{way}/x", f"https://{way}:8443", f"HTTPS://{way}?a=b"):
            assert uri_fault(uri) is None
            assert not STRICT.permits_literal(uri)
            with pytest.raises(Invalid):
                STRICT.check(uri)


@pytest.mark.parametrize(
    "host",
    [
        *("[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[ff02::1]", "[::127.0.0.1]",
          "[::ffff:0:127.0.0.1]"),
        *("[64:ff9b::7f00:1]", "[64:ff9b::10.0.0.1]", "[2002:7f00:1::]", "[2001:db8::1]", "[0:0:0:0:0:0:0:1]",
          "[64:ff9b:1::1]"),
    ],
)  # fmt: skip
def test_addresses_of_ipv6_that_lead_inwards_are_refused(host: str) -> None:
    assert not STRICT.permits_literal(f"https://{host}/")


@pytest.mark.parametrize(
    "uri",
    [
        *("https://a@127.0.0.1/", "https://example.com@127.0.0.1/", "https://127.0.0.1:80@example.com/",
          "https://１２７.0.0.1/"),
        *("https://127。0。0。1/", "https://%31%32%37.0.0.1/", "https://127%2e0.0.1/", "https://ⓛocalhost/",
          "https://1.2.3.4.5/"),
        *("https://256.0.0.1/", "https://0x1ffffffff/", "https://4294967296/", "https://127.0.0.09/",
          "https://a.1/", "https://127..1/"),
        *("https://[::1/", "https://[127.0.0.1]/", "https://[::1%25lo]/", "https://127.0.0.1\\@example.com/",
          "https://127.0.0.1 /"),
        *("https://0x/../", "https://[::ffff:127.0.0.1"),
    ],
)  # fmt: skip
def test_what_hides_an_address_is_no_callback(uri: str) -> None:
    assert uri_fault(uri) is not None or not STRICT.permits_literal(uri)


@pytest.mark.parametrize(
    "uri",
    ["https://8.8.8.8/", "https://134744072/", "https://[2606:4700::1111]/", "https://example.com/",
     "https://localhost/",
     "https://a1.example/", "https://1.example/", "https://0x7f.example./", "https://xn--mnchen-3ya.de/"],
)  # fmt: skip
def test_public_addresses_and_names_are_taken(uri: str) -> None:
    assert uri_fault(uri) is None
    assert STRICT.permits_literal(uri)


def test_what_local_settings_open_stays_open() -> None:
    for way in [*ways(IPv4Address("127.0.0.1")), "[::1]"]:
        assert LOCAL.permits_literal(f"http://{way}:8000/reports")
    assert not LOCAL.permits_literal("http://10.0.0.1/")
