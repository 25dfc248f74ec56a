"""Both content modes through a real Kafka: what a record is there, and that the running platform takes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaConsumer, TopicPartition

from bridges.kafka_source import cloudevent
from local.testing import Platform
from shared.domain.events import Dead
from shared.runtime.bus import Bus
from shared.runtime.server import read_event
from shared.runtime.settings import KafkaSettings
from tests.road import sql, until

TOPIC = "ims.dead"
WAIT_MS = 20_000


@pytest.fixture
def tail(platform: Platform) -> Iterator[KafkaConsumer]:
    """A reader of what is written from now on."""
    with closing(KafkaConsumer(bootstrap_servers=platform.demo["kafka"], consumer_timeout_ms=WAIT_MS)) as consumer:
        consumer.assign([TopicPartition(TOPIC, p) for p in consumer.partitions_for_topic(TOPIC) or ()])
        consumer.seek_to_end()
        for partition in consumer.assignment():
            consumer.position(partition)
        yield consumer


@pytest.mark.parametrize("mode", ["binary", "structured"])
async def test_an_event_comes_through_kafka_in_either_mode(platform: Platform, tail: Any, mode: Any) -> None:
    mark = uuid4().hex
    event = Dead(source_topic="test.modes", reason="한글", headers={"id": mark}, body=mark, at=1)
    bus = Bus(KafkaSettings(kafka_bootstrap=platform.demo["kafka"], event_mode=mode), "/test")
    await bus.publish([event])
    bus.close()
    record = next(record for record in tail if mark.encode() in record.value)
    names = {name for name, _ in record.headers}
    assert names == {"content-type"} if mode == "structured" else "ce_type" in names
    headers, body = cloudevent.to_http(record, "store")
    scope = {"method": "POST", "headers": [(name.encode(), value.encode()) for name, value in headers]}
    attributes, data = read_event(scope, body, ticks=False) or ({}, b"")
    assert (attributes["type"], Dead.model_validate_json(data)) == (Dead.TYPE, event)
    found = until(lambda: sql(platform, "SELECT topic, reason FROM dead_letters WHERE event_id = %s", mark), "the row")
    sql(platform, "DELETE FROM dead_letters WHERE event_id = %s", mark)
    assert found == [("test.modes", "한글")]
