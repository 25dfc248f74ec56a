"""The egress client cannot be turned inwards, and tells what came back."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_address

import pytest

from shared.domain.errors import Invalid, Unavailable
from shared.runtime import egress
from shared.runtime.egress import Egress, Policy, networks
from shared.runtime.settings import EgressSettings

OPEN = EgressSettings(egress_http=True, egress_allow="127.0.0.0/8")
Reply = Callable[[bytes], bytes]


@asynccontextmanager
async def a_server(
    reply: Reply, *, delay_s: float = 0.0, parts: Sequence[bytes] = (), hang_up: bool = False
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answers with `reply`, or with `parts` one after the other."""
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
                for part in parts or [reply(requests[-1])]:
                    writer.write(part)
                    if len(parts) > 1:
                        await asyncio.sleep(0)
                if hang_up or parts:
                    writer.close()
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


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


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
        assert len(client._idle) == 1
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
        for kept in client._idle._order:
            kept._transport.close()  # type: ignore[union-attr]
        assert (await client.post(url, b"", [])).status == 200


OK_HEAD = b"HTTP/1.1 200 OK\r\n"
LONG = [
    OK_HEAD + b"\r\n" + b"x" * 70_000,
    OK_HEAD + b"content-length: 999999\r\n\r\n" + b"x" * 70_000,
    OK_HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"fff0\r\n" + b"x" * 0xFFF0 + b"\r\n" * 2_000,
]
BROKEN = [
    OK_HEAD + b"content-length: 999999\r\n\r\nshort",
    OK_HEAD + b"content-length: 2\r\n\r\nmore than two",
    OK_HEAD + b"transfer-encoding: chunked\r\n\r\nno chunk\r\n",
    OK_HEAD + b"transfer-encoding: chunked\r\n\r\n-1\r\n\r\n",
    OK_HEAD + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    OK_HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok",
    OK_HEAD + b"content-length: two\r\n\r\nok",
    OK_HEAD + b"content-length: -1\r\n\r\nok",
    OK_HEAD + b"a header: with a blank\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK_HEAD + b"content-length: two\r\n\r\nok",
    b"HTTP/1.0 200\r\n\r\nuntil the end",
]


@pytest.mark.parametrize("whole", [True, False], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("reply", [*LONG, *BROKEN], ids=range(len(LONG + BROKEN)))
async def test_a_2xx_is_a_2xx_whatever_follows_its_headers(reply: bytes, whole: bool) -> None:
    """The report was taken; a body that nobody reads must not send it eleven times."""
    singly = reply[:90]
    parts = [reply] if whole else [*(singly[i : i + 1] for i in range(len(singly))), reply[90:]]
    async with a_server(ok, parts=parts) as (url, requests):
        client = Egress(OPEN)
        assert (await client.post(url, b"", [])).status == 200
        assert (await client.post(url, b"", [])).status == 200
        assert len(requests) == 2
        client.close()


@pytest.mark.parametrize("status", [200, 204, 202, 302, 410, 500])
async def test_the_headers_are_the_answer_even_when_the_body_never_comes(status: int) -> None:
    head = b"HTTP/1.1 %d X\r\ncontent-length: 7\r\n\r\n" % status
    async with a_server(lambda _: head) as (url, _):
        client = Egress(OPEN)
        answer = await client.post(url, b"", [])
        assert (answer.status, answer.error) == (status, None)
        client.close()


async def test_a_body_that_comes_later_leaves_the_connection_to_the_next_call() -> None:
    late = asyncio.Event()
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK_HEAD + b"content-length: 3\r\n\r\n")
            await late.wait()
            writer.write(b"end")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url, client = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", Egress(OPEN)
        assert (await client.post(url, b"", [])).status == 200
        assert len(client._idle) == 0
        late.set()
        await eventually(lambda: len(client._idle) > 0)
        assert (await client.post(url, b"", [])).status == 200
        assert connections == 1
        client.close()


async def test_bodies_that_never_end_hold_a_bounded_number_of_connections_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(egress, "BODY_S", 0.2)
    async with a_server(lambda _: OK_HEAD + b"content-length: 9\r\n\r\n") as (url, _):
        client = Egress(OPEN)
        answers = await asyncio.gather(*(client.post(url, b"", []) for _ in range(40)))
        assert {a.status for a in answers} == {200}
        assert 0 < client._bodies.total() <= egress.BODIES_PER_ORIGIN
        await eventually(lambda: not client._bodies.total())
        assert len(client._idle) == 0


@pytest.mark.parametrize(
    "reply",
    [b"not http at all\r\n\r\n", b"HTTP/1.1 20", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nno end of it\r\n"],
)
async def test_without_a_status_or_an_end_of_the_headers_there_is_no_answer(reply: bytes) -> None:
    async with a_server(ok, parts=[reply], hang_up=True) as (url, _):
        answer = await Egress(OPEN).post(url, b"", [])
    assert answer.status is None
    assert answer.error


async def test_headers_without_end_are_given_up() -> None:
    async with a_server(lambda _: OK_HEAD + b"x: " + b"y" * 70_000) as (url, _):
        answer = await Egress(OPEN).post(url, b"", [])
    assert answer.status is None
    assert "longer" in (answer.error or "")


async def test_idle_connections_are_bounded_in_all_and_by_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many hosts that are called once, none is called again; their connections must not pile up."""
    monkeypatch.setattr(egress, "IDLE_S", 0.3)
    client = Egress(OPEN.model_copy(update={"egress_idle_connections": 5}))
    async with AsyncExitStack() as stack:
        urls = [(await stack.enter_async_context(a_server(ok)))[0] for _ in range(12)]
        for url in urls:
            assert (await client.post(url, b"", [])).status == 200
            assert len(client._idle) <= 5
        assert len(client._idle) == 5
        assert (await client.post(urls[-1], b"", [])).status == 200
        await eventually(lambda: not len(client._idle))
        assert not client._idle._by_origin


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL])
async def test_an_own_want_of_connections_is_no_failure_of_the_client(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none_left(*_: object, **__: object) -> None:
        raise OSError(number, "none left")

    monkeypatch.setattr(egress, "connect", none_left)
    with pytest.raises(Unavailable):
        await Egress(OPEN).post("http://127.0.0.1:1/", b"", [])


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
