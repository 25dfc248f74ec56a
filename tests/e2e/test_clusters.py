"""The same road on three Kafka nodes, Redis Cluster 3+3 and a MySQL replica, with nodes killed under load."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from redis.cluster import RedisCluster

from local import control
from local.servers import mysql
from local.testing import Platform
from tests.builders import a_text, numbers
from tests.conftest import FAST
from tests.ports import running
from tests.relay import relay
from tests.road import NORMAL, Road, sql, until

SHAPE = {
    "IMS_KAFKA_NODES": "3",
    "IMS_REDIS_CLUSTER": "1",
    "IMS_MYSQL_REPLICA": "1",
    "IMS_RETRY_UNIT_SECONDS": "0.3",
}
"""Retries by a slower clock: a fail-over of Redis takes seconds, and the tries must not be over by then."""
OFFSET = 13_700
MINUTES = 240.0

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform of several nodes."""
    with running(tmp_path_factory.mktemp("cluster"), {**FAST, **SHAPE}, OFFSET) as made:
        yield made


@pytest.fixture
def clustered(cluster: Platform) -> Iterator[Road]:
    """A client of it."""
    cluster.wait_healthy()
    with Road(cluster, batch=100) as road:
        road.behave(**NORMAL)
        yield road


def redis_keys(road: Road, prefix: str) -> set[str]:
    """The account's keys behind a prefix, without it."""
    client = RedisCluster.from_url(road.demo["redis"].rsplit("/", 1)[0])
    found = {key.decode() for key in client.scan_iter(f"{prefix}:*{road.username}:*", 1000)}
    client.close()
    return {key.split(":", 2)[2] for key in found}


def primary_of(road: Road, key: str) -> str:
    """The process that is primary for a key."""
    client = RedisCluster.from_url(road.demo["redis"].rsplit("/", 1)[0])
    port = client.get_node_from_key(key).port
    client.close()
    return next(name for name, process in road.platform.processes().items() if process["port"] == port)


def test_a_redis_primary_killed_among_retries_costs_no_report(clustered: Road) -> None:
    clustered.sink.status = 503
    sent = clustered.send(a_text().to_many(200).in_lane("bulk"))
    wanted = {f"{clustered.username}:mt:{i}" for i in sent.ids}
    until(lambda: redis_keys(clustered, "report") == wanted, "the reports in the cluster")
    shard = int(str(sent.request_id)[-7], 16)
    clustered.platform.kill(primary_of(clustered, f"report:{{{shard}}}:x"))
    clustered.sink.status = 204
    clustered.wait_for_all(MINUTES)
    clustered.platform.wait_healthy()
    until(lambda: redis_keys(clustered, "report") == set(), "the keys to go")
    clustered.assert_sound()


def test_a_kafka_node_killed_under_load_loses_and_doubles_nothing(clustered: Road) -> None:
    for _ in range(3):
        clustered.send_patiently(a_text().to_many(500).in_lane("bulk"))
    until(lambda: clustered.ended() > 100, "some messages to end")
    clustered.platform.kill("kafka-2")
    for _ in range(5):
        clustered.send_patiently(a_text().to_many(500).in_lane("bulk"))
    clustered.wait_for_all(MINUTES)
    clustered.platform.wait_healthy()
    clustered.assert_sound()


def test_accepting_goes_on_with_one_kafka_node_down(clustered: Road) -> None:
    with clustered.platform.stopped("kafka-3", kill=True):
        sent = clustered.send_patiently(a_text().to(*numbers(1)))
        assert clustered.report_of(sent.id)["status"] == "delivered"
    clustered.assert_sound()


def test_searches_read_the_replica_and_look_ups_the_primary(clustered: Road) -> None:
    (to,) = numbers(1)
    sent = clustered.send(a_text().to(to))
    assert clustered.get(f"/v1/messages/{sent.id}")["message_id"] == sent.id
    clustered.report_of(sent.id)
    until(lambda: [m["message_id"] for m in clustered.get("/v1/messages", to=to)["items"]] == [sent.id], "the replica")
    with clustered.platform.stopped("mysql-replica"):
        other = clustered.send(a_text().to(*numbers(1)))
        assert clustered.report_of(other.id)["status"] == "delivered", "the road needs no replica"
    assert sql(clustered.platform, "SELECT COUNT(*) FROM dead_letters") == [(0,)]


# --- the last test: it leaves the platform without its first primary --------------------------------------------------


PROMOTE = Path(__file__).parents[2] / "infra" / "mysql" / "promote.sh"
"""What the runbook mysql-down.md runs on the replica."""


def on_replica(platform: Platform, statement: str) -> list[dict[str, Any]]:
    """One statement on the replica, with all rights."""
    with (
        mysql.root(platform.options, "mysql-replica") as connection,
        connection.cursor(pymysql.cursors.DictCursor) as c,
    ):
        c.execute(statement)
        return list(c.fetchall())


def promote(platform: Platform) -> str:
    """What an operator does once the primary is stopped for good."""
    port, password = platform.options.ports["mysql-replica"], platform.home.secret("mysql_root")
    client = f"mariadb --no-defaults --host=127.0.0.1 --port={port} --user=root --password={password}"
    done = subprocess.run(
        ["bash", str(PROMOTE)], env={**os.environ, "CLIENT": client}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kill_for_good(platform: Platform, name: str) -> None:
    """SIGKILL, and nobody starts it again."""
    control.hold(platform.options, name, stopped=True)
    platform.kill(name)
    until(lambda: platform.processes()[name]["pid"] is None, f"{name} to be gone")


def send_many(road: Road, requests: int) -> None:
    """Requests one after the other, each until it is accepted."""
    for _ in range(requests):
        road.send_patiently(a_text().to_many(500).in_lane("bulk"))


def test_a_replica_that_was_behind_is_promoted_under_load_and_nothing_is_lost(clustered: Road) -> None:
    platform = clustered.platform
    clustered.send_patiently(a_text().to_many(500).in_lane("bulk"))
    clustered.wait_for_all(MINUTES)

    on_replica(platform, "STOP SLAVE SQL_THREAD")
    (to,) = numbers(1)
    late = clustered.send_patiently(a_text().to(to))
    clustered.send_patiently(a_text().to_many(1000).in_lane("bulk"))
    clustered.wait_for_all(MINUTES)
    assert clustered.get(f"/v1/messages/{late.id}")["status"] == "delivered", "writes and look-ups go on"
    assert clustered.get("/v1/messages", to=to)["items"] == [], "searches are behind"

    flood = threading.Thread(target=send_many, args=(clustered, 6))
    flood.start()
    before = clustered.ended()
    until(lambda: clustered.ended() > before + 300, "the road to be busy")
    kill_for_good(platform, "mysql")
    assert "promoted at" in promote(platform)
    with relay(platform.options.ports["mysql"], platform.options.ports["mysql-replica"]):
        flood.join(MINUTES)
        clustered.send_patiently(a_text().to(*numbers(1)).in_lane("auth"))
        clustered.wait_for_all(MINUTES)
        clustered.assert_sound()
        found = clustered.get("/v1/messages", to=to)["items"]
        assert [m["message_id"] for m in found] == [late.id]
        assert clustered.sql("SELECT COUNT(*) FROM dead_letters") == [(0,)]
