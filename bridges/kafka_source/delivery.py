"""The event loop's half of a source: posts records, tries again, gives up into `ims.dead`, and says what is done."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, Generic, NamedTuple, TypeVar

from bridges import http
from bridges.carrier import Carrier
from bridges.kafka_source import cloudevent, metrics, policy
from bridges.kafka_source.cloudevent import Record
from bridges.kafka_source.letters import dead_letters
from bridges.kafka_source.offsets import Partition, Progress
from bridges.kafka_source.policy import Verdict
from bridges.settings import SourceSettings
from bridges.targets import Targets
from shared.domain.events import Dead
from shared.runtime import logs
from shared.runtime.bus import Bus, too_large
from shared.runtime.clock import now_ms

K = TypeVar("K")
MAX_WAIT_FOR_DEAD_SECONDS = 30.0
DEAD_TOPIC = "ims.dead"

log = logs.get(__name__)


class Item(NamedTuple):
    """A record and the partition to finish it on."""

    record: Record
    partition: Partition


class Failure(NamedTuple):
    """A failed try: what it means, a short kind for the metrics, and what to tell whoever reads the dead letter."""

    verdict: Verdict
    kind: str
    detail: str


class Delivery(Generic[K]):
    """Unordered delivery of one source: up to N records at once, each in its own time.

    `room` is set while fewer than N records wait for a slot: the consumer's thread fetches only then.
    """

    def __init__(
        self,
        source: str,
        targets: Targets,
        carrier: Carrier,
        bus: Bus,
        progress: Progress[K],
        settings: SourceSettings,
    ) -> None:
        self.source, self._targets, self._carrier, self._bus = source, targets, carrier, bus
        self._progress, self._settings = progress, settings
        self.room = threading.Event()
        self.room.set()
        self._waiting: deque[Item] = deque()
        self._running: dict[asyncio.Task[None], Item] = {}
        self._resting: set[asyncio.Task[None]] = set()
        self._ending = False
        self.burying = 0
        """Records given up whose dead letter Kafka has not taken yet."""
        self._delivered = metrics.DELIVERED.labels(source)
        self._retried = metrics.RETRIED.labels(source)

    def accept(self, items: Iterable[Item]) -> None:
        """Take records over from the consumer's thread (called on the loop)."""
        self._waiting.extend(items)
        self._fill()

    def _fill(self) -> None:
        while self._waiting and not self._ending and len(self._running) < self._settings.source_in_flight:
            item = self._waiting.popleft()
            if item.partition.lost:
                continue
            task = asyncio.ensure_future(self._deliver(item))
            self._running[task] = item
            task.add_done_callback(self._ended)
        if len(self._waiting) < self._settings.source_in_flight and not self.room.is_set():
            self.room.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        record = self._running.pop(task).record
        if not task.cancelled() and (
            error := task.exception()
        ):  # a bug of ours: the record stays unfinished, its partition uncommitted
            place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            log.error("delivery broke off", source=self.source, error=repr(error), **place)
        self._fill()

    async def _deliver(self, item: Item) -> None:
        record, partition = item
        failure = await self._until_decided(item)
        if partition.lost:
            return
        if failure is not None:
            await self._bury(record, failure)
        self._progress.finish(partition, record.offset)

    async def _until_decided(self, item: Item) -> Failure | None:
        """None when a function has taken the record (or it is no longer ours), else why it was given up."""
        try:
            headers, body = cloudevent.to_http(item.record, self.source)
        except Exception as error:  # nothing that we know of; whatever it is, it stays so
            log.exception("no request can be made of it", source=self.source, offset=item.record.offset)
            return Failure(Verdict.DEAD, "error", type(error).__name__)
        for tries in count(1):
            failure = await self._try(headers, body)
            if failure is None:
                self._delivered.inc()
                return None
            metrics.FAILED.labels(self.source, failure.kind).inc()
            if self._is_final(item.record, failure, tries):
                return failure
            await self._rest(policy.delay(tries, self._settings.source_backoff_seconds))
            if item.partition.lost:
                return None
            self._retried.inc()
        raise AssertionError("unreachable")

    def _is_final(self, record: Record, failure: Failure, tries: int) -> bool:
        """A dead letter that its reader refuses stays where it is, tried for ever: it has no other last resort."""
        if record.topic == DEAD_TOPIC:
            return False
        return failure.verdict is Verdict.DEAD or tries > self._settings.source_retries

    async def _try(self, headers: list[tuple[str, str]], body: bytes) -> Failure | None:
        """One try; a replica that refuses the connection has not seen the record, so the next one gets it at once."""
        refused = ""
        for address in self._targets.in_turn():
            try:
                answer = await self._carrier.post(address, headers, body, self._settings.source_timeout_seconds)
            except http.Unreachable as error:
                refused = str(error)
                continue
            except http.TimedOut:
                return Failure(Verdict.RETRY, "timeout", "no answer in time")
            except http.Interrupted as error:
                return Failure(Verdict.RETRY, "interrupted", str(error))
            except Exception as error:  # no record's fault, so none is given up for it: a name that is none, say
                log.exception("cannot post", source=self.source, host=address.host)
                return Failure(Verdict.RETRY, "error", repr(error))
            verdict = policy.verdict(answer.status)
            if verdict is Verdict.DONE:
                return None
            text = answer.body.decode("utf-8", "replace")
            return Failure(verdict, str(answer.status), f"status {answer.status}: {text}")
        return Failure(Verdict.RETRY, "unreachable", refused)

    async def _bury(self, record: Record, failure: Failure) -> None:
        """Put the record into `ims.dead`; it counts as done only when Kafka has acknowledged that."""
        self.burying += 1
        try:
            await self._until_taken(dead_letters(record, failure.detail, now_ms()))
        finally:
            self.burying -= 1
        metrics.DEAD.labels(self.source).inc()
        log.error(
            "dead letter", source=self.source, kind=failure.kind, partition=record.partition, offset=record.offset
        )

    async def _until_taken(self, letters: Iterator[Dead]) -> None:
        """Publish the first that is not too large. Whatever else is wrong (a broker that is away, a right or a topic
        that is missing) is mended by somebody: until then the record waits, and `burying` and the log say so."""
        letter = next(letters)
        for tries in count(1):
            try:
                return await self._bus.publish([letter])
            except Exception as error:
                smaller = next(letters, None) if too_large(letter, error) else None
                log.error("dead letter not taken yet", source=self.source, error=repr(error), smaller=bool(smaller))
            if smaller is None:
                await self._rest(min(policy.delay(tries, 0.2), MAX_WAIT_FOR_DEAD_SECONDS))
            else:
                letter = smaller

    async def _rest(self, seconds: float) -> None:
        """Wait between tries; nobody has the record now, so it may be let go of."""
        task: Any = asyncio.current_task()
        self._resting.add(task)
        try:
            self.let_go()
            await asyncio.sleep(seconds)
        finally:
            self._resting.discard(task)

    def let_go(self) -> None:
        """Free the slots of those that wait for a next try which is not ours to make any more (called on the loop)."""
        for task in self._resting:
            if self._ending or self._running[task].partition.lost:
                task.cancel()

    @property
    def in_flight(self) -> int:
        """Records being delivered."""
        return len(self._running)

    def oldest_ms(self) -> int | None:
        """When the oldest unfinished record was produced."""
        stamps = [item.record.timestamp for item in (*self._running.values(), *list(self._waiting)[:1])]
        return min(stamps, default=None)

    async def drain(self, seconds: float) -> int:
        """Start nothing new, wait for requests under way; returns how many were left (they come again later)."""
        self._ending = True
        begun = set(self._running)
        self.let_go()
        if begun:
            await asyncio.wait(begun, timeout=seconds)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(set(self._running), timeout=1.0)
        return sum(task.cancelled() or not task.done() for task in begun)
