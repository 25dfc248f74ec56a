"""The daily digest on a real MySQL, with a real mail server and a client's callback."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import itertools
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from email import message_from_bytes
from email.policy import default
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from functions_framework.aio import create_asgi_app

from bridges.cron.ticker import tick
from local.testing import Platform
from shared.digest import days
from shared.digest import run as running
from shared.digest.run import run
from shared.domain.errors import Unavailable
from shared.domain.events import Accepted, Outcome, PlanHop, Recipient, Request, Result
from shared.domain.ids import message_id
from shared.domain.routing import Pick, World
from shared.domain.states import State
from shared.runtime import settings
from shared.runtime.clock import new_request_id, now_ms
from shared.runtime.context import Context, use
from shared.stores import claims, digests, routing, sql, watch
from shared.stores.sql import Connection
from simulator.smtp import Mail, MailServer
from tests.ports import free_port
from tests.reads import read_for
from tests.sink import Sink

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ("mt", "solapi", "main")
SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
NAMES = itertools.count(1)
LEASE_S = 600
TODAY = date.min
MORNING = LAST = 0
"""The day whose digest a test wants, and its morning, tomorrow's: of the moment at which the test begins."""

Json = dict[str, Any]


def moment(day: date, clock: str) -> int:
    return round(datetime.fromisoformat(f"{day.isoformat()}T{clock}+09:00").timestamp() * 1000)


@pytest.fixture(autouse=True)
async def today() -> None:
    """No test begins in a day's last minute."""
    global TODAY, MORNING, LAST
    left_s = (days.bounds(days.day_at(now_ms()))[1] - now_ms()) / 1000
    if left_s < 60:
        await asyncio.sleep(left_s + 1)
    TODAY = days.day_at(now_ms())
    MORNING, LAST = moment(TODAY + days.DAY, "08:30:00"), moment(TODAY + days.DAY, "11:50:00")


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    server = MailServer()
    await server.start("127.0.0.1", 0)
    yield server
    await server.stop()


@pytest.fixture
async def ims(servers: Platform, mails: MailServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Context]:
    for name, value in environment(servers, mails).items():
        monkeypatch.setenv(name, value)
    settings.reset()
    context = Context("digest")
    use(context)
    await context.db(sql.execute, "UPDATE digest_settings SET enabled=0")
    yield context
    context.close()
    settings.reset()


def environment(servers: Platform, mails: MailServer) -> dict[str, str]:
    return {
        "IMS_MYSQL_URL": servers.demo["mysql"],
        "IMS_KAFKA_BOOTSTRAP": servers.demo["kafka"],
        "IMS_EGRESS_HTTP": "true",
        "IMS_EGRESS_ALLOW": "127.0.0.1/32",
        "IMS_SMTP_HOST": "127.0.0.1",
        "IMS_SMTP_PORT": str(mails.port),
        "IMS_SMTP_STARTTLS": "false",
        "IMS_SMTP_TIMEOUT_SECONDS": "10",
        "IMS_KEY_CACHE_SECONDS": "0",
    }


def world(at_ms: int | None = None) -> World:
    pick = Pick("solapi", "main", Decimal("8.40"), True)
    return World(now_ms=at_ms or now_ms(), choose=lambda *_: pick, type_of=lambda *_: "sms")


def price(*_: str) -> Decimal:
    return Decimal("8.40")


