"""Following messages through the function itself, on a real MySQL, Redis and Kafka."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import itertools
import json
import os
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from functions_framework.aio import create_asgi_app
from standardwebhooks import Webhook

from local.testing import Platform
from shared.accepting import seen
from shared.domain.events import Accepted, Attempt, Due, Event, Finished, Outcome, PlanHop, Recipient, Request, Result
from shared.domain.ids import message_id
from shared.domain.routing import Pick, World
from shared.following import patience
from shared.reports import callback
from shared.runtime import settings
from shared.runtime.clock import iso, new_request_id, now_ms
from shared.runtime.context import Context, use
from shared.stores import claims, due, routing, sql
from shared.stores import reports as report_store
from shared.stores.accounts import Account, read_account
from shared.stores.sql import Connection
from tests.ports import running

OFFSET = 2000
HOUR = 3_600_000
MAIN = Path(__file__).resolve().parents[2] / "functions" / "api_report" / "main.py"
VENDOR = ("mt", "solapi", "main")
RING = base64.b64encode(b"r" * 32).decode()
SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
NUMBERS = itertools.count(1)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("following"), {}, OFFSET, servers_only=True) as made:
        yield made


@dataclass
class Client:
    """One account with its key, and the ways in which its messages come about."""

    ims: Context
    http: httpx2.AsyncClient
    account_id: int
    username: str
    published: list[Event] = field(default_factory=list)

    async def get(self, path: str, **query: Any) -> Json:
        answer = await self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def account(self) -> Account:
        """The account as it is stored."""
        found = await self.ims.db(read_account, self.account_id)
        assert found is not None
        return found

    async def accept(self, *to: str, at_ms: int | None = None, **fields: Any) -> Request:
        """A request stored as route stores it."""
        request = self.request(*to, at_ms=at_ms, **fields)
        await self.store(request)
        return request

    def request(self, *to: str, at_ms: int | None = None, ref: str | None = None, **fields: Any) -> Request:
        at = at_ms or now_ms()
        given = {"lane": "realtime", "valid_until": (fields.get("scheduled_at") or at) + HOUR, **fields}
        people = [Recipient(n=i, to=t, type="sms", ref=ref) for i, t in enumerate(to, 1)]
        return Request(
            request_id=new_request_id(at).hex, account_id=self.account_id, username=self.username, accepted_at=at,
            plan=[PlanHop(channel="mt", content={"text": "hi", "sender": "0215441234"})], messages=people,
            cause=os.urandom(16).hex(), **{"total": len(people), **given},
        )  # fmt: skip

    async def store(self, request: Request, window: int = 20_000) -> list[Event]:
        event = Accepted(lane=request.lane, requests=[request])
        return await self.ims.db(routing.accept, event, world(), price, 24.0, {self.account_id: window})

    async def claim(self, *ids: UUID) -> None:
        """A sender takes the first hop."""
        hops = [(i.bytes, 1, "sms") for i in ids]
        await self.ims.db(claims.claim, hops, VENDOR, os.urandom(8), now_ms(), 10_000)

    async def send(self, *ids: UUID) -> None:
        """A sender has its vendor's answer."""
        await self.claim(*ids)
        rows = [(i.bytes, 1, "sms", "sent", "0000", "2000", "ok", f"V-{i}", now_ms()) for i in ids]
        await self.ims.db(claims.save_answers, VENDOR, rows)
        await self.outcome("answer", "sent", "0000", *ids)

    async def outcome(self, via: Any, state: Any, code: str, *ids: UUID) -> list[Event]:
        results = [
            Result(id=i.hex, hop=1, state=state, code=code, raw_code="4000", raw_text="raw", at=now_ms(),
                   account_id=self.account_id, cause=os.urandom(16).hex())
            for i in ids
        ]  # fmt: skip
        event = Outcome(lane="realtime", channel="mt", vendor="solapi", account="main", via=via, results=results)
        return await self.ims.db(routing.outcome, event, world(), price)

    async def deliver(self, *ids: UUID) -> None:
        await self.send(*ids)
        await self.outcome("receipt", "delivered", "0000", *ids)

    async def finished(self, *to: str, **fields: Any) -> list[UUID]:
        ids = ids_of(await self.accept(*to, **fields))
        await self.deliver(*ids)
        return ids

    async def release(self, event: Due) -> list[Event]:
        """What route makes of a due event."""
        event.stamp(os.urandom(16).hex())
        return await self.ims.db(routing.due, event, world(), price)

    async def due_events(self, request: Request) -> list[Due]:
        """What schedule takes now of a request."""
        taken: list[Any] = []
        await self.ims.db(due.take, request.lane, now_ms(), taken.extend)
        mine = {i.hex for i in ids_of(request)}
        return [e for e in taken if isinstance(e, Due) and mine.issuperset(e.ids)]


def ids_of(request: Request) -> list[UUID]:
    return [message_id(UUID(hex=request.request_id), m.n, request.lane) for m in request.messages]


def price(*_: str) -> Decimal:
    return Decimal("8.40")


PICK = Pick("solapi", "main", Decimal("8.40"), True)


def world(pick: Pick | None = PICK) -> World:
    return World(now_ms=now_ms(), choose=lambda *_: pick, type_of=lambda *_: "sms")


def add_account(conn: Connection, username: str) -> int:
    values = (username, json.dumps([SECRET]), now_ms())
    with conn.cursor() as cursor:
        cursor.execute("INSERT INTO accounts (username, callback_secrets, created_ms) VALUES (%s, %s, %s)", values)
        return int(cursor.lastrowid)


def add_key(conn: Connection, account_id: int, token: str, scopes: Sequence[str] | None = None) -> None:
    digest = hashlib.sha256(token.encode()).digest()
    row = (digest, account_id, "live", json.dumps(scopes) if scopes else None, now_ms())
    sql.insert(conn, "api_keys", "key_hash, account_id, kind, scopes, created_ms", [row])


@pytest.fixture
async def ims(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Context]:
    demo = platform.demo
    monkeypatch.setenv("IMS_MYSQL_URL", demo["mysql"])
    monkeypatch.setenv("IMS_REDIS_URL", demo["redis"].rpartition("/")[0])
    monkeypatch.setenv("IMS_KAFKA_BOOTSTRAP", demo["kafka"])
    monkeypatch.setenv("IMS_SECRET_KEYS", RING)
    monkeypatch.setenv("IMS_EGRESS_HTTP", "true")
    monkeypatch.setenv("IMS_EGRESS_ALLOW", "127.0.0.1/32")
    settings.reset()
    context = Context("api_report")
    use(context)
    yield context
    context.close()
    await context.redis.state.aclose()
    settings.reset()


async def client_of(ims: Context) -> Client:
    username = f"client-{next(NUMBERS)}-{os.urandom(3).hex()}"
    token = f"ims_live_{username}"
    account_id = await ims.db(add_account, username)
    await ims.db(add_key, account_id, token)
    transport = httpx2.ASGITransport(app=create_asgi_app("main", str(MAIN), "http"))
    http = httpx2.AsyncClient(transport=transport, base_url="http://ims", headers={"authorization": f"Bearer {token}"})
    return Client(ims, http, account_id, username)


@pytest.fixture
async def client(ims: Context) -> Client:
    made = await client_of(ims)
    publish = ims.bus.publish

    async def watched(events: Sequence[Event]) -> None:
        made.published.extend(events)
        await publish(events)

    ims.bus.publish = watched  # type: ignore[method-assign]
    return made


