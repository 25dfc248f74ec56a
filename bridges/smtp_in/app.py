"""Puts the bridge together: a mail server for return paths, and the way to api_receipt. Any number may run."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from bridges.carrier import Carrier
from bridges.settings import AddressSettings, ReturnSettings
from bridges.smtp_in.handing import Hand
from bridges.smtp_in.server import Door, Returns
from bridges.targets import Targets, addresses
from shared import flow
from shared.runtime import logs
from shared.runtime.settings import load

AGAIN_S = 1.0
"""A port that another process has is asked for again after so long."""
DRAIN_S = 20.0

log = logs.get(__name__)


class App:
    """The running bridge."""

    def __init__(self, carrier: Carrier | None = None, host: str = "127.0.0.1") -> None:
        settings = load(ReturnSettings)
        process = next(p for p in flow.processes() if any(isinstance(t, flow.Smtp) for t in p.function.on))
        self._carrier = carrier or Carrier()
        targets = Targets(addresses(process, load(AddressSettings).port_offset))
        accounts = [name.strip() for name in settings.smtp_in_accounts.split(",") if name.strip()]
        hand = Hand(self._carrier, targets, accounts, settings.smtp_in_timeout_seconds)
        self._returns = Returns(hand, settings, _tls(settings))
        self._door, self._host = Door(settings.smtp_in_connections), host
        self.port = settings.smtp_in_port
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        while self._server is None:
            try:
                self._server = await loop.create_server(
                    lambda: self._returns.protocol(self._door), self._host, self.port
                )
            except OSError as error:
                log.error("cannot listen", port=self.port, error=str(error))
                await asyncio.sleep(AGAIN_S)
        self.port = int(self._server.sockets[0].getsockname()[1])
        log.info("taking mails", port=self.port)

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Well while it listens."""
        well = self._server is not None and self._server.is_serving()
        return well, {"status": "ok" if well else "failing", "smtp_port": self.port, "connections": self._door.open}

    def measure(self) -> None:
        """Nothing is read at scrape time only."""

    async def stop(self) -> None:
        """Take no further connection, let mails in hand end, and hang up: a sender keeps what was not confirmed."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        await self._returns.drain(DRAIN_S)
        self._door.hang_up()
        self._carrier.close()
        log.info("stopped")


def _tls(settings: ReturnSettings) -> ssl.SSLContext | None:
    """STARTTLS is offered where there is a certificate."""
    if not settings.smtp_in_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.smtp_in_cert, settings.smtp_in_key or None)
    return context