@dataclass
class Client:
    """One account, and messages that end as a test wishes."""

    ims: Context
    account_id: int
    username: str
    http: httpx2.AsyncClient
    ids: list[UUID] = field(default_factory=list)

    async def ended(self, state: Any, code: str, n: int = 1, *, at_ms: int | None = None, **request: Any) -> Outcome:
        """`n` messages of one request, ended at a time."""
        made = self._request(n, **request)
        accepted = Accepted(lane=made.lane, requests=[made])
        await self.ims.db(routing.accept, accepted, world(), price, 24.0, {self.account_id: 20_000})
        ids = [message_id(UUID(hex=made.request_id), m.n, made.lane) for m in made.messages]
        self.ids += ids
        await self.ims.db(claims.claim, [(i.bytes, 1, "sms") for i in ids], VENDOR, os.urandom(8), now_ms(), 10_000)
        results = [
            Result(id=i.hex, hop=1, state=state, code=code, at=now_ms(), account_id=self.account_id,
                   cause=os.urandom(16).hex())
            for i in ids
        ]  # fmt: skip
        event = Outcome(lane=made.lane, channel="mt", vendor="solapi", account="main", via="receipt", results=results)
        await self.ims.db(routing.outcome, event, world(at_ms), price)
        return event

    def _request(self, n: int, lane: str = "realtime", test: bool = False, to: str = "01011112222") -> Request:
        at = now_ms()
        return Request(
            request_id=new_request_id(at).hex, account_id=self.account_id, username=self.username, lane=lane,
            test=test, accepted_at=at, valid_until=at + 3_600_000, total=n, cause=os.urandom(16).hex(),
            plan=[PlanHop(channel="mt", content={"text": "hi", "sender": "0215441234"})],
            messages=[Recipient(n=i, to=to, type="sms", ref=f"ref-{i}") for i in range(1, n + 1)],
        )  # fmt: skip

    async def wants(self, **chosen: Any) -> None:
        given = {"enabled": True, "send_by": "email", "email": f"{self.username}@acme.example", **chosen}
        await self.ims.db(digests.choose, self.account_id, given, now_ms())

    async def lease_ends(self) -> None:
        """Whoever holds its digests has died so long ago that others may go on."""
        await self.ims.db(sql.execute, f"UPDATE digests SET lease_ms=0 WHERE account_id={self.account_id}")

    async def state(self) -> digests.State | None:
        return await self.ims.db(digests.state, self.account_id, TODAY)

    async def age(self, ms: int) -> None:
        """Its digests were sent so much earlier."""
        change = f"UPDATE digests SET updated_ms=updated_ms-{ms} WHERE account_id={self.account_id}"
        await self.ims.db(sql.execute, change)

    async def get(self, path: str) -> Json:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def mails(self, server: MailServer) -> list[Mail]:
        return server.to(f"{self.username}@acme.example")


def add_account(conn: Connection, username: str) -> int:
    row = (username, json.dumps([SECRET]), now_ms())
    with conn.cursor() as cursor:
        cursor.execute("INSERT INTO accounts (username, callback_secrets, created_ms) VALUES (%s, %s, %s)", row)
        account_id = int(cursor.lastrowid)
    for kind in ("live", "test"):
        digest = hashlib.sha256(f"ims_{kind}_{username}".encode()).digest()
        sql.insert(conn, "api_keys", "key_hash, account_id, kind, created_ms", [(digest, account_id, kind, now_ms())])
    return account_id


async def client_of(ims: Context) -> Client:
    username = f"digest-{next(NAMES)}-{os.urandom(3).hex()}"
    account_id = await ims.db(add_account, username)
    app = create_asgi_app("main", str(ROOT / "functions" / "api_user" / "main.py"), "http")  # type: ignore[no-untyped-call]
    headers = {"authorization": f"Bearer ims_live_{username}"}
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://ims", headers=headers)
    return Client(ims, account_id, username, http)


@pytest.fixture
async def client(ims: Context) -> Client:
    return await client_of(ims)


async def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.05)
    return found


# --- counting ---------------------------------------------------------------------------------------------------------


async def test_ends_are_counted_by_cause_once_however_often_they_are_told(client: Client) -> None:
    told = await client.ended("failed", "4001", 7)
    await client.ended("failed", "4001", 2, lane="bulk")
    await client.ended("delivered", "0000", 3)
    await client.ended("failed", "4005", test=True)
    for event in (told, told.model_copy(deep=True)):
        await client.ims.db(routing.outcome, event, world(), price)
    rows = {(State(r.status).name, r.code): r for r in await client.ims.db(digests.rows, client.account_id, TODAY)}
    assert {key: r.total for key, r in rows.items()} == {
        ("accepted", ""): 12, ("delivered", "0000"): 3, ("failed", "4001"): 9,
    }  # fmt: skip
    assert set(rows["failed", "4001"].samples) <= {i.bytes for i in client.ids}
    assert len(rows["failed", "4001"].samples) == 7, "five of each lane at most"
    assert rows["delivered", "0000"].samples == ()


