"""A mail server that delivers to nobody: what it takes is kept, to be looked at (`GET /mails`).

Speaks RFC 5321 with PIPELINING, SIZE, DSN, STARTTLS (where it has a certificate) and AUTH PLAIN; any name and password
are good unless `check` says otherwise. Some recipients have a fixed result, `CCCC@magic.demo.example` as everywhere in
the simulator: most codes are refused or put off at RCPT, 0300 is taken but never confirmed, 9901 is taken slowly.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

MAGIC = "@magic.demo.example"
SLOW_S = 3.0
KEPT = 10_000
MAX_LINE = 10 * 1024 * 1024
"""A message may be one line; more than this ends the connection."""
MAX_SIZE = 26_214_400
ANSWERS = {
    "5002": b"550 5.1.1 no such mailbox",
    "3001": b"451 4.4.2 bad connection",
    "3002": b"451 4.3.2 try again later",
    "3003": b"550 5.3.0 something failed here",
    "3004": b"530 log in first",
    "1002": b"552 5.2.3 message exceeds fixed maximum message size",
    "1004": b"550 5.7.26 unauthenticated mail is not accepted",
    "1009": b"501 5.5.4 bad argument",
    "4003": b"552 5.2.2 mailbox full",
    "4006": b"550 5.7.1 likely unsolicited mail",
}


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it was taken: `text` is the whole message, `login` who logged in."""

    sender: str
    to: str
    text: bytes
    encrypted: bool
    login: bool
    at: int
    user: str = ""
    """Who logged in."""
    all_to: tuple[str, ...] = ()


@dataclass(slots=True)
class _Session:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    encrypted: bool = False
    login: bool = False
    user: str = ""
    sender: str | None = None
    to: list[str] = field(default_factory=list)

    async def say(self, line: bytes) -> None:
        self.writer.write(line + b"\r\n")
        await self.writer.drain()


class MailServer:
    """Listens on `port` while it is started; `mails` are the newest last."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.mails: deque[Mail] = deque(maxlen=KEPT)
        self.check: Callable[[str, str], bool] = lambda user, password: True
        self.taken: Callable[[Mail], Awaitable[None]] | None = None
        """Told of each mail before it is confirmed."""
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; for port 0 on a free one. The port."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_LINE)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self.port

    async def stop(self) -> None:
        """Listen no more and hang up."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.close()

    def to(self, address: str | None) -> list[Mail]:
        """The mails to an address, or all."""
        return [m for m in self.mails if address is None or m.to == address]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        session = _Session(reader, writer)
        try:
            await session.say(b"220 simulator ESMTP")
            while (line := await reader.readline()) and await self._command(session, line):
                pass
        except (OSError, ValueError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _command(self, session: _Session, line: bytes) -> bool:
        """Answer one command; False ends the connection."""
        verb, _, rest = line.strip().partition(b" ")
        match verb.upper():
            case b"EHLO" | b"HELO":
                offered = [b"simulator", b"PIPELINING", b"8BITMIME", b"DSN", b"SIZE %d" % MAX_SIZE]
                offered += [*([b"STARTTLS"] if self._tls and not session.encrypted else [])]
                for offer in offered:
                    await session.say(b"250-" + offer)
                await session.say(b"250 AUTH PLAIN")
            case b"STARTTLS" if self._tls and not session.encrypted:
                await session.say(b"220 go ahead")
                await session.writer.start_tls(self._tls)
                session.encrypted = True
            case b"AUTH":
                session.user, password = _credentials(rest)
                session.login = self.check(session.user, password)
                await session.say(b"235 2.7.0 welcome" if session.login else b"535 5.7.8 wrong name or password")
            case b"MAIL":
                session.sender, session.to = _address(rest), []
                await session.say(b"552 5.3.4 too large" if _size(rest) > MAX_SIZE else b"250 ok")
            case b"RCPT":
                await session.say(_recipient(session, _address(rest)))
            case b"DATA" if session.to:
                return await self._data(session)
            case b"RSET" | b"NOOP":
                await session.say(b"250 ok")
            case b"QUIT":
                await session.say(b"221 bye")
                return False
            case _:
                await session.say(b"503 not now, or unknown")
        return True

    async def _data(self, session: _Session) -> bool:
        await session.say(b"354 end with a dot")
        lines = []
        while (line := await session.reader.readline()) != b".\r\n":
            if not line:
                return False
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        now = time.time_ns() // 1_000_000
        for to in session.to:
            mail = Mail(
                session.sender or "", to, b"".join(lines), session.encrypted, session.login, now, session.user,
                tuple(session.to),
            )  # fmt: skip
            self.mails.append(mail)
            if self.taken is not None:
                await self.taken(mail)
        magic = {to.removesuffix(MAGIC) for to in session.to}
        if "0300" in magic:
            return False
        if "9901" in magic:
            await asyncio.sleep(SLOW_S)
        await session.say(b"250 2.0.0 Ok: queued as SIM%X" % now)
        return True


def _credentials(rest: bytes) -> tuple[str, str]:
    """Name and password of `AUTH PLAIN <base64>`."""
    try:
        _, user, password = base64.b64decode(rest.partition(b" ")[2]).decode().split("\0")
    except (binascii.Error, UnicodeError, ValueError):
        return "", ""
    return user, password


def _size(rest: bytes) -> int:
    given = rest.upper().partition(b"SIZE=")[2].split()
    return int(given[0]) if given and given[0].isdigit() else 0


def _address(rest: bytes) -> str:
    """What stands in `FROM:<…>` or `TO:<…>`."""
    return rest.partition(b"<")[2].partition(b">")[0].decode("utf-8", "replace")


def _recipient(session: _Session, to: str) -> bytes:
    refusal = ANSWERS.get(to.removesuffix(MAGIC)) if to.endswith(MAGIC) else None
    if refusal is None:
        session.to.append(to)
    return refusal or b"250 ok"


def shown(mail: Mail) -> dict[str, object]:
    """A mail as `GET /mails` has it."""
    return {
        "from": mail.sender,
        "to": mail.to,
        "text": mail.text.decode("utf-8", "replace"),
        "encrypted": mail.encrypted,
        "at": mail.at,
    }
