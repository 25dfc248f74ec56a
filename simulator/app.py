"""The simulator as one ASGI application: the vendors' APIs, the handsets, and the knobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from random import Random

import orjson
from pydantic import ValidationError

from shared.vendors.base import VendorAccount
from simulator.accounts import accounts
from simulator.admission import Admission, admit
from simulator.behaviour import Behaviour, Behaviours, Throttle
from simulator.fate import LATE_MS
from simulator.http import Receive, Refusal, Reply, Request, Scope, Send, hang, json, read, write
from simulator.http2 import Http2Server
from simulator.mails import Mails
from simulator.receipts import ABROAD_AFTER_S, TWICE_AFTER_S, Post, Receipts
from simulator.settings import SimulatorSettings
from simulator.slack import PREFIX as SLACK_PREFIX
from simulator.slack import SlackStandIn
from simulator.smtp import MailServer, shown
from simulator.store import Record, Store, iso
from simulator.vendors import FURTHER, VENDORS
from simulator.vendors.base import SimVendor

PREFIX = "/vendors/"
SLICE = 1000
"""Received messages written at a time, some milliseconds' work: vendors' calls go on in between."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Simulator:
    """Holds everything; `post` replaces the webhooks' HTTP client in tests."""

    def __init__(self, settings: SimulatorSettings, post: Post | None = None, clock: Callable[[], int] = _now_ms):
        self.settings, self._clock, self._dice = settings, clock, Random()
        known = accounts(secrets=settings.secrets)
        self.vendors: dict[str, SimVendor] = {
            name: make([a for a in known if a.vendor == name]) for name, make in VENDORS.items()
        }
        self._further = {
            name: [make([a for a in known if a.vendor == name]) for make in made] for name, made in FURTHER.items()
        }
        self.behaviours = Behaviours(self.vendors)
        self.store = Store(settings.remembered)
        self.receipts = Receipts(
            settings, {(a.vendor, a.account): self._webhook(a) for a in known if a.vendor in self.vendors}, post
        )
        self.slack = SlackStandIn()
        self._throttles = {name: Throttle() for name in self.vendors}
        self.mail = MailServer()
        self.mails = Mails([a for a in known if a.vendor == "smtp"], self.store, self.receipts.post_to, settings)
        self.mail.check, self.mail.taken = self.mails.may_log_in, self.mails.taken
        self.http2 = Http2Server(self)
        self._started_ms = clock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        request = await read(scope, receive)
        try:
            if request.path.startswith(PREFIX):
                reply = await self._vendor(request, receive)
            elif request.method == "POST" and request.path.startswith(SLACK_PREFIX):
                reply = await self.slack.take(request, self._clock())
            else:
                reply = await self._own(request)
        except Refusal as refusal:
            reply = refusal.reply
        await write(send, reply)

    async def _vendor(self, request: Request, receive: Receive) -> Reply:
        name, _, rest = request.path.removeprefix(PREFIX).partition("/")
        if name == "smtp":
            return await self.mails.answer(request._replace(path=f"/{rest}"))
        if name not in self.vendors:
            return json(404, {"detail": f"no vendor {name}"})
        vendor = self._api(name, f"/{rest}")
        request, behaviour, counts = request._replace(path=f"/{rest}"), self.behaviours[name], self.store.counts[name]
        counts["calls"] += 1
        if behaviour.latency_ms:
            await asyncio.sleep(behaviour.latency_ms / 1000)
        if behaviour.down:
            counts["down"] += 1
            return vendor.failure(503, "Service Unavailable")
        operation, account = vendor.operation(request), self._account(vendor, request)
        if behaviour.error_rate and self._dice.random() < behaviour.error_rate:
            counts["errors"] += 1
            return vendor.failure(500, "Internal Server Error")
        if operation == "send":
            return await self._send(vendor, account, request, behaviour, receive)
        if operation == "look_up":
            return vendor.look_up(request, account, self.store, self._clock())
        self.store.serial += 1
        return vendor.upload(request, account, self.store.serial)

    def _api(self, name: str, path: str) -> SimVendor:
        """The API of a vendor that serves a path."""
        further = self._further.get(name, ())
        return next((api for api in further if path.startswith(api.prefix)), self.vendors[name])

    def _account(self, vendor: SimVendor, request: Request) -> str:
        try:
            return vendor.account(request, self._clock())
        except Refusal:
            self.store.counts[vendor.name]["unauthorised"] += 1
            raise

    async def _send(
        self, vendor: SimVendor, account: str, request: Request, behaviour: Behaviour, receive: Receive
    ) -> Reply:
        now, counts = self._clock(), self.store.counts[vendor.name]
        call = vendor.submission(request, now, self.store.serial)
        if not self._throttles[vendor.name].allows(len(call.items), behaviour.throttle_per_s, now / 1000):
            counts["throttled"] += 1
            return vendor.failure(429, "Too Many Requests")._replace(headers=((b"retry-after", b"1"),))
        times_out = bool(behaviour.timeout_rate) and self._dice.random() < behaviour.timeout_rate
        if times_out and self._dice.random() < 0.5:
            return await self._time_out(vendor, receive)
        admission = admit(vendor, account, call, behaviour, self._dice, now, self.store.serial)
        self._remember(vendor, admission)
        if not vendor.polled:
            await self._send_receipts(vendor.name, account, admission, behaviour)
        if admission.slow_ms:
            await asyncio.sleep(admission.slow_ms / 1000)
        if times_out or admission.hang:
            return await self._time_out(vendor, receive)
        return vendor.accepted(call, admission.records)

    async def _time_out(self, vendor: SimVendor, receive: Receive) -> Reply:
        self.store.counts[vendor.name]["timeouts"] += 1
        await hang(receive, self.settings.hang_seconds)
        return vendor.failure(504, "Gateway Timeout")

    def _remember(self, vendor: SimVendor, admission: Admission) -> None:
        records, counts = admission.records, self.store.counts[vendor.name]
        self.store.serial += len(records)
        received = self.store.received_total
        self.store.add(records)
        refused = sum(r.refused for r in records)
        delivered = self.store.received_total - received
        counts["accepted"] += len(records) - refused
        counts["refused"] += refused
        counts["received"] += delivered
        counts["failed"] += len(records) - refused - delivered

    async def _send_receipts(self, vendor: str, account: str, admission: Admission, behaviour: Behaviour) -> None:
        delay = behaviour.receipt_delay_ms / 1000
        put: Callable[[list[Record], float], None] = partial(self.receipts.put, vendor, account)
        put(admission.receipts, delay)
        put(admission.late, delay + LATE_MS / 1000)
        put(admission.again, delay + TWICE_AFTER_S)
        put(admission.abroad, delay + ABROAD_AFTER_S)
        await self.receipts.now(vendor, account, admission.early)

    async def _own(self, request: Request) -> Reply:
        match request.method, request.path:
            case "GET", "/healthz":
                return json(200, {"status": "ok"})
            case "GET", "/received":
                return await self._received(request)
            case "GET", "/mails":
                return json(200, {"items": [shown(mail) for mail in self.mail.to(request.query.get("to"))]})
            case "DELETE", "/received":
                self.store.clear()
                self.mail.mails.clear()
                return Reply(204, b"")
            case "GET", "/slack":
                return json(200, {"items": self.slack.items()})
            case "DELETE", "/slack":
                self.slack.clear()
                return Reply(204, b"")
            case "PUT", "/slack":
                return self.slack.behave(request)
            case "GET", "/stats":
                return json(200, self._stats())
            case "GET", "/behaviour":
                return json(200, self.behaviours.as_dict())
            case "PUT", "/behaviour":
                return self._change(request)
        return json(404, {"detail": f"{request.method} {request.path} does not exist"})

    async def _received(self, request: Request) -> Reply:
        given = request.query.get("limit")
        try:
            limit = max(0, int(given)) if given else None
        except ValueError:
            return json(422, {"detail": "limit is a number"})
        found, slices = self._to(request.query.get("to") or None, limit), []
        for i in range(0, len(found), SLICE):
            slices.append(
                orjson.dumps([self.mails.shown(record, _handset(record)) for record in found[i : i + SLICE]])[1:-1]
            )
            await asyncio.sleep(0)
        return Reply(200, b'{"items":[%s]}' % b",".join(slices))

    def _to(self, to: str | None, limit: int | None) -> list[Record]:
        """What a handset got; a push token may be given without its kind."""
        found = self.store.received(to, limit)
        if to is None or found or ":" in to:
            return found
        return next(filter(None, (self.store.received(f"{kind}:{to}", limit) for kind in ("fcm", "apns"))), [])

    def _change(self, request: Request) -> Reply:
        try:
            self.behaviours.change(orjson.loads(request.body))
        except orjson.JSONDecodeError as error:
            return json(400, {"detail": str(error)})
        except ValidationError as error:
            return json(422, {"detail": str(error)})
        except KeyError as error:
            return json(404, {"detail": f"no vendor {error}"})
        return json(200, self.behaviours.as_dict())

    def _stats(self) -> dict[str, object]:
        process = {"uptime_ms": self._clock() - self._started_ms, "cpu_seconds": round(time.process_time(), 3)}
        return {**self.store.stats(), "receipts": self.receipts.stats(), **process}

    def _webhook(self, account: VendorAccount) -> Callable[..., tuple[dict[str, str], bytes]]:
        return partial(self.vendors[account.vendor].webhook, account)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self.mail.stop()
                await self.http2.stop()
                await self.receipts.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return
            if self.settings.smtp_port:
                await self.mail.start(self.settings.smtp_host, self.settings.smtp_port)
            if self.settings.http2_port:
                await self.http2.start(self.settings.http2_host, self.settings.http2_port)
            await send({"type": "lifespan.startup.complete"})


def _handset(record: Record) -> dict[str, object]:
    return {
        "to": record.to,
        "channel": record.channel,
        "vendor": record.vendor,
        "account": record.account,
        "sender": record.sender,
        "type": record.type,
        "text": record.text,
        "vendor_ref": record.vendor_ref,
        "our_ref": record.our_ref,
        "at": iso(record.at),
        "at_ms": record.at,
        **(record.extra.shown if record.extra is not None else {}),
    }
