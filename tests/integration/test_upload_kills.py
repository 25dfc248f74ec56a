"""The function `upload` in processes of its own, killed in the middle of a check and of a sending: nothing is lost, and
no row has two messages."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from local.testing import Platform
from shared.domain.events import Accepted
from shared.stores import sql
from tests.integration.test_retention import tick
from tests.integration.test_uploads import CONTENT, Desk
from tests.integration.test_uploads import desk as desk_fixture
from tests.spawned import Spawned, spawn

ROWS = 12_000
TOPIC = "ims.accepted.bulk"
desk = desk_fixture


@pytest.fixture
def tail(servers: Platform) -> Iterator[KafkaConsumer]:
    """A reader of what is accepted from now on."""
    with closing(KafkaConsumer(bootstrap_servers=servers.demo["kafka"], consumer_timeout_ms=5000)) as consumer:
        consumer.assign([TopicPartition(TOPIC, p) for p in consumer.partitions_for_topic(TOPIC) or ()])
        consumer.seek_to_end()
        for partition in consumer.assignment():
            consumer.position(partition)
        yield consumer


class Worker:
    """The function at work, until it is killed; its lease ends with it, so that nobody has to wait for that."""

    def __init__(self, servers: Platform, folder: Path, desk: Desk) -> None:
        self._desk, self._log = desk, folder / "upload.log"
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("IMS_")},
            "IMS_MYSQL_URL": servers.demo["mysql"],
            "IMS_KAFKA_BOOTSTRAP": servers.demo["kafka"],
            "IMS_REDIS_URL": servers.demo["redis"],
        }

    def run(self) -> Spawned:
        made = spawn(["shared.runtime", "--function", "upload"], self._env, self._log, "/healthz")
        threading.Thread(target=tick, args=(made.port,), daemon=True).start()
        return made

    def read(self, column: str) -> Any:
        query = f"SELECT {column} FROM uploads WHERE account_id={self._desk.road.account_id}"
        ((value,),) = self._desk.ims.db.run(sql.fetch, query)
        return value

    def until(self, ready: Callable[[], bool], alive: Spawned) -> None:
        end = time.monotonic() + 120
        while not ready():
            assert alive.process.poll() is None, self._log.read_text()[-3000:]
            assert time.monotonic() < end, self._log.read_text()[-3000:]
            time.sleep(0.005)

    def killed_when(self, ready: Callable[[], bool]) -> None:
        one = self.run()
        try:
            self.until(ready, one)
        finally:
            one.process.kill()
            one.process.wait(20)
        self._desk.ims.db.run(sql.execute, "UPDATE uploads SET lease_until_ms=0")


async def test_killed_again_and_again_it_sends_every_good_row_once(
    desk: Desk, servers: Platform, tail: Any, tmp_path: Path
) -> None:
    body = "to,name\n" + "".join(f"0102{n:07},김{n}\n" if n % 20 else f"010-{n},김{n}\n" for n in range(ROWS))
    made = await desk.good("POST", "/v1/uploads?name=big.csv", body.encode(), content_type="text/csv")
    at = f"/v1/uploads/{made['id']}"
    await desk.good("PUT", at, {"content": CONTENT, "mapping": {"to": "to", "variables": {"name": "name"}}})
    worker = Worker(servers, tmp_path, desk)
    await asyncio.to_thread(worker.killed_when, lambda: worker.read("row_count") >= 3000)
    await asyncio.to_thread(worker.killed_when, lambda: worker.read("state") == "checked")
    found = await desk.good("GET", at)
    bad = len(range(0, ROWS, 20))
    assert (found["rows"], found["good"], found["faults"]) == (ROWS, ROWS - bad, bad)
    await desk.good("POST", f"{at}/send")
    for enough in (1000, 4000, 8000):
        await asyncio.to_thread(worker.killed_when, lambda enough=enough: worker.read("accepted") >= enough)
    await asyncio.to_thread(worker.killed_when, lambda: worker.read("state") == "done")
    done = await desk.good("GET", at)
    assert (done["accepted"], done["refused"], done["progress"]) == (ROWS - bad, 0, 1)
    ids = defaultdict(set)
    for record in tail:
        for request in Accepted.model_validate_json(record.value).requests:
            for message in request.messages:
                ids[message.to].add((request.request_id, message.n))
    wanted = {f"0102{n:07}" for n in range(ROWS) if n % 20}
    assert ids.keys() == wanted
    assert {len(found) for found in ids.values()} == {1}