def states(message: Json) -> list[str]:
    return [step["state"] for step in message["trail"]]


# --- one message ------------------------------------------------------------------------------------------------------


async def test_a_delivered_message_shows_its_report_trail_and_callback(client: Client) -> None:
    (one,) = await client.finished("01011112222", ref="order-1", request_ref="r", callback_uri="https://example.com/")
    message = await client.get(f"/v1/messages/{one}")
    assert (message["status"], message["state"], message["code"]) == ("delivered", "delivered", "0000")
    assert (message["to"], message["ref"], message["price"], message["type"]) == (
        "01011112222", "order-1", "8.40", "sms"
    )  # fmt: skip
    assert states(message) == ["accepted", "routed", "sending", "sent", "delivered"]
    last = message["trail"][-1]
    assert (last["vendor"], last["vendor_ref"], last["raw_code"], last["raw_text"]) == (
        "solapi", f"V-{one}", "4000", "raw"
    )  # fmt: skip
    assert all(step["at"] for step in message["trail"])
    assert message["hops"][0]["status"] == "delivered"
    assert message["callback"]["state"] == "pending"


async def test_a_message_is_sending_while_a_sender_holds_its_hop(client: Client) -> None:
    (one,) = ids_of(await client.accept("01011112222"))
    assert (await client.get(f"/v1/messages/{one}"))["state"] == "routed"
    await client.claim(one)
    message = await client.get(f"/v1/messages/{one}")
    assert (message["state"], message["status"]) == ("sending", "sending")
    assert message["callback"]["state"] == "none"
    found = await client.get("/v1/messages", status="sending", request_id=message["request_id"])
    assert [m["state"] for m in found["items"]] == ["sending"]
    assert not (await client.get("/v1/messages", status="routed", request_id=message["request_id"]))["items"]


async def test_a_late_outcome_is_seen_in_the_trail_and_changes_nothing(client: Client) -> None:
    (one,) = await client.finished("01011112222")
    await client.outcome("receipt", "failed", "4008", one)
    message = await client.get(f"/v1/messages/{one}")
    assert message["status"] == "delivered"
    assert [s["code"] for s in message["trail"] if s.get("via") == "receipt"] == ["4008"]


@pytest.mark.parametrize("receipt_first", [False, True])
async def test_an_uncertain_answer_is_never_shown_as_sent(client: Client, receipt_first: bool) -> None:
    (one,) = ids_of(await client.accept("01090000300"))
    await client.claim(one)

    async def time_out() -> None:
        row = (one.bytes, 1, "sms", "uncertain", "0300", None, "timed out", None, now_ms())
        await client.ims.db(claims.save_answers, VENDOR, [row])
        await client.outcome("answer", "uncertain", "0300", one)

    if not receipt_first:
        await time_out()
        assert states(await client.get(f"/v1/messages/{one}")) == ["accepted", "routed", "sending", "uncertain"]
        await asyncio.sleep(0.002)
    await client.outcome("receipt", "delivered", "0000", one)
    if receipt_first:
        await asyncio.sleep(0.002)
        await time_out()
    last = ["delivered", "uncertain"] if receipt_first else ["uncertain", "delivered"]
    assert states(await client.get(f"/v1/messages/{one}")) == ["accepted", "routed", "sending", *last]


async def noted_in_redis(client: Client, request: Request, total: int) -> None:
    """As the accepting functions do it before they publish."""
    pipe = client.ims.redis.state.pipeline()
    seen.note(pipe, [(request.request_id, client.account_id, total)])
    await pipe.execute()


@contextlib.asynccontextmanager
async def arriving(client: Client, parts: Sequence[Request], total: int) -> AsyncIterator[None]:
    """The parts of a request come to MySQL one after the other, the first some moments from now."""

    async def store() -> None:
        for part in parts:
            await asyncio.sleep(0.15)
            await client.store(part)

    await noted_in_redis(client, parts[0], total)
    storing = asyncio.create_task(store())
    yield
    await storing


async def test_a_look_up_right_after_the_acceptance_finds_all(client: Client) -> None:
    for path in ("/v1/messages/{one}", "/v1/requests/{whole}", "/v1/messages?request_id={whole}"):
        request = client.request("01011112222", request_ref="early")
        async with arriving(client, [request], 1):
            whole = UUID(hex=request.request_id)
            answer = (await client.http.get(path.format(one=ids_of(request)[0], whole=whole))).json()
        assert [found["request_ref"] for found in answer.get("items", [answer])] == ["early"], path


async def test_a_cancellation_right_after_the_acceptance_cancels_all(client: Client) -> None:
    first = client.request("01011112222", "01033334444", "01055556666", scheduled_at=now_ms() + HOUR)
    second = first.model_copy(update={"messages": first.messages[2:]})
    first.messages = first.messages[:2]
    async with arriving(client, [first, second], 3):
        answer = await client.http.post(f"/v1/requests/{UUID(hex=first.request_id)}/cancel")
    assert answer.status_code == 200
    assert (answer.json()["canceled"], answer.json()["arriving"]) == (3, 0)


async def test_a_slow_bus_does_not_shorten_the_wait_for_what_still_arrives(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "CHANGE_S", 0.4)
    publish = client.ims.bus.publish

    async def slowly(events: Sequence[Event]) -> None:
        await asyncio.sleep(0.8)
        await publish(events)

    monkeypatch.setattr(client.ims.bus, "publish", slowly)
    first = client.request("01011112222", "01033334444", scheduled_at=now_ms() + HOUR)
    second = first.model_copy(update={"messages": first.messages[1:]})
    first.messages = first.messages[:1]
    async with arriving(client, [first, second], 2):
        answer = await client.http.post(f"/v1/requests/{UUID(hex=first.request_id)}/cancel")
    assert (answer.json()["canceled"], answer.json()["arriving"]) == (2, 0)
    assert sum(len(event.ids) for event in client.published if isinstance(event, Due)) == 2


async def test_a_reservation_can_be_moved_right_after_its_acceptance(client: Client) -> None:
    later = now_ms() // 1000 * 1000 + HOUR
    first = client.request("01011112222", "01033334444", scheduled_at=later)
    second = first.model_copy(update={"messages": first.messages[1:]})
    first.messages = first.messages[:1]
    async with arriving(client, [first, second], 2):
        path = f"/v1/requests/{UUID(hex=first.request_id)}"
        answer = await client.http.patch(path, json={"scheduled_at": iso(later + HOUR)})
    assert (answer.status_code, answer.json().get("scheduled_at")) == (200, iso(later + HOUR))


