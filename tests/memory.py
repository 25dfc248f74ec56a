"""The in-memory road: the map's functions in this process, and a bus that is a list.

What they store goes to a real MySQL and Redis, for the rules about rows are SQL; vendors and callbacks are replaced by
what they say.

    accept → route → send → receipt → report, one step after another, as soon as somebody calls `run`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import uuid4

import httpx2
from starlette.applications import Starlette
from starlette.routing import Route

from shared import flow
from shared.domain.events import Event
from shared.receiving import outcomes
from shared.runtime.clock import now_ms
from shared.runtime.context import Context
from shared.runtime.egress import Answer
from shared.sending.calls import exchange
from shared.stores import due, sql
from shared.stores.sql import Connection
from shared.vendors.base import Pulls, able
from tests.wiring.functions import loaded

WHO = ["api_mt", "api_report", "api_receipt"]
HOUR_MS = 3_600_000
Json = dict[str, Any]
Main = Any


class Callbacks:
    """Stands for the client's callback."""

    calls_at_once = 64

    def __init__(self) -> None:
        self.reports: list[Json] = []

    async def post(self, url: str, body: bytes, headers: Iterable[tuple[str, str]]) -> Answer:
        told = json.loads(body)
        self.reports += told["data"]["reports"] if "reports" in told["data"] else [told["data"]]
        return Answer(204, None, 1)


BESIDE = ("ims.store", "ims.analyze")
"""Readers that no message waits for."""


class Road:
    """One account and its way through the map; `vendor` answers the calls that senders make.

    `further` are functions beside those of the map, by their topics or paths: `{"ims.send.pigeon.realtime": main}`,
    `{"/v1/pigeon/": main}`.
    """

    def __init__(
        self, ims: Context, vendor: Callable[[httpx2.Request], httpx2.Response], further: dict[str, Main]
    ) -> None:
        self.ims, self.queue = ims, deque[tuple[str, Event]]()
        self.callbacks = Callbacks()
        parts = {"bus": self, "egress": self.callbacks}
        parts["http"] = httpx2.AsyncClient(transport=httpx2.MockTransport(vendor))
        ims.__dict__.update(parts)
        self._readers = {t: s.process.function.name for s in flow.sources() for t in s.topics if s.group not in BESIDE}
        self._further = further
        self.published: list[Event] = []
        name = f"memory-{os.urandom(4).hex()}"
        self._key = f"ims_live_{name}"
        self.account_id = ims.db.run(_account, name, self._key)

    async def publish(self, events: Sequence[Event]) -> None:
        """The bus: what it carries waits for `run`."""
        self.published += events
        self.queue.extend((event.topic, event) for event in events)

    def vendors(self, *rows: tuple[str, str, Json], account: str = "main") -> None:
        """The vendor accounts that there are: (vendor, channel, settings)."""
        self.ims.db.run(_vendors, rows, account)

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
        """A request to the function that serves the path."""
        main = next((m for prefix, m in self._further.items() if path.startswith(prefix)), None)
        main = main or next(loaded(name) for name in WHO if _serves(name, path))
        app = httpx2.ASGITransport(app=Starlette(routes=[Route("/{path:path}", main, methods=["GET", "POST"])]))  # type: ignore[arg-type]
        async with httpx2.AsyncClient(transport=app, base_url="http://ims") as client:
            given = {"authorization": f"Bearer {self._key}", "content-type": "application/json", **(headers or {})}
            return await client.request("GET" if body is None else "POST", path, content=body, headers=given)

    async def send(self, path: str, body: Json) -> Json:
        """Accept a request and let everything happen that follows at once; the 202."""
        answer = await self.post(path, json.dumps({"callback_uri": "https://client.example/", **body}).encode())
        assert answer.status_code == 202, answer.text
        await self.run()
        told: Json = answer.json()
        return told

    async def run(self) -> None:
        """Bring every event to its reader, until none is left."""
        while self.queue:
            topic, event = self.queue.popleft()
            main = self._further.get(topic)
            if main is None and topic in self._readers:
                main = loaded(self._readers[topic])
            if main is not None:
                await main.receive({"type": event.TYPE, "id": str(uuid4())}, event.model_dump_json().encode())

    async def later(self, ms: int, lane: str = "realtime") -> None:
        """What schedule would let go within so much time."""
        taken: list[Event] = []
        while await self.ims.db(due.take, lane, now_ms() + ms, taken.extend):
            continue
        await self.publish(taken)
        await self.run()

    async def collect(self, vendor: str, channel: str) -> int:
        """Pull a vendor's results, publish them, then confirm; how many came."""
        entry = await self.ims.vendors.get(channel, vendor, "main")
        assert entry is not None
        adapter = able(entry.adapter, Pulls)
        assert adapter is not None
        answer = await exchange(self.ims, adapter.pull(entry.account, None, now_ms(), "n"), vendor, 5.0)
        pulled = adapter.read_pull(entry.account, answer, now_ms())
        await self.publish(outcomes(entry, pulled.results, now_ms()))
        call = adapter.confirm(entry.account, pulled, now_ms(), "m")
        if call is not None:
            await exchange(self.ims, call, vendor, 5.0)
        await self.run()
        return len(pulled.results)

    async def trail(self, message_id: str) -> Json:
        """A message as its client sees it."""
        answer = await self.post(f"/v1/messages/{message_id}", None)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found


def _serves(name: str, path: str) -> bool:
    triggers = [t for t in flow.BY_NAME[name].on if isinstance(t, flow.Http)]
    return any(path.startswith(prefix) for t in triggers for prefix in t.prefixes)


def _account(conn: Connection, name: str, key: str) -> int:
    secret = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
    sql.insert(conn, "accounts", "username, callback_secrets, created_ms", [(name, json.dumps([secret]), now_ms())])
    ((account_id,),) = sql.fetch(conn, "SELECT account_id FROM accounts WHERE username=%s", (name,))
    digest = hashlib.sha256(key.encode()).digest()
    sql.insert(conn, "api_keys", "key_hash, account_id, kind, created_ms", [(digest, account_id, "live", now_ms())])
    sql.insert(conn, "senders", "account_id, number, created_ms", [(account_id, "0215441234", now_ms())])
    return int(account_id)


def _vendors(conn: Connection, rows: Iterable[tuple[str, str, Json]], account: str) -> None:
    sql.execute(conn, "DELETE FROM vendor_accounts")
    columns = "vendor, account, channel, base_url, settings"
    values = [(v, account, c, f"http://{v}.example", json.dumps(settings)) for v, c, settings in rows]
    sql.insert(conn, "vendor_accounts", columns, values)
