"""The Kafka source through rebalances, failed commits, broken polls and kill -9: nothing is committed unanswered.

The machine plays the broker, the group and the functions. What kafka-python does to positions at a rebalance is done by
its own code, since the source relies on it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Coroutine, Generator
from dataclasses import dataclass
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from kafka import TopicPartition
from kafka.consumer.subscription_state import SubscriptionState
from kafka.coordinator.assignors.abstract import RebalanceProtocol
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.base import Generation
from kafka.coordinator.consumer import ConsumerCoordinator
from kafka.errors import CommitFailedError, KafkaConnectionError
from kafka.protocol.consumer import ConsumerProtocolAssignment

from bridges.kafka_source.consumer import Consumer, _Listener
from bridges.kafka_source.delivery import Item
from bridges.kafka_source.offsets import Progress
from bridges.settings import SourceSettings
from shared.flow import sources
from shared.runtime.settings import KafkaSettings

SOURCE = next(s for s in sources() if s.name == "report-finished-bulk")
TOPIC = SOURCE.topics[0]
KEYS = [TopicPartition(TOPIC, p) for p in range(3)]
SOME = st.sets(st.sampled_from(KEYS))
GAPS = st.lists(st.integers(0, 2), min_size=3, max_size=9)
"""Before each of some records: what compaction or a transaction has left."""


class Broker:
    """The log (offsets with gaps), the commits, and which records some function has taken."""

    def __init__(self) -> None:
        self.log: dict[TopicPartition, list[int]] = {key: [] for key in KEYS}
        self.ends = dict.fromkeys(KEYS, 0)
        self.committed: dict[TopicPartition, int] = {}
        self.answered: set[tuple[TopicPartition, int]] = set()
        self.refuses = False

    def commit(self, offsets: dict[TopicPartition, Any]) -> Exception | None:
        if self.refuses:
            return CommitFailedError("not now")
        self.committed |= {key: meta.offset for key, meta in offsets.items()}
        return None

    def others_read(self, keys: Collection[TopicPartition], count: int) -> None:
        """Another source delivers and commits so many records of these partitions."""
        for key in keys:
            ahead = [o for o in self.log[key] if o >= self.committed.get(key, 0)][:count]
            self.answered |= {(key, offset) for offset in ahead}
            if ahead:
                self.committed[key] = ahead[-1] + 1


class Answer:
    """What `commit_async` returns: awaited, it is there."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def __await__(self) -> Generator[None, None, None]:
        if self._error is not None:
            raise self._error
        yield from ()


