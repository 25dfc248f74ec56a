"""The egress client cannot be turned inwards, and tells what came back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest

from shared.domain.errors import Invalid
from shared.runtime import egress
from shared.runtime.egress import Egress, Policy, networks
from shared.runtime.settings import EgressSettings

OPEN = EgressSettings(egress_http=True, egress_allow="127.0.0.0/8")
Reply = Callable[[bytes], bytes]


@asynccontextmanager
async def a_server(reply: Reply, *, delay_s: float = 0.0) -> AsyncIterator[tuple[str, list[bytes]]]:
    requests: list[bytes] = []
    connections: list[asyncio.StreamWriter] = []

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                requests.append(head + await reader.readexactly(length))
                await asyncio.sleep(delay_s)
                writer.write(reply(requests[-1]))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/hook", requests
    finally:
        server.close()
        for writer in connections:
            writer.close()


def ok(_: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1",
        "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_inner_addresses_are_forbidden(address: str) -> None:
    assert not Policy(http=True).permits(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "211.234.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert Policy(http=True).permits(ip_address(address))


def test_ranges_can_be_opened_and_closed_by_settings() -> None:
    policy = Policy(http=True, allow=networks("127.0.0.0/8, ::1/128"), deny=networks("1.1.1.0/24"))
    assert policy.permits(ip_address("127.0.0.1"))
    assert policy.permits(ip_address("::ffff:127.0.0.1"))
    assert not policy.permits(ip_address("10.0.0.1"))
    assert not policy.permits(ip_address("1.1.1.1"))


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example/", "http://client.example/", "https://user:pw@client.example/", "https:///x", "nonsense",
     "https://169.254.169.254/latest", "https://[::1]/", "https://a.example:99999/", "https://a.example/\r\nx: y"],
)  # fmt: skip
def test_urls_that_are_not_called(url: str) -> None:
    with pytest.raises(Invalid):
        Policy(http=False).check(url)


def test_a_path_is_sent_as_ascii_and_keeps_what_is_encoded() -> None:
    target = Policy(http=False).check("https://client.example/가?a=%20b&c=d")
    assert target.path == "/%EA%B0%80?a=%20b&c=d"
    assert target.authority == "client.example"


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "017700000001", "127.1", "localhost"])
async def test_a_disguised_loopback_is_seen_through(host: str) -> None:
    answer = await Egress(EgressSettings(egress_http=True)).post(f"http://{host}/", b"", [])
    assert answer.status is None
    assert answer.error


async def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    async def resolve(host: str, port: int) -> list[object]:
        names.append(host)
        return [ip_address("10.0.0.1"), ip_address("127.0.0.1")]

    monkeypatch.setattr(egress, "resolve", resolve)
    async with a_server(ok) as (url, requests):
        port = url.split(":")[2].split("/")[0]
        answer = await Egress(OPEN).post(f"http://rebinding.example:{port}/hook", b"{}", [])
    assert answer.status == 200
    assert names == ["rebinding.example"]
    assert f"host: rebinding.example:{port}".encode() in requests[0]


async def test_a_post_says_what_it_should_and_keeps_its_connection() -> None:
    client = Egress(OPEN)
    async with a_server(ok) as (url, requests):
        for _ in range(3):
            assert (await client.post(url, b'{"a":1}', [("webhook-id", "x")])).status == 200
        assert requests[0].startswith(b"POST /hook HTTP/1.1\r\n")
        assert b"webhook-id: x\r\n" in requests[0]
        assert requests[0].endswith(b'\r\n\r\n{"a":1}')
        assert sum(len(kept) for kept in client._idle.values()) == 1
        client.close()


async def test_a_redirect_is_an_answer_not_a_way() -> None:
    moved = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
    async with a_server(lambda _: moved) as (url, requests):
        assert (await Egress(OPEN).post(url, b"", [])).status == 302
        assert len(requests) == 1


async def test_a_connection_that_died_while_idle_is_replaced() -> None:
    client = Egress(OPEN)
    answers = iter([b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ok(b"")])
    async with a_server(lambda _: next(answers)) as (url, _):
        assert (await client.post(url, b"", [])).status == 200
        for kept in client._idle.values():
            kept[0]._transport.close()  # type: ignore[union-attr]
        assert (await client.post(url, b"", [])).status == 200


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n" + b"x" * 70_000,
        b"not http at all\r\n\r\n",
    ],
)
async def test_too_long_or_unreadable_answers_are_failures(reply: bytes) -> None:
    async with a_server(lambda _: reply) as (url, _):
        answer = await Egress(OPEN).post(url, b"", [])
    assert answer.status is None
    assert answer.error


async def test_an_answer_has_to_come_in_time() -> None:
    client = Egress(OPEN.model_copy(update={"egress_timeout_seconds": 0.1}))
    async with a_server(ok, delay_s=2) as (url, _):
        answer = await client.post(url, b"", [])
    assert answer.status is None
    assert "0.1 s" in (answer.error or "")


async def test_a_header_cannot_smuggle_another() -> None:
    async with a_server(ok) as (url, requests):
        answer = await Egress(OPEN).post(url, b"", [("webhook-id", "x\r\nhost: evil")])
    assert answer.status is None
    assert not requests
