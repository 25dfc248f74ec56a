"""The one client for addresses that clients gave: callbacks, Web Push endpoints. It cannot be turned inwards (SSRF).

A host is resolved, its addresses are checked, and a checked address is what gets connected to, so a second answer of
the DNS changes nothing; TLS still verifies the name. No redirects, no proxies, nothing from the environment; https
only unless a setting opens http; 5 s until the headers of the answer.

The status line and the headers are the answer. A body that comes with them is read past, so that the connection serves
the next call; a long, slow or broken one is cut off and changes nothing.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, urlsplit

from shared.domain import hosts
from shared.domain.errors import Invalid, Unavailable
from shared.runtime import descriptors
from shared.runtime.http1 import Closed, Connection, Listening, connect
from shared.runtime.idle import Idle, Origin
from shared.runtime.settings import EgressSettings, load

Address = hosts.Address
Network = IPv4Network | IPv6Network

MAX_ANSWER = 64 * 1024
IDLE_S = 15.0
IDLE_PER_ORIGIN = 64
IDLE_SHARE, CALLS_SHARE = 1 / 8, 1 / 2
"""Of the limit of open files: connections that wait for the next call, and calls at once."""
BODY_S = 1.0
BODIES_PER_ORIGIN, BODIES = 4, 64
"""Bodies that are read past at once; further connections are closed at the end of their headers."""
PORTS = {"http": 80, "https": 443}
_SAFE = "/%:@!$&'()*+,;=~-._?"

FORBIDDEN: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        # IANA special-purpose registries (RFC 6890 and its updates) …
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/128", "::1/128", "100::/64", "2001::/23", "2001:db8::/32", "fc00::/7", "fe80::/10", "fec0::/10"),
        "ff00::/8",
        # … and what carries an IPv4 address inside: compatible, translated, NAT64 (RFC 6052, 8215), 6to4
        *("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"),
    )
)


SAID = 1024
"""Bytes of a refusal that its client may see."""
REST_S = 0.1
"""How long the body of a refusal is waited for, where it has not come with its headers."""


class Forbidden(ConnectionError):
    """The address must not be connected to."""


class Unreached(ConnectionError):
    """Nothing has left: no connection could be made, or (`forbidden`) none may be."""

    def __init__(self, text: str, *, forbidden: bool = False) -> None:
        super().__init__(text)
        self.forbidden = forbidden


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart: `path` with its query, ready for the request line."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> Origin:
        """What connections are kept by."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or `error` in a few words when no answer came.

    `said`: of an answer that is no 2xx what came with its headers, as it came.
    """

    status: int | None
    error: str | None
    duration_ms: int
    said: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; headers by their names in lower case, of the body the first 64 KiB."""

    status: int
    headers: dict[str, str]
    body: bytes


