"""The bus when Kafka refuses: every event that is not taken is counted, and a producer that is spoilt is not kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, TopicAuthorizationFailedError

from shared.domain.errors import Unavailable
from shared.domain.events import Due
from shared.runtime import metrics
from shared.runtime.bus import Bus
from shared.runtime.settings import KafkaSettings

EVENT = Due(lane="bulk", kind="parked", ids=["a" * 32])


class Sent:
    """kafka-python's future, which has failed."""

    def __init__(self, error: KafkaError) -> None:
        self._error = error

    def add_callback(self, _: Callable[..., None]) -> None:
        """It has not succeeded."""

    def add_errback(self, call: Callable[[KafkaError], None]) -> None:
        call(self._error)


class Producer:
    """Refuses everything: `at_once` when it is asked to send, else when the broker answers."""

    def __init__(self, error: KafkaError, at_once: bool) -> None:
        self._error, self._at_once, self.closed = error, at_once, False

    def send(self, *_: Any, **__: Any) -> Sent:
        if self._at_once:
            raise self._error
        return Sent(self._error)

    def close(self, timeout: float) -> None:
        self.closed = True


def failed() -> float:
    return metrics.PUBLISHED.labels(EVENT.topic, "failed")._value.get()


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("error", [KafkaTimeoutError(), MessageSizeTooLargeError(), TopicAuthorizationFailedError()])
async def test_what_kafka_does_not_take_is_counted_whoever_says_so(error: KafkaError, at_once: bool) -> None:
    bus, before = Bus(KafkaSettings(), "/test"), failed()
    bus.__dict__["_producer"] = Producer(error, at_once)
    with pytest.raises(Unavailable) as refused:
        await bus.publish([EVENT, EVENT])
    assert refused.value.__cause__ is error
    assert failed() - before == 2


@pytest.mark.parametrize(
    ("error", "tries"),
    [(KafkaTimeoutError(), 3), (MessageSizeTooLargeError(), 1), (TopicAuthorizationFailedError(), 1)],
)
async def test_a_producer_whose_event_was_refused_for_good_is_replaced_at_once(error: KafkaError, tries: int) -> None:
    bus, producer = Bus(KafkaSettings(), "/test"), Producer(error, at_once=False)
    bus.__dict__["_producer"] = producer
    closed = []
    for _ in range(tries):
        with pytest.raises(Unavailable):
            await bus.publish([EVENT])
        closed.append(producer.closed)
    assert closed == [False] * (tries - 1) + [True]
    assert "_producer" not in bus.__dict__
