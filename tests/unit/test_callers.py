"""Who calls: the address that a key's allow-list is held against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.requests import Request

from shared.edge.callers import client_address
from shared.runtime import settings

PROXIES = "10.0.0.0/8, ::1/128"


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    settings.reset()
    yield
    settings.reset()


def address(peer: str, *forwarded: str) -> str:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return client_address(Request({"type": "http", "headers": headers, "client": (peer, 4000)}))


@pytest.mark.parametrize(
    ("forwarded", "caller"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:51234", "203.0.113.9"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:51234", "2001:db8::7"),
        ("6.6.6.6, 203.0.113.9, 10.2.2.2, 10.3.3.3", "203.0.113.9"),
        ("6.6.6.6, nonsense, 10.2.2.2", "nonsense"),
        ("10.9.9.9", "10.9.9.9"),
    ],
)
def test_behind_trusted_proxies_the_caller_is_the_last_address_that_is_none_of_them(
    monkeypatch: pytest.MonkeyPatch, forwarded: str, caller: str
) -> None:
    monkeypatch.setenv("IMS_TRUSTED_PROXIES", PROXIES)
    assert address("10.1.1.1", forwarded) == caller
    assert address("10.1.1.1", *forwarded.split(", ")) == caller, "one header line an address"


def test_nobody_else_can_say_where_he_calls_from(monkeypatch: pytest.MonkeyPatch) -> None:
    assert address("10.1.1.1", "203.0.113.9") == "10.1.1.1", "nothing is trusted unless it is set"
    settings.reset()
    monkeypatch.setenv("IMS_TRUSTED_PROXIES", PROXIES)
    assert address("198.51.100.4", "203.0.113.9") == "198.51.100.4"
    assert address("10.1.1.1") == "10.1.1.1"