class Kafka:
    """A KafkaConsumer whose network is the machine: kafka-python's own positions and rebalances over a Broker."""

    def __init__(self, broker: Broker, owner: Consumer) -> None:
        self._broker = broker
        self.state = SubscriptionState()
        self.state.subscribe([TOPIC], listener=_Listener(self, owner))
        self._coordinator = ConsumerCoordinator.__new__(ConsumerCoordinator)
        self._coordinator.__dict__ |= {
            "config": {"enable_auto_commit": False, "group_id": SOURCE.group},
            "auto_commit_interval": 5,
            "_generation": Generation(1, "member", "range"),
            "_subscription": self.state,
            "_rebalance_protocol": RebalanceProtocol.EAGER,
            "_assignors": {"range": RangePartitionAssignor()},
            "rejoin_needed": False,
        }
        self._callbacks: list[tuple[Any, Exception | None]] = []
        self.limit, self.breaks = 3, False

    def leave(self, lost: bool) -> None:
        """All partitions are taken away, or were long ago."""
        self._coordinator._generation = Generation(-1, "", None) if lost else Generation(1, "member", "range")
        done(self._coordinator._on_join_prepare_async(1, "member"))

    def join(self, keys: Collection[TopicPartition]) -> None:
        """These are given (back) to us."""
        self._coordinator._generation = Generation(1, "member", "range")
        partitions = [(TOPIC, sorted(key.partition for key in keys))]
        assignment = ConsumerProtocolAssignment(version=0, assigned_partitions=partitions, user_data=b"").encode()
        done(self._coordinator._on_join_complete_async(1, "member", "range", assignment))

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        while self._callbacks:
            callback, error = self._callbacks.pop(0)
            callback({}, error)
        for key in self.state.missing_fetch_positions():
            self.state.seek(key, self._broker.committed.get(key, 0))
        records: dict[TopicPartition, list[Any]] = defaultdict(list)
        for key in self.state.fetchable_partitions():
            ahead = [o for o in self._broker.log[key] if o >= self.state.assignment[key].position.offset]
            for offset in ahead[: self.limit]:
                records[key].append(SimpleNamespace(offset=offset, key=key))
                self.state.seek(key, offset + 1)
        if self.breaks:
            raise KafkaConnectionError("in the middle of a batch")
        return dict(records)

    def commit_async(self, offsets: dict[TopicPartition, Any], callback: Any = None) -> Answer:
        error = self._broker.commit(offsets)
        if callback:
            self._callbacks.append((callback, error))
        return Answer(error)

    def assignment(self) -> set[TopicPartition]:
        return set(self.state.assigned_partitions())

    def paused(self) -> set[TopicPartition]:
        return set(self.state.paused_partitions())

    def pause(self, *keys: TopicPartition) -> None:
        for key in keys:
            self.state.pause(key)

    def resume(self, *keys: TopicPartition) -> None:
        for key in keys:
            self.state.resume(key)

    def highwater(self, key: TopicPartition) -> int:
        return self._broker.ends[key]

    def close(self, autocommit: bool, timeout_ms: int) -> None:
        done(self._coordinator._on_close_prepare_async())


@dataclass
class Functions:
    """What the machine has of the delivery: records that wait for an answer."""

    room: threading.Event
    items: list[Item]

    @property
    def in_flight(self) -> int:
        return len(self.items)

    def accept(self, items: list[Item]) -> None:
        self.items.extend(items)

    def let_go(self) -> None:
        """The machine answers in its own time."""


