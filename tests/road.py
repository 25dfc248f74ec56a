"""The whole road as one client sees it: an account of its own, the gateway, the handsets, the callback, the truth."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import httpx2
import pymysql
import redis

from local.testing import Platform
from shared.domain.ids import parse_reference
from shared.domain.states import State
from tests.builders import OTHER_SENDER, SENDER, Sent, Text
from tests.sink import Sink

Json = dict[str, Any]
T = TypeVar("T")
PAUSE = 0.05
GENEROUS = 120.0
"""Seconds that anything may take on a slow machine; only a hang is longer."""
AWAY = {1053, 1158, 1159, 1160, 1161, 2003, 2006, 2013}
"""MySQL's errors for a server that is not there."""
NOT_NOW = {409, 429, 502, 503, 504}
"""Answers after which a client sends the same request again."""
NORMAL = {
    "vendor": "*", "latency_ms": 0, "error_rate": 0, "timeout_rate": 0, "receipt_delay_ms": 0, "receipt_lost_rate": 0,
    "receipt_twice_rate": 0, "receipt_early_rate": 0, "throttle_per_s": None, "down": False,
}  # fmt: skip


def until(condition: Callable[[], T], what: str, seconds: float = GENEROUS) -> T:
    """Poll until the condition holds, and return what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
        time.sleep(PAUSE)
    return found


def sql(platform: Platform, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """One statement with all rights, committed; waits for a database that comes back."""
    deadline = time.monotonic() + GENEROUS
    while True:
        try:
            return _sql(platform, statement, values)
        except pymysql.err.OperationalError as error:
            if error.args[0] not in AWAY or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)


def _sql(platform: Platform, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    url = urlsplit(platform.root_mysql)
    connection = pymysql.connect(
        host=url.hostname, port=url.port or 3306, user=url.username, password=unquote(url.password or ""),
        database="ims", charset="utf8mb4", autocommit=True, connect_timeout=5, read_timeout=60,
    )  # fmt: skip
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


class Road:
    """One client account on a platform. `kind` of the key is live unless a call says otherwise."""

    def __init__(self, platform: Platform, sink: Sink | None = None, batch: int = 1, **columns: Any) -> None:
        self.platform, self.demo = platform, platform.demo
        self.username = f"t-{uuid4().hex[:12]}"
        self.secret = f"whsec_{base64.b64encode(os.urandom(24)).decode()}"
        self.sink = sink or Sink(self.secret)
        self.keys = {kind: f"ims_{kind}_{secrets.token_hex(16)}" for kind in ("live", "test")}
        self.account_id = self._make({"callback_batch": batch, **columns})
        self.http = httpx2.Client(base_url=self.demo["gateway"], timeout=60, trust_env=False)
        self.sent: list[Sent] = []

    def __enter__(self) -> Road:
        self.sink.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self.sink.__exit__()

    def _make(self, columns: Json) -> int:
        row = {
            "username": self.username, "callback_secrets": json.dumps([self.secret]), "created_ms": 0,
            "callback_uri": self.sink.url, **columns,
        }  # fmt: skip
        marks = ", ".join(["%s"] * len(row))
        self.sql(f"INSERT INTO accounts ({', '.join(row)}) VALUES ({marks})", *row.values())
        ((account_id,),) = self.sql("SELECT account_id FROM accounts WHERE username = %s", self.username)
        for kind, key in self.keys.items():
            digest = hashlib.sha256(key.encode()).digest()
            insert = "INSERT INTO api_keys (key_hash, account_id, kind, created_ms) VALUES (%s, %s, %s, 0)"
            self.sql(insert, digest, account_id, kind)
        for number in (SENDER, OTHER_SENDER):
            self.sql("INSERT INTO senders (account_id, number, created_ms) VALUES (%s, %s, 0)", account_id, number)
        return int(account_id)

    # --- the API ----------------------------------------------------------------------------------------------------

    def call(self, method: str, path: str, kind: str = "live", **more: Any) -> httpx2.Response:
        """One request through the gateway."""
        headers = {"authorization": f"Bearer {self.keys[kind]}", **more.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **more)

    def post(self, builder: Text, kind: str = "live", **query: Any) -> httpx2.Response:
        """POST /v1/mt/messages."""
        headers = {} if builder.key is None else {"idempotency-key": builder.key}
        return self.call("POST", "/v1/mt/messages", kind, json=builder.body, headers=headers, params=query)

    def send(self, builder: Text, kind: str = "live", **query: Any) -> Sent:
        """The same, expecting 202."""
        response = self.post(builder, kind, **query)
        assert response.status_code == 202, response.text
        return self._note(Sent(response.json(), builder))

    def send_patiently(self, builder: Text, kind: str = "live") -> Sent:
        """As a client does that wants its request to go out once: the same key again until there is a 202."""
        builder.key = builder.key or str(uuid4())

        def accepted() -> Sent | None:
            try:
                response = self.post(builder, kind)
            except httpx2.TransportError:
                return None
            assert response.status_code == 202 or response.status_code in NOT_NOW, response.text
            return Sent(response.json(), builder) if response.status_code == 202 else None

        return self._note(until(accepted, "a 202"))

    def _note(self, sent: Sent) -> Sent:
        if sent.request_id not in {s.request_id for s in self.sent}:
            self.sent.append(sent)
        return sent

    def get(self, path: str, **query: Any) -> Json:
        """GET, expecting 200."""
        response = self.call("GET", path, params=query)
        assert response.status_code == 200, response.text
        found: Json = response.json()
        return found

    # --- the truth --------------------------------------------------------------------------------------------------

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """One statement with all rights."""
        return sql(self.platform, statement, *values)

    def redis(self, db: int) -> redis.Redis:
        """One of Redis's databases."""
        client: redis.Redis = redis.Redis.from_url(self.demo["redis"].rsplit("/", 1)[0] + f"/{db}")
        return client

    def count(self, condition: str = "1=1") -> int:
        """This account's messages that fulfil a condition."""
        where = f"account_id = {self.account_id} AND {condition}"
        ((found,),) = self.sql(f"SELECT COUNT(*) FROM messages WHERE {where}")
        return int(found)

    def ended(self) -> int:
        """How many of this account's messages have ended."""
        return self.count("status >= 11")

    def row(self, message_id: str) -> Json:
        """A message as MySQL has it; empty before it is there."""
        columns = ("status", "code", "hop", "type", "vendor", "vendor_account", "price", "in_window")
        found = self.sql(f"SELECT {', '.join(columns)} FROM messages WHERE message_id = %s", UUID(message_id).bytes)
        return dict(zip(columns, found[0], strict=True)) if found else {}

    def state(self, message_id: str) -> str | None:
        """The name of a message's state; None before its row is there."""
        row = self.row(message_id)
        return State(row["status"]).name if row else None

    def hops(self, message_id: str) -> list[tuple[Any, ...]]:
        """(hop, vendor, state, code, answered ms) of a message, in order."""
        return self.sql(
            "SELECT hop, vendor, state, code, answered_ms FROM hops WHERE message_id = %s ORDER BY hop",
            UUID(message_id).bytes,
        )

    def in_flight(self) -> int:
        """Messages that the account's windows count."""
        ((found,),) = self.sql("SELECT COALESCE(SUM(in_flight), 0) FROM windows WHERE account_id=%s", self.account_id)
        return int(found)

    def usage(self) -> list[tuple[Any, ...]]:
        """The account's rows of usage_daily."""
        columns = "day, lane, channel, type, accepted, delivered, failed, price"
        return self.sql(f"SELECT {columns} FROM usage_daily WHERE account_id=%s ORDER BY 1, 2, 3, 4", self.account_id)

    # --- the handsets -----------------------------------------------------------------------------------------------

    def simulator(self, method: str, path: str, **more: Any) -> Any:
        """The vendor simulator's own API."""
        response = httpx2.request(method, self.demo["simulator"] + path, timeout=60, trust_env=False, **more)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def behave(self, **behaviour: Any) -> None:
        """Change how vendors behave."""
        self.simulator("PUT", "/behaviour", json=behaviour)

    @contextmanager
    def vendors(self, **behaviour: Any) -> Iterator[None]:
        """Vendors behave like this within the block."""
        self.behave(**behaviour)
        try:
            yield
        finally:
            self.behave(**NORMAL)

    def texts(self, to: str) -> list[Json]:
        """What a handset got."""
        items: list[Json] = self.simulator("GET", "/received", params={"to": to})["items"]
        return items

    def received(self) -> dict[str, list[Json]]:
        """What handsets got of this account's messages, by message id."""
        mine = {i for sent in self.sent for i in sent.ids}
        found: dict[str, list[Json]] = defaultdict(list)
        for item in self.simulator("GET", "/received")["items"]:
            reference = parse_reference(item["our_ref"])
            if reference is not None and str(reference.message_id) in mine:
                found[str(reference.message_id)].append(item)
        return found

    # --- waiting and proving ----------------------------------------------------------------------------------------

    def report_of(self, message_id: str, seconds: float = GENEROUS) -> Json:
        """A message's report, once the client has taken it."""
        return until(lambda: self.sink.taken().get(message_id), f"the report of {message_id}", seconds)[0]

    def wait_for_all(self, seconds: float = GENEROUS) -> None:
        """Until every message that was accepted has ended and the client has every report."""
        wanted = {i for sent in self.sent for i in sent.ids}
        until(lambda: self.ended() >= len(wanted), f"{len(wanted)} messages to end", seconds)
        until(lambda: wanted <= set(self.sink.taken()), f"{len(wanted)} reports", seconds)

    def assert_sound(self) -> None:
        """Every accepted message: one row, one end, one handset, reports that agree; nothing left over."""
        wanted = {i for sent in self.sent for i in sent.ids}
        rows = self.sql("SELECT message_id, status FROM messages WHERE account_id = %s", self.account_id)
        ends = {str(UUID(bytes=raw)): State(status) for raw, status in rows}
        assert set(ends) == wanted
        assert all(state.final for state in ends.values())
        self._assert_received_once(ends)
        self._assert_reported(ends)
        counted = [row[4:7] for row in self.usage()]
        assert sum(accepted for accepted, _, _ in counted) == len(ends), "the usage is not what was accepted"
        assert sum(delivered + failed for _, delivered, failed in counted) == len(ends), "the usage counts other ends"
        until(lambda: self.in_flight() == 0, "the windows to be empty", 30)

    def _assert_received_once(self, ends: dict[str, State]) -> None:
        received = self.received()
        delivered = {i for i, state in ends.items() if state is State.delivered}
        assert delivered <= set(received), "delivered, but no handset has it"
        for message_id, items in received.items():
            references = {item["our_ref"] for item in items}
            assert len(references) == len(items), f"the same hop of {message_id} was sent twice"
            if len(items) > 1:
                assert self._was_uncertain(message_id), f"{message_id} was sent twice: {self.hops(message_id)}"

    def _was_uncertain(self, message_id: str) -> bool:
        """Whether a hop before the last never got its vendor's answer."""
        earlier = self.hops(message_id)[:-1]
        return any(
            state == "uncertain" or code == "0300" or answered is None for _, _, state, code, answered in earlier
        )

    def _assert_reported(self, ends: dict[str, State]) -> None:
        reported = self.sink.by_message()
        assert set(reported) == set(ends)
        assert all(call.verified for call in self.sink.calls), "a signature is wrong"
        for message_id, calls in reported.items():
            said = {(report["status"], report["code"], report["finished_at"]) for _, report in calls}
            assert len(said) == 1, f"{message_id} has more than one end: {said}"
            assert {report["status"] for _, report in calls} == {ends[message_id].name}


class Watch:
    """Looks at some messages again and again, and knows whether a status ever went backwards."""

    def __init__(self, road: Road, ids: Iterable[str]) -> None:
        self._road = road
        self._ids = [UUID(i) for i in ids]
        self._seen: dict[bytes, tuple[bool, int, int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.backwards: list[str] = []
        self.looks = 0

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        listed = ",".join(f"0x{i.hex}" for i in self._ids)
        while not self._stop.wait(0.1):
            try:
                rows = self._road.sql(f"SELECT message_id, status, hop FROM messages WHERE message_id IN ({listed})")
            except pymysql.err.Error:
                continue
            self.looks += 1
            for raw, status, hop in rows:
                self._look(raw, State(status), hop)

    def _look(self, raw: bytes, state: State, hop: int) -> None:
        now = (state.final, 0 if state.final else hop, int(state))
        before = self._seen.get(raw, now)
        if now < before or (before[0] and now != before):
            self.backwards.append(f"{UUID(bytes=raw)}: {before} → {now}")
        self._seen[raw] = now
