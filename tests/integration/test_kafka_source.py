"""The Kafka source on a real broker: flaky targets, dead letters, contiguous commits, kill -9 and rebalances."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import signal
import string
import sys
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from local.testing import Platform
from tests.ports import free_port

RECORDS, PARTITIONS = 2000, 6
SOURCE = """
import sys, uvloop
from bridges.kafka_source.app import run
from bridges.settings import SourceSettings
from shared import flow
from shared.runtime import logs
topic, port = sys.argv[1], int(sys.argv[2])
process = next(p for p in flow.processes() if p.name == "report-fast")
logs.configure("kafka_source-test", "info")
uvloop.run(run([flow.Source(topic, topic, (topic,), process)], "127.0.0.1", port, SourceSettings()))
"""
BUSY = """
import time
from bridges.kafka_source.consumer import Consumer
turn = Consumer._turn
Consumer._turn = lambda consumer, kafka: (time.sleep(0.4), turn(consumer, kafka))
"""
"""Put before SOURCE: a machine so busy that joining the group ends while nobody polls."""
Answer = Callable[[str, int], "int | None"]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def bootstrap(servers: Platform) -> Iterator[str]:
    """The broker, where the source processes of these tests look for it too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMS_KAFKA_BOOTSTRAP", servers.demo["kafka"])
        yield servers.demo["kafka"]


@pytest.fixture
def topic(bootstrap: str) -> Iterator[str]:
    """A topic, and with it a source and a group, of the test's own."""
    name = f"test.source.{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    missing = {name, "ims.dead"} - set(admin.list_topics())
    admin.create_topics([NewTopic(name=t, num_partitions=PARTITIONS, replication_factor=1) for t in missing])
    yield name
    admin.delete_topics([name])
    admin.close()


def produce(
    bootstrap: str, topic: str, start: int = 0, count: int = RECORDS, each: int = 0, values: Sequence[bytes] = ()
) -> None:
    """Records named 0, 1, 2, … spread over the partitions; `each`: so many a transaction, with a marker behind them."""
    own: dict[str, Any] = {"transactional_id": topic} if each else {}
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5, **own)
    if each:
        producer.init_transactions()
    for i in range(start, start + count):
        if each and i % each == 0:
            producer.begin_transaction()
        attributes = {"ce_specversion": "1.0", "ce_id": str(i), "ce_type": "t", "ce_source": "/test"}
        headers = [(k, v.encode()) for k, v in attributes.items()] + [("content-type", b"application/json")]
        producer.send(topic, values[i] if values else b'{"n":%d}' % i, headers=headers, partition=i % PARTITIONS)
        if each and i % each == each - 1:
            producer.commit_transaction()
    producer.flush()
    producer.close()


@dataclass
class Target:
    """A function that answers as the test says; None is no answer at all, 0 a connection that breaks."""

    answer: Answer
    pause: float = 0.0
    tries: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                status = await self._one(reader)
                if status is None:
                    await reader.read()
                if not status:
                    return
                writer.write(b"HTTP/1.1 %d -\r\ncontent-length: 2\r\n\r\nno" % status)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader) -> int | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        name = headers["ce-id"]
        assert body["n"] == int(name)
        assert int(headers["ce-knativekafkapartition"]) == body["n"] % PARTITIONS
        self.tries[name] += 1
        status = self.answer(name, self.tries[name])
        await asyncio.sleep(self.pause)
        if status == 200:
            self.taken[name] += 1
        return status

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[int]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", port)
        yield server.sockets[0].getsockname()[1]
        server.close()


