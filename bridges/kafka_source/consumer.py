"""Kafka's half of a source: one consumer in a thread of its own.

What kafka-python 3.0 (which adds a network thread of its own per consumer) makes us do:
- `poll` takes all that was fetched. With a limit, it would ask Kafka for more of the partitions already emptied, and
  then wait for *that* answer, up to fetch_max_wait_ms, before it asks for the others.
- Back-pressure is not to call `poll`; only to stay in the group it is called with everything paused. Polling paused
  partitions for back-pressure would sleep for retry_backoff_ms at a time.
- Rebalance callbacks run on the network thread, where only `await` is allowed.
- A rebalance takes all partitions away (range assignment), yet of those that come back in it kafka-python keeps the
  position: it does not return what was fetched before once more. So what we have in hand of them stays in hand.
- Group membership is static (group_instance_id): a source that was killed has its partitions back when it starts again,
  instead of after the session time-out. Its price: its group may have nobody who looks for partitions that a topic
  gains, so we do (coverage.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Collection, Iterable
from contextvars import copy_context
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from bridges.kafka_source.config import FETCH_WAIT_MS, consumer_config
from bridges.kafka_source.coverage import Coverage
from bridges.kafka_source.delivery import Delivery, Item
from bridges.kafka_source.offsets import Progress
from bridges.settings import SourceSettings
from shared.flow import Source
from shared.runtime import logs
from shared.runtime.settings import KafkaSettings

READING = "reading"
POLL_MS = 1000
CLOSE_MS = 5000
MAX_RESTART_SECONDS = 15.0

log = logs.get(__name__)


def _to_kafka(fronts: dict[Any, int]) -> dict[Any, Any]:
    return {key: OffsetAndMetadata(front, "", -1) for key, front in fronts.items()}


class Consumer:
    """Reads one source until stopped; a consumer that fails is made anew, ever more slowly."""

    def __init__(
        self,
        source: Source,
        delivery: Delivery[TopicPartition],
        progress: Progress[TopicPartition],
        settings: SourceSettings,
        kafka: KafkaSettings,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.source, self.state, self.lag = source, "starting", 0
        self.assigned: tuple[str, ...] = ()
        self._delivery, self._progress, self._settings, self._loop = delivery, progress, settings, loop
        self._config = consumer_config(source, settings, kafka)
        self._stopping, self._drained = threading.Event(), threading.Event()
        self._commit_at = 0.0
        self._coverage = Coverage()
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), name=source.name, daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more records; those taken may still finish."""
        self._stopping.set()
        self._delivery.room.set()

    def finish(self) -> None:
        """Nothing is under way any more: commit what is finished, and end."""
        self._drained.set()

    def join(self, seconds: float) -> None:
        """Wait until it has ended, or so long."""
        self._thread.join(seconds)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                self._consume()
            except Exception as error:  # whatever it was, the source must come back
                failures = 1 if time.monotonic() - started > 60 else failures + 1
                self.state = f"retrying after {type(error).__name__}"
                log.warning("consumer failed", source=self.source.name, error=repr(error), failures=failures)
                self._stopping.wait(min(0.25 * 2 ** min(failures, 10), MAX_RESTART_SECONDS))
        self.state = "stopped"

    def _consume(self) -> None:
        consumer = KafkaConsumer(**self._config)
        self._coverage = Coverage()
        try:
            consumer.subscribe(list(self.source.topics), listener=_Listener(consumer, self))
            while not self._stopping.is_set():
                self._turn(consumer)
            self._drained.wait(self._settings.source_grace_seconds + 5)
            self._commit_now(consumer)
        finally:
            self._close(consumer)

    def _turn(self, consumer: KafkaConsumer) -> None:
        """One round: fetch if there is room, else only stay a member; commit when it is time.

        A rebalance needs polls that wait: kafka-python throws away a join that ends between two of them.
        """
        if self.state != READING or self._delivery.room.wait(POLL_MS / 1000):
            self._hold_back(consumer)
            self._hand_over(consumer.poll(timeout_ms=POLL_MS if self._busy else FETCH_WAIT_MS))
        else:
            consumer.pause(*consumer.assignment())
            self._hand_over(consumer.poll(timeout_ms=0))
            consumer.resume(*consumer.paused())
        if time.monotonic() >= self._commit_at:
            self._commit_at = time.monotonic() + self._settings.source_commit_seconds
            self._commit_soon(consumer)
            self._measure(consumer)
            self._look_for_partitions(consumer)

    @property
    def _busy(self) -> bool:
        """Whether a poll must end soon: to commit, or for the group."""
        return self.state != READING or bool(self._delivery.in_flight or self._progress.to_commit())

    def _hold_back(self, consumer: KafkaConsumer) -> None:
        """Pause the partitions whose oldest unfinished record lies too far behind, resume the others."""
        over = self._progress.over(self._settings.source_window) & consumer.assignment()
        paused = consumer.paused()
        if over - paused:
            log.warning("partitions held back by their oldest record", source=self.source.name, count=len(over))
            consumer.pause(*(over - paused))
        if paused - over:
            consumer.resume(*(paused - over))

    def _hand_over(self, batches: dict[Any, list[Any]]) -> None:
        if not batches or self._stopping.is_set():
            return  # what is not handed over is not committed either
        items: list[Item] = []
        for key, records in batches.items():
            partition = self._progress.take(key, [record.offset for record in records])
            items.extend(Item(record, partition) for record in records)
        self._delivery.room.clear()
        self._loop.call_soon_threadsafe(self._delivery.accept, items)

    def _commit_soon(self, consumer: KafkaConsumer) -> None:
        fronts = self._progress.to_commit()
        if fronts:
            self._commit(consumer, fronts)

    def _commit(self, consumer: KafkaConsumer, fronts: dict[Any, int]) -> Any:
        """Begin to commit; a later poll says how it went."""
        return consumer.commit_async(_to_kafka(fronts), callback=lambda _, answer: self._committed(fronts, answer))

    def _committed(self, fronts: dict[Any, int], answer: Any) -> None:
        if isinstance(answer, Exception):
            log.warning("commit failed, comes again", source=self.source.name, error=repr(answer))
        else:
            self._progress.committed(fronts)

    def _commit_now(self, consumer: KafkaConsumer) -> None:
        fronts = self._progress.to_commit()
        if not fronts:
            return
        try:
            consumer.commit(_to_kafka(fronts), timeout_ms=CLOSE_MS)
            self._progress.committed(fronts)
        except KafkaError as error:
            log.warning("last commit failed, records come again", source=self.source.name, error=repr(error))

    def _measure(self, consumer: KafkaConsumer) -> None:
        mine = consumer.assignment()
        ends = {key: consumer.highwater(key) for key in mine}
        fronts = self._progress.fronts()
        self.lag = sum(max(0, (ends[key] or 0) - front) for key, front in fronts.items() if key in mine)

    def _look_for_partitions(self, consumer: KafkaConsumer) -> None:
        """Join once more when topics have grown; kafka-python has no public name for it."""
        if self.state != READING:
            return
        seen = {topic: consumer._cluster.partitions_for_topic(topic) for topic in self.source.topics}
        counts = {topic: len(partitions) for topic, partitions in seen.items() if partitions}
        if self._coverage.lacks(counts, consumer.assignment()):
            log.info("asking the group for partitions", source=self.source.name, partitions=counts)
            consumer._coordinator.request_rejoin()

    def _close(self, consumer: KafkaConsumer) -> None:
        try:
            consumer.close(autocommit=False, timeout_ms=CLOSE_MS)
        except Exception as error:  # it is going anyway
            log.warning("consumer did not close well", source=self.source.name, error=repr(error))
        self._progress.forget()
        self._let_go()

    async def revoked(self, consumer: KafkaConsumer, keys: Iterable[Any]) -> None:
        """Commit what is finished of partitions that may go; which of them do, the next assignment says."""
        self._unsettled(consumer)
        fronts = self._progress.to_commit(keys)
        if fronts:
            with contextlib.suppress(KafkaError):  # `_committed` hears of it, and of what was not even sent yet
                await self._commit(consumer, fronts)

    def lost(self, consumer: KafkaConsumer, keys: Iterable[Any]) -> None:
        """Let go of partitions: the group has gone on without us."""
        self._unsettled(consumer)
        self._progress.forget(keys)
        self._let_go()

    def _let_go(self) -> None:
        self._loop.call_soon_threadsafe(self._delivery.let_go)

    def _unsettled(self, consumer: KafkaConsumer) -> None:
        """A join begins, and from now on only the end of one will do.

        A leader that joins since a topic has grown thinks the matter settled as soon as it has made its assignment. If
        this join is one that is thrown away, it would be in the group no more and read nothing, without knowing.
        """
        consumer._coordinator.request_rejoin()
        if self.state == READING:  # who has not joined yet, is still starting
            self.state = "rebalancing"

    def now_assigned(self, keys: Collection[Any]) -> None:
        """The group has spoken: keep what is still ours, let go of the rest."""
        self._progress.keep(keys)
        self._let_go()
        self.state = READING
        self.assigned = tuple(sorted(f"{key.topic}/{key.partition}" for key in keys))


class _Listener(AsyncConsumerRebalanceListener):  # type: ignore[misc] # kafka-python has no types
    def __init__(self, consumer: KafkaConsumer, owner: Consumer) -> None:
        self._consumer, self._owner = consumer, owner

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        await self._owner.revoked(self._consumer, revoked)

    async def on_partitions_lost(self, lost: set[Any]) -> None:
        self._owner.lost(self._consumer, lost)

    async def on_partitions_assigned(self, assigned: set[Any]) -> None:
        self._owner.now_assigned(assigned)