async def test_an_end_counts_on_the_day_of_its_end_in_korea(client: Client) -> None:
    midnight = days.bounds(TODAY)[1]
    await client.ended("failed", "4001", at_ms=midnight - 1)
    await client.ended("failed", "4001", 2, at_ms=midnight)
    counts = [
        sum(r.total for r in await client.ims.db(digests.rows, client.account_id, day) if r.status == State.failed)
        for day in (TODAY - days.DAY, TODAY, TODAY + days.DAY)
    ]
    assert counts == [0, 1, 2]


async def test_ends_at_the_same_moment_are_all_counted(client: Client) -> None:
    await asyncio.gather(*(client.ended("failed", "4001", 3) for _ in range(20)))
    (row,) = [r for r in await client.ims.db(digests.rows, client.account_id, TODAY) if r.status == State.failed]
    assert (row.total, len(row.samples)) == (60, 5)


async def test_the_link_of_a_cause_has_its_messages(client: Client) -> None:
    await client.ended("failed", "4001", 3)
    await client.ended("failed", "4005", 2)
    data = await client.get(f"/v1/digests/{TODAY}")
    app = create_asgi_app("main", str(ROOT / "functions" / "api_report" / "main.py"), "http")  # type: ignore[no-untyped-call]
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://ims", headers=client.http.headers) as http:
        for cause in data["causes"]:
            found = (await http.get(cause["links"]["messages"])).json()["items"]
            assert len(found) == cause["count"]
            assert {s["message_id"] for s in cause["samples"]} == {item["message_id"] for item in found}


# --- growth -----------------------------------------------------------------------------------------------------------


def history(conn: Connection, accounts: range, dates: list[date]) -> None:
    rows = [
        (a, day.isoformat(), 0, status, "mt", code, 1, 5, 1, b"i" * 16 if status > 11 else b"")
        for a in accounts
        for day in dates
        for status, code in ((0, ""), (11, "0000"), (12, "4001"), (12, "4005"), (13, "0301"))
    ]
    columns = "account_id, day, test, status, channel, code, lane, total, since_ms, samples"
    sql.insert_ignore(conn, "results_daily", columns, rows)


async def test_a_digest_costs_the_same_however_long_the_history_is(client: Client) -> None:
    accounts = range(3_000_000, 3_000_100)
    queries = [
        (digests.ROWS, (accounts[50], TODAY)),
        (digests.failing_statement(list(accounts[:20])), (TODAY,)),
    ]

    def measure(conn: Connection, back: range) -> list[int]:
        history(conn, accounts, [TODAY - n * days.DAY for n in back])
        return [read_for(conn, partial(sql.fetch, conn, *query)) for query in queries]

    try:
        short = await client.ims.db(measure, range(2))
        long = await client.ims.db(measure, range(100))
        assert all(much < few + 10 for few, much in zip(short, long, strict=True)), (short, long)
        assert max(short) < 200, short
    finally:
        await client.ims.db(sql.execute, f"DELETE FROM results_daily WHERE account_id>={accounts[0]}")


# --- by e-mail --------------------------------------------------------------------------------------------------------


async def test_the_morning_brings_one_mail_and_later_ticks_none(client: Client, mails: MailServer) -> None:
    await client.wants(language="en")
    await client.ended("failed", "4001", 2)
    for at in (MORNING, MORNING, LAST):
        await run(client.ims, at)
    (taken,) = client.mails(mails)
    mail = message_from_bytes(taken.text, policy=default)
    assert mail["Subject"] == f"[IMS] {TODAY}: 2 messages failed"
    state = await client.state()
    assert state is not None
    assert (state.state, state.tries, state.sent_by) == ("sent", 1, "email")


async def noted(ims: Context) -> int | None:
    """The morning that has succeeded last."""
    return await ims.db(watch.last_beat, "success:digest")


