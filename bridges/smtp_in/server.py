"""The mail server's side: who may say what, how much, and what it is answered.

Only addresses that look like a return path of ours are known here, one a mail; whether the mark in it is really ours,
api_receipt says. A reply of class 4 means that the sender keeps the mail and comes again.
"""

from __future__ import annotations

import asyncio
import re
import ssl

from aiosmtpd.smtp import SMTP, Envelope, Session

from bridges.settings import ReturnSettings
from bridges.smtp_in.handing import Hand
from shared.runtime import logs, metrics

TAKEN = metrics.counter("ims_smtp_in_mails_total", "Mails that came to return paths", ["reply"])
MAX_LINE = 1024 * 1024
COMMANDS = 200
"""Of one connection and kind: a sender that goes on for longer is one that tries addresses."""
UNKNOWN = "550 5.1.1 no such mailbox"
ONE_ONLY = "452 4.5.3 one recipient a mail"
FULL = b"421 4.3.2 too many connections, come again\r\n"
_RETURN_PATH = re.compile(r"b\+[0-9a-f]{32}\.[0-9a-f]{16}@[a-z0-9.-]{1,253}", re.IGNORECASE)

log = logs.get(__name__)


class Door:
    """Counts connections, and closes them at the end."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._transports: dict[int, asyncio.BaseTransport] = {}

    @property
    def open(self) -> int:
        """Connections at this moment."""
        return len(self._transports)

    def enter(self, who: int, transport: asyncio.BaseTransport) -> bool:
        """Whether there is room."""
        if who not in self._transports and len(self._transports) >= self._most:
            return False
        self._transports[who] = transport
        return True

    def leave(self, who: int) -> None:
        """One has gone."""
        self._transports.pop(who, None)

    def hang_up(self) -> None:
        """Close all."""
        for transport in list(self._transports.values()):
            transport.close()


class _Connection(SMTP):
    """One client of the server."""

    line_length_limit = MAX_LINE
    door: Door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Turn away what is too much."""
        if not self.door.enter(id(self), transport):
            assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - what a server's connections are
            transport.write(FULL)
            transport.close()
            return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Make room."""
        self.door.leave(id(self))
        if self.session is not None:
            super().connection_lost(error)


class Returns:
    """What aiosmtpd asks at RCPT and after the dot."""

    def __init__(self, hand: Hand, settings: ReturnSettings, tls: ssl.SSLContext | None) -> None:
        self._hand, self._settings, self._tls = hand, settings, tls
        self._busy: set[asyncio.Task[str]] = set()

    def protocol(self, door: Door) -> SMTP:
        """A new connection."""
        made = _Connection(
            self,
            data_size_limit=self._settings.smtp_in_bytes,
            enable_SMTPUTF8=True,
            hostname=self._settings.smtp_in_name,
            ident="IMS",
            tls_context=self._tls,
            timeout=self._settings.smtp_in_idle_seconds,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            command_call_limit=COMMANDS,
            loop=asyncio.get_running_loop(),
        )
        made.door = door
        return made

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """One return path a mail."""
        if not _RETURN_PATH.fullmatch(address):
            return UNKNOWN
        if envelope.rcpt_tos:
            return ONE_ONLY
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Hand it over; what is under way ends also when the client hangs up."""
        body = envelope.content if isinstance(envelope.content, bytes) else b""
        task = asyncio.ensure_future(self._hand.over(envelope.rcpt_tos[0], body))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        reply = await asyncio.shield(task)
        TAKEN.labels(reply[:3]).inc()
        return reply

    async def drain(self, seconds: float) -> None:
        """Wait for mails in hand."""
        if self._busy:
            await asyncio.wait(set(self._busy), timeout=seconds)
