"""What the vendor contracts share: a simulator in this process, and a client that makes an adapter's calls."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx2

from shared.channels.kakao.payload import KakaoPayload
from shared.channels.mt_payload import MtPayload
from shared.channels.rcs.payload import Card, RcsPayload
from shared.domain import ids
from shared.vendors.base import Adapter, Answer, Call, Outbound, VendorAccount, VendorResult, Webhooks, able
from shared.vendors.registry import REGISTRY
from simulator.accounts import accounts
from simulator.app import Simulator
from simulator.settings import SimulatorSettings

_WEBHOOKS = (adapter for adapter in REGISTRY.values() if able(adapter, Webhooks))
ADAPTERS: list[Adapter] = [adapter for adapter in _WEBHOOKS if adapter.channel != "email"]
"""Those that are told by webhooks in JSON; others have tests of their own (mails come back as mails: test_email.py)."""
TEXT_ADAPTERS = [adapter for adapter in ADAPTERS if adapter.channel == "mt"]
SENDER = "0215441234"
SENDER_KEY = "demo" + "0" * 36
AD_TEXT = "(광고) 데모상점 할인 안내 무료수신거부 0801234567"
HANG_S = 0.05


def reference(index: int = 1, lane: str = "realtime", hop: int = 1) -> str:
    """A new reference, as the router makes them."""
    request = ids.request_id(time.time_ns() // 1_000_000, secrets.randbits(60))
    return ids.vendor_reference(ids.message_id(request, index, lane), hop)


def outbound(to: str = "01012345678", **changes: Any) -> Outbound:
    """A message ready for a vendor; by default a short text."""
    said = {name: changes.pop(name) for name in MtPayload._fields if name in changes and name != "files"}
    content = MtPayload(SENDER, "인증번호는 123456 입니다")._replace(**said)
    return replace(Outbound(reference(), to, "sms", payload=content), **changes)


def alimtalk(to: str = "01012345678", name: str = "김하나", order: str = "A-1", **changes: Any) -> Outbound:
    """An AlimTalk by the demo's approved template."""
    values = {"name": name, "order": order}
    text = f"{name}님, 주문 {order}이(가) 발송되었습니다."
    content = KakaoPayload("alimtalk", SENDER_KEY, "ORDER_SHIPPED", text, variables=tuple(sorted(values.items())))
    return replace(Outbound(reference(), to, "alimtalk", payload=content), **changes)


def rcs(to: str = "01012345678", text: str = "인증번호는 123456 입니다", **changes: Any) -> Outbound:
    """A short RCS message."""
    content = RcsPayload("rcs_sms", "demo-brand", SENDER, "SS000000", (Card("", text, ""),))
    return replace(Outbound(reference(), to, "rcs_sms", payload=content), **changes)


SAMPLES: dict[str, Callable[..., Outbound]] = {"mt": outbound, "kakao": alimtalk, "rcs": rcs}
"""A message ready for a vendor of each channel; a new channel has its line here."""


def example(adapter: Adapter, to: str = "01012345678", **changes: Any) -> Outbound:
    """A message that an adapter can send."""
    return SAMPLES[adapter.channel](to, **changes)


@dataclass
class Webhook:
    """One webhook that the simulator posted."""

    url: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Bench:
    """A simulator, and what its webhooks brought; `status` is what they get for an answer."""

    status: int = 200
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    webhooks: list[Webhook] = field(default_factory=list)
    app: Simulator = field(init=False)
    client: httpx2.AsyncClient = field(init=False)

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """Stands for the receiver of webhooks."""
        self.webhooks.append(Webhook(url, headers, body))
        self.arrived.set()
        return self.status

    def account(self, adapter: Adapter, name: str = "main") -> VendorAccount:
        """The demo's account at the adapter's vendor."""
        return next(a for a in accounts() if (a.vendor, a.account) == (adapter.name, name))

    async def call(self, call: Call) -> Answer:
        """Make an adapter's call."""
        response = await self.client.request(call.method, call.url, headers=dict(call.headers), content=call.body)
        return Answer(response.status_code, dict(response.headers), response.content)

    async def send(self, adapter: Adapter, batch: Sequence[Outbound], account: VendorAccount | None = None) -> Answer:
        """Send a batch and give the raw answer."""
        return await self.call(adapter.send(account or self.account(adapter), batch, now_ms(), nonce()))

    async def sent(self, adapter: Adapter, *batch: Outbound) -> dict[str, VendorResult]:
        """Send a batch and give its results by reference."""
        answer = await self.send(adapter, batch)
        return {r.reference: r for r in adapter.read_send(batch, answer, now_ms())}

    async def look_up(self, adapter: Adapter, message: Outbound) -> VendorResult | None:
        """Ask what became of a message."""
        call = adapter.look_up(self.account(adapter), message, now_ms() - 1000, now_ms(), nonce())
        assert call is not None
        return adapter.read_look_up(message, await self.call(call))

    async def receipts(self, adapter: Adapter, count: int = 1, within_s: float = 60.0) -> list[VendorResult]:
        """The results that webhooks bring, once there are as many."""
        async with asyncio.timeout(within_s):
            while len(found := self._read(adapter)) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return found

    async def behave(self, **change: Any) -> None:
        """Change the vendors' manners."""
        response = await self.client.put("/behaviour", json=change)
        assert response.status_code == 200, response.text

    async def get(self, path: str) -> Any:
        """One of the simulator's own pages."""
        response = await self.client.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    def _read(self, adapter: Adapter) -> list[VendorResult]:
        account, path = self.account(adapter), f"/v1/receipts/{adapter.name}/main"
        hooks = [hook for hook in self.webhooks if urlsplit(hook.url).path == path]
        return [r for hook in hooks for r in adapter.read_receipt(account, hook.headers, hook.body, now_ms())]


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def nonce() -> str:
    """A new one for each call."""
    return secrets.token_hex(16)


@asynccontextmanager
async def running_bench() -> AsyncIterator[Bench]:
    """A bench whose simulator answers and posts webhooks without a network."""
    made = Bench()
    made.app = Simulator(SimulatorSettings(receipt_linger_ms=0, hang_seconds=HANG_S, secrets=""), made.post)
    transport = httpx2.ASGITransport(app=made.app)  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:41090") as made.client:
        yield made
    await made.app.receipts.stop()
