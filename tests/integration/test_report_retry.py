"""The report and its retries on real servers (Kafka, MySQL, Redis single and cluster) and in our real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise, permutations
from statistics import median
from typing import Any
from uuid import UUID

import pymysql
import pytest
from redis import Redis
from redis.cluster import RedisCluster
from standardwebhooks import Webhook

from local import plan
from local.testing import Platform
from shared.domain.events import Attempt, Finished, Report
from shared.domain.ids import message_id
from shared.domain.retry import report_delay_s
from shared.reports import units
from shared.reports.desk import claims, due_set
from shared.reports.units import Unit
from shared.runtime.breaker import CACHE_S, Breakers
from shared.runtime.bus import Bus
from shared.runtime.clock import iso, new_request_id, now_ms
from shared.runtime.mysql import Database
from shared.runtime.redis import RedisClients
from shared.runtime.settings import KafkaSettings, RedisSettings, ReportSettings
from shared.stores import reports as store
from shared.stores.accounts import Account
from tests.ports import running
from tests.spawned import Spawned, spawn

UNIT_S = 0.1
PATIENCE_S = 120.0
"""A machine may stall; a wait that ends early is none the shorter for it."""
OFFSET = 10_700
LANE = "realtime"


class Sink:
    """A client's callback that verifies signatures; `status` is what it answers."""

    def __init__(self, secret: str) -> None:
        self.status, self.delay_s = 200, 0.0
        self.calls: list[tuple[float, dict[str, str], list[dict[str, Any]]]] = []
        self.types: list[str] = []
        sink, webhook = self, Webhook(secret)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {k.lower(): v for k, v in self.headers.items()}
                content = webhook.verify(body, headers)
                data = content["data"]
                sink.types.append(content["type"])
                sink.calls.append((time.time(), headers, data.get("reports", [data])))
                time.sleep(sink.delay_s)
                self.send_response(sink.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/reports"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def calls_by_message(self) -> dict[str, list[tuple[float, dict[str, str]]]]:
        """When and with which headers each message was reported."""
        found: dict[str, list[tuple[float, dict[str, str]]]] = defaultdict(list)
        for at, headers, reports in list(self.calls):
            for report in reports:
                found[report["message_id"]].append((at, headers))
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Road:
    """The servers of a platform, and the processes between `ims.finished` and the callback."""

    def __init__(self, platform: Platform, cluster: bool) -> None:
        self.platform, self.cluster, self.offset = platform, cluster, platform.options.ports.offset
        demo = platform.demo
        self.secret = demo["webhook_secret"]
        own = {
            "IMS_KAFKA_BOOTSTRAP": demo["kafka"],
            "IMS_MYSQL_URL": demo["mysql"],
            "IMS_REDIS_URL": demo["redis"].removesuffix("/0"),
            "IMS_REDIS_CLUSTER": "1" if cluster else "0",
            "IMS_RETRY_UNIT_SECONDS": str(UNIT_S),
            "IMS_RECONCILE_SECONDS": "1",
            "IMS_REPORT_GRACE_SECONDS": "2",
            "IMS_PORT_OFFSET": str(self.offset),
            "IMS_KEY_CACHE_SECONDS": "0.2",
        }
        outside = {k: v for k, v in os.environ.items() if not k.startswith("IMS_")}
        self.env = {**outside, **plan.addresses(platform.options), **own}
        self.processes: dict[str, Spawned] = {}
        self.bus = Bus(KafkaSettings(kafka_bootstrap=demo["kafka"]), "/test")
        self.account_id = self.sql("SELECT account_id FROM accounts WHERE username='demo'")[0][0]

    def start(self, name: str) -> None:
        """Start one process, and wait until it is ready."""
        function = ("shared.runtime", "--host", "127.0.0.1", "--function")
        arguments, port, path = {
            "report": ((*function, "report"), 41141, "/readyz"),
            "report_retry": ((*function, "report_retry"), 41161, "/readyz"),
            "store": ((*function, "store"), 41181, "/readyz"),
            "sources": (
                ("bridges.kafka_source", "--source", "report-finished-realtime", "--source", "store"),
                41041,
                "/healthz",
            ),
            "redis_expiry": (("bridges.redis_expiry",), 41043, "/healthz"),
        }[name]
        log = self.platform.home.path / f"{name}.log"
        self.processes[name] = spawn(arguments, self.env, log, path, port + self.offset)

    def kill(self, name: str) -> None:
        """SIGKILL, and a fresh start."""
        self.processes[name].process.kill()
        self.processes[name].process.wait()
        self.start(name)

    def stop(self) -> None:
        for one in self.processes.values():
            one.process.terminate()
        for one in self.processes.values():
            assert one.process.wait(30) in (0, -signal.SIGTERM), "a process did not drain"

    def sql(self, statement: str, *args: Any) -> Any:
        from urllib.parse import urlsplit

        url = urlsplit(self.platform.root_mysql)
        conn = pymysql.connect(
            host=url.hostname, port=url.port or 0, user=url.username, password=url.password or "", database="ims"
        )
        with conn, conn.cursor() as cursor:
            cursor.execute(statement, args)
            conn.commit()
            return cursor.fetchall()

    def callbacks(self, batch: int) -> None:
        """The account's batch size."""
        self.sql("UPDATE accounts SET callback_batch=%s WHERE account_id=%s", batch, self.account_id)
        time.sleep(0.3)

    def finish(
        self, count: int, url: str, replay: str | None = None, again: list[Report] | None = None
    ) -> list[Report]:
        """Publish that messages of one request have ended."""
        request = new_request_id()
        reports = again or [self._report(request, i, url) for i in range(1, count + 1)]
        if not again:
            self._insert(reports)
        for i in range(0, len(reports), 250):
            asyncio.run(self.bus.publish([Finished(lane=LANE, reports=reports[i : i + 250], replay=replay)]))
        return reports

    def _report(self, request: UUID, index: int, url: str) -> Report:
        now = iso(now_ms())
        data = {
            "message_id": str(message_id(request, index, LANE)), "request_id": str(request), "username": "demo",
            "channel": "mt", "type": "sms", "to": "01012345678", "status": "delivered", "code": "0000",
            "detail": "delivered", "hops": [], "price": "8.40", "currency": "KRW", "finished_at": now,
        }  # fmt: skip
        return Report(account_id=self.account_id, username="demo", callback_uri=url, data=data)

    def _insert(self, reports: list[Report]) -> None:
        rows = ",".join(
            f"(0x{UUID(r.data['message_id']).hex}, {self.account_id}, '01012345678', 'sms', 11, 'mt')" for r in reports
        )
        self.sql(f"INSERT INTO messages (message_id, account_id, recipient, type, status, channel) VALUES {rows}")

    def redis(self, db: int) -> Any:
        url = self.env["IMS_REDIS_URL"]
        return RedisCluster.from_url(url) if self.cluster else Redis.from_url(f"{url}/{db}")

    def keys(self, db: int) -> set[str]:
        """The report keys of db0 or db1 (without a cluster's prefixes)."""
        prefix = {0: "report:", 1: "timer:"}[db] if self.cluster else ""
        found = [k.decode() for k in self.redis(db).scan_iter(f"{prefix}*", 1000)]
        return {k.split(":", 2)[2] if self.cluster else k for k in found}

    def lose_redis(self) -> None:
        """Everything in Redis is gone."""
        client = self.redis(0)
        client.flushall(target_nodes=RedisCluster.PRIMARIES) if self.cluster else client.flushall()


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + max(seconds, PATIENCE_S)
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module", params=["single", "cluster"])
def road(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    cluster = request.param == "cluster"
    shape = {"IMS_REDIS_CLUSTER": "1"} if cluster else {}
    with running(tmp_path_factory.mktemp("platform"), shape, OFFSET, servers_only=True) as platform:
        road = Road(platform, cluster)
        for name in ("report", "report_retry", "store", "sources", "redis_expiry"):
            road.start(name)
        yield road
        road.stop()
        road.bus.close()


@pytest.fixture
def sink(road: Road) -> Iterator[Sink]:
    sink = Sink(road.secret)
    yield sink
    sink.close()
    road.lose_redis()
    road.sql("DELETE FROM reports")


def keys_of(reports: list[Report]) -> set[str]:
    return {f"demo:mt:{r.data['message_id']}" for r in reports}


def reported(road: Road, reports: list[Report]) -> int:
    ids = ",".join(f"0x{UUID(r.data['message_id']).hex}" for r in reports)
    return int(road.sql(f"SELECT COUNT(*) FROM messages WHERE message_id IN ({ids}) AND reported_ms IS NOT NULL")[0][0])


def test_a_report_goes_out_once_signed_and_is_noted(road: Road, sink: Sink) -> None:
    road.callbacks(1)
    reports = road.finish(20, sink.url)
    wait_until(lambda: reported(road, reports) == 20, 20, "the reports to be stored")
    road.finish(0, sink.url, again=reports)
    time.sleep(1)
    assert {m: len(c) for m, c in sink.calls_by_message().items()} == {r.data["message_id"]: 1 for r in reports}
    assert all(h["webhook-id"] == d[0]["message_id"] for _, h, d in sink.calls)
    assert road.keys(0) == road.keys(1) == set()


def test_all_retries_come_at_their_time_and_then_the_key_leaves_db0(road: Road, sink: Sink) -> None:
    road.callbacks(1)
    sink.status = 500
    reports = road.finish(3, sink.url)
    wait_until(lambda: road.keys(0) == keys_of(reports), 10, "db0 to hold the reports")
    key = next(iter(keys_of(reports)))
    if not road.cluster:
        assert json.loads(road.redis(0).get(key))["message_id"] in key
        assert road.redis(1).get(key) in (b"", None)
    wait_until(lambda: len(sink.calls) >= 33, 60, "eleven tries of each")
    wait_until(lambda: road.keys(0) == road.keys(1) == set(), 5, "db0 and db1 to be empty")
    lateness = []
    for calls in sink.calls_by_message().values():
        assert [int(h["ims-attempt"]) for _, h in calls] == list(range(1, 12))
        for n, ((before, _), (after, _)) in enumerate(pairwise(calls), 1):
            late_s = after - before - (report_delay_s(n, UNIT_S) or 0)
            assert late_s > -0.05, f"retry {n} came {-late_s:.2f} s early"
            lateness.append(late_s)
    assert median(lateness) < 1.0, "a stall of the machine delays a few of them, not most"
    wait_until(lambda: road.sql("SELECT COUNT(*) FROM reports WHERE state='exhausted'")[0][0] == 3, 10, "the rows")
    tries = road.sql("SELECT attempt, COUNT(*) FROM attempts WHERE webhook_id=%s GROUP BY attempt", key[-36:])
    assert sorted(tries) == [(n, 1) for n in range(1, 12)]

    sink.status = 200
    road.finish(0, sink.url, replay="again", again=reports)
    wait_until(lambda: reported(road, reports) == 3, 10, "the replay")
    wait_until(lambda: road.sql("SELECT COUNT(*) FROM reports")[0][0] == 0, 10, "the rows to go")
    assert len(sink.calls) == 36


def test_a_batch_is_retried_as_the_same_unit_until_it_is_taken(road: Road, sink: Sink) -> None:
    road.callbacks(50)
    sink.status = 503
    reports = road.finish(120, sink.url)
    wait_until(lambda: road.keys(0) == keys_of(reports), 10, "a key for each message in db0")
    wait_until(lambda: len(sink.calls) >= 6, 10, "a retry")
    sink.status = 200
    wait_until(lambda: reported(road, reports) == 120, 30, "all reports")
    units: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for _, headers, members in sink.calls:
        units[headers["webhook-id"]].add(tuple(m["message_id"] for m in members))
    assert all(len(bodies) == 1 for bodies in units.values())
    assert sorted(len(next(iter(bodies))) for bodies in units.values()) == [20, 50, 50]
    wait_until(lambda: road.keys(0) == road.keys(1) == set(), 5, "db0 and db1 to be empty")


def test_a_lone_report_of_a_batching_account_is_plural_on_every_try(road: Road, sink: Sink) -> None:
    road.callbacks(50)
    sink.status = 503
    reports = road.finish(1, sink.url)
    wait_until(lambda: len(sink.calls) >= 2, 10, "a retry")
    wait_until(lambda: road.sql("SELECT COUNT(*) FROM reports")[0][0] == 1, 10, "the row")
    road.lose_redis()
    tried = len(sink.calls)
    wait_until(lambda: len(sink.calls) > tried, 20, "a retry after the rebuild")
    sink.status = 200
    wait_until(lambda: reported(road, reports) == 1, 30, "the report")
    tried = len(sink.calls)
    road.finish(0, sink.url, replay="again", again=reports)
    wait_until(lambda: len(sink.calls) > tried, 10, "the replay")
    assert set(sink.types) == {"messages.finished"}
    assert {h["webhook-id"] for _, h, _ in sink.calls} == {reports[0].data["message_id"]}


def test_what_waits_comes_in_the_form_of_the_batch_size_that_was_set_meanwhile(road: Road, sink: Sink) -> None:
    road.callbacks(50)
    sink.status = 503
    one, many = road.finish(1, sink.url), road.finish(3, sink.url)
    wait_until(lambda: len(sink.calls) >= 4, 10, "a retry of each")
    assert set(sink.types) == {"messages.finished"}
    road.callbacks(1)
    sink.status = 200
    wait_until(lambda: reported(road, one + many) == 4, 30, "all reports")
    last = {
        headers["webhook-id"]: (form, len(members))
        for form, (_, headers, members) in zip(sink.types, sink.calls, strict=True)
    }
    assert sorted(last.values()) == [
        ("message.finished", 1),
        ("messages.finished", 3),
    ]
    assert len({h["webhook-id"] for _, h, _ in sink.calls}) == 2


def test_reports_survive_the_loss_of_redis(road: Road, sink: Sink) -> None:
    road.callbacks(1)
    sink.status = 500
    reports = road.finish(30, sink.url)
    wait_until(lambda: len(sink.calls) >= 60, 20, "a retry of each")
    wait_until(lambda: road.sql("SELECT COUNT(*) FROM reports")[0][0] == 30, 10, "the rows")
    road.lose_redis()
    wait_until(lambda: road.keys(0) == keys_of(reports), 10, "the rebuild")
    sink.status = 200
    wait_until(lambda: reported(road, reports) == 30, 30, "all reports")
    assert set(sink.calls_by_message()) == {r.data["message_id"] for r in reports}


@pytest.mark.parametrize("name", ["report", "report_retry", "redis_expiry"])
def test_killing_a_process_loses_no_report(road: Road, sink: Sink, name: str) -> None:
    road.callbacks(1)
    sink.status = 500
    reports = road.finish(200, sink.url)
    time.sleep(0.3)
    road.kill(name)
    time.sleep(0.5)
    sink.status = 200
    wait_until(lambda: reported(road, reports) == 200, 60, "all reports")


def test_a_slow_client_does_not_delay_another(road: Road, sink: Sink) -> None:
    road.callbacks(1)
    slow = Sink(road.secret)
    slow.delay_s = 4.5
    road.finish(100, slow.url)
    time.sleep(1.2)
    reports = road.finish(50, sink.url)
    wait_until(lambda: len(sink.calls) == 50, 10, "the fast client's reports")
    assert len(slow.calls_by_message()) < 100, "the fast client waited for the slow one"
    assert set(sink.calls_by_message()) == {r.data["message_id"] for r in reports}
    slow.delay_s = 0.0
    wait_until(lambda: len(slow.calls_by_message()) == 100, 30, "the slow client's reports")
    slow.close()


def test_an_url_that_is_gone_is_not_called_again_until_it_takes_a_replay(road: Road, sink: Sink) -> None:
    road.callbacks(1)
    sink.status = 410
    first = road.finish(1, sink.url)
    wait_until(lambda: road.sql("SELECT COUNT(*) FROM reports WHERE state='disabled'")[0][0] == 1, 10, "the row")
    time.sleep(1.1)
    second = road.finish(1, sink.url)
    wait_until(lambda: road.sql("SELECT COUNT(*) FROM reports WHERE state='disabled'")[0][0] == 2, 10, "the row")
    assert len(sink.calls) == 1
    sink.status = 200
    road.finish(0, sink.url, replay="gone", again=[*first, *second])
    wait_until(lambda: reported(road, [*first, *second]) == 2, 10, "the replay")


def test_a_410_whose_process_died_before_it_was_told_is_told_when_the_event_comes_again(road: Road, sink: Sink) -> None:
    def disabled() -> Any:
        return road.sql("SELECT last_status, tries FROM reports WHERE state='disabled' ORDER BY message_id")

    road.callbacks(1)
    sink.status = 410
    reports = road.finish(1, sink.url)
    wait_until(lambda: len(disabled()) == 1, 10, "the row")
    reports += road.finish(1, sink.url)
    wait_until(lambda: len(disabled()) == 2, 10, "the row of the report that was not even sent")
    before = disabled()
    road.sql("DELETE FROM reports")
    road.finish(0, sink.url, again=reports)
    wait_until(lambda: len(disabled()) == 2, 10, "the rows to come back")
    assert disabled() == before
    assert len(sink.calls) == 1


def clients(road: Road) -> RedisClients:
    """Our clients, for tests of single parts."""
    return RedisClients(redis_settings(road))


def redis_settings(road: Road) -> RedisSettings:
    return RedisSettings(redis_url=road.env["IMS_REDIS_URL"], redis_cluster=road.cluster)


def a_unit(road: Road, count: int = 1) -> Unit:
    request = new_request_id()
    reports = [road._report(request, i, "http://127.0.0.1:1/") for i in range(1, count + 1)]
    account = Account(road.account_id, "demo", True, None, True, 500, (), 1, None, None, frozenset())
    (unit,), _ = units.plan(reports, {road.account_id: account})
    return unit


def test_of_many_claims_at_once_one_gets_the_unit(road: Road, sink: Sink) -> None:
    async def race() -> list[int]:
        unit, now = a_unit(road, 3), now_ms()
        sets = [due_set(clients(road), ReportSettings()) for _ in range(8)]
        await sets[0].add([unit], [now + 60_000], now)
        assert await sets[0].claim(unit.keys, now) == []
        later = now + 60_000
        return [len(c) for c in await asyncio.gather(*(s.claim(unit.keys, later) for s in sets))]

    assert sorted(asyncio.run(race())) == [0] * 7 + [1]


def put(road: Road, url: str, count: int, due_ms: int) -> list[Unit]:
    """Units of one report each that failed once and wait until then."""
    account = Account(road.account_id, "demo", True, None, True, 1, (), 1, None, None, frozenset())
    reports = [road._report(new_request_id(), 1, url) for _ in range(count)]
    made, _ = units.plan(reports, {road.account_id: account})
    for unit in made:
        unit.tries, unit.since_ms = 1, now_ms()

    async def add() -> None:
        due = due_set(clients(road), ReportSettings())
        await due.ready()
        await due.add(made, [due_ms] * count, now_ms())

    asyncio.run(add())
    return made


def test_what_waits_for_one_host_is_brought_forward_untouched_and_nothing_else(road: Road, sink: Sink) -> None:
    async def life() -> tuple[list[int], dict[str, tuple[int, int]], int]:
        due, now = due_set(clients(road), ReportSettings()), now_ms()
        await due.ready()
        ((held, _),) = await due.claim([claimed.lead], now + 3_600_000)
        found = [await due.hurry("one.example:443", 10, now)]
        while found[-1]:
            found.append(await due.hurry("one.example:443", 1000, now))
        waiting = await due.waiting([u.lead for u in [*ours, *others, claimed]])
        await due.again([held], [now + 7_200_000], now)
        back = await due.hurry("one.example:443", 10, now)
        return found, {u.lead: (u.tries, at - now) for u, at in waiting}, back

    far = now_ms() + 3_600_000
    ours, others = put(road, "https://one.example/a", 60, far), put(road, "https://two.example/a", 5, far)
    (claimed,) = put(road, "https://one.example/b", 1, far)
    found, waiting, back = asyncio.run(life())
    assert 0 < found[0] <= 16, "a bite is no larger than asked for, or one of each shard of a cluster"
    assert {waiting[u.lead] for u in ours} == {(1, 0)}
    assert all(waiting[u.lead][1] > 3_000_000 for u in [*others, claimed])
    assert back == 1, "what was claimed waits for its host again when it is put back"


@pytest.mark.parametrize("killed", [False, True])
def test_a_retry_that_a_host_takes_brings_forward_all_that_waits_for_it(road: Road, sink: Sink, killed: bool) -> None:
    road.callbacks(1)
    other = Sink(road.secret)
    far = now_ms() + 3_600_000
    ours, theirs = put(road, sink.url, 300, far), put(road, other.url, 5, far)
    sink.delay_s = 0.05
    put(road, sink.url, 1, now_ms())
    wait_until(lambda: len(sink.calls) > 20, 30, "the first of them")
    if killed:
        road.kill("report_retry")
        put(road, sink.url, 1, now_ms())
    wait_until(lambda: sink.calls_by_message().keys() >= {u.webhook_id for u in ours}, 60, "all of them")
    assert {int(h["ims-attempt"]) for _, h, _ in sink.calls} == {2}, "nothing counted but the calls that were made"
    if not killed:
        assert max(len(calls) for calls in sink.calls_by_message().values()) == 1
    assert not other.calls, "another host's reports keep their time"
    assert road.keys(0) >= {u.lead for u in theirs}
    other.close()


def test_who_comes_back_after_its_lease_changes_nothing(road: Road, sink: Sink) -> None:
    async def late() -> int:
        unit, now = a_unit(road), now_ms()
        due = due_set(clients(road), ReportSettings())
        await due.add([unit], [now + 60_000], now)
        ((slow, _),) = await due.claim(unit.keys, now + 60_000)
        ((quick, _),) = await due.claim(unit.keys, now + 90_000)
        quick.tries = 5
        await due.again([quick], [now + 100_000], now)
        await due.again([slow], [now + 200_000], now)
        ((_, at),) = await due.waiting([unit.lead])
        return at - now

    assert asyncio.run(late()) == 100_000


def test_a_first_report_is_claimed_by_one_and_remembered(road: Road, sink: Sink) -> None:
    async def race() -> tuple[list[str], list[str], list[str]]:
        ids = [str(message_id(new_request_id(), 1, LANE)) for _ in range(20)]
        sets = [claims(clients(road), ReportSettings()) for _ in range(4)]
        said = await asyncio.gather(*(c.claim(ids, now_ms()) for c in sets))
        first = [*map(sorted, zip(*(s.values() for s in said), strict=True))]
        await sets[0].note(dict.fromkeys(ids, "200"), now_ms())
        again = await sets[1].claim(ids, now_ms())
        replayed = await sets[1].claim(ids, now_ms(), b"a-replay")
        assert all(one == ["BSY", "BSY", "BSY", "NEW"] for one in first)
        return list(again.values()), list(replayed.values()), ids

    again, replayed, _ = asyncio.run(race())
    assert set(again) == {"200"}
    assert set(replayed) == {"NEW"}


def test_a_breaker_opens_for_all_replicas_and_closes_when_its_probe_succeeds(road: Road, sink: Sink) -> None:
    async def life() -> None:
        one, other = (Breakers(clients(road), "test", reset_s=8, settings=redis_settings(road)) for _ in range(2))
        name = f"host-{os.urandom(4).hex()}"
        assert await one.allows(name)
        await one.record(name, ok=20, failed=49)
        await one.flush()
        await asyncio.sleep(CACHE_S + 0.2)
        assert not await one.allows(name)
        assert not await other.allows(name)
        assert other.retry_at(name, now_ms()) > now_ms()
        await asyncio.sleep(8.3)
        assert [await one.allows(name), await other.allows(name)] == [True, False], "one probe"
        await one.record(name, ok=1)
        await one.flush()
        await asyncio.sleep(CACHE_S + 0.2)
        assert await one.allows(name)
        assert await other.allows(name)

    asyncio.run(life())


def test_tries_may_be_told_in_any_order_and_more_than_once(road: Road, sink: Sink) -> None:
    unit = a_unit(road, 2)
    road._insert([Report(account_id=1, username="demo", callback_uri="", data=json.loads(d)) for d in unit.data])
    told: list[Attempt] = []
    for n, (outcome, due) in enumerate([("failed", 160), ("failed", 220), ("delivered", None)], 1):
        unit.tries, unit.since_ms = n, 100
        told += units.attempts([units.Try(unit, outcome, 100 * n, due, 200 if due is None else 500)])  # type: ignore[arg-type]
    database = Database(road.env["IMS_MYSQL_URL"])
    for order in permutations(told):
        road.sql("DELETE FROM reports")
        road.sql("UPDATE messages SET reported_ms=NULL, report_tries=0, report_status=NULL")
        database.run(store.save_attempts, [order[0]])
        database.run(store.save_attempts, [*order[1:], order[0]])
        assert road.sql("SELECT COUNT(*) FROM reports")[0][0] == 0
        assert reported(road, [Report(account_id=1, username="", callback_uri="", data=json.loads(unit.data[0]))]) == 1
    database.run(store.save_attempts, told[:2])
    tries = road.sql("SELECT attempt, outcome FROM attempts WHERE webhook_id=%s ORDER BY attempt", unit.webhook_id)
    assert tries == ((1, "failed"), (2, "failed"), (3, "delivered"))
    database.close()
