"""Puts the sources of one process together: one event loop, one HTTP client, one producer, a thread per source."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from kafka import TopicPartition

from bridges import ops
from bridges.carrier import Carrier
from bridges.kafka_source import metrics
from bridges.kafka_source.consumer import Consumer
from bridges.kafka_source.delivery import Delivery
from bridges.kafka_source.offsets import Progress
from bridges.settings import AddressSettings, SourceSettings
from bridges.targets import Targets, addresses
from shared import flow
from shared.runtime import logs
from shared.runtime.bus import Bus
from shared.runtime.clock import now_ms
from shared.runtime.settings import KafkaSettings, load

END_SECONDS = 10.0

log = logs.get(__name__)


def choose(pool: str | None, names: Sequence[str]) -> list[flow.Source]:
    """The map's sources of a pool (those of processes without a pool are slow), or only the named ones."""
    known = {source.name: source for source in flow.sources()}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"no source {', '.join(unknown)}; the map has {', '.join(known)}")
    if not pool and not names:
        raise ValueError("say which: --pool fast, --pool slow or --source NAME")
    served = {p for bridge in flow.bridges() if bridge.pool == pool for p in bridge.feeds} if pool else None
    chosen = [s for s in known.values() if served is None or s.process in served]
    return [s for s in chosen if not names or s.name in names]


class App:
    """The running sources."""

    def __init__(
        self, sources: Sequence[flow.Source], settings: SourceSettings, carrier: Carrier | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        kafka, offset = load(KafkaSettings), load(AddressSettings).port_offset
        self._settings = settings
        self._client, self._bus = carrier or Carrier(), Bus(kafka, "/kafka_source")
        self._deliveries: list[Delivery[TopicPartition]] = []
        self._consumers: list[Consumer] = []
        for source in sources:
            progress: Progress[TopicPartition] = Progress()
            targets = Targets(addresses(source.process, offset))
            delivery = Delivery(source.name, targets, self._client, self._bus, progress, settings)
            self._deliveries.append(delivery)
            self._consumers.append(Consumer(source, delivery, progress, settings, kafka, loop))

    def start(self) -> None:
        """Start every consumer."""
        log.info("delivering", sources=[consumer.source.name for consumer in self._consumers])
        for consumer in self._consumers:
            consumer.start()

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Well when every consumer has joined its group, or is on its way back after a failure."""
        states = {c.source.name: {"state": c.state, "partitions": len(c.assigned)} for c in self._consumers}
        well = all(c.state not in ("starting", "stopped") for c in self._consumers)
        return well, {"status": "ok" if well else "starting", "sources": states}

    def measure(self) -> None:
        """Set the gauges that are read at scrape time."""
        now = now_ms()
        for consumer, delivery in zip(self._consumers, self._deliveries, strict=True):
            metrics.IN_FLIGHT.labels(delivery.source).set(delivery.in_flight)
            metrics.BURYING.labels(delivery.source).set(delivery.burying)
            metrics.LAG.labels(delivery.source).set(consumer.lag)
            oldest = delivery.oldest_ms()
            metrics.OLDEST.labels(delivery.source).set(0 if oldest is None else max(0, now - oldest) / 1000)

    async def stop(self) -> None:
        """Fetch no more, let requests in flight end, commit, leave the groups."""
        log.info("stopping")
        loop = asyncio.get_running_loop()
        for consumer in self._consumers:
            consumer.stop()
        grace = self._settings.source_grace_seconds
        left = await asyncio.gather(*(delivery.drain(grace) for delivery in self._deliveries))
        await loop.run_in_executor(None, self._end)
        await loop.run_in_executor(None, self._bus.close)
        self._client.close()
        log.info("stopped", left_in_flight=sum(left))

    def _end(self) -> None:
        """All at once, or many of them would take long where the broker is away; blocks for END_SECONDS at most."""
        for consumer in self._consumers:
            consumer.finish()
        deadline = time.monotonic() + END_SECONDS
        for consumer in self._consumers:
            consumer.join(max(0.0, deadline - time.monotonic()))


def build(sources: Sequence[flow.Source], port: int, settings: SourceSettings, carrier: Carrier | None = None) -> App:
    """The app of a process whose port is its name among the replicas of a machine."""
    named = settings.model_copy(update={"source_instance": f"{settings.source_instance}-{port}"})
    return App(sources, named, carrier)


async def run(sources: Sequence[flow.Source], host: str, port: int, settings: SourceSettings) -> None:
    """Serve the sources until SIGTERM or SIGINT."""
    await ops.run(lambda: build(sources, port, settings), host, port)
