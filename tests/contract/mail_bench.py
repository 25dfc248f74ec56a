"""A mail server and the adapter's own road to it: what the contracts of mail vendors share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from shared.channels.email.payload import EmailPayload
from shared.vendors.base import Answer, Outbound, VendorAccount, VendorResult
from shared.vendors.smtp import dkim, transport
from shared.vendors.smtp.email import ADAPTER
from simulator.accounts import accounts
from simulator.app import Simulator
from simulator.settings import SimulatorSettings
from tests.contract.vendor_bench import nonce, now_ms, reference

PLAIN = EmailPayload(
    "news@demo.example", "데모", "주문 안내", "안녕하세요", account_id=1, domain="demo.example",
    return_path="bounce.demo.example",
)  # fmt: skip


def mail(to: str = "kim@client.example", files: Sequence[bytes] = (), lane: str = "realtime", **said: Any) -> Outbound:
    """A mail ready for a vendor."""
    return Outbound(reference(lane=lane), to, "email", lane, PLAIN._replace(**said), files)


class Ims:
    """Stands for the context: there is only the domain's keys to read."""

    def __init__(self, keys: tuple[dkim.Key, ...] = ()) -> None:
        self.keys = keys

    async def db(self, read: Any, *args: Any) -> Any:
        """The keys, whatever is asked."""
        return self.keys


@dataclass
class MailBench:
    """A simulator with its mail server, and the adapter's account at it."""

    app: Simulator
    account: VendorAccount
    ims: Ims = field(default_factory=Ims)
    posted: list[tuple[str, bytes]] = field(default_factory=list)

    async def answer(self, one: Outbound, within_s: float = 5.0, account: VendorAccount | None = None) -> Answer:
        """Send a mail."""
        call = ADAPTER.send(account or self.account, [one], now_ms(), nonce())
        return await transport.perform(self.ims, call, "smtp", within_s)  # type: ignore[arg-type]

    async def sent(self, one: Outbound, within_s: float = 5.0) -> VendorResult:
        """Send a mail and read the answer."""
        (found,) = ADAPTER.read_send([one], await self.answer(one, within_s), now_ms())
        return found

    def received(self, to: str) -> dict[str, Any]:
        """The last mail to an address as `/received` shows it."""
        record = self.app.store.received(to, 1)[0]
        return self.app.mails.shown(record, {"to": record.to, "text": record.text, "our_ref": record.our_ref})


@asynccontextmanager
async def mail_bench() -> AsyncIterator[MailBench]:
    """A bench that listens on a free port."""
    posted: list[tuple[str, bytes]] = []

    async def post(url: str, headers: dict[str, str], body: bytes) -> int:
        posted.append((url, body))
        return 200

    app = Simulator(SimulatorSettings(secrets=""), post)
    port = await app.mail.start("127.0.0.1", 0)
    (account,) = [a for a in accounts() if (a.vendor, a.account) == ("smtp", "main")]
    settings = {**account.settings, "tls": "none"}
    bench = MailBench(app, replace(account, base_url=f"smtp://127.0.0.1:{port}", settings=settings), posted=posted)
    try:
        yield bench
    finally:
        await app.mail.stop()
        await asyncio.sleep(0)