async def test_a_morning_has_succeeded_when_every_account_had_its_turn(
    client: Client, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.wants(email="9904@magic.demo.example")
    await client.ended("failed", "4001")
    await client.ims.db(sql.execute, "DELETE FROM heartbeats WHERE name='success:digest'")
    with monkeypatch.context() as slow:
        slow.setattr(running, "RUN_SECONDS", -1.0)
        await run(client.ims, MORNING)
    assert await noted(client.ims) is None, "it is left for the next tick"

    async def away(_: int) -> None:
        raise Unavailable("MySQL is away")

    with monkeypatch.context() as broken:
        broken.setattr(client.ims.accounts, "by_id", away)
        await run(client.ims, MORNING)
    assert await noted(client.ims) is None, "one account had no turn"
    await run(client.ims, MORNING + 40 * 60_000)
    assert await noted(client.ims) == MORNING, "the morning counts, not the tick"
    await run(client.ims, MORNING - 86_400_000)
    assert await noted(client.ims) == MORNING, "a tick that comes late sets nothing back"


async def test_outside_of_the_morning_nothing_is_sent(client: Client, mails: MailServer) -> None:
    await client.wants()
    await client.ended("failed", "4001")
    for clock in ("00:00:00", "08:29:59", "12:00:00", "23:59:00"):
        await run(client.ims, moment(TODAY + days.DAY, clock))
    assert not client.mails(mails)


async def test_a_day_without_failures_has_a_digest_only_for_those_who_always_want_one(
    ims: Context, mails: MailServer
) -> None:
    quiet, steady, off = await client_of(ims), await client_of(ims), await client_of(ims)
    await quiet.wants()
    await steady.wants(always=True)
    await off.wants(enabled=False)
    for one in (quiet, steady):
        await one.ended("delivered", "0000", 2)
        await one.ended("failed", "4001", test=True)
    await off.ended("failed", "4001")
    await run(ims, MORNING)
    assert [len(one.mails(mails)) for one in (quiet, steady, off)] == [0, 1, 0]
    assert await quiet.state() is None


async def test_many_ticks_at_once_send_each_digest_once(ims: Context, mails: MailServer) -> None:
    clients = [await client_of(ims) for _ in range(12)]
    for one in clients:
        await one.wants()
        await one.ended("failed", "4001")
    others = [Context("digest") for _ in range(2)]
    await asyncio.gather(*(run(each, MORNING) for each in (ims, ims, *others, *others)))
    assert [len(one.mails(mails)) for one in clients] == [1] * len(clients)
    for other in others:
        other.close()


class Replica:
    """In place of the replica: one that stands still, or does not answer."""

    def __init__(self, away: bool) -> None:
        self.away = away

    async def __call__(self, *_: Any) -> tuple[list[int], None]:
        if self.away:
            raise Unavailable("MySQL: away")
        return [], None

    def close(self) -> None:
        """Nothing to close."""


async def test_a_replica_that_stands_still_or_is_away_loses_no_digest(ims: Context, mails: MailServer) -> None:
    behind, without = await client_of(ims), await client_of(ims)
    ims.__dict__["db_replica"] = Replica(away=False)
    for one in (behind, without):
        await one.wants()
    await behind.ended("failed", "4001")
    await run(ims, MORNING)
    assert not behind.mails(mails)
    await run(ims, LAST)
    assert len(behind.mails(mails)) == 1
    ims.__dict__["db_replica"] = Replica(away=True)
    await without.ended("failed", "4001")
    await run(ims, MORNING)
    assert len(without.mails(mails)) == 1


async def test_what_cannot_be_begun_within_its_lease_is_not_begun(
    client: Client, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sink(SECRET) as sink:
        await client.wants(send_by="callback", callback_uri=sink.url)
        await client.ended("failed", "4001")
        monkeypatch.setenv("IMS_DIGEST_LEASE_SECONDS", "0.00001")
        settings.reset()
        await run(client.ims, MORNING)
    state = await client.state()
    assert state is not None
    assert state.state == "failed"
    assert not sink.calls


async def test_a_closed_account_gets_nothing(client: Client, mails: MailServer) -> None:
    await client.wants()
    await client.ended("failed", "4001")
    await client.ims.db(sql.execute, f"UPDATE accounts SET enabled=0 WHERE account_id={client.account_id}")
    await run(client.ims, MORNING)
    assert not client.mails(mails)


async def test_an_address_that_is_refused_for_good_is_not_tried_again(client: Client, mails: MailServer) -> None:
    await client.wants(email="5002@magic.demo.example")
    await client.ended("failed", "4001")
    for _ in range(2):
        await run(client.ims, MORNING)
    state = await client.state()
    assert state is not None
    assert (state.state, state.tries) == ("given_up", 1)
    assert "no such mailbox" in str(state.error)


async def test_a_mail_that_may_have_gone_out_is_sent_again_as_the_same_mail(client: Client, mails: MailServer) -> None:
    await client.wants(email="0300@magic.demo.example")
    await client.ended("failed", "4001")
    before = len(mails.to("0300@magic.demo.example"))
    await run(client.ims, MORNING)
    state = await client.state()
    assert state is not None
    assert state.state == "uncertain"
    await run(client.ims, MORNING)
    sent = [message_from_bytes(m.text, policy=default) for m in mails.to("0300@magic.demo.example")[before:]]
    assert len(sent) == 2
    assert len({mail["Message-ID"] for mail in sent}) == 1


# --- killed in the middle ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def replica(env: dict[str, str]) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx2.AsyncClient]]:
    """The function in a process of its own."""
    port = free_port()
    arguments = ("-m", "shared.runtime", "--function", "digest", "--host", "127.0.0.1", "--port", str(port))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env={**os.environ, **env}, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            await _ready(http)
            yield process, http
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def post_tick(http: httpx2.AsyncClient) -> httpx2.Response:
    """The morning's tick as bridges/cron sends it."""
    headers = dict(tick("digest", datetime.fromtimestamp(MORNING / 1000, UTC)))
    return await http.post("/", headers=headers, content=b"{}")


async def killed_in_the_middle(env: dict[str, str], began: Callable[[], Any]) -> None:
    """A process of its own takes the morning's tick and is killed once `began` says so."""
    async with replica(env) as (process, http):
        posting = asyncio.create_task(post_tick(http))
        await until(began, "the digest to be under way")
        process.kill()
        with pytest.raises(httpx2.TransportError):
            await posting


async def test_two_replicas_with_ticks_at_once_send_each_digest_once(
    servers: Platform, ims: Context, mails: MailServer
) -> None:
    clients = [await client_of(ims) for _ in range(10)]
    for one in clients:
        await one.wants()
        await one.ended("failed", "4001")
    env = environment(servers, mails)
    async with replica(env) as (_, first), replica(env) as (_, second):
        answers = await asyncio.gather(*(post_tick(http) for http in (first, second, second, first)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [len(one.mails(mails)) for one in clients] == [1] * len(clients)


async def _ready(http: httpx2.AsyncClient) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if (await http.get("/readyz")).status_code == 200:
                return
        except httpx2.TransportError:
            await asyncio.sleep(0.05)
    raise AssertionError("the function does not start")


async def test_a_process_killed_before_it_handed_the_mail_over_loses_no_digest(
    servers: Platform, client: Client, mails: MailServer
) -> None:
    await client.wants()
    await client.ended("failed", "4001")
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    env = {**environment(servers, mails), "IMS_SMTP_PORT": str(port), "IMS_DIGEST_LEASE_SECONDS": str(LEASE_S)}
    await killed_in_the_middle(env, asked.is_set)
    listening.close()
    await run(client.ims, MORNING)
    assert not client.mails(mails), "its lease protects it from being sent twice at once"
    await client.lease_ends()
    await run(client.ims, MORNING)
    assert len(client.mails(mails)) == 1
    state = await client.state()
    assert state is not None
    assert (state.state, state.tries) == ("sent", 2)


async def test_a_process_killed_before_it_noted_the_mail_sends_the_same_mail_again(
    servers: Platform, client: Client, mails: MailServer
) -> None:
    slow = "9901@magic.demo.example"
    await client.wants(email=slow)
    await client.ended("failed", "4001")
    env = {**environment(servers, mails), "IMS_DIGEST_LEASE_SECONDS": str(LEASE_S)}
    await killed_in_the_middle(env, lambda: mails.to(slow))
    await client.lease_ends()
    await client.wants(email="ops@acme.example")
    await run(client.ims, MORNING)
    both = [message_from_bytes(mail.text, policy=default)["Message-ID"] for mail in mails.mails]
    assert len(both) == 2
    assert both[0] == both[1]


# --- by callback ------------------------------------------------------------------------------------------------------


async def test_a_callback_is_signed_and_a_refused_one_comes_again_as_the_same(client: Client) -> None:
    with Sink(SECRET) as sink:
        await client.wants(send_by="callback", callback_uri=sink.url)
        await client.ended("failed", "4001", 2)
        sink.status = 500
        await run(client.ims, MORNING)
        state = await client.state()
        assert state is not None
        assert (state.state, state.error) == ("failed", "HTTP 500")
        sink.status = 204
        await run(client.ims, MORNING)
        await run(client.ims, LAST)
    first, second = sink.calls
    assert first.verified
    assert second.verified
    assert (first.type, first.reports) == ("digest.daily", second.reports)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.reports[0]["causes"][0]["count"] == 2
    assert first.reports[0]["causes"][0]["samples"][0]["to"] == "01011112222"


async def test_what_cannot_be_delivered_by_noon_is_given_up(client: Client) -> None:
    with Sink(SECRET) as sink:
        await client.wants(send_by="callback", callback_uri=sink.url)
        await client.ended("failed", "4001")
        sink.status = 503
        for at in (MORNING, LAST, LAST):
            await run(client.ims, at)
    state = await client.state()
    assert state is not None
    assert (state.state, state.tries, len(sink.calls)) == ("given_up", 2, 2)


async def test_a_callback_that_is_gone_is_not_called_again(client: Client) -> None:
    with Sink(SECRET) as sink:
        await client.wants(send_by="callback", callback_uri=sink.url)
        await client.ended("failed", "4001")
        sink.status = 410
        for _ in range(2):
            await run(client.ims, MORNING)
    assert len(sink.calls) == 1


async def test_what_a_morning_left_open_is_closed_on_the_next(client: Client) -> None:
    await client.wants(send_by="callback", callback_uri="http://127.0.0.1:1/")
    await client.ended("failed", "4001")
    await run(client.ims, MORNING)
    state = await client.state()
    assert state is not None
    assert state.state == "uncertain"
    await client.lease_ends()
    await run(client.ims, moment(TODAY + 2 * days.DAY, "08:30:00"))
    state = await client.state()
    assert state is not None
    assert (state.state, state.tries) == ("given_up", 1)


async def test_an_address_inside_is_refused_when_it_is_called_too(client: Client) -> None:
    await client.wants(send_by="callback", callback_uri="http://169.254.169.254/latest/")
    await client.ended("failed", "4001")
    await run(client.ims, LAST)
    state = await client.state()
    assert state is not None
    assert (state.state, state.error) == ("given_up", "this address is not reachable from here")


# --- the API ----------------------------------------------------------------------------------------------------------


async def test_an_account_sees_itself_and_its_choices(client: Client) -> None:
    me = await client.get("/v1/me")
    assert (me["username"], me["key"]) == (client.username, {"kind": "live"})
    assert me["limits"] == {"rate_per_second": None, "daily": None, "in_flight_per_lane": 20_000}
    assert me["digests"] == await client.get("/v1/digests")
    assert me["digests"]["enabled"] is False
    test = await client.http.get("/v1/me", headers={"authorization": f"Bearer ims_test_{client.username}"})
    assert test.json()["key"] == {"kind": "test"}
    assert (await client.http.get("/v1/me", headers={"authorization": "Bearer ims_live_x"})).status_code == 401


async def test_only_what_is_given_changes(client: Client) -> None:
    first = await client.http.put("/v1/digests", json={"email": "ops@acme.example", "always": True})
    assert first.status_code == 200
    second = await client.http.put("/v1/digests", json={"enabled": True, "language": "en"})
    assert second.json() == await client.get("/v1/digests") == {
        "enabled": True, "by": "email", "email": "ops@acme.example", "callback_uri": None, "language": "en",
        "always": True,
    }  # fmt: skip
    assert (await client.http.put("/v1/digests", json={})).json() == second.json()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "a@b\r\nBcc: c@d.example"}, "/email"),
        ({"enabled": True}, "/email"),
        ({"by": "pigeon"}, "/by"),
        ({"language": "fr"}, "/language"),
        ({"callback_uri": "http://169.254.169.254/"}, "/callback_uri"),
        ({"callback_uri": "ftp://acme.example"}, "/callback_uri"),
        ({"colour": "red"}, "/colour"),
        ({"enabled": "yes"}, "/enabled"),
    ],
)
async def test_a_choice_that_leads_nowhere_is_refused(client: Client, change: Json, pointer: str) -> None:
    answer = await client.http.put("/v1/digests", json=change)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await client.get("/v1/digests"))["enabled"] is False


