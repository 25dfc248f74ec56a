"""Watch on real servers that are stopped and started: what it tells, to whom, how often, and what is left untold."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pymysql
import pytest
import redis
from kafka import KafkaProducer

from local import seed
from local.servers import mysql
from local.testing import Platform
from shared.domain.events import Tick
from shared.domain.ids import Lane, message_id
from shared.reports.keys import SHARDS
from shared.runtime import clock
from shared.runtime.mysql import Database
from shared.stores import due
from shared.stores import watch as store
from shared.watch.checks import work
from tests.ports import running
from tests.road import sql, until
from tests.spawned import Spawned, spawn

OFFSET = 8700
TO, SENDER = "01055550000", "0215441234"
QUIET = "ImsExpiryDown=1,ImsRedisIncomplete=16,ImsScheduleNotTicking=1e12"
"""No bridge and no schedule run here."""
SHARP = "ImsBacklogStuck=0,ImsMysqlLongTransaction=1,ImsMysqlReplicaLate=1,ImsMysqlReplicaBroken=1e12"
TURN_S = 12.0
LONG_AGO_MS = 3_600_000


class Place:
    """Servers, the simulator, and as many processes of watch as a test wants."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self.platform, self.folder = platform, folder
        self.started: list[Spawned] = []
        self.watches: list[Watch] = []
        secrets = {"IMS_SIM_SECRETS": seed.simulator_secrets(platform.options)}
        self.http = httpx2.Client(timeout=60, trust_env=False)
        self.simulator = self.run(["simulator"], secrets, "/healthz").url

    def run(self, arguments: list[str], env: dict[str, str], path: str) -> Spawned:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("IMS_")}
        made = spawn(arguments, {**clean, **env}, self.folder / f"{arguments[0]}-{len(self.started)}.log", path)
        self.started.append(made)
        return made

    def watch(self, **more: str) -> Watch:
        demo, options = self.platform.demo, self.platform.options
        env = {
            "IMS_ENV": "test",
            "IMS_KAFKA_BOOTSTRAP": demo["kafka"],
            "IMS_MYSQL_URL": demo["mysql"],
            "IMS_MYSQL_REPLICA_URL": demo["mysql_replica"],
            "IMS_REDIS_URL": demo["redis"].rpartition("/")[0],
            "IMS_WATCH_MYSQL_URL": mysql.url(options, "ims_watch", options.home.secret("mysql_watch")).removesuffix(
                "/ims"
            ),
            "IMS_SLACK_WEBHOOK_URL": f"{self.simulator}/slack/services/T0/B0/secret",
            "IMS_WATCH_SMS_VENDOR": "solapi",
            "IMS_WATCH_SMS_URL": f"{self.simulator}/vendors/solapi",
            "IMS_WATCH_SMS_SETTINGS": json.dumps(seed.vendor_settings(options, "solapi", "test")),
            "IMS_WATCH_SMS_SENDER": SENDER,
            "IMS_WATCH_SMS_RECIPIENTS": TO,
            "IMS_WATCH_WAIT_SCALE": "0",
            "IMS_WATCH_CALM_SECONDS": "0",
            "IMS_WATCH_TURN_SECONDS": str(TURN_S),
            "IMS_WATCH_THRESHOLDS": f"{QUIET},{SHARP}",
            **more,
        }
        one = self.run(["shared.runtime", "--function", "watch", "--host", "127.0.0.1"], env, "/readyz")
        made = Watch(one.url, one.process, self.http)
        self.watches.append(made)
        return made

    def slack(self, name: str = "Ims") -> list[str]:
        """The texts that came to Slack about an alarm."""
        items = self.http.get(f"{self.simulator}/slack").json()["items"]
        texts = ["\n".join(b["text"]["text"] for b in i["message"].get("blocks", [])) for i in items]
        return [text for text in texts if name in text]

    def sms(self, name: str = "Ims") -> list[str]:
        items = self.http.get(f"{self.simulator}/received", params={"to": TO}).json()["items"]
        return [i["text"] for i in items if name in i["text"]]

    def behave(self, slack: dict[str, Any] | None = None, vendor_down: bool = False) -> None:
        self.http.put(f"{self.simulator}/slack", json=slack or {}).raise_for_status()
        down = {"vendor": "solapi", "down": vendor_down}
        self.http.put(f"{self.simulator}/behaviour", json=down).raise_for_status()

    def pair(self) -> list[Watch]:
        """Two processes, which all tests share."""
        while len(self.watches) < 2:
            self.watch()
            until(lambda: not self.watches[-1].status()["failed"], "Kafka's first coordinator")
        return self.watches[:2]

    def forget(self) -> None:
        """No messages, no alarms, good behaviour; a newer state than any process remembers."""
        self.behave()
        self.http.delete(f"{self.simulator}/slack")
        self.http.delete(f"{self.simulator}/received")
        for statement in ("DELETE FROM alarms", "DELETE FROM alarm_mutes", "DELETE FROM due"):
            sql(self.platform, statement)
        newer = "UPDATE watch_state SET version=%s, marks='{}', lease_until_ms=0"
        sql(self.platform, newer, int(time.time() * 1000) + 1)
        self.redis().delete("watch:state", "watch:turn")

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.platform.demo["redis"].rpartition("/")[0] + "/2")

    def close(self) -> None:
        for one in self.started:
            one.process.kill()
            one.process.wait()
        self.http.close()