def done(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run what waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


class Group(RuleBasedStateMachine):
    """See the module."""

    @initialize(gaps=st.lists(GAPS, min_size=len(KEYS), max_size=len(KEYS)))
    def begin(self, gaps: list[list[int]]) -> None:
        self.broker = Broker()
        for key, ours in zip(KEYS, gaps, strict=True):
            self.produce(key, ours)
        self.start()
        self.read(6)

    def start(self) -> None:
        """A new process."""
        self.items: list[Item] = []
        self.progress: Progress[TopicPartition] = Progress()
        room = threading.Event()
        room.set()
        delivery = Functions(room, self.items)
        loop: Any = SimpleNamespace(call_soon_threadsafe=lambda call, *arguments: (call(*arguments), room.set()))
        config = SourceSettings(source_window=8, source_commit_seconds=1e9)
        self.source = Consumer(SOURCE, cast(Any, delivery), self.progress, config, KafkaSettings(), loop)
        self.source._commit_at = 1e18  # commits are the machine's
        self.connect(set(KEYS))

    def connect(self, keys: Collection[TopicPartition]) -> None:
        """A new consumer of the same process."""
        self.kafka = Kafka(self.broker, self.source)
        self.kafka.leave(lost=False)
        self.kafka.join(keys)

    @rule(key=st.sampled_from(KEYS), gaps=GAPS)
    def produce(self, key: TopicPartition, gaps: list[int]) -> None:
        """Records."""
        for gap in gaps:
            self.broker.log[key].append(self.broker.ends[key] + gap)
            self.broker.ends[key] += gap + 1

    @rule(limit=st.integers(1, 6))
    def read(self, limit: int) -> None:
        self.kafka.limit = limit
        self.source._turn(self.kafka)

    @rule(chance=st.randoms(use_true_random=False), share=st.sampled_from([0.2, 0.5, 1.0]))
    def answer(self, chance: Random, share: float) -> None:
        """Functions take some records; those that are not ours any more may never have reached one."""
        taken = [chance.random() < share for _ in self.items]
        items = list(zip(self.items, taken, strict=True))
        self.items[:] = [item for item, now in items if not now]
        for record, partition in (item for item, now in items if now):
            if not partition.lost:
                self.broker.answered.add((record.key, record.offset))
            self.progress.finish(partition, record.offset)

    @rule(refused=st.booleans())
    def commit(self, refused: bool) -> None:
        self.broker.refuses = refused
        self.source._commit_soon(self.kafka)

    @rule(keep=SOME, lost=st.booleans(), refused=st.booleans(), others=SOME, count=st.integers(0, 5))
    def rebalance(
        self, keep: set[TopicPartition], lost: bool, refused: bool, others: set[TopicPartition], count: int
    ) -> None:
        """Taken away or lost; while we are out, others may read any of them (we may have been thrown out unnoticed)."""
        self.broker.refuses = refused
        self.kafka.leave(lost)
        self.broker.others_read(others, count)
        self.kafka.join(keep)

    @rule(count=st.integers(1, 5))
    def others(self, count: int) -> None:
        self.broker.others_read(set(KEYS) - self.kafka.assignment(), count)

    @rule(refused=st.booleans())
    def poll_breaks(self, refused: bool) -> None:
        """Records that were on their way out of poll go nowhere; the source begins with a new consumer."""
        mine = self.kafka.assignment()
        self.broker.refuses, self.kafka.breaks = refused, True
        try:
            self.source._turn(self.kafka)
        except KafkaConnectionError:
            self.source._close(self.kafka)
            self.connect(mine)

    @rule()
    def kill(self) -> None:
        self.start()

    @invariant()
    def nothing_is_committed_that_nobody_answered(self) -> None:
        for key, front in self.broker.committed.items():
            passed = {(key, offset) for offset in self.broker.log[key] if offset < front}
            assert passed <= self.broker.answered, f"of {front}: {passed - self.broker.answered}"

    def teardown(self) -> None:
        """Left in peace, the source finishes everything, without being started again, and commits it in the end."""
        if not hasattr(self, "broker"):
            return
        self.broker.refuses = False
        self.kafka.leave(lost=False)
        self.kafka.join(KEYS)
        while self.items or any(self.kafka.highwater(key) > self.position(key) for key in KEYS):
            self.read(50)
            self.broker.answered |= {(r.key, r.offset) for r, partition in self.items if not partition.lost}
            for record, partition in self.items:
                self.progress.finish(partition, record.offset)
            self.items.clear()
        self.commit(refused=True)
        self.read(1)
        self.rebalance(set(KEYS), lost=False, refused=True, others=set(), count=0)
        self.commit(refused=False)
        assert self.broker.answered == {(key, offset) for key in KEYS for offset in self.broker.log[key]}
        assert self.broker.committed == {key: end for key, end in self.broker.ends.items() if end}

    def position(self, key: TopicPartition) -> int:
        position = self.kafka.state.assignment[key].position
        return position.offset if position else 0


TestGroup = Group.TestCase
TestGroup.settings = settings(
    max_examples=100, stateful_step_count=30, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)


def test_a_source_is_starting_until_it_has_joined_and_a_rebalance_does_not_make_it_ill() -> None:
    group = Group()
    group.broker = Broker()
    states = []
    joining = Kafka.join

    def join(kafka: Kafka, keys: Collection[TopicPartition]) -> None:
        states.append(group.source.state)
        joining(kafka, keys)
        states.append(group.source.state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Kafka, "join", join)
        group.start()
        for lost in (False, True):
            group.kafka.leave(lost)
            group.kafka.join(KEYS)
    assert states == ["starting", "reading", "rebalancing", "reading", "rebalancing", "reading"]


@pytest.mark.parametrize("lost", [False, True])
def test_a_join_that_has_begun_must_end_whatever_its_leader_thinks(lost: bool) -> None:
    group = Group()
    group.broker = Broker()
    group.start()
    coordinator = group.kafka._coordinator
    coordinator.rejoin_needed = False
    group.kafka.leave(lost)
    assert coordinator.rejoin_needed
