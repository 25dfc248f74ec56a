"""Who calls: the address that a key's allow-list is held against."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from shared.accepting.callers import client_address


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("", "10.1.1.1"),
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:51234", "203.0.113.9"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:51234", "2001:db8::7"),
    ],
)
def test_the_callers_address_is_what_the_last_proxy_saw_without_its_port(forwarded: str, address: str) -> None:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    assert client_address(Request({"type": "http", "headers": headers, "client": ("10.1.1.1", 4000)})) == address
