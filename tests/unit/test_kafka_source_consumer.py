"""The Kafka source's consumer outside of a rebalance: how it comes back, and when it asks for partitions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import NodeNotReadyError, RebalanceInProgressError

from bridges import http
from bridges.kafka_source.app import App
from bridges.kafka_source.consumer import READING, Consumer
from bridges.kafka_source.coverage import Coverage
from bridges.kafka_source.offsets import Progress
from bridges.settings import SourceSettings
from shared.flow import sources
from shared.runtime.bus import Bus
from shared.runtime.settings import KafkaSettings

SOURCE = next(s for s in sources() if s.name == "report-finished-bulk")
TOPIC = SOURCE.topics[0]


def keys(topic: str, count: int) -> set[TopicPartition]:
    return {TopicPartition(topic, p) for p in range(count)}


def a_consumer() -> Consumer:
    anything: Any = SimpleNamespace(room=threading.Event())
    return Consumer(SOURCE, anything, Progress(), SourceSettings(), KafkaSettings(), anything)


def test_a_source_comes_back_after_an_outage_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer, waits = a_consumer(), list[float]()

    def fail(_: Consumer) -> None:
        raise NodeNotReadyError

    class Stopping:
        def is_set(self) -> bool:
            return len(waits) >= 3000

        def wait(self, seconds: float) -> None:
            waits.append(seconds)

    monkeypatch.setattr(Consumer, "_consume", fail)
    monkeypatch.setattr(consumer, "_stopping", Stopping())
    consumer._run()
    assert consumer.state == "stopped"
    assert waits[:3] == [0.5, 1.0, 2.0]
    assert set(waits[10:]) == {15.0}


def test_all_sources_of_a_process_end_at_once() -> None:
    consumers = [a_consumer() for _ in range(24)]
    together = threading.Barrier(len(consumers), timeout=60)
    for consumer in consumers:
        consumer._thread = threading.Thread(
            target=lambda drained: (drained.wait(), together.wait()), daemon=True, args=(consumer._drained,)
        )
        consumer.start()
    app = App.__new__(App)
    app._consumers, app._deliveries = consumers, []
    app._settings, app._client, app._bus = SourceSettings(), http.Client(), Bus(KafkaSettings(), "/test")
    asyncio.run(app.stop())
    assert not together.broken
    assert not any(consumer._thread.is_alive() for consumer in consumers)


def test_a_topic_that_grows_is_told_once_and_by_whom_it_concerns() -> None:
    mine, coverage = keys("t", 3), Coverage()
    assert coverage.lacks({"t": 6}, mine), "it may have grown while we were away"
    assert not coverage.lacks({"t": 6}, mine)
    assert coverage.lacks({"t": 7}, mine)
    assert not coverage.lacks({"t": 7}, mine)
    assert not Coverage().lacks({"t": 3}, mine), "who has all asks for nothing"


def test_a_topic_that_cannot_be_seen_for_a_while_has_not_grown_when_it_is_back() -> None:
    coverage, mine = Coverage(), keys("t", 3)
    assert coverage.lacks({"t": 6, "u": 2}, mine)
    for seen in ({"u": 2}, {}, {"t": 6}, {"t": 4, "u": 2}, {"t": 6, "u": 2}):
        assert not coverage.lacks(seen, mine)


def test_a_commit_at_a_rebalance_counts_when_the_broker_has_said_so() -> None:
    """Where the coordinator must be found first, what `commit_async` returns is only that it was found."""
    consumer, callbacks = a_consumer(), list[Any]()

    async def found() -> None:
        """The coordinator."""

    def commit_async(_: Any, callback: Any = None) -> Any:
        callbacks.append(callback)
        return found()

    kafka = SimpleNamespace(commit_async=commit_async, _coordinator=SimpleNamespace(request_rejoin=lambda: None))
    key = TopicPartition(TOPIC, 0)
    partition = consumer._progress.take(key, [5])
    consumer._progress.finish(partition, 5)
    for answer, left in ((RebalanceInProgressError(), {key: 6}), (None, {})):
        asyncio.run(consumer.revoked(kafka, [key]))
        assert consumer._progress.to_commit() == {key: 6}
        callbacks.pop()({}, answer)
        assert consumer._progress.to_commit() == left


class Kafka:
    """What the consumer asks when it looks for partitions."""

    def __init__(self, counts: dict[str, int], mine: Collection[TopicPartition]) -> None:
        self.joins, self.counts, self.mine = 0, counts, mine
        self._cluster = self._coordinator = self

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(self.counts[topic])) if topic in self.counts else None

    def assignment(self) -> Collection[TopicPartition]:
        return self.mine

    def request_rejoin(self) -> None:
        self.joins += 1


def test_a_source_joins_once_more_for_each_growth_and_not_while_it_joins() -> None:
    consumer, kafka = a_consumer(), Kafka({TOPIC: 12}, keys(TOPIC, 12))
    joins = []
    for state, count in [(READING, 12), ("rebalancing", 13), (READING, 13), (READING, 13), (READING, 0), (READING, 15)]:
        consumer.state = state
        kafka.counts = {TOPIC: count} if count else {}
        consumer._look_for_partitions(kafka)
        joins.append(kafka.joins)
    assert joins == [0, 0, 1, 1, 1, 2]