@lru_cache(maxsize=4096)
def parse(url: str) -> Target:
    """Take a URL apart; `Invalid` says what is wrong with it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        name = host if host and host.isascii() else (host or "").encode("idna").decode()
    except (ValueError, UnicodeError) as error:
        raise Invalid("/callback_uri", "not_a_url", f"not a URL: {error}") from error
    if parts.scheme not in PORTS or not name or any(c <= " " or c == "\x7f" for c in url):
        raise Invalid("/callback_uri", "not_a_url", "a URL like https://example.com/path is needed")
    if parts.username is not None or parts.password is not None:
        raise Invalid("/callback_uri", "credentials", "a name and password in the URL are not supported")
    path = quote(parts.path or "/", safe=_SAFE)
    if parts.query:
        path += "?" + quote(parts.query, safe=_SAFE)
    return Target(parts.scheme, name, port or PORTS[parts.scheme], path)


def networks(text: str) -> tuple[Network, ...]:
    """CIDR ranges from a comma-separated setting."""
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


class Policy:
    """Which addresses may be connected to."""

    def __init__(self, *, http: bool, allow: Sequence[Network] = (), deny: Sequence[Network] = ()) -> None:
        self.http, self._allow, self._deny = http, tuple(allow), (*FORBIDDEN, *deny)

    def permits(self, address: Address) -> bool:
        """Whether to connect; an IPv4 address inside an IPv6 one (::ffff:…) counts as the IPv4 address."""
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        if _within(address, self._allow):
            return True
        return address.is_global and not address.is_multicast and not _within(address, self._deny)

    def check(self, url: str) -> Target:
        """A URL that may be called as far as can be told without resolving its name, else `Invalid`."""
        target = parse(url)
        if target.scheme == "http" and not self.http:
            raise Invalid("/callback_uri", "https_only", "the URL must begin with https://")
        if not self.permits_literal(url):
            raise Invalid("/callback_uri", "forbidden_address", "this address is not reachable from here")
        return target

    def permits_literal(self, url: str) -> bool:
        """False for a URL whose host is an address, in whatever writing, that must not be connected to."""
        try:
            address = hosts.address(parse(url).host)
        except (ValueError, Invalid):  # what ends in a number and is no address is for no resolver to guess at
            return False
        return address is None or self.permits(address)

    @classmethod
    def of(cls, settings: EgressSettings) -> Policy:
        """What the settings say."""
        return cls(
            http=settings.egress_http, allow=networks(settings.egress_allow), deny=networks(settings.egress_deny)
        )


def _within(address: Address, ranges: Iterable[Network]) -> bool:
    return any(address.version == r.version and address in r for r in ranges)


async def resolve(host: str, port: int) -> list[Address]:
    """All addresses of a host."""
    try:
        return [ip_address(host)]
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(ip_address(str(info[4][0]).split("%")[0]) for info in found))


class Egress:
    """Keeps connections alive per origin; safe for many tasks of one event loop. `whole`: answers are read whole."""

    def __init__(self, settings: EgressSettings | None = None, *, whole: bool = False) -> None:
        settings = settings or load(EgressSettings)
        self._kind, self._kept = (Listening, MAX_ANSWER) if whole else (Connection, 0)
        self.policy = Policy.of(settings)
        self._timeout = settings.egress_timeout_seconds
        self._idle = Idle(
            most=descriptors.share(IDLE_SHARE, settings.egress_idle_connections),
            per_origin=IDLE_PER_ORIGIN,
            seconds=IDLE_S,
        )
        self.calls_at_once = descriptors.share(CALLS_SHARE, settings.egress_connections)
        """How many calls the process should have under way, to all hosts together."""
        self._bodies: Counter[Origin] = Counter()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    async def post(self, url: str, body: bytes, headers: Iterable[tuple[str, str]]) -> Answer:
        """POST and tell what came back; never raises for what the other side did.

        Raises Unavailable when this process has no connections left: that says nothing of the other side.
        """
        started = time.perf_counter()
        status: int | None = None
        error: str | None = None
        said = b""
        try:
            target = self.policy.check(url)
            async with asyncio.timeout(self._timeout):
                status, said = await self._send(target, _message(target, body, headers))
        except TimeoutError:
            error = f"no answer within {self._timeout:g} s"
        except Invalid as wrong:
            error = wrong.detail
        except (OSError, ValueError) as failure:
            if isinstance(failure, OSError) and failure.errno in descriptors.USED_UP:
                self._idle.close()
                raise Unavailable(f"no connection can be made: {failure.strerror}") from failure
            error = str(failure)[:200] or type(failure).__name__
        return Answer(status, error, round((time.perf_counter() - started) * 1000), said)

    async def exchange(self, url: str, body: bytes, headers: Iterable[tuple[str, str]]) -> Reply:
        """POST and give the whole answer. Raises Unreached when nothing has left, else OSError or TimeoutError."""
        try:
            target = self.policy.check(url)
            message = _message(target, body, headers)
        except (Invalid, ValueError) as wrong:
            raise Unreached(getattr(wrong, "detail", str(wrong)), forbidden=True) from wrong
        async with asyncio.timeout(self._timeout):
            connection = self._idle.take(target.origin)
            if connection is not None:
                try:
                    return await self._whole(connection, target, message)
                except Closed as closed:
                    if not closed.untouched:
                        raise
            try:
                connection = await self._open(target)
            except OSError as error:
                raise Unreached(str(error)[:200], forbidden=isinstance(error, Forbidden)) from error
            return await self._whole(connection, target, message)

    async def _whole(self, connection: Connection, target: Target, message: bytes) -> Reply:
        status = await self._exchange(connection, target, message)
        return Reply(status, dict(getattr(connection, "headers", {})), connection.body)

    async def _send(self, target: Target, message: bytes) -> tuple[int, bytes]:
        kept = self._idle.take(target.origin)
        if kept is not None:
            try:
                return await self._heard(kept, target, message)
            except Closed as closed:
                if not closed.untouched:
                    raise
        return await self._heard(await self._open(target), target, message)

    async def _heard(self, connection: Connection, target: Target, message: bytes) -> tuple[int, bytes]:
        """The status; of what is no 2xx also the beginning of what came, read while the connection is this call's."""
        said = b""

        async def hear(status: int) -> None:
            nonlocal said
            if not 200 <= status < 300:
                await connection.rest(REST_S)
                said = connection.said[:SAID]

        return await self._exchange(connection, target, message, hear), said

    async def _exchange(
        self,
        connection: Connection,
        target: Target,
        message: bytes,
        hear: Callable[[int], Awaitable[None]] | None = None,
    ) -> int:
        try:
            status = await connection.request(message)
            if hear is not None:
                await hear(status)
        except BaseException:
            connection.close()
            raise
        self._done_with(connection, target.origin)
        return status

    def _done_with(self, connection: Connection, origin: Origin) -> None:
        """Keep the connection; once the rest of its body has come, if there is any."""
        if connection.whole:
            self._idle.keep(connection, origin)
        elif not connection.reusable or self._bodies[origin] >= BODIES_PER_ORIGIN or self._bodies.total() >= BODIES:
            connection.close()
        else:
            self._bodies[origin] += 1
            connection.finish(BODY_S, lambda: self._body_ended(connection, origin))

    def _body_ended(self, connection: Connection, origin: Origin) -> None:
        self._bodies[origin] -= 1
        if not self._bodies[origin]:
            del self._bodies[origin]
        self._idle.keep(connection, origin)

    async def _open(self, target: Target) -> Connection:
        addresses = await resolve(target.host, target.port)
        permitted = [a for a in addresses if self.policy.permits(a)]
        if not permitted:
            raise Forbidden("this address is not reachable from here")
        tls = self._tls if target.scheme == "https" else None
        for i, address in enumerate(permitted, 1):
            try:
                return await connect(
                    str(address),
                    target.port,
                    max_answer=MAX_ANSWER,
                    kept=self._kept or SAID,
                    at_headers=not self._kept,
                    kind=self._kind,
                    tls=tls,
                    server_name=target.host,
                )
            except OSError:
                if i == len(permitted):
                    raise
        raise AssertionError

    def close(self) -> None:
        """Close the kept connections."""
        self._idle.close()


def _message(target: Target, body: bytes, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [f"POST {target.path} HTTP/1.1", f"host: {target.authority}", f"content-length: {len(body)}"]
    lines.extend(f"{name}: {value}" for name, value in headers)
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header holds a line break")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + body
