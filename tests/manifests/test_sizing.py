"""The sizing guide says what the arithmetic says, and the arithmetic what a real database says."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import accept, measure, measure_redis, sizing
from deploy.settings import PARTITIONS
from local.home import ROOT
from local.install import program
from local.probes import HOST
from local.servers.redis import INSTEAD, PACKAGES
from tests.manifests.database import PASSWORDS, Server, server
from tests.manifests.test_infra import free_ports

Json = dict[str, Any]


def test_the_guide_holds_the_tables() -> None:
    text = (ROOT / sizing.GUIDE).read_text()
    assert sizing.needs() in text, "run `make manifests`"
    assert sizing.costs() in text, "run `make manifests`"
    assert sizing.guide(text) == text


def test_twice_the_messages_need_twice_the_disk() -> None:
    one, two = sizing.plan(1_000_000), sizing.plan(2_000_000)
    assert two.mysql_gb == pytest.approx(2 * one.mysql_gb)
    assert two.kafka_gb == pytest.approx(2 * one.kafka_gb)
    assert two.cores == pytest.approx(2 * one.cores)


def test_a_message_becomes_cheaper_the_more_there_are() -> None:
    rows = [line for line in sizing.costs().splitlines() if line.startswith("| A message")]
    shares = [float(cell.replace(",", "")) for cell in rows[0].split("|")[2:-2]]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == 1


def test_partitions_divide_among_consumers_and_are_no_fewer_than_deployed() -> None:
    assert all(sizing.plan(n).partitions % 6 == 0 for n in (*sizing.TARGETS, 5_000_000_000))
    assert sizing.plan(1_000).partitions == max(PARTITIONS.values())
    assert sizing.plan(5_000_000_000).partitions > max(PARTITIONS.values())


def test_a_report_that_nobody_takes_waits_as_long_as_the_retries_last() -> None:
    assert sizing.retry_days() * 24 == pytest.approx(5.67, abs=0.01)


def test_the_servers_reserve_what_the_guide_reckons_with() -> None:
    """Of infra/: cores and GB of memory, StatefulSets and Strimzi's nodes by their replicas."""
    cores = memory = 0.0
    for folder in ("kafka", "mysql", "redis", "mongodb"):
        for thing in accept.built(ROOT / "infra" / folder):
            for requests, replicas in reserved(thing):
                cores += replicas * amount(requests["cpu"])
                memory += replicas * amount(requests["memory"]) / 1e9
    assert cores == pytest.approx(sizing.SERVER_CORES, rel=0.05)
    wanted = sizing.KAFKA_GB + sizing.MYSQL_GB + sizing.REDIS_GB + sizing.MONGODB_GB
    assert memory == pytest.approx(wanted, rel=0.05)


def reserved(thing: Json) -> Iterator[tuple[Json, int]]:
    """What the containers of an object that stays request, and how often."""
    spec = thing.get("spec", {})
    if thing["kind"] in ("StatefulSet", "Deployment"):
        yield from ((c["resources"]["requests"], spec["replicas"]) for c in spec["template"]["spec"]["containers"])
    elif thing["kind"] == "KafkaNodePool":
        yield spec["resources"]["requests"], spec["replicas"]
    elif thing["kind"] == "Kafka":
        yield spec["kafkaExporter"]["resources"]["requests"], 1
        yield from ((operator["resources"]["requests"], 1) for operator in spec["entityOperator"].values())


def amount(text: str) -> float:
    """A quantity of Kubernetes."""
    for unit, factor in (("m", 0.001), ("Mi", 2**20), ("Gi", 2**30)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)


def test_a_message_costs_mysql_what_the_guide_reckons_with(tmp_path: Path) -> None:
    with server(tmp_path / "mysql", 1, "accounts.sh", "settled.sh") as one:
        one.migrate()
        one.ask("GRANT BINLOG MONITOR ON *.* TO 'ims_migrate'@'%%'")
        address = f"mysql+pymysql://ims_migrate:{PASSWORDS['MIGRATE']}@{HOST}:{one.port}/ims"
        found = measure.measure(address, 20_000)
        rows = sum(size for name, size in found.items() if name != "binary log")
        assert rows == pytest.approx(sizing.BYTES_IN_MYSQL, rel=0.15)
        assert found["binary log"] == pytest.approx(sizing.BYTES_IN_BINLOG, rel=0.15)
        with pytest.raises(ValueError, match="empty one"):
            measure.measure(address, 500)


def test_redis_needs_what_the_guide_reckons_with(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    redis = program("redis-server", PACKAGES, INSTEAD, print)
    command = [redis, "--port", str(port), "--bind", HOST, "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        wait(port)
        found = asyncio.run(measure_redis.measure(f"redis://{HOST}:{port}"))
        assert found["waiting report"] == pytest.approx(sizing.BYTES_OF_RETRY, rel=0.15)
        assert found["kept key"] == pytest.approx(sizing.BYTES_OF_KEY, rel=0.15)
        with pytest.raises(ValueError, match="empty one"):
            asyncio.run(measure_redis.measure(f"redis://{HOST}:{port}", 1))
    finally:
        process.terminate()
        process.wait(30)


def wait(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        time.sleep(0.1)
    raise AssertionError("Redis did not start")


def test_a_month_of_messages_can_be_dropped_at_once(tmp_path: Path) -> None:
    """docs/deploy/sizing.md: ids begin with the time, so partitions by id are partitions by time."""
    with server(tmp_path / "mysql", 1, "accounts.sh", "settled.sh") as one:
        one.migrate()
        one.ask("GRANT BINLOG MONITOR ON *.* TO 'ims_migrate'@'%%'")
        measure.measure(f"mysql+pymysql://ims_migrate:{PASSWORDS['MIGRATE']}@{HOST}:{one.port}/ims", 2_000)
        ((middle,),) = one.ask("SELECT HEX(message_id) FROM ims.messages ORDER BY message_id LIMIT 1 OFFSET 1000")
        at = int(middle[:12], 16)
        kept = one.ask("SELECT COUNT(*) FROM ims.messages WHERE HEX(message_id) >= %s", f"{at:012X}")
        assert kept > [(0,)]
        for table, key in (("messages", "message_id"), ("hops", "message_id"), ("requests", "request_id")):
            statement = (
                printed(one, at).replace("TABLE messages", f"TABLE ims.{table}").replace("(message_id)", f"({key})")
            )
            one.ask(statement)
            one.ask(f"ALTER TABLE ims.{table} DROP PARTITION p202701")
        assert one.ask("SELECT COUNT(*) FROM ims.messages") == kept
        assert one.ask("SELECT COUNT(*) FROM ims.hops") == kept


def printed(one: Server, at_ms: int) -> str:
    """The statement that the guide's SQL makes for a moment."""
    (block,) = re.findall(r"```sql\n(.*?)```", (ROOT / sizing.GUIDE).read_text(), re.DOTALL)
    first, select = re.sub(r"\s*--.*", "", block).strip().split(";\n", 1)
    assert "UNIX_TIMESTAMP('2027-02-01') * 1000" in first
    with one.root() as connection, connection.cursor() as cursor:
        cursor.execute(f"SET @next = {at_ms}")
        cursor.execute(select)
        ((statement,),) = cursor.fetchall()
    return str(statement)