async def test_a_callback_is_needed_for_digests_by_callback(client: Client) -> None:
    answer = await client.http.put("/v1/digests", json={"enabled": True, "by": "callback"})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "no-callback")
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/callback_uri", "required")]
    uri = "http://127.0.0.1:9/"
    await client.ims.db(sql.execute, f"UPDATE accounts SET callback_uri='{uri}' WHERE account_id={client.account_id}")
    assert (await client.http.put("/v1/digests", json={"enabled": True, "by": "callback"})).status_code == 200


async def test_a_digest_shows_the_day_and_how_far_its_sending_is(client: Client, mails: MailServer) -> None:
    await client.wants()
    await client.ended("failed", "4001", 6)
    data = await client.get(f"/v1/digests/{TODAY}")
    assert (data["complete"], data["delivery"], data["totals"]["failed"]) == (False, None, 6)
    assert [len(c["samples"]) for c in data["causes"]] == [5]
    await run(client.ims, MORNING)
    assert (await client.get(f"/v1/digests/{TODAY}"))["delivery"]["state"] == "sent"
    assert (await client.get(f"/v1/digests/{TODAY - days.DAY}"))["totals"]["accepted"] == 0


@pytest.mark.parametrize("day", ["tomorrow", "2026-13-01", "20260101", "1999-01-01", "9999-12-31"])
async def test_there_is_no_digest_of_what_is_no_day(client: Client, day: str) -> None:
    assert (await client.http.get(f"/v1/digests/{day}")).status_code == 404
    assert (await client.http.post(f"/v1/digests/{day}/send")).status_code == 404