@asynccontextmanager
async def source(
    topic: str, targets: list[int], port: int, before: str = "", **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A source process; it is stopped by SIGTERM at the end, if it still runs."""
    urls = ",".join(f"http://127.0.0.1:{p}" for p in targets)
    env = os.environ | {"IMS_TARGET_REPORT_FAST": urls, "IMS_SOURCE_COMMIT_SECONDS": "0.5"} | settings
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", before + SOURCE, topic, str(port), env=env)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0


async def until(what: Callable[[], bool], seconds: float = 90.0) -> None:
    """Poll, since what is waited for happens in other processes."""
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


async def healthy(port: int) -> None:
    async with asyncio.timeout(90):
        while (await asyncio.to_thread(get, port, "/healthz"))[0] != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def committed_are(bootstrap: str, topic: str, expected: dict[int, int]) -> None:
    async with asyncio.timeout(90):
        while (await asyncio.to_thread(offsets, bootstrap, topic))[0] != expected:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


def offsets(bootstrap: str, topic: str) -> tuple[dict[int, int], dict[int, int]]:
    """Committed and end offsets by partition."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=topic, enable_auto_commit=False)
    keys = [TopicPartition(topic, p) for p in range(PARTITIONS)]
    ends = {key.partition: end for key, end in consumer.end_offsets(keys).items()}
    committed = {key.partition: consumer.committed(key) or 0 for key in keys}
    consumer.close()
    return committed, ends


def dead_letters(bootstrap: str, topic: str) -> list[dict[str, Any]]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    parts = [TopicPartition("ims.dead", p) for p in consumer.partitions_for_topic("ims.dead") or ()]
    consumer.assign(parts)
    consumer.seek_to_beginning()
    ends, letters = consumer.end_offsets(parts), []
    while any(consumer.position(part) < end for part, end in ends.items()):
        for records in consumer.poll(timeout_ms=200).values():
            letters += [(dict(record.headers), json.loads(record.value)) for record in records]
    consumer.close()
    ours = [(headers, letter) for headers, letter in letters if letter.get("source_topic") == topic]
    assert all(headers["ce_type"] == b"com.ims.dead.v1" for headers, _ in ours)
    return [letter for _, letter in ours]


def flaky(name: str, tries: int) -> int | None:
    """400 for one in 50; for others the first try may be a 503, silence, or a broken connection."""
    n = int(name)
    if n % 50 == 3:
        return 400
    if tries > 1:
        return 200
    return {0: 503, 1: 429, 2: 0}.get(n % 10, None if n % 100 == 4 else 200)


async def test_every_record_reaches_a_flaky_function_or_the_dead_letters(bootstrap: str, topic: str) -> None:
    target, port, refusing = Target(flaky), free_port(), free_port()
    refused = {str(n) for n in range(RECORDS) if n % 50 == 3}
    async with target.listening() as first, source(topic, [first, refusing], port, IMS_SOURCE_TIMEOUT_SECONDS="8"):
        await healthy(port)
        await asyncio.to_thread(produce, bootstrap, topic, 0, RECORDS // 2)
        await until(lambda: len(target.taken) > RECORDS // 5)
        await asyncio.to_thread(produce, bootstrap, topic, RECORDS // 2, RECORDS // 2)
        await until(lambda: len(target.taken) == RECORDS - len(refused))
        await until(lambda: set(target.tries) >= refused)
        _, metrics = await asyncio.to_thread(get, port, "/metrics")
    committed, ends = await asyncio.to_thread(offsets, bootstrap, topic)
    assert committed == ends
    letters = await asyncio.to_thread(dead_letters, bootstrap, topic)
    assert sorted(letter["headers"]["ce_id"] for letter in letters) == sorted(refused)
    assert {letter["reason"] for letter in letters} == {"status 400: no"}
    assert all(json.loads(letter["body"])["n"] == int(letter["headers"]["ce_id"]) for letter in letters)
    assert all(target.tries[name] == 1 for name in refused)
    assert max(target.taken.values()) == 1
    assert f'ims_source_failed_total{{reason="503",source="{topic}"}}' in metrics


async def test_records_whose_dead_letters_are_too_large_for_kafka_hold_nothing_up(bootstrap: str, topic: str) -> None:
    """In JSON their letters are longer than a record may be; one can be packed, of the other there is too much."""
    target, port = Target(lambda name, tries: 400), free_port()
    signs = string.ascii_letters + string.digits + string.punctuation
    pads = ('"' * 300_000, "".join(Random(1).choices(signs, k=1_000_000)))
    values = [json.dumps({"n": n, "pad": pad}).encode() for n, pad in enumerate(pads)]
    await asyncio.to_thread(produce, bootstrap, topic, 0, 2, 0, values)
    async with target.listening() as address, source(topic, [address], port, IMS_KAFKA_COMPRESSION=""):
        _, ends = await asyncio.to_thread(offsets, bootstrap, topic)
        await committed_are(bootstrap, topic, ends)
    packed, cut = sorted(await asyncio.to_thread(dead_letters, bootstrap, topic), key=lambda d: d["headers"]["ce_id"])
    assert gzip.decompress(base64.b64decode(packed["body"])) == values[0]
    assert (packed["headers"]["body-encoding"], cut["headers"]["body-encoding"]) == ("gzip+base64", "cut")
    assert (cut["headers"]["ce_knativekafkapartition"], cut["headers"]["ce_knativekafkaoffset"]) == ("1", "0")
    assert values[1].startswith(cut["body"].encode())


async def test_functions_that_are_down_get_everything_when_they_are_back(bootstrap: str, topic: str) -> None:
    target, port, address = Target(lambda name, tries: 200), free_port(), free_port()
    await asyncio.to_thread(produce, bootstrap, topic, 0, 300)
    async with source(topic, [address], port):
        await healthy(port)
        await asyncio.sleep(1)
        async with target.listening(address):
            await until(lambda: len(target.taken) == 300)
    committed, ends = await asyncio.to_thread(offsets, bootstrap, topic)
    assert committed == ends


async def test_only_what_is_done_without_a_gap_is_committed_and_the_rest_comes_again(
    bootstrap: str, topic: str
) -> None:
    stuck = {"700", "701", "702"}  # their partitions may be committed up to them only
    down = True
    target, port = Target(lambda name, tries: 503 if down and name in stuck else 200), free_port()
    await asyncio.to_thread(produce, bootstrap, topic)
    async with target.listening() as address:
        async with source(topic, [address], port) as process:
            await until(lambda: len(target.taken) == RECORDS - len(stuck))
            _, ends = await asyncio.to_thread(offsets, bootstrap, topic)
            expected = ends | {int(name) % PARTITIONS: int(name) // PARTITIONS for name in stuck}
            await committed_are(bootstrap, topic, expected)
            process.kill()
            await process.wait()
        down, before = False, target.taken.total()
        async with source(topic, [address], port):
            again = sum(ends.values()) - sum(expected.values())
            await until(lambda: target.taken.total() - before == again)
    assert len(target.taken) == RECORDS
    assert await asyncio.to_thread(offsets, bootstrap, topic) == (ends, ends)


async def test_kill_9_in_the_middle_loses_nothing_and_costs_seconds(bootstrap: str, topic: str) -> None:
    target, port = Target(lambda name, tries: 200, pause=0.05), free_port()
    await asyncio.to_thread(produce, bootstrap, topic)
    async with target.listening() as address:
        async with source(topic, [address], port, IMS_SOURCE_SESSION_SECONDS="120") as process:
            await until(lambda: len(target.taken) > RECORDS // 4)
            process.kill()
            await process.wait()
        assert len(target.taken) < RECORDS, "it was not killed in the middle"
        killed = time.monotonic()
        async with source(topic, [address], port, IMS_SOURCE_SESSION_SECONDS="120"):
            await until(lambda: len(target.taken) == RECORDS)
            assert time.monotonic() - killed < 110, "it had to wait for its own former self to time out"
            _, ends = await asyncio.to_thread(offsets, bootstrap, topic)
            await committed_are(bootstrap, topic, ends)  # what came twice is finished too


async def test_a_second_replica_shares_the_work_and_its_end_loses_nothing(bootstrap: str, topic: str) -> None:
    target, one, two = Target(lambda name, tries: 200), free_port(), free_port()
    async with target.listening() as address, source(topic, [address], one):
        await healthy(one)
        await asyncio.to_thread(produce, bootstrap, topic, 0, 1000)
        async with source(topic, [address], two, IMS_SOURCE_SESSION_SECONDS="6"):
            await healthy(two)
            await until(lambda: shares(topic, one, two) == [3, 3])
            await asyncio.to_thread(produce, bootstrap, topic, 1000, 500)
            await until(lambda: len(target.taken) == 1500)
        await asyncio.to_thread(produce, bootstrap, topic, 1500, 500)
        await until(lambda: len(target.taken) == RECORDS)
    committed, ends = await asyncio.to_thread(offsets, bootstrap, topic)
    assert committed == ends


async def test_rebalances_with_everything_in_flight_lose_nothing_nor_does_kill_9_after_them(
    bootstrap: str, topic: str
) -> None:
    """Both sources are full when they share the partitions; what stays in hand is not fetched again.

    What is produced after that is what commits would pass by what was dropped.
    """
    held = True
    target, one, two = Target(lambda name, tries: 503 if held else 200, pause=0.1), free_port(), free_port()
    await asyncio.to_thread(produce, bootstrap, topic, 0, RECORDS // 2)
    async with target.listening() as address, source(topic, [address], one, IMS_SOURCE_SESSION_SECONDS="6") as first:
        await until(lambda: len(target.tries) >= 50)
        async with source(topic, [address], two, IMS_SOURCE_SESSION_SECONDS="6") as second:
            await until(lambda: shares(topic, one, two) == [3, 3], 90)
            held = False
            await asyncio.to_thread(produce, bootstrap, topic, RECORDS // 2, RECORDS // 2)
            await until(lambda: len(target.taken) > RECORDS // 3)
            first.kill()
            await first.wait()  # the second keeps its three, and gets the others back
            await until(lambda: shares(topic, two) == [6], 90)
            await until(lambda: len(target.taken) > RECORDS * 3 // 4)
            second.kill()
            await second.wait()
        async with source(topic, [address], one, IMS_SOURCE_SESSION_SECONDS="6"):
            await until(lambda: len(target.taken) == RECORDS)
            _, ends = await asyncio.to_thread(offsets, bootstrap, topic)
            await committed_are(bootstrap, topic, ends)


def shares(topic: str, *ports: int) -> list[int]:
    """How many partitions each source has."""
    answers = [get(port, "/healthz") for port in ports]
    return [json.loads(body)["sources"][topic]["partitions"] if body else 0 for _, body in answers]


async def test_what_a_topic_is_when_it_gains_partitions_and_has_gaps_comes_through_whole(
    bootstrap: str, topic: str
) -> None:
    """New partitions take everything away and give it back; the markers of transactions are offsets without records."""
    held, count, each = True, 300, 20
    target, port = Target(lambda name, tries: 503 if held else 200), free_port()
    patient = {"IMS_SOURCE_SESSION_SECONDS": "60"}  # on a busy machine a source may be silent for a while
    await asyncio.to_thread(produce, bootstrap, topic, 0, count, each)
    async with target.listening() as address, source(topic, [address], port, **patient) as process:
        await until(lambda: len(target.tries) >= 50)
        await asyncio.to_thread(add_partition, bootstrap, topic)
        await until(lambda: shares(topic, port) == [PARTITIONS + 1])
        await asyncio.to_thread(produce, bootstrap, topic, count, count, each)
        held = False
        await until(lambda: len(target.taken) == 2 * count)
        assert max(target.taken.values()) == 1, "what was in hand went on"
        ends = (await asyncio.to_thread(offsets, bootstrap, topic))[1]
        await committed_are(bootstrap, topic, {p: end - 1 for p, end in ends.items()})  # a marker is the last
        process.kill()
        await process.wait()
        async with source(topic, [address], port, **patient):
            await asyncio.to_thread(produce, bootstrap, topic, 2 * count, 10)
            await until(lambda: len(target.taken) == 2 * count + 10)
    assert max(target.taken.values()) == 1


async def test_a_full_source_on_a_busy_machine_gets_the_partitions_too(bootstrap: str, topic: str) -> None:
    """A join that ends between two polls is thrown away; it must be followed by another."""
    held = True
    target, port = Target(lambda name, tries: 503 if held else 200), free_port()
    await asyncio.to_thread(produce, bootstrap, topic, 0, 300)
    async with target.listening() as address, source(topic, [address], port, before=BUSY):
        await until(lambda: len(target.tries) >= 50)
        await asyncio.to_thread(add_partition, bootstrap, topic)
        await until(lambda: shares(topic, port) == [PARTITIONS + 1], 120)
        held = False
        await until(lambda: len(target.taken) == 300)
        _, ends = await asyncio.to_thread(offsets, bootstrap, topic)
        await committed_are(bootstrap, topic, ends)


async def test_sources_that_came_back_see_what_their_topic_gained_meanwhile_and_later(
    bootstrap: str, topic: str
) -> None:
    """Their places in the group were kept, so nothing was assigned anew, and none of them is told that it leads."""
    target, one, two = Target(lambda name, tries: 200), free_port(), free_port()
    long = {"IMS_SOURCE_SESSION_SECONDS": "40"}
    async with target.listening() as address:
        async with source(topic, [address], one, **long) as first, source(topic, [address], two, **long) as second:
            await until(lambda: shares(topic, one, two) == [3, 3])
            for process in (first, second):
                process.kill()
                await process.wait()
        await asyncio.to_thread(add_partition, bootstrap, topic)
        async with source(topic, [address], one, **long), source(topic, [address], two, **long):
            await until(lambda: sum(shares(topic, one, two)) == PARTITIONS + 1, 120)
            await asyncio.to_thread(add_partition, bootstrap, topic, 2)
            await until(lambda: sum(shares(topic, one, two)) == PARTITIONS + 2, 120)


async def test_a_broker_that_is_silent_for_longer_than_a_session_costs_time_and_nothing_else(
    servers: Platform, bootstrap: str, topic: str
) -> None:
    refused = {str(n) for n in range(RECORDS) if n % 50 == 3}
    target, port = Target(lambda name, tries: 400 if name in refused else 200, pause=0.2), free_port()
    await asyncio.to_thread(produce, bootstrap, topic)
    broker = servers.pid("kafka")
    async with target.listening() as address, source(topic, [address], port, IMS_SOURCE_SESSION_SECONDS="6"):
        await until(lambda: len(target.taken) > 100)
        os.kill(broker, signal.SIGSTOP)
        try:
            await asyncio.sleep(15)
            assert (await asyncio.to_thread(get, port, "/healthz"))[0] == 200, "it is no reason to restart the source"
        finally:
            os.kill(broker, signal.SIGCONT)
        await until(lambda: len(target.taken) == RECORDS - len(refused))
        _, ends = await asyncio.to_thread(offsets, bootstrap, topic)
        await committed_are(bootstrap, topic, ends)
    letters = await asyncio.to_thread(dead_letters, bootstrap, topic)
    assert {letter["headers"]["ce_id"] for letter in letters} == refused


def add_partition(bootstrap: str, topic: str, more: int = 1) -> None:
    """So many more than at first, which the source notices by itself."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_partitions({topic: PARTITIONS + more})
    admin.close()
