"""What Kafka and MySQL cost for the same bytes and rows without IMS: the floor under the other figures."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from bench import cpu
from bench.figures import Figure, micros_each
from bench.load import SENDER, TEXT, number_of
from bench.run import Run
from shared.domain.events import Accepted, PlanHop, Recipient, Request
from shared.domain.ids import message_id
from shared.runtime.clock import new_request_id, now_ms
from shared.stores import sql

TOPIC, DATABASE = "bench.limit", "ims_bench"
BATCH, WARM_UP = 500, 10
HEADERS = [("ce_id", b"0" * 32), ("ce_type", Accepted.TYPE.encode()), ("content-type", b"application/json")]
Batch = Callable[[int], None]
"""Carries the nth batch."""


def run(run: Run) -> None:
    """What the platform takes when nothing happens, and both floors."""
    run.results.add(_idle(run))
    floors: tuple[tuple[str, str, Callable[[Run], AbstractContextManager[Batch]], str], ...] = (
        ("bare_kafka_us", "Kafka alone: produce of the accepted events, client and broker", _kafka, "kafka"),
        ("bare_mysql_us", "MySQL alone: the same rows inserted and updated, client and server", _mysql, "mysql"),
    )
    for key, what, floor, server in floors:
        with floor(run) as carry:
            run.results.samples[key] = _measure(run, what, carry, server)


def _measure(run: Run, what: str, carry: Batch, server: str) -> float:
    """CPU µs a message of the client (this process) and the server."""
    watched = {n: p for n, p in run.bed.processes().items() if n.partition("-")[0] == server}
    kinds = {name: p.kind for name, p in watched.items()}
    batches = -(-run.sizes.limit // BATCH)
    for n in range(WARM_UP):
        carry(n)
    with run.step(what, batches) as advance:
        before, mine, started = cpu.read(watched), time.process_time(), time.monotonic()
        for n in range(batches):
            carry(WARM_UP + n)
            advance(n + 1)
        took, ours = time.monotonic() - started, time.process_time() - mine
    used, messages = cpu.between(before, cpu.read(watched), kinds).of(), batches * BATCH
    micros = micros_each(ours + used, messages)
    note = f"client {micros_each(ours, messages):.1f}, server {micros_each(used, messages):.1f}; batches of {BATCH}"
    run.results.add(Figure("limits", what, micros, "µs a message", note=note))
    run.results.add(Figure("limits", f"{what.split(':')[0]}: messages", messages / took, "messages/s"))
    return micros


def _idle(run: Run) -> Figure:
    """All processes that count, with nothing to do: what a slow run adds to each message."""
    watched = run.bed.processes()
    before, started = cpu.read(watched), time.monotonic()
    with run.step("idle", 1):
        time.sleep(run.sizes.idle_seconds)
    used = cpu.between(before, cpu.read(watched), {name: p.kind for name, p in watched.items()})
    share = used.of() / (time.monotonic() - started)
    return Figure("limits", "idle platform: CPU of all processes", share * 100, "% of one core")


def accepted(n: int) -> Accepted:
    """The event that `api_mt` publishes for a bulk request of 500."""
    messages = [Recipient(n=i + 1, to=number_of(n + i), type="sms") for i in range(BATCH)]
    plan = [PlanHop(channel="mt", content={"sender": SENDER, "text": TEXT, "type": "sms"})]
    request = Request(
        request_id=new_request_id().hex,
        account_id=1,
        username="bench",
        lane="bulk",
        accepted_at=now_ms(),
        plan=plan,
        total=BATCH,
        messages=messages,
    )
    return Accepted(lane="bulk", requests=[request])


@contextlib.contextmanager
def _kafka(run: Run) -> Iterator[Batch]:
    """Publishes an event a batch, as the bus does, and waits for the acknowledgement."""
    from kafka import KafkaAdminClient, KafkaProducer
    from kafka.admin import NewTopic

    bootstrap = run.bed.demo["kafka"].split(",")
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, compression_type="lz4", linger_ms=0
    )
    try:
        admin.create_topics([NewTopic(TOPIC, 6, 1)])
        value = accepted(0).model_dump_json(exclude_defaults=True).encode()
        yield lambda _: producer.send(TOPIC, value, headers=HEADERS).get(timeout=30)
    finally:
        producer.close()
        admin.delete_topics([TOPIC])
        admin.close()


@contextlib.contextmanager
def _mysql(run: Run) -> Iterator[Batch]:
    """Carries the rows of a batch through their life in tables like ours, in a database of its own."""
    with run.bed.mysql() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
        try:
            for table in ("messages", "hops"):
                cursor.execute(f"CREATE TABLE {DATABASE}.{table} LIKE ims.{table}")
            yield lambda n: _rows(cursor, n * BATCH)
        finally:
            cursor.execute(f"DROP DATABASE {DATABASE}")


def _rows(cursor: Any, first: int) -> None:
    """A batch's life, a commit each: its messages, the claims of its hops, answers, receipts, ends and reports."""
    request, now = new_request_id(), now_ms()
    raw = [message_id(request, i + 1, "bulk").bytes for i in range(BATCH)]
    messages = sql.rows((i, 1, number_of(first + n), "sms", 5, "mt", "solapi", "main") for n, i in enumerate(raw))
    hops = sql.rows((i, 1, "mt", "solapi", "main", "sms", "claimed", b"12345678", now) for i in raw)
    which = f"message_id IN ({sql.ids(raw)})"
    columns = "message_id, account_id, recipient, type, status, channel, vendor, vendor_account"
    claim = "message_id, hop, channel, vendor, vendor_account, type, state, claim, claimed_ms"
    done = f"status=11, hop=1, code='0000', price=8.40, sent_ms={now}, finished_ms={now}, feed_seq={now}"
    for statement in (
        f"INSERT INTO {DATABASE}.messages ({columns}) VALUES {messages}",
        f"INSERT INTO {DATABASE}.hops ({claim}) VALUES {hops}",
        f"UPDATE {DATABASE}.hops SET state='sent', vendor_ref=HEX(message_id), answered_ms={now} WHERE {which}",
        f"UPDATE {DATABASE}.hops SET state='delivered', code='0000', raw_code='4000', finished_ms={now} WHERE {which}",
        f"UPDATE {DATABASE}.messages SET {done} WHERE {which}",
        f"UPDATE {DATABASE}.messages SET reported_ms={now}, report_tries=1, report_status=204 WHERE {which}",
    ):
        cursor.execute(statement)