class Watch:
    """One process of watch."""

    def __init__(self, url: str, process: subprocess.Popen[bytes], http: httpx2.Client) -> None:
        self.url, self.process, self._http = url, process, http

    def tick(self) -> int:
        headers = {
            "ce-specversion": "1.0", "ce-id": uuid4().hex, "ce-type": Tick.TYPE, "ce-source": "/test",
            "content-type": "application/json",
        }  # fmt: skip
        return self._http.post(self.url, headers=headers, content=b"{}").status_code

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self._http.get(f"{self.url}/status").json()
        return found

    def findings(self, name: str) -> list[dict[str, Any]]:
        return [f for f in self.status()["findings"] if f["name"] == name]

    def measured(self, series: str) -> list[float]:
        """The value of a series of its /metrics; empty when it is not there."""
        lines = self._http.get(f"{self.url}/metrics").text.splitlines()
        return [float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} ")]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    shape = {"IMS_MYSQL_REPLICA": "1"}
    with running(tmp_path_factory.mktemp("platform"), shape, OFFSET, servers_only=True) as made:
        yield made


@pytest.fixture(scope="module")
def everywhere(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(platform, tmp_path_factory.mktemp("watch"))
    yield made
    made.close()


@pytest.fixture
def place(everywhere: Place) -> Place:
    everywhere.platform.wait_healthy()
    everywhere.pair()
    everywhere.forget()
    return everywhere


def told_ends(place: Place, alarm: str) -> list[bool]:
    """For each message about an alarm whether it tells its end."""
    return [f"resolved: *{alarm}*" in text for text in place.slack(alarm)]


def test_while_all_is_well_nobody_is_told(place: Place) -> None:
    watch, _ = place.pair()
    assert [watch.tick() for _ in range(3)] == [200] * 3
    status = watch.status()
    assert status["failed"] == {}
    assert status["findings"] == []
    assert place.slack() == []
    assert place.sms() == []


def test_a_tick_that_has_ended_is_shown_to_prometheus(place: Place) -> None:
    watch, _ = place.pair()
    began = int(time.time() * 1000) / 1000
    assert watch.tick() == 200
    (shown,) = watch.measured('ims_last_success_timestamp_seconds{task="watch"}')
    assert began <= shown <= time.time()
    assert watch.measured('ims_digests_unsent{state="waiting"}') == [0]
    with place.platform.stopped("mysql", kill=True):
        assert watch.tick() == 200, "it tells of MySQL's outage"
        assert watch.measured('ims_last_success_timestamp_seconds{task="watch"}') == [shown], "a moment grows old"


@pytest.mark.parametrize(
    ("server", "alarm"),
    [("redis", "ImsRedisDown"), ("mysql", "ImsMysqlDown"), ("kafka", "ImsKafkaRefusing")],
)
def test_a_server_that_is_down_is_told_once_by_slack_and_sms_and_its_return_too(
    place: Place, server: str, alarm: str
) -> None:
    one, other = place.pair()
    one.tick()
    with place.platform.stopped(server, kill=True):
        one.tick()
        assert len(place.slack(alarm)) == len(place.sms(alarm)) == 1
        for watch in (other, one, other):
            assert watch.tick() == 200
        assert len(place.slack(alarm)) == len(place.sms(alarm)) == 1, "the state outlives the server that is down"
    until(lambda: not one.findings(alarm), f"{server} to be well")
    for watch in (one, other, one):
        watch.tick()
    assert told_ends(place, alarm) == [False, True]
    assert len(place.sms(alarm)) == 1
    assert all("ImsWatchBlind" not in text for text in place.slack()), "one outage is one finding"


def test_when_slack_is_down_sms_tells_and_slack_hears_the_end(place: Place) -> None:
    watch, _ = place.pair()
    place.behave({"status": 500})
    with place.platform.stopped("redis", kill=True):
        watch.tick()
        watch.tick()
        assert place.slack() == []
        assert len(place.sms("ImsRedisDown")) == 1
    place.behave()
    until(lambda: not watch.findings("ImsRedisDown"), "Redis to be well")
    watch.tick()
    assert told_ends(place, "ImsRedisDown") == [True]


def test_when_both_are_down_the_next_tick_tells(place: Place) -> None:
    watch, _ = place.pair()
    place.behave({"status": 403}, vendor_down=True)
    with place.platform.stopped("redis", kill=True):
        watch.tick()
        assert place.slack() == place.sms() == []
        place.behave()
        watch.tick()
        assert len(place.slack("ImsRedisDown")) == len(place.sms("ImsRedisDown")) == 1
        assert "may repeat" not in place.slack("ImsRedisDown")[0]


def test_slack_is_left_alone_for_as_long_as_it_asks(place: Place) -> None:
    watch, _ = place.pair()
    place.behave({"status": 429, "retry_after": 3600}, vendor_down=True)
    with place.platform.stopped("redis", kill=True):
        watch.tick()
        place.behave()
        watch.tick()
        assert place.slack() == []
        assert len(place.sms("ImsRedisDown")) == 1


def test_ticks_at_once_on_two_processes_tell_once(place: Place) -> None:
    watches = place.pair()
    with place.platform.stopped("redis", kill=True), ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda i: watches[i % 2].tick(), range(8)))
        assert statuses == [200] * 8
        assert len(place.slack("ImsRedisDown")) == len(place.sms("ImsRedisDown")) == 1


