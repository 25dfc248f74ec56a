"""The bus: events as CloudEvents on Kafka, acknowledged by all in-sync replicas before anyone is told "done".

The producer is idempotent and has its own network thread; `publish` hands all events of a call over at once and waits
for their acknowledgements together. Records have no key: no hot partition, and handlers need no order.
"""

from __future__ import annotations

import asyncio
import base64
import os
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.domain.errors import Unavailable
from shared.domain.events import MAX_BYTES, Again, Event
from shared.runtime import metrics, trace
from shared.runtime.clock import iso, now_ms
from shared.runtime.cloudevents import JSON, STRUCTURED, put_together
from shared.runtime.selector import Selector
from shared.runtime.settings import KafkaSettings

if TYPE_CHECKING:
    from kafka import KafkaProducer

RENEW_AFTER = 3
"""Publishes in a row that failed until the producer is made anew."""
SILENCE_S = 2.0
"""Beyond the delivery time-out, until an event that is neither acknowledged nor failed counts as failed."""
MAX_REQUEST = 4 * 1024 * 1024


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """kafka-python's connection arguments for producers, consumers and admin clients."""
    config: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap.split(","),
        "reconnect_backoff_max_ms": 1000,
        "selector": Selector,
    }
    if settings.kafka_username:
        config |= {
            "security_protocol": "SASL_SSL" if settings.kafka_ca_file else "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password,
        }
    elif settings.kafka_ca_file:
        config["security_protocol"] = "SSL"
    if settings.kafka_ca_file:
        config["ssl_cafile"] = settings.kafka_ca_file
    return config


Record = tuple[str, bytes, list[tuple[str, bytes]]]
"""Topic, value and headers."""


def records(event: Event, source: str, traceparent: str | None, mode: str = "binary") -> list[Record]:
    """An event as records of the CloudEvents Kafka protocol binding; halved until it is not too large."""
    if isinstance(event, Again):
        return [_record(event.topic, event.attributes, base64.b64decode(event.body), mode)]
    value = event.model_dump_json(exclude_defaults=True).encode()
    if len(value) > MAX_BYTES:
        parts = event.halves()
        if len(parts) > 1:
            return [r for part in parts for r in records(part, source, traceparent, mode)]
    attributes = {
        "specversion": "1.0",
        "id": os.urandom(16).hex(),
        "type": event.TYPE,
        "source": source,
        "time": str(iso(now_ms())),
        "lane": event.lane,
    }
    if traceparent:
        attributes["traceparent"] = traceparent
    return [_record(event.topic, attributes, value, mode)]


def _record(topic: str, attributes: Mapping[str, str], value: bytes, mode: str) -> Record:
    if mode == "structured":
        return topic, put_together(attributes, value), [("content-type", STRUCTURED.encode())]
    headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
    return topic, value, [*headers, ("content-type", JSON.encode())]


def too_large(event: Event, error: Exception) -> bool:
    """Whether a publish failed for this event's size.

    Every topic must take MAX_BYTES, and kafka-python refuses what stands beside a record that is too large with it.
    """
    return of_size(error) and len(event.model_dump_json(exclude_defaults=True).encode()) > MAX_BYTES


def of_size(error: Exception) -> bool:
    """Whether a publish failed because something in it was too large."""
    from kafka import errors

    return isinstance(error.__cause__, (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError))


