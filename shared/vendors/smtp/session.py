"""One SMTP connection to a relay (RFC 5321), with what it offers and no more: STARTTLS, AUTH, PIPELINING, SIZE, DSN."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.domain.errors import Rejected, Unavailable

MAX_LINES = 100
CHUNK = 256 * 1024


class Reply(NamedTuple):
    """A reply: its code, and its text without the codes, lines joined by spaces."""

    code: int
    text: str


class Closed(Exception):
    """The connection broke, or what came is no SMTP."""


@dataclass(frozen=True)
class Relay:
    """Where to, as whom, and whether only over TLS: `required`, `opportunistic` or `none`."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls: str = "opportunistic"
    name: str = "localhost"
    verify: bool = True
    implicit: bool = False


@dataclass
class Session:
    """An open connection; `offers` is what EHLO said, by keyword."""

    relay: Relay
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    offers: dict[str, str] = field(default_factory=dict)
    encrypted: bool = False
    mails: int = 0
    used_s: float = 0.0

    @classmethod
    async def open(cls, relay: Relay) -> Session:
        """Connect, say hello, encrypt, log in. Raises Unavailable, or Rejected 3004 for a login that is refused."""
        try:
            tls = _context(relay) if relay.implicit else None
            reader, writer = await asyncio.open_connection(relay.host, relay.port, ssl=tls)
        except (OSError, ssl.SSLError) as error:
            raise Unavailable(f"the relay cannot be reached: {type(error).__name__}") from error
        session = cls(relay, reader, writer, encrypted=relay.implicit)
        try:
            await session._begin()
        except BaseException as error:
            session.close()
            if isinstance(error, (Closed, OSError, ssl.SSLError)):
                raise Unavailable(f"the relay hung up: {error}"[:200]) from error
            raise
        return session

    async def _begin(self) -> None:
        banner = await self.reply()
        if banner.code != 220:
            raise Unavailable(f"the relay does not greet: {banner.code} {banner.text}"[:300])
        await self._hello()
        await self._encrypt()
        await self._log_in()

    async def _hello(self) -> None:
        hello = await self.ask(f"EHLO {self.relay.name}")
        self.offers = {}
        if hello.code == 250:
            for line in hello.text.split("\n")[1:]:
                word, _, rest = line.partition(" ")
                self.offers[word.upper()] = rest
            return
        if (await self.ask(f"HELO {self.relay.name}")).code != 250:
            raise Unavailable(f"the relay refuses our greeting: {hello.code} {hello.text}"[:300])

    async def _encrypt(self) -> None:
        if self.encrypted or self.relay.tls == "none":
            return
        reply = await self.ask("STARTTLS") if "STARTTLS" in self.offers else None
        if reply is None or reply.code != 220:
            if self.relay.tls == "required" or self.relay.password:
                raise Unavailable("the relay offers no TLS, which this account requires")
            return
        if getattr(self.reader, "_buffer", b""):
            raise Closed("bytes before TLS")  # an answer injected by somebody in between
        await self.writer.start_tls(_context(self.relay), server_hostname=self.relay.host)
        self.encrypted = True
        await self._hello()

    async def _log_in(self) -> None:
        if not self.relay.username:
            return
        if not self.encrypted and self.relay.tls != "none":
            raise Unavailable("no login without TLS")
        ways = self.offers.get("AUTH", "").upper().split()
        user, password = self.relay.username.encode(), self.relay.password.encode()
        if "PLAIN" in ways:
            reply = await self.ask("AUTH PLAIN " + _b64(b"\0" + user + b"\0" + password))
        elif "LOGIN" in ways:
            reply = await self.ask("AUTH LOGIN")
            for word in (user, password):
                if reply.code == 334:
                    reply = await self.ask(_b64(word))
        else:
            raise Unavailable("the relay offers no way to log in that we know")
        if reply.code // 100 == 4:
            raise Unavailable(f"the relay cannot log us in now: {reply.code} {reply.text}"[:300])
        if reply.code != 235:
            raise Rejected("3004", f"the relay refuses our login: {reply.text}"[:300], str(reply.code))

    async def ask(self, command: str) -> Reply:
        """One command and its reply."""
        await self.say(command)
        return await self.reply()

    async def say(self, *commands: str) -> None:
        """Commands, in one write."""
        self.writer.write("".join(f"{command}\r\n" for command in commands).encode("ascii"))
        await self.writer.drain()

    async def reply(self) -> Reply:
        """The next reply; its lines are joined by line feeds."""
        lines: list[str] = []
        while len(lines) < MAX_LINES:
            try:
                raw = await self.reader.readuntil(b"\n")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError) as error:
                raise Closed(type(error).__name__) from error
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if not line[:3].isascii() or not line[:3].isdigit():
                raise Closed("no SMTP reply")
            lines.append(line[4:])
            if line[3:4] != "-":
                return Reply(int(line[:3]), "\n".join(lines))
        raise Closed("a reply without end")

    async def write(self, body: bytes) -> None:
        """A mail's bytes, dots doubled, without the final dot."""
        stuffed = body.replace(b"\r\n.", b"\r\n..")
        if stuffed.startswith(b"."):
            stuffed = b"." + stuffed
        for start in range(0, len(stuffed), CHUNK):
            self.writer.write(stuffed[start : start + CHUNK])
            await self.writer.drain()

    @property
    def alive(self) -> bool:
        """Whether nothing shows that the relay has hung up."""
        return not self.reader.at_eof() and not self.writer.is_closing() and not getattr(self.reader, "_buffer", b"")

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(Exception):
            self.writer.close()

    async def quit(self) -> None:
        """Say good-bye; whatever comes of it concerns no mail."""
        with contextlib.suppress(Exception):
            await self.say("QUIT")
        self.close()


def commands(sender: str, to: Sequence[str], size: int, envelope_id: str, offers: dict[str, str]) -> list[str]:
    """MAIL and RCPT, with words for what is offered only."""
    mail = f"MAIL FROM:<{sender}>"
    if "SIZE" in offers:
        mail += f" SIZE={size}"
    if "DSN" in offers:
        mail += f" RET=HDRS ENVID={envelope_id}"
        return [mail, *(f"RCPT TO:<{a}> NOTIFY=FAILURE,DELAY ORCPT=rfc822;{_xtext(a)}" for a in to)]
    return [mail, *(f"RCPT TO:<{a}>" for a in to)]


def _xtext(address: str) -> str:
    """RFC 3461 §4."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in address)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _context(relay: Relay) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not relay.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