def test_a_tick_killed_after_it_told_is_repeated_once_and_says_so(place: Place) -> None:
    one, other = place.watch(IMS_WATCH_SMS_RECIPIENTS=""), place.watch(IMS_WATCH_SMS_RECIPIENTS="")
    with place.platform.stopped("redis", kill=True):
        place.behave({"latency_ms": 4000})
        with ThreadPoolExecutor(1) as threads:
            ticking = threads.submit(one.tick)
            until(lambda: place.slack("ImsRedisDown"), "the message")
            one.kill()
            with pytest.raises(httpx2.HTTPError):
                ticking.result()
        place.behave()
        deadline = time.monotonic() + TURN_S * 3
        while len(place.slack("ImsRedisDown")) < 2 and time.monotonic() < deadline:
            other.tick()
            time.sleep(0.5)
        for _ in range(3):
            other.tick()
        assert ["may repeat" in text for text in place.slack("ImsRedisDown")] == [False, True]


def test_a_muted_alarm_is_not_told_until_the_mute_ends(place: Place) -> None:
    watch, _ = place.pair()
    later = int(time.time() * 1000) + LONG_AGO_MS
    sql(
        place.platform,
        "INSERT INTO alarm_mutes (name, until_ms, reason, created_ms) VALUES ('ImsRedisDown', %s, '', 0)",
        later,
    )
    with place.platform.stopped("redis", kill=True):
        watch.tick()
        assert place.slack() == place.sms() == []
        sql(place.platform, "DELETE FROM alarm_mutes")
        watch.tick()
        assert len(place.slack("ImsRedisDown")) == 1


# --- what else is found ---------------------------------------------------------------------------------------------


def produce(place: Place, topic: str, age_ms: int) -> None:
    producer = KafkaProducer(bootstrap_servers=place.platform.demo["kafka"])
    producer.send(topic, b"{}", timestamp_ms=int(time.time() * 1000) - age_ms).get(30)
    producer.close()


@contextmanager
def late_event(place: Place) -> Iterator[None]:
    """Nobody reads here, so it stays."""
    produce(place, "ims.accepted.auth", 60_000)
    yield


@contextmanager
def dead_letter(place: Place) -> Iterator[None]:
    produce(place, "ims.dead", 0)
    yield