async def test_a_digest_is_sent_again_on_demand_as_the_same(client: Client, mails: MailServer) -> None:
    yesterday = TODAY - days.DAY
    await client.wants(enabled=False)
    await client.ended("failed", "4001", at_ms=days.bounds(TODAY)[0] - 1)
    for tries in (1, 2):
        answer = await client.http.post(f"/v1/digests/{yesterday}/send")
        assert answer.status_code == 200, answer.text
        assert answer.json()["delivery"]["tries"] == tries
        assert answer.json()["delivery"]["state"] == "sent"
        await client.age(digests.AGAIN_MS)
    first, second = (message_from_bytes(m.text, policy=default) for m in client.mails(mails))
    assert first["Message-ID"] == second["Message-ID"]


async def test_of_many_that_are_asked_for_one_in_ten_minutes_is_sent(client: Client, mails: MailServer) -> None:
    await client.wants()
    dates = [TODAY - n * days.DAY for n in range(1, 7)]
    answers = await asyncio.gather(*(client.http.post(f"/v1/digests/{day}/send") for day in dates))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(client.mails(mails)), len(refused)) == (1, 5)
    for answer in refused:
        assert answer.json()["type"].rpartition("/")[2] == "sent-lately"
        assert 1 <= int(answer.headers["retry-after"]) <= 600
    await client.age(digests.AGAIN_MS - 60_000)
    waiting = await client.http.post(f"/v1/digests/{dates[0]}/send")
    assert (waiting.status_code, int(waiting.headers["retry-after"]) <= 60) == (429, True)
    await client.age(60_000)
    assert (await client.http.post(f"/v1/digests/{dates[0]}/send")).status_code == 200


async def test_what_failed_may_be_asked_for_again_at_once(client: Client, mails: MailServer) -> None:
    path = f"/v1/digests/{TODAY - days.DAY}/send"
    with Sink(SECRET) as sink:
        await client.wants(send_by="callback", callback_uri=sink.url)
        sink.status = 500
        assert (await client.http.post(path)).json()["delivery"]["state"] == "failed"
    await client.wants()
    assert (await client.http.post(path)).json()["delivery"]["state"] == "sent"


async def test_a_day_that_is_not_over_is_not_sent(client: Client, mails: MailServer) -> None:
    await client.wants()
    answer = await client.http.post(f"/v1/digests/{TODAY}/send")
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "not-over")
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/date", "range")]


async def test_a_digest_that_is_being_sent_is_not_sent_beside_it(client: Client, mails: MailServer) -> None:
    await client.wants()
    yesterday = TODAY - days.DAY
    held = digests.Claim(client.account_id, yesterday, os.urandom(8), 0, now_ms() + 60_000)
    assert await client.ims.db(digests.claim, held, now_ms())
    answer = await client.http.post(f"/v1/digests/{yesterday}/send")
    assert (answer.status_code, answer.json()["delivery"]["state"]) == (202, "sending")
    assert not client.mails(mails)