async def test_nothing_unknown_is_waited_for(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LOOK_S", 60.0)
    monkeypatch.setattr(patience, "CHANGE_S", 60.0)
    unknown, known = client.request("01011112222"), await client.accept("01011112222")
    await noted_in_redis(client, known, 1)
    path = f"/v1/requests/{UUID(hex=unknown.request_id)}"
    beyond = message_id(UUID(hex=known.request_id), 2, "realtime")
    async with asyncio.timeout(10):
        for one in (f"/v1/messages/{ids_of(unknown)[0]}", f"/v1/messages/{beyond}", path):
            assert (await client.http.get(one)).status_code == 404, one
        assert (await client.http.post(f"{path}/cancel")).status_code == 404
        assert (await client.http.patch(path, json={"scheduled_at": iso(now_ms() + HOUR)})).status_code == 404
        for request, status in ((unknown, None), (known, "failed")):
            query = {"request_id": str(UUID(hex=request.request_id)), "status": status or ""}
            assert (await client.get("/v1/messages", **query))["items"] == []


async def test_a_search_needs_no_redis(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(seen, "find", away)
    request = client.request("01011112222")
    assert (await client.get("/v1/messages", request_id=str(UUID(hex=request.request_id))))["items"] == []


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for what does not come are short."""
    monkeypatch.setattr(patience, "LOOK_S", 0.05)
    monkeypatch.setattr(patience, "CHANGE_S", 0.05)


@pytest.mark.usefixtures("hurried")
async def test_before_its_row_is_there_redis_answers_for_a_message(client: Client) -> None:
    request = client.request("01011112222", "01033334444")
    one = ids_of(request)[1]
    assert (await client.http.get(f"/v1/messages/{one}")).status_code == 404
    await noted_in_redis(client, request, 2)
    message = await client.get(f"/v1/messages/{one}")
    assert (message["state"], message["message_id"], states(message)) == ("accepted", str(one), ["accepted"])
    whole = await client.get(f"/v1/requests/{UUID(hex=request.request_id)}")
    assert (whole["total"], whole["counts"]) == (2, {"accepted": 2})
    await client.store(request)
    assert (await client.get(f"/v1/messages/{one}"))["to"] == "01033334444"
    beyond = message_id(UUID(hex=request.request_id), 3, "realtime")
    assert (await client.http.get(f"/v1/messages/{beyond}")).status_code == 404


async def test_another_accounts_message_and_request_are_not_found(client: Client) -> None:
    request = await client.accept("01011112222")
    await noted_in_redis(client, request, 1)
    other = await client_of(client.ims)
    request_id = UUID(hex=request.request_id)
    for method, path in [
        ("GET", f"/v1/messages/{ids_of(request)[0]}"),
        ("POST", f"/v1/messages/{ids_of(request)[0]}/report/replay"),
        ("GET", f"/v1/requests/{request_id}"),
        ("POST", f"/v1/requests/{request_id}/cancel"),
    ]:
        assert (await other.http.request(method, path)).status_code == 404, path
    body = {"scheduled_at": iso(now_ms() + HOUR)}
    assert (await other.http.patch(f"/v1/requests/{request_id}", json=body)).status_code == 404
    assert (await other.get("/v1/messages", request_id=str(request_id)))["items"] == []


@pytest.mark.parametrize("name", ["x", "0193", str(UUID(int=1)), "%00", "0" * 32])
async def test_what_is_no_id_is_not_found(client: Client, name: str) -> None:
    for path in (f"/v1/messages/{name}", f"/v1/requests/{name}"):
        answer = await client.http.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_failed_callback_shows_its_tries_and_the_next(client: Client) -> None:
    (one,) = await client.finished("01011112222", callback_uri="https://example.com/r")
    data = (await client.get("/v1/reports"))["items"][0]
    at = now_ms()
    known = {"webhook_id": str(one), "ids": [one.hex], "account_id": client.account_id, "username": client.username}
    failed = Attempt(**known, callback_uri="https://example.com/r", attempt=1, outcome="failed", status=500, at=at,
                     first_failed_at=at, next_due=at + 60_000, duration_ms=7, reports=[data])  # fmt: skip
    await client.ims.db(report_store.save_attempts, [failed])
    callback = (await client.get(f"/v1/messages/{one}"))["callback"]
    assert (callback["state"], callback["tries"], callback["next_try"]) == ("pending", 1, iso(at + 60_000))
    assert callback["last_answer"] == {"status": 500, "error": None, "at": iso(at)}
    assert [(a["attempt"], a["outcome"]) for a in callback["attempts"]] == [(1, "failed")]
    gone = failed.model_copy(update={"attempt": 11, "outcome": "exhausted", "next_due": None, "at": at + 1})
    await client.ims.db(report_store.save_attempts, [gone])
    assert (await client.get(f"/v1/messages/{one}"))["callback"]["state"] == "exhausted"
    taken = failed.model_copy(update={"attempt": 1, "outcome": "delivered", "status": 204, "at": at + 2})
    await client.ims.db(report_store.save_attempts, [taken])
    callback = (await client.get(f"/v1/messages/{one}"))["callback"]
    assert (callback["state"], callback["last_answer"]["status"]) == ("delivered", 204)


@pytest.mark.parametrize("order", ["as it happened", "the other way round", "at once", "told twice"])
async def test_a_first_try_that_took_long_shows_as_soon_as_it_has_failed(client: Client, order: str) -> None:
    """It is told as under way before its result is, and began before that: what ended later counts."""
    (one,) = await client.finished("01011112222", callback_uri="https://example.com/r")
    data = (await client.get("/v1/reports"))["items"][0]
    at = now_ms()
    begun = Attempt(webhook_id=str(one), ids=[one.hex], account_id=client.account_id, username=client.username,
                    callback_uri="https://example.com/r", attempt=0, outcome="deferred", at=at + 1000,
                    next_due=at + 16_000, reports=[data])  # fmt: skip
    failed = begun.model_copy(update={
        "attempt": 1, "outcome": "failed", "status": None, "error": "no answer within 5 s", "at": at,
        "duration_ms": 5000, "first_failed_at": at + 5000, "next_due": at + 65_000,
    })  # fmt: skip
    again = failed.model_copy(update={"error": None, "at": at + 6000, "duration_ms": 0})
    told = {"as it happened": [[begun], [failed]], "the other way round": [[failed], [begun]],
            "at once": [[failed, begun]], "told twice": [[begun], [failed], [again]]}  # fmt: skip
    for group in told[order]:
        await client.ims.db(report_store.save_attempts, group)
    callback = (await client.get(f"/v1/messages/{one}"))["callback"]
    assert (callback["state"], callback["tries"], callback["next_try"]) == ("pending", 1, iso(at + 65_000))
    assert (callback["last_answer"]["status"], callback["last_answer"]["error"]) == (None, "no answer within 5 s")
    assert [(a["attempt"], a["outcome"], a["duration_ms"]) for a in callback["attempts"]] == [(1, "failed", 5000)]
    health = (await client.get("/v1/callbacks"))["health"]
    assert (health["pending"], health["last_hour"]["failed"]) == (1, 1)
    assert health["last_error"]["error"] == "no answer within 5 s"
    request = await client.get(f"/v1/requests/{UUID(int=one.int & ~0x1FFFFF)}")
    counts = {name: request["reports"][name] for name in ("delivered", "pending", "exhausted", "next_try")}
    assert counts == {"delivered": 0, "pending": 1, "exhausted": 0, "next_try": iso(at + 65_000)}
    assert request["reports"]["last_answer"]["error"] == "no answer within 5 s"
    taken = failed.model_copy(update={
        "attempt": 2, "outcome": "delivered", "status": 200, "error": None, "at": at + 65_000, "next_due": None,
        "duration_ms": 1, "reports": None,
    })  # fmt: skip
    await client.ims.db(report_store.save_attempts, [taken])
    request = await client.get(f"/v1/requests/{UUID(int=one.int & ~0x1FFFFF)}")
    assert request["reports"] == {"delivered": 1, "pending": 0, "exhausted": 0, "last_answer": None, "next_try": None}


@pytest.mark.parametrize(("took_ms", "shown"), [(1000, 1000), (999, None)])
async def test_a_first_try_shows_how_long_it_took_when_its_client_was_slow(
    client: Client, took_ms: int, shown: int | None
) -> None:
    """A quick one has no row of its own, only its moment and status in the message's."""
    (one,) = await client.finished("01011112222", callback_uri="https://example.com/r")
    at = now_ms()
    taken = Attempt(webhook_id=str(one), ids=[one.hex], account_id=client.account_id, username=client.username,
                    callback_uri="https://example.com/r", attempt=1, outcome="delivered", status=204, at=at,
                    duration_ms=took_ms)  # fmt: skip
    for _ in range(2):
        await client.ims.db(report_store.save_attempts, [taken])
    callback = (await client.get(f"/v1/messages/{one}"))["callback"]
    assert (callback["state"], callback["tries"]) == ("delivered", 1)
    moment = iso(at) if shown else iso(at + took_ms)
    (only,) = callback["attempts"]
    assert only == {
        "attempt": 1, "outcome": "delivered", "status": 204, "error": None, "duration_ms": shown, "at": moment
    }  # fmt: skip


# --- searches ---------------------------------------------------------------------------------------------------------


async def test_messages_are_found_newest_first_page_by_page(client: Client) -> None:
    start = now_ms() - 10 * HOUR
    want: list[str] = []
    for n in range(7):
        request = await client.accept(*["01011112222"] * (n + 1), at_ms=start + n)
        want += [str(i) for i in ids_of(request)]
    want.reverse()
    for limit in (1, 4, 28, 200):
        seen, cursor = [], ""
        while True:
            page = await client.get("/v1/messages", limit=limit, cursor=cursor)
            assert len(page["items"]) <= limit
            seen += [m["message_id"] for m in page["items"]]
            if page["next"] is None:
                break
            cursor = page["next"]
        assert seen == want
    found = await client.get("/v1/messages", since=iso(start + 2), until=iso(start + 4))
    assert [m["message_id"] for m in found["items"]] == want[28 - 10 : 28 - 3]


async def test_filters_find_what_they_name(client: Client) -> None:
    await client.accept("01011112222", ref="a")
    (done,) = await client.finished("01033334444", ref="b")
    await client.accept("+14155550123", ref="c")
    for query, refs in [
        ({"to": "+82 10-3333-4444"}, ["b"]),
        ({"to": "010-1111-2222", "status": "routed"}, ["a"]),
        ({"to": "010-1111-2222", "status": "delivered"}, []),
        ({"to": "+1 415 555 0123"}, ["c"]),
        ({"ref": "b", "code": "0000"}, ["b"]),
        ({"ref": "b", "to": "01011112222"}, []),
        ({"status": "delivered"}, ["b"]),
        ({"code": "0000", "channel": "mt"}, ["b"]),
        ({"request_id": str(UUID(int=done.int & ~0x1FFFFF))}, ["b"]),
        ({"channel": "mt"}, ["c", "b", "a"]),
        ({"channel": "kakao"}, []),
        ({"limit": "201"}, ["c", "b", "a"]),
        ({"until": "2020-01-01T00:00:00+09:00"}, []),
    ]:
        assert [m["ref"] for m in (await client.get("/v1/messages", **query))["items"]] == refs, query


async def test_a_ref_and_an_address_match_byte_for_byte(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The column's collation takes all of these for the same."""
    alike = ["order-x", "Order-x", "órder-x", "order-x ", "ORDER-X"]
    for ref in alike:
        await client.accept(f"{ref}@demo.example", ref=ref)
    for ref in alike:
        address = f"{ref}@demo.example"
        for query in ({"ref": ref}, {"to": address}, {"ref": ref, "to": address}, {"ref": ref, "channel": "mt"}):
            page = await client.get("/v1/messages", limit=1, **query)
            assert ([m["ref"] for m in page["items"]], page["next"]) == ([ref], None), query
    monkeypatch.setattr("shared.stores.lookup.SCAN", 3)
    page = await client.get("/v1/messages", ref="order-x")
    assert page["items"] == []
    rest = await client.get("/v1/messages", ref="order-x", cursor=page["next"])
    assert ([m["ref"] for m in rest["items"]], rest["next"]) == (["order-x"], None)


async def test_a_rare_match_is_found_over_short_pages(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.stores.lookup.SCAN", 3)
    (rare,) = await client.finished("01011112222", at_ms=now_ms() - HOUR // 2)
    for _ in range(9):
        await client.accept("01011112222")
    for query in ({}, {"to": "01011112222"}):
        seen, pages, cursor = [], 0, ""
        while cursor is not None:
            page = await client.get("/v1/messages", status="delivered", limit=2, cursor=cursor, **query)
            seen += [m["message_id"] for m in page["items"]]
            cursor, pages = page["next"], pages + 1
        assert seen == [str(rare)]
        assert pages > 2


async def test_every_fault_of_a_search_is_named(client: Client) -> None:
    query = {
        "limit": "0",
        "status": "x",
        "channel": "fax",
        "code": "12",
        "since": "yesterday",
        "request_id": "1",
        "q": "1",
    }
    answer = await client.http.get("/v1/messages", params=query)
    assert answer.status_code == 422
    assert {e["pointer"] for e in answer.json()["errors"]} == {f"/{name}" for name in query}
    page = await client.http.get("/v1/messages", params={"cursor": "!!!"})
    assert page.status_code == 422
    await client.accept("01011112222", "01011112222")
    cursor = (await client.get("/v1/messages", limit=1))["next"]
    other = await client.http.get("/v1/messages", params={"cursor": cursor, "to": "01011112222"})
    assert other.json()["errors"][0]["code"] == "conflict"


async def test_every_query_is_bounded_by_an_index(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = await client.finished("01011112222", ref="x", callback_uri="https://example.com/")
    await crowd(client)
    seen: list[tuple[str, Any]] = []
    fetch = sql.fetch

    def noted(conn: Connection, statement: str, args: Any = None) -> Any:
        seen.append((statement, args))
        return fetch(conn, statement, args)

    monkeypatch.setattr(sql, "fetch", noted)
    request_id = str(UUID(int=one.int & ~0x1FFFFF))
    since = iso(now_ms() - HOUR)
    await client.get(f"/v1/messages/{one}")
    await client.get(f"/v1/requests/{request_id}")
    for query in ({}, {"to": "01011112222"}, {"ref": "x"}, {"request_id": request_id}, {"code": "0000"},
                  {"to": "01011112222", "status": "sending"}, {"since": since, "status": "failed"}):  # fmt: skip
        await client.get("/v1/messages", **query)
    for query in ({}, {"since": since}, {"until": since}, {"request_id": request_id}):
        await client.get("/v1/reports", **query)
    await client.http.post(f"/v1/requests/{request_id}/cancel")
    for body in ({"status": "failed"}, {"to": "01011112222"}, {"ref": "x"}, {"code": "4008"}):
        await client.http.post("/v1/reports/replay", json={"since": since, **body})
    await client.get("/v1/callbacks")
    assert len({s for s, _ in seen}) > 20
    for statement, args in seen:
        for row in await client.ims.db(fetch, f"EXPLAIN {statement}", args):
            kind, key, extra = row[3], row[5], row[-1] or ""
            if kind is None or row[2] is None or str(row[2]).startswith("<"):
                continue  # no table, or what an inner query with a limit has found
            assert kind not in ("ALL", "index"), (statement[:300], row)
            assert key is not None, (statement[:300], row)
            span_of_one_request = "BETWEEN" in statement or "IN (0x" in statement
            assert "filesort" not in extra or span_of_one_request, (statement[:300], row)


async def crowd(client: Client) -> None:
    """Other accounts' rows, so that the plans are those of a large table."""

    def fill(conn: Connection) -> None:
        for batch in range(10):
            base = new_request_id(now_ms() - batch)
            rows = [(message_id(base, n, "bulk").bytes, 900_000 + n % 7, f"0105555{n:04}", None, "sms", 11, "mt", n, 1)
                    for n in range(1, 2000)]  # fmt: skip
            columns = "message_id, account_id, recipient, ref, type, status, channel, feed_seq, finished_ms"
            sql.insert(conn, "messages", columns, rows)
        sql.execute(conn, "ANALYZE TABLE messages, requests, hops, reports, attempts")

    await client.ims.db(fill)


# --- requests ---------------------------------------------------------------------------------------------------------


async def test_a_request_counts_its_messages_by_state(client: Client) -> None:
    request = await client.accept("01011112222", "01033334444", "01055556666", request_ref="batch")
    ids = ids_of(request)
    await client.deliver(ids[0])
    await client.claim(ids[1])
    view = await client.get(f"/v1/requests/{UUID(hex=request.request_id)}")
    assert view["counts"] == {"delivered": 1, "sending": 1, "routed": 1}
    assert (view["total"], view["lane"], view["request_ref"]) == (3, "realtime", "batch")
    assert view["links"]["reports"] == f"/v1/reports?request_id={view['request_id']}"


async def test_cancelling_ends_what_has_not_left_and_nothing_else(client: Client) -> None:
    later = now_ms() + HOUR
    request = await client.accept(*["01011112222"] * 1100, scheduled_at=later, callback_uri="https://example.com/")
    path = f"/v1/requests/{UUID(hex=request.request_id)}"
    answer = (await client.http.post(f"{path}/cancel")).json()
    assert (answer["canceled"], answer["arriving"], answer["counts"]) == (1100, 0, {"scheduled": 1100})
    direct = [e for e in client.published if isinstance(e, Due)]
    waiting = [e for e in await client.due_events(request) if e.kind == "cancel"]
    assert [e.size() for e in direct] == [e.size() for e in waiting] == [500, 500, 100]
    ended = [e for event in direct for e in await client.release(event)]
    assert sum(e.size() for e in ended if isinstance(e, Finished)) == 1100
    assert not [e for event in waiting for e in await client.release(event)]
    again = (await client.http.post(f"{path}/cancel")).json()
    assert (again["canceled"], again["counts"]) == (0, {"canceled": 1100})
    message = await client.get(f"/v1/messages/{ids_of(request)[0]}")
    assert (message["status"], message["code"], states(message)) == (
        "canceled", "0302", ["accepted", "scheduled", "canceled"]
    )  # fmt: skip


async def test_a_canceled_message_is_never_sent_whatever_comes_first(client: Client) -> None:
    """Scheduled, held, parked and waiting in the backlog: the release comes before the cancellation."""
    later = now_ms() + HOUR
    scheduled = await client.accept("01011112222", scheduled_at=later)
    parked = client.request("01011112222")
    await client.ims.db(
        routing.accept, Accepted(lane="realtime", requests=[parked]), world(None), price, 24.0, {client.account_id: 10}
    )
    await client.accept("01011112222")
    backlog = client.request("01011112222")
    await client.store(backlog, window=1)
    held = await client.accept("01011112222")
    (held_id,) = ids_of(held)
    await client.ims.db(sql.execute, f"UPDATE messages SET status=2, in_window=0 WHERE message_id=0x{held_id.hex}")
    for request, kind, hop in [
        (scheduled, "scheduled", 0),
        (parked, "parked", 1),
        (backlog, "backlog", 0),
        (held, "held", 1),
    ]:
        answer = (await client.http.post(f"/v1/requests/{UUID(hex=request.request_id)}/cancel")).json()
        assert answer["canceled"] == 1, kind
        events = await client.release(Due(lane="realtime", kind=kind, ids=[ids_of(request)[0].hex], hop=hop))
        assert [type(e) for e in events] == [Finished], kind
        assert (await client.get(f"/v1/messages/{ids_of(request)[0]}"))["status"] == "canceled"


async def test_what_is_on_its_way_to_a_vendor_is_not_canceled(client: Client) -> None:
    request = await client.accept("01011112222", "01033334444", "01055556666")
    first, second, _ = ids_of(request)
    await client.deliver(first)
    await client.send(second)
    answer = (await client.http.post(f"/v1/requests/{UUID(hex=request.request_id)}/cancel")).json()
    assert answer["canceled"] == 0
    assert answer["counts"] == {"delivered": 1, "sent": 1, "routed": 1}


@pytest.mark.usefixtures("hurried")
async def test_changing_what_is_still_arriving_asks_to_come_again(client: Client) -> None:
    request = client.request("01011112222", scheduled_at=now_ms() + HOUR, total=2)
    await noted_in_redis(client, request, 2)
    path = f"/v1/requests/{UUID(hex=request.request_id)}"
    body = {"scheduled_at": iso(now_ms() + HOUR)}
    canceled, moved = await client.http.post(f"{path}/cancel"), await client.http.patch(path, json=body)
    assert (canceled.status_code, canceled.headers["retry-after"]) == (503, "1")
    assert (moved.status_code, moved.headers["retry-after"]) == (503, "1")
    await client.store(request)
    await client.ims.redis.state.flushdb()
    assert (await client.http.patch(path, json=body)).status_code == 503
    answer = (await client.http.post(f"{path}/cancel")).json()
    assert (answer["canceled"], answer["arriving"]) == (1, 1)


async def test_a_reservation_moves_until_it_leaves(client: Client) -> None:
    later = now_ms() // 1000 * 1000 + HOUR
    request = await client.accept("01011112222", "01033334444", scheduled_at=later, valid_until=later + 600_000)
    path = f"/v1/requests/{UUID(hex=request.request_id)}"
    answer = await client.http.patch(path, json={"scheduled_at": iso(later + HOUR)})
    assert answer.status_code == 200
    assert answer.json()["scheduled_at"] == iso(later + HOUR)
    assert answer.json()["valid_until"] == iso(later + HOUR + 600_000)
    short = await client.http.patch(path, json={"scheduled_at": iso(later), "ttl": 60})
    assert short.json()["valid_until"] == iso(later + 60_000)
    (row,) = await client.ims.db(
        sql.fetch,
        "SELECT due_ms FROM due WHERE request_id=%s AND kind='scheduled'",
        (bytes.fromhex(request.request_id),),
    )
    assert row == (later,)
    await client.ims.db(sql.execute, f"UPDATE due SET due_ms=1 WHERE request_id=0x{request.request_id}")
    assert [e.kind for e in await client.due_events(request)] == ["scheduled"]
    late = await client.http.patch(path, json={"scheduled_at": iso(later)})
    assert (late.status_code, late.json()["errors"][0]["code"]) == (422, "conflict")


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/scheduled_at", "required"),
        ({"scheduled_at": "tomorrow"}, "/scheduled_at", "format"),
        ({"scheduled_at": "2020-01-01T00:00:00Z"}, "/scheduled_at", "range"),
        ({"scheduled_at": "2099-01-01T00:00:00Z"}, "/scheduled_at", "range"),
        ({"scheduled_at": 5}, "/scheduled_at", "type"),
        ({"when": "x"}, "/when", "unknown_field"),
    ],
)
async def test_a_wrong_reservation_is_refused(client: Client, body: Json, pointer: str, code: str) -> None:
    request = await client.accept("01011112222", scheduled_at=now_ms() + HOUR)
    answer = await client.http.patch(f"/v1/requests/{UUID(hex=request.request_id)}", json=body)
    assert answer.status_code == 422
    assert (pointer, code) in [(e["pointer"], e["code"]) for e in answer.json()["errors"]]


async def test_a_canceled_reservation_cannot_be_moved(client: Client) -> None:
    request = await client.accept("01011112222", scheduled_at=now_ms() + HOUR)
    path = f"/v1/requests/{UUID(hex=request.request_id)}"
    await client.http.post(f"{path}/cancel")
    answer = await client.http.patch(path, json={"scheduled_at": iso(now_ms() + HOUR)})
    assert answer.status_code == 422
    assert "canceled" in answer.json()["errors"][0]["detail"]


async def test_why_a_request_cannot_be_moved_is_told(client: Client) -> None:
    request = await client.accept("01011112222")
    path = f"/v1/requests/{UUID(hex=request.request_id)}"
    body = {"scheduled_at": iso(now_ms() + HOUR)}
    assert "never reserved" in (await client.http.patch(path, json=body)).json()["errors"][0]["detail"]
    wrong = {"scheduled_at": "2026-11-31T09:00:00+09:00", "valid_until": "2027-02-29T09:00:00+09:00"}
    faults = (await client.http.patch(path, json=wrong)).json()["errors"]
    assert ["no such day" in fault["detail"] for fault in faults] == [True, True]
    for query in ("/v1/messages?since=2026-11-31T09:00:00Z", "/v1/reports?until=2026-02-30T09:00:00Z"):
        answer = await client.http.get(query)
        assert (answer.status_code, "no such day" in answer.text) == (422, True)


async def test_an_empty_ref_is_a_ref_everywhere(client: Client) -> None:
    (empty,) = await client.finished("01011112222", ref="")
    await client.finished("01033334444", ref="x")
    await client.finished("01055556666")
    for query in ({"ref": ""}, {"ref": "", "to": "01011112222"}, {"ref": "", "status": "delivered"}):
        found = (await client.get("/v1/messages", **query))["items"]
        assert [m["message_id"] for m in found] == [str(empty)], query
    answer = await client.http.post("/v1/reports/replay", json={"ref": ""})
    assert answer.json()["replaying"] + answer.json()["skipped"] == 1, answer.text


@pytest.mark.parametrize(("size", "ok"), [(23, False), (24, True), (25, True), (26, True), (64, True), (65, False)])
async def test_a_secret_may_lack_its_padding_and_gets_it_again(client: Client, size: int, ok: bool) -> None:
    secret = "whsec_" + base64.b64encode(os.urandom(size)).decode()
    for given in (secret, secret.rstrip("=")):
        answer = await client.http.put("/v1/callbacks", json={"secrets": [given]})
        assert answer.status_code == (200 if ok else 422), answer.text
        if ok:
            assert callback.signing(await client.account(), now_ms()) == (secret,)
    for wrong in (secret + "=", secret[:-3] + "-" + secret[-2:], secret.removeprefix("whsec_")):
        assert (await client.http.put("/v1/callbacks", json={"secrets": [wrong]})).status_code == 422, wrong


# --- the feed and replays ---------------------------------------------------------------------------------------------


async def test_a_poller_sees_every_report_once_in_order(client: Client) -> None:
    empty = await client.get("/v1/reports")
    assert empty == {"items": [], "next": None}
    want: list[UUID] = []
    for _ in range(3):
        want += await client.finished("01011112222", "01033334444")
    seen, pages, cursor = [], [], ""
    while page := await client.get("/v1/reports", limit=2, cursor=cursor):
        seen += [r["message_id"] for r in page["items"]]
        pages.append(len(page["items"]))
        if page["next"] is None:
            break
        cursor = page["next"]
    assert (seen, pages) == ([str(i) for i in want], [2, 2, 2, 0])
    more = await client.finished("01055556666")
    page = await client.get("/v1/reports", cursor=cursor)
    assert [r["message_id"] for r in page["items"]] == [str(i) for i in more]
    assert await client.get("/v1/reports", cursor=page["next"]) == {"items": [], "next": None}
    assert set(page["items"][0]) == {
        "message_id", "request_id", "request_ref", "ref", "username", "channel", "type", "to", "status", "code",
        "detail", "hops", "price", "currency", "accepted_at", "sent_at", "finished_at",
    }  # fmt: skip


async def test_a_poller_misses_nothing_while_others_write(client: Client) -> None:
    ids = [i for _ in range(12) for i in ids_of(await client.accept(*["01011112222"] * 5))]
    await client.send(*ids)
    ending = [asyncio.create_task(client.outcome("receipt", "delivered", "0000", *ids[n::20])) for n in range(20)]
    seen: list[str] = []
    cursor, done = "", False
    while not done:
        done = all(task.done() for task in ending)
        while (page := await client.get("/v1/reports", limit=3, cursor=cursor))["items"]:
            seen += [r["message_id"] for r in page["items"]]
            cursor = page["next"]
    assert len(seen) == len(ids)
    assert set(seen) == {str(i) for i in ids}


async def test_the_feed_begins_where_it_is_told(client: Client) -> None:
    old = await client.finished("01011112222")
    await client.ims.db(
        sql.execute, f"UPDATE messages SET finished_ms=finished_ms-{HOUR} WHERE message_id=0x{old[0].hex}"
    )
    new = await client.finished("01033334444")
    since = iso(now_ms() - HOUR // 2)
    assert [r["message_id"] for r in (await client.get("/v1/reports", since=since))["items"]] == [str(new[0])]
    request_id = str(UUID(int=old[0].int & ~0x1FFFFF))
    page = await client.get("/v1/reports", request_id=request_id)
    assert [r["message_id"] for r in page["items"]] == [str(old[0])]
    end = await client.get("/v1/reports", request_id=request_id, cursor=page["next"])
    assert end == {"items": [], "next": None}


async def test_the_feed_ends_where_it_is_told(client: Client) -> None:
    """`since` and `until` are taken alone and together."""
    now = now_ms()
    requests = {}
    for hours in (3, 2, 1):
        ids = await client.finished(*[f"0101111000{hours}"] * 2)
        listed = ",".join(f"0x{i.hex}" for i in ids)
        moved = f"UPDATE messages SET finished_ms={now - hours * HOUR} WHERE message_id IN ({listed})"
        await client.ims.db(sql.execute, moved)
        requests[hours] = str(UUID(int=ids[0].int & ~0x1FFFFF))

    async def found(**query: Any) -> list[str]:
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await client.get("/v1/reports", limit=1, cursor=cursor, **query)
            assert bool(page["items"]) <= bool(page["next"])
            seen += [r["to"][-1] for r in page["items"]]
            cursor = page["next"]
        return seen

    early, late = iso(now - 5 * HOUR // 2), iso(now - 3 * HOUR // 2)
    assert await found() == ["3", "3", "2", "2", "1", "1"]
    assert await found(since=early) == ["2", "2", "1", "1"]
    assert await found(until=late) == ["3", "3", "2", "2"]
    assert await found(since=early, until=late) == ["2", "2"]
    assert await found(until=late, request_id=requests[2]) == ["2", "2"]
    assert await found(since=late, until=early) == []


async def test_a_page_of_the_feed_that_finds_nothing_leads_on(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [i for _ in range(6) for i in await client.finished("01011112222")]
    listed = ",".join(f"0x{i.hex}" for i in ids[:5])
    await client.ims.db(sql.execute, f"UPDATE messages SET finished_ms=finished_ms-1000 WHERE message_id IN ({listed})")
    await client.ims.db(sql.execute, f"UPDATE messages SET finished_ms={now_ms()} WHERE message_id=0x{ids[5].hex}")
    monkeypatch.setattr("shared.stores.feed.PAGE", 2)
    monkeypatch.setattr("shared.stores.feed.SCAN", 2)
    since = iso(now_ms() - 500)
    page = await client.get("/v1/reports", since=since)
    assert page["items"] == []
    assert page["next"]
    found: list[str] = []
    while page["next"]:
        page = await client.get("/v1/reports", since=since, cursor=page["next"])
        found += [r["message_id"] for r in page["items"]]
    assert found == [str(ids[5])]


async def test_a_replay_goes_to_where_reports_go_now_also_when_redis_has_lost_its_data(client: Client) -> None:
    first, second, own = "http://127.0.0.1:9/1", "http://127.0.0.1:9/2", "http://127.0.0.1:9/own"
    await client.http.put("/v1/callbacks", json={"callback_uri": first})
    by_account = await client.finished("01011112222", callback_uri=first)
    by_itself = await client.finished("01011112222", callback_uri=own)
    await client.http.put("/v1/callbacks", json={"callback_uri": second})
    await client.ims.redis.state.flushdb()
    for one, uri in ((by_account[0], second), (by_itself[0], own)):
        client.published.clear()
        answer = await client.http.post(f"/v1/messages/{one}/report/replay")
        assert (answer.status_code, answer.json()) == (202, {"replaying": 1})
        (event,) = client.published
        assert isinstance(event, Finished)
        assert event.replay
        assert [(r.callback_uri, r.data["message_id"]) for r in event.reports] == [(uri, str(one))]


async def test_what_has_not_ended_or_has_no_callback_cannot_be_replayed(client: Client) -> None:
    (running,) = ids_of(await client.accept("01011112222", callback_uri="https://example.com/"))
    answer = await client.http.post(f"/v1/messages/{running}/report/replay")
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "not-final")
    assert [e["pointer"] for e in answer.json()["errors"]] == ["/message_id"]
    (silent,) = await client.finished("01011112222")
    answer = await client.http.post(f"/v1/messages/{silent}/report/replay")
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "no-callback")
    assert [e["pointer"] for e in answer.json()["errors"]] == ["/callback_uri"]


async def test_a_replay_sends_what_can_be_sent_and_counts_the_rest_apart(client: Client) -> None:
    """More than one event's worth, the ones that cannot be sent first, last and in between."""
    uri = "https://example.com/r"
    silent = await client.finished(*["01011112222"] * 600)
    good = await client.finished(*["01011112222"] * 600, callback_uri=uri)
    more = await client.finished(*["01011112222"] * 7)
    barred = [
        *await client.finished("01011112222", callback_uri="https://10.0.0.1/r"),
        *await client.finished("01011112222", callback_uri="https://[::1]/r"),
        *await client.finished("01011112222", callback_uri="ftp://example.com/r"),
    ]
    (running,) = ids_of(await client.accept("01011112222", callback_uri=uri))
    since = iso(now_ms() - HOUR)
    unknown = message_id(new_request_id(), 1, "realtime")
    cases: list[tuple[Json, int, set[UUID]]] = [
        ({"since": since}, 610, set(good)),
        ({"undelivered": True}, 610, set(good)),
        ({"ids": [str(i) for i in (silent[0], good[3], barred[0], running, unknown, good[3])]}, 4, {good[3]}),
        ({"ids": [str(i) for i in (*more, *barred)]}, 10, set()),
    ]
    for body, skipped, sent in cases:
        client.published.clear()
        answer = await client.http.post("/v1/reports/replay", json=body)
        assert answer.status_code == 202, (body, answer.text)
        assert (answer.json()["replaying"], answer.json()["skipped"]) == (len(sent), skipped), body
        gone = [UUID(r.data["message_id"]) for e in client.published if isinstance(e, Finished) for r in e.reports]
        assert (len(gone), set(gone)) == (len(sent), sent), body


async def test_many_reports_are_replayed_by_a_filter(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "https://example.com/"
    taken = await client.finished(*["01011112222"] * 3, callback_uri=uri)
    others = await client.finished(*["01033334444"] * 4, callback_uri=uri)
    listed = ",".join(f"0x{i.hex}" for i in taken)
    await client.ims.db(sql.execute, f"UPDATE messages SET reported_ms=1 WHERE message_id IN ({listed})")

    async def replay(body: Json) -> tuple[set[str], Json]:
        client.published.clear()
        answer = await client.http.post("/v1/reports/replay", json=body)
        assert answer.status_code == 202, answer.text
        sent = [r.data["message_id"] for e in client.published if isinstance(e, Finished) for r in e.reports]
        assert len(sent) == answer.json()["replaying"]
        return set(sent), answer.json()

    everything = {str(i) for i in taken + others}
    assert (await replay({"undelivered": True}))[0] == {str(i) for i in others}
    assert (await replay({"since": iso(now_ms() - HOUR)}))[0] == everything
    assert (await replay({"until": iso(now_ms() - HOUR)}))[0] == set()
    assert (await replay({"status": "failed"}))[0] == set()
    assert (await replay({"ids": [str(taken[0]), str(others[0])]}))[0] == {str(taken[0]), str(others[0])}
    request_id = str(UUID(int=taken[0].int & ~0x1FFFFF))
    assert (await replay({"request_id": request_id}))[0] == {str(i) for i in taken}
    monkeypatch.setattr("shared.following.reports.MAX_REPLAY", 5)
    sent, answer = await replay({"status": "delivered"})
    rest, end = await replay({"status": "delivered", "cursor": answer["next"]})
    assert (len(sent), len(rest), sent | rest, end["next"]) == (5, 2, everything, None)
    for body in (
        {},
        {"status": "sent"},
        {"ids": ["x"]},
        {"ids": [str(taken[0])], "undelivered": True},
        {"ids": [str(taken[0])], "ref": "x"},
        {"since": "x"},
        {"channel": "fax"},
        {"code": "1"},
        {"to": "x" * 300},
    ):
        assert (await client.http.post("/v1/reports/replay", json=body)).status_code == 422, body


async def test_reports_are_replayed_by_the_filters_of_messages(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "https://example.com/"
    messages = {
        name: (await client.finished(to, ref=ref, callback_uri=uri))[0]
        for name, to, ref in [
            ("a", "01011112222", "order-1"),
            ("b", "01011112222", "Order-1"),
            ("c", "01033334444", "order-1"),
        ]
    }
    await client.accept("01011112222", ref="order-1", callback_uri=uri)
    failed = ids_of(await client.accept("01055556666", ref="order-2", callback_uri=uri))
    await client.send(*failed)
    await client.outcome("receipt", "failed", "4008", *failed)
    messages["d"] = failed[0]
    names = {str(i): name for name, i in messages.items()}

    async def replay(body: Json) -> list[str]:
        client.published.clear()
        cursor: Json | None = {}
        while cursor is not None:
            answer = await client.http.post("/v1/reports/replay", json={**body, **cursor})
            assert answer.status_code == 202, answer.text
            cursor = {"cursor": answer.json()["next"]} if answer.json()["next"] else None
        return [names[r.data["message_id"]] for e in client.published if isinstance(e, Finished) for r in e.reports]

    async def each() -> None:
        assert await replay({"to": "+82 10-1111-2222"}) == ["a", "b"]
        assert await replay({"ref": "order-1"}) == ["a", "c"]
        assert await replay({"ref": "order-1", "to": "01011112222"}) == ["a"]
        assert await replay({"code": "4008"}) == ["d"]
        assert await replay({"channel": "mt", "code": "0000"}) == ["a", "b", "c"]
        assert await replay({"channel": "kakao"}) == []
        request_id = str(UUID(int=messages["c"].int & ~0x1FFFFF))
        assert await replay({"request_id": request_id, "ref": "order-1"}) == ["c"]
        assert await replay({"request_id": request_id, "to": "01011112222"}) == []
        assert await replay({"to": "01011112222", "since": iso(now_ms() - HOUR), "undelivered": True}) == ["a", "b"]
        assert await replay({"ref": "order-2", "until": iso(now_ms() - HOUR)}) == []

    await each()
    monkeypatch.setattr("shared.stores.feed.PAGE", 1)
    monkeypatch.setattr("shared.stores.feed.SCAN", 1)
    await each()


# --- the callback -----------------------------------------------------------------------------------------------------


async def test_only_what_is_given_of_the_callback_changes(client: Client) -> None:
    secret = "whsec_" + base64.b64encode(b"n" * 32).decode()
    uri = "http://127.0.0.1:9/reports"
    assert (await client.http.put("/v1/callbacks", json={"callback_uri": uri, "batch_size": 500})).status_code == 200
    answer = (await client.http.put("/v1/callbacks", json={"secrets": [secret, SECRET]})).json()
    shown = answer.pop("secrets")
    assert [(s["set"], s["fingerprint"][:3]) for s in shown] == [(True, "fp_"), (True, "fp_")]
    assert answer == {"callback_uri": uri, "enabled": True, "batch_size": 500, "events": [], "former_secrets": []}
    assert (await client.http.put("/v1/callbacks", json={"enabled": False})).json()["enabled"] is False
    assert (await client.http.put("/v1/callbacks", json={"callback_uri": None})).json()["callback_uri"] is None
    seen = await client.get("/v1/callbacks")
    assert {k: seen[k] for k in answer} == {**answer, "callback_uri": None, "enabled": False}
    assert seen["secrets"] == shown
    assert secret not in json.dumps(seen)
    for told in (shown[0], shown[0]["fingerprint"], f"whsec_…{secret[-4:]}"):
        answer = await client.http.put("/v1/callbacks", json={"secrets": [secret, told]})
        assert answer.status_code == 422, told
        assert answer.json()["errors"][0]["pointer"] == "/secrets/1"
    assert callback.signing(await client.account(), now_ms()) == (secret, SECRET)


async def test_every_fault_of_the_callback_is_named(client: Client) -> None:
    body = {"callback_uri": "http://169.254.169.254/", "secrets": ["whsec_short"], "batch_size": 501, "x": 1}
    answer = await client.http.put("/v1/callbacks", json=body)
    assert answer.status_code == 422
    faults = {(e["pointer"], e["code"]) for e in answer.json()["errors"]}
    assert faults == {
        ("/callback_uri", "forbidden_address"), ("/secrets/0", "format"), ("/batch_size", "range"),
        ("/x", "unknown_field"),
    }  # fmt: skip
    for uri in (
        "ftp://example.com",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://u:p@127.0.0.1/",
        "https://no.invalid/",
    ):
        answer = await client.http.put("/v1/callbacks", json={"callback_uri": uri})
        assert [e["pointer"] for e in answer.json()["errors"]] == ["/callback_uri"], uri
    for body in (
        {"batch_size": None},
        {"enabled": None},
        {"secrets": None},
        {"secrets": []},
        {"secrets": [SECRET] * 3},
    ):
        assert (await client.http.put("/v1/callbacks", json=body)).status_code == 422, body


class Receiver:
    """A client's callback."""

    def __init__(self, status: int, answer: bytes) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.calls.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/reports"
        threading.Thread(target=partial(self._server.serve_forever, poll_interval=0.05), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


async def test_a_test_call_is_signed_and_tells_what_came_back(client: Client) -> None:
    receiver = Receiver(418, b"teapot " * 1000)
    try:
        assert (await client.http.post("/v1/callbacks/test")).status_code == 422
        await client.http.put("/v1/callbacks", json={"callback_uri": receiver.url})
        told = (await client.http.post("/v1/callbacks/test")).json()
    finally:
        receiver.close()
    ((headers, body),) = receiver.calls
    assert Webhook(SECRET).verify(body, headers)["type"] == "callback.test"
    assert (told["status"], told["ok"], told["error"]) == (418, False, None)
    assert told["answer"] == ("teapot " * 1000)[:1024]
    down = (await client.http.post("/v1/callbacks/test", json={"callback_uri": receiver.url})).json()
    assert down["status"] is None
    assert down["error"]
    answer = await client.http.post("/v1/callbacks/test", json={"callback_uri": "http://10.0.0.1/"})
    assert [e["pointer"] for e in answer.json()["errors"]] == ["/callback_uri"]


async def test_health_tells_how_callbacks_go(client: Client) -> None:
    uri = "http://127.0.0.1:9/reports"
    await client.http.put("/v1/callbacks", json={"callback_uri": uri})
    fresh = (await client.get("/v1/callbacks"))["health"]
    assert (fresh["success_rate"], fresh["pending"], fresh["last_error"]) == (None, 0, None)
    ids = await client.finished(*["01011112222"] * 4, callback_uri=uri)
    at = now_ms()
    data = (await client.get("/v1/reports"))["items"]
    known = {"account_id": client.account_id, "username": client.username, "callback_uri": uri, "attempt": 1, "at": at}
    await client.ims.db(report_store.save_attempts, [
        Attempt(**known, webhook_id="a", ids=[i.hex for i in ids[:3]], outcome="delivered", status=200),
        Attempt(**known, webhook_id="b", ids=[ids[3].hex], outcome="failed", error="no answer", next_due=at + 1,
                reports=[r for r in data if r["message_id"] == str(ids[3])]),
    ])  # fmt: skip
    health = (await client.get("/v1/callbacks"))["health"]
    assert (health["success_rate"], health["last_day"]["delivered"], health["last_day"]["failed"]) == (0.75, 3, 1)
    assert (health["pending"], health["last_error"]["error"]) == (1, "no answer")
    assert health["breaker"] == {"host": "127.0.0.1:9", "state": "closed", "next_probe": None}


async def test_a_key_with_scopes_may_do_no_more(client: Client) -> None:
    token = f"ims_live_{client.username}_scoped"
    await client.ims.db(add_key, client.account_id, token, ["reports:read"])
    headers = {"authorization": f"Bearer {token}"}
    assert (await client.http.get("/v1/reports", headers=headers)).status_code == 200
    for method, path in [("GET", "/v1/messages"), ("PUT", "/v1/callbacks"), ("POST", "/v1/reports/replay")]:
        assert (await client.http.request(method, path, headers=headers, json={})).status_code == 403, path