@contextmanager
def open_transaction(place: Place) -> Iterator[None]:
    url = urlsplit(place.platform.demo["mysql"])
    connection = pymysql.connect(
        host=url.hostname, port=url.port or 3306, user=url.username, password=url.password or "", database="ims"
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM watch_state WHERE id=2 FOR UPDATE")
        cursor.execute("UPDATE accounts SET created_ms=created_ms+1")
        time.sleep(3)
        yield
        connection.rollback()


@contextmanager
def stopped_replica(place: Place) -> Iterator[None]:
    with mysql.root(place.platform.options, "mysql-replica") as connection, connection.cursor() as cursor:
        cursor.execute("STOP SLAVE")
        time.sleep(2)
        try:
            yield
        finally:
            cursor.execute("START SLAVE")


@contextmanager
def overdue_work(place: Place) -> Iterator[None]:
    insert = "INSERT INTO due (due_ms, kind, lane, messages, topic, type, payload) VALUES (%s,'retry',0,1,'','','')"
    sql(place.platform, insert, int(time.time() * 1000) - LONG_AGO_MS)
    yield
    sql(place.platform, "DELETE FROM due")


@contextmanager
def stuck_backlog(place: Place) -> Iterator[None]:
    """Nobody lets it go here."""
    due_work(place.platform, Lane.ad, 3, 0, "backlog")
    place.pair()[1].tick()
    yield
    sql(place.platform, "DELETE FROM due")


@contextmanager
def stuck_surplus(place: Place) -> Iterator[None]:
    """What accepting has kept, and nobody lets go here."""
    due_work(place.platform, Lane.bulk, 3, 0, "surplus")
    place.pair()[1].tick()
    yield
    sql(place.platform, "DELETE FROM due")


def hops(platform: Platform, count: int, state: str, code: str | None, age_ms: int) -> None:
    """Hops of the auth lane at solapi/main, claimed so long ago."""
    at = int(time.time() * 1000) - age_ms
    request = clock.new_request_id(at)
    insert = "INSERT INTO hops (message_id, hop, channel, vendor, vendor_account, type, state, code, claim, claimed_ms)"
    for i in range(count):
        values = (message_id(request, i + 1, "auth").bytes, state, code, at)
        sql(platform, f"{insert} VALUES (%s, 1, 'mt', 'solapi', 'main', 'sms', %s, %s, '12345678', %s)", *values)


@contextmanager
def failing_vendor(place: Place) -> Iterator[None]:
    hops(place.platform, 20, "delivered", "0000", 0)
    hops(place.platform, 10, "failed", "3001", 0)
    hops(place.platform, 30, "failed", "3001", LONG_AGO_MS // 2)
    yield
    sql(place.platform, "DELETE FROM hops")


@contextmanager
def stuck_hop(place: Place) -> Iterator[None]:
    hops(place.platform, 1, "sending", None, 400_000)
    yield
    sql(place.platform, "DELETE FROM hops")


@contextmanager
def open_breaker(place: Place) -> Iterator[None]:
    key = "breaker:{vendor:solapi/main/mt}:pybreaker:state"
    place.redis().set(key, "open")
    try:
        yield
    finally:
        place.redis().delete(key)


@contextmanager
def full_redis(place: Place) -> Iterator[None]:
    client = place.redis()
    used = int(client.info("memory")["used_memory"])  # type: ignore[index]
    client.config_set("maxmemory", int(used * 1.1))
    try:
        yield
    finally:
        client.config_set("maxmemory", 0)


@contextmanager
def no_events(place: Place) -> Iterator[None]:
    place.redis().config_set("notify-keyspace-events", "")
    try:
        yield
    finally:
        place.redis().config_set("notify-keyspace-events", "Ex")


FAULTS: list[tuple[Callable[[Place], Any], str, str, bool]] = [
    (late_event, "ImsLaneLate", "ims.route-accepted-auth", False),
    (dead_letter, "ImsDeadLetters", "ims.dead", False),
    (open_transaction, "ImsMysqlLongTransaction", "primary", True),
    (stopped_replica, "ImsMysqlReplicaLate", "replica", True),
    (overdue_work, "ImsDueLate", "auth", True),
    (stuck_backlog, "ImsBacklogStuck", "ad", True),
    (stuck_surplus, "ImsBacklogStuck", "bulk", True),
    (failing_vendor, "ImsVendorErrors", "solapi/main/mt", True),
    (stuck_hop, "ImsHopsStuck", "auth/sending", True),
    (open_breaker, "ImsVendorDown", "solapi/main/mt", True),
    (full_redis, "ImsRedisFull", "redis", True),
    (no_events, "ImsRedisEventsOff", "redis", True),
]


@pytest.mark.parametrize(("fault", "alarm", "subject", "ends"), FAULTS, ids=[f[1] for f in FAULTS])
def test_a_fault_is_found_where_it_is_and_ends_with_it(
    place: Place, fault: Callable[[Place], Any], alarm: str, subject: str, ends: bool
) -> None:
    watch, _ = place.pair()
    with fault(place):
        watch.tick()
        (text,) = place.slack(alarm)
        assert f"*{alarm}* `{subject}`" in text
    if ends:
        until(lambda: not watch.findings(alarm), f"the end of {alarm}")
        watch.tick()
        assert told_ends(place, alarm) == [False, True]


# --- what it asks of MySQL ------------------------------------------------------------------------------------------


@pytest.fixture
def db(platform: Platform) -> Iterator[Database]:
    made = Database(platform.demo["mysql"], pool=1)
    yield made
    made.close()
    for table in ("due", "hops"):
        sql(platform, f"DELETE FROM {table}")


def due_work(platform: Platform, lane: Lane, count: int, due_ms: int, kind: str = "retry") -> None:
    one = f"('{kind}',{lane:d},1,'','','',{'NULL' if kind in (due.BACKLOG, due.SURPLUS) else due_ms})"
    columns = "kind, lane, messages, topic, type, payload, due_ms"
    sql(platform, f"INSERT INTO due ({columns}) VALUES {','.join([one] * count)}")


def test_much_due_work_of_one_lane_hides_no_other(
    platform: Platform, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SAMPLE", 10)
    due_work(platform, Lane.bulk, 20, 1000)
    due_work(platform, Lane.auth, 1, 2000)
    assert sorted(db.run(store.overdue, 5000)) == [(Lane.auth, 1, 2000), (Lane.bulk, 10, 1000)]


async def test_a_stuck_hop_is_found_however_many_messages_came_since(
    platform: Platform, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SAMPLE", 10)
    hops(platform, 1, "sending", None, 400_000)
    hops(platform, 30, "delivered", "0000", 200_000)
    found = await work.hops(db, int(time.time() * 1000))
    (stuck,) = [sample for sample in found if sample.subject == "auth/sending"]
    assert 400 <= stuck.value < 500


def test_a_look_at_older_hops_is_bounded_and_sees_the_same_ones_again(
    platform: Platform, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SLICE", 4)
    now = int(time.time() * 1000)
    for age_ms in (400_000, 800_000):
        hops(platform, 10, "sending", None, age_ms)
    looks = [db.run(store.older_hops, at - work.STUCK_MS, at - work.LATELY_MS) for at in (now, now + 60_000)]
    for (found,) in looks:
        assert now - found.oldest_ms > 700_000
        assert found.lately == 0
    assert db.run(store.older_hops, now - work.LATELY_MS, now) == []


def test_a_lanes_oldest_backlog_is_found(platform: Platform, db: Database) -> None:
    for lane in Lane:
        due_work(platform, lane, 300, 9000)
    for lane in (Lane.bulk, Lane.auth):
        due_work(platform, lane, 20, 0, "backlog")
    first = sql(platform, "SELECT MIN(due_id) FROM due WHERE kind='backlog' AND lane=2")[0][0]
    assert [row for row in db.run(store.oldest_backlogs) if row[0] == Lane.bulk] == [(Lane.bulk, 20, first, 0)]


def test_a_rebuilt_shard_is_told_but_the_first_build_is_not(place: Place) -> None:
    (watch, _), client = place.pair(), place.redis()
    names = [f"epoch:{{{shard}}}" for shard in range(SHARDS)]
    try:
        client.mset(dict.fromkeys(names, 1000))
        watch.tick()
        assert place.slack("ImsRedisRebuilt") == []
        client.set(names[3], 2000)
        watch.tick()
        assert len(place.slack("ImsRedisRebuilt")) == 1
    finally:
        client.delete(*names)


def test_a_test_message_reaches_both(place: Place) -> None:
    said = place.http.post(f"{place.pair()[0].url}/test").json()
    assert said == {"slack": {"sent": True, "detail": ""}, "sms": {"sent": True, "detail": ""}}
    assert len(place.sms("test")) == 1
