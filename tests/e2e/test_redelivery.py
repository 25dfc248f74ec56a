"""Every event of a run comes again, in any order: nothing is sent twice, nothing changes, nothing ends again."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from shared import flow
from tests.builders import a_text, later, magic, numbers
from tests.road import Road, until

pytestmark = pytest.mark.timeout(600)


MESSAGE = (
    "message_id, status, hop, step, tries, in_window, cancel, channel, vendor, vendor_account, code, cause, price, "
    "sent_ms, finished_ms, feed_seq, report_tries, report_status"
)
"""All but `reported_ms`, which is when it was last told that the client has the report."""


class Kept(NamedTuple):
    """One record as it was."""

    topic: str
    headers: list[tuple[str, bytes]]
    value: bytes


class Log:
    """The broker's topics, from a moment on."""

    def __init__(self, road: Road) -> None:
        self._bootstrap = road.demo["kafka"].split(",")
        self._start = self._ends()

    def _ends(self) -> dict[TopicPartition, int]:
        with self._consumer() as consumer:
            places = [TopicPartition(t, p) for t in flow.topics() for p in consumer.partitions_for_topic(t) or ()]
            ends: dict[TopicPartition, int] = consumer.end_offsets(places)
        return ends

    def _consumer(self) -> Any:
        from contextlib import closing

        return closing(KafkaConsumer(bootstrap_servers=self._bootstrap, enable_auto_commit=False))

    def records(self) -> Iterator[Kept]:
        """Everything that was written since."""
        ends = self._ends()
        wanted = {place: end for place, end in ends.items() if end > self._start[place]}
        with self._consumer() as consumer:
            consumer.assign(list(wanted))
            for place in wanted:
                consumer.seek(place, self._start[place])
            while any(consumer.position(place) < end for place, end in wanted.items()):
                for records in consumer.poll(timeout_ms=500).values():
                    yield from (Kept(r.topic, list(r.headers), r.value) for r in records)

    def write(self, records: list[Kept]) -> None:
        """The same records once more."""
        producer = KafkaProducer(bootstrap_servers=self._bootstrap, acks="all")
        for record in records:
            producer.send(record.topic, record.value, headers=record.headers)
        producer.flush()
        producer.close()

    def all_read(self) -> bool:
        """Whether every source has finished with everything."""
        ends = self._ends()
        admin = KafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            for source in flow.sources():
                committed = admin.list_group_offsets({source.group: None})[source.group]
                for place, end in ends.items():
                    if place.topic in source.topics and end:
                        found = committed.get(place)
                        if found is None or found.offset < end:
                            return False
        finally:
            admin.close()
        return True


def the_state(road: Road) -> dict[str, Any]:
    """All that must not change."""
    account = road.account_id
    by_request = "message_id IN (SELECT message_id FROM messages WHERE account_id=%s)"
    return {
        "messages": road.sql(f"SELECT {MESSAGE} FROM messages WHERE account_id={account} ORDER BY message_id"),
        "hops": road.sql(f"SELECT * FROM hops WHERE {by_request} ORDER BY message_id, hop", account),
        "feeds": road.sql("SELECT seq FROM feeds WHERE account_id=%s", account),
        "usage": road.usage(),
        "waiting": road.sql("SELECT COUNT(*) FROM reports WHERE account_id=%s", account),
        "handsets": {i: len(items) for i, items in road.received().items()},
        "in flight": road.in_flight(),
    }


def a_varied_run(road: Road) -> None:
    """Plain, retried, refused, reserved, canceled and fallen-over messages in three lanes."""
    for lane in ("auth", "realtime", "bulk"):
        road.send(a_text("재전달 시험").to_many(60).to(magic("4001"), magic("9902"), magic("9904")).in_lane(lane))
    road.send(a_text().to(magic("4002")))
    canceled = road.send(a_text().to(*numbers(5)).with_(scheduled_at=later(3600)))
    until(lambda: road.count("status = 1") >= 5, "the reservation")
    road.call("POST", f"/v1/requests/{canceled.request_id}/cancel")
    road.send(a_text().to(*numbers(20)).with_(scheduled_at=later(8)))
    with road.vendors(vendor="solapi", down=True):
        road.send(a_text("우회 시험").to_many(30))
        until(lambda: road.count("vendor = 'nhn' AND status >= 11") >= 30, "the other vendor")
    road.wait_for_all()
    road.assert_sound()


def test_every_event_again_in_any_order_changes_nothing(road: Road) -> None:
    log = Log(road)
    a_varied_run(road)
    until(log.all_read, "the sources to have read everything")
    before, calls = the_state(road), len(road.sink.calls)
    records = list(log.records())
    assert {json.loads(r.value).get("lane", "realtime") for r in records} >= {"auth", "realtime", "bulk"}
    for seed in (1, 2):
        random.Random(seed).shuffle(records)
        log.write(records)
        until(log.all_read, "the sources to have read everything again")
    time.sleep(1)  # what the last events led to
    until(log.all_read, "the sources to have read what followed")
    after = the_state(road)
    for name, value in before.items():
        assert after[name] == value, f"{name} changed"
    assert len(road.sink.calls) == calls, "a report was sent again"
    road.assert_sound()


def test_events_that_arrive_in_reverse_order_lead_to_the_same_end(road: Road) -> None:
    """A receipt before its answer, an answer before the message is known: told late, they end all the same."""
    with road.platform.stopped("kafka_source-fast"):
        road.send(a_text("거꾸로 시험").to_many(50))
    road.wait_for_all()
    with road.platform.stopped("api_receipt"):
        road.send(a_text("거꾸로 시험").to_many(50))
        until(lambda: road.count("status = 6") >= 50, "the vendor to have them")
    road.wait_for_all()
    road.assert_sound()