class Bus:
    """Publishes events; `source` is the emitting function's path."""

    def __init__(self, settings: KafkaSettings, source: str) -> None:
        self._settings, self._source = settings, source
        self._lock = threading.Lock()
        self._failures = 0
        self._known: set[str] = set()
        """Topics whose metadata the producer has, so that `send` cannot block the event loop."""

    @cached_property
    def _producer(self) -> KafkaProducer:
        from kafka import KafkaProducer

        with self._lock:
            timeout = int(self._settings.kafka_timeout_seconds * 1000)
            return KafkaProducer(
                **connection(self._settings),
                acks="all",
                enable_idempotence=True,
                linger_ms=0,
                compression_type=self._settings.kafka_compression or None,
                max_request_size=MAX_REQUEST,
                delivery_timeout_ms=timeout,
                request_timeout_ms=max(1000, timeout - 1000),
                max_block_ms=timeout,
                metadata_max_age_ms=60_000,
                metrics_enabled=False,
            )

    async def publish(self, events: Sequence[Event]) -> None:
        """Return when every event is acknowledged; raise Unavailable when one is not (all may be published again)."""
        span = trace.current()
        header, mode = span.header() if span else None, self._settings.event_mode
        await self.resend([r for event in events for r in records(event, self._source, header, mode)])

    async def resend(self, batch: Sequence[Record]) -> None:
        """The same for records as they are, with the ids that they have."""
        if not batch:
            return
        loop = asyncio.get_running_loop()
        topics = [r[0] for r in batch]
        if self._known.issuperset(topics):
            used, futures = self._hand_over(batch)
        else:
            used, futures = await loop.run_in_executor(None, self._hand_over, batch)
        try:
            await _all_acked(futures, loop, topics, self._settings.kafka_timeout_seconds + SILENCE_S)
            self._failures = 0
            self._known.update(topics)
        except Unavailable as error:
            self._failures += 1 if getattr(error.__cause__, "retriable", False) else RENEW_AFTER
            if self._failures >= RENEW_AFTER:
                await loop.run_in_executor(None, self._renew, used)
            raise

    def _renew(self, used: KafkaProducer) -> None:
        """Start with a new producer: an idempotent one that has lost its place with the brokers never recovers.

        Nor does one that says nothing any more, or had an event refused for good (too large, no right to its topic):
        it refuses all others for the same reason. `used` is the one that failed; others may have replaced it already.
        """
        with self._lock:
            current = self.__dict__.get("_producer")
            if current is None or current is not used:
                return
            del self.__dict__["_producer"]
            self._failures = 0
            self._known.clear()
        _end(current, 0)

    def _hand_over(self, batch: Sequence[Record]) -> tuple[KafkaProducer, list[Any]]:
        """The producer that took the records, and its futures."""
        from kafka import errors

        try:
            producer = self._producer
            return producer, [producer.send(topic, value, headers=headers) for topic, value, headers in batch]
        except errors.KafkaError as error:  # no broker, no such topic, no right to it, or too large
            for topic, _, _ in batch:
                metrics.PUBLISHED.labels(topic, "failed").inc()
            raise Unavailable(f"Kafka: {type(error).__name__}") from error

    def connect(self) -> None:
        """Connect, so that the first publish need not."""
        _ = self._producer

    def close(self) -> None:
        """Flush what is under way and close."""
        if "_producer" in self.__dict__:
            _end(self._producer, self._settings.kafka_timeout_seconds)


def _end(producer: Any, seconds: float) -> None:
    """Close a producer, with its thread: kafka-python's `close` flushes first, and when that fails it ends nothing."""
    try:
        producer.close(timeout=seconds)
    except Exception:
        producer._sender.force_close()


async def _all_acked(futures: list[Any], loop: asyncio.AbstractEventLoop, topics: list[str], patience_s: float) -> None:
    """Wait for kafka-python's futures from the event loop: its thread wakes the loop once, after the last.

    After a broker's crash some of its futures never end, in spite of its delivery time-out; hence `patience_s`.
    """
    done: asyncio.Future[None] = loop.create_future()
    left, lock, failures = len(futures), threading.Lock(), []

    def finish() -> None:
        if not done.done():
            done.set_result(None)

    def one(error: BaseException | None) -> None:
        nonlocal left
        with lock:
            if error is not None:
                failures.append(error)
            left -= 1
            last = left == 0
        if last:
            loop.call_soon_threadsafe(finish)

    def give_up() -> None:
        failures.insert(0, TimeoutError("Kafka says nothing"))
        finish()

    for future in futures:
        future.add_callback(lambda _: one(None))
        future.add_errback(one)
    timer = loop.call_later(patience_s, give_up)
    try:
        await done
    finally:
        timer.cancel()
    for topic in topics:
        metrics.PUBLISHED.labels(topic, "failed" if failures else "acked").inc()
    if failures:
        raise Unavailable(f"Kafka: {type(failures[0]).__name__}") from failures[0]
