"""How far each partition of a source is done: records finish in any order, only a contiguous front is committed.

The consumer's thread takes records, the event loop finishes them, kafka-python's own thread asks for the front when a
partition is taken away: hence the lock.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K")


@dataclass
class Partition:
    """One partition since it was assigned. `lost`: another consumer may have it now, so work on it is in vain."""

    committed: int
    front: int
    last: int
    lost: bool = False
    _open: deque[int] = field(default_factory=deque)
    _done: set[int] = field(default_factory=set)

    @property
    def window(self) -> int:
        """How many records lie between the oldest unfinished one and the newest taken."""
        return len(self._open)

    def take(self, offset: int) -> None:
        """A record is in our hands. Offsets may have gaps (compaction, transactions)."""
        if not self._open:
            self.front = offset
        self._open.append(offset)
        self.last = offset

    def finish(self, offset: int) -> None:
        """A record is delivered, or safe in the dead letters."""
        self._done.add(offset)
        while self._open and self._open[0] in self._done:
            self._done.discard(self._open.popleft())
        self.front = self._open[0] if self._open else self.last + 1


class Progress(Generic[K]):
    """All partitions of one source; K is Kafka's TopicPartition."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._partitions: dict[K, Partition] = {}

    def take(self, key: K, offsets: Iterable[int]) -> Partition:
        """Note records as taken; returns their partition, to finish them on."""
        with self._lock:
            partition = self._partitions.get(key)
            for offset in offsets:
                if partition is None:
                    partition = self._partitions[key] = Partition(committed=offset, front=offset, last=offset)
                partition.take(offset)
        assert partition is not None, "no offsets"  # noqa: S101 - callers have at least one
        return partition

    def finish(self, partition: Partition, offset: int) -> None:
        """Note a record as done."""
        with self._lock:
            partition.finish(offset)

    def to_commit(self, keys: Iterable[K] | None = None) -> dict[K, int]:
        """The fronts that moved since the last commit: the offset to go on from, as Kafka wants it."""
        with self._lock:
            wanted = self._partitions if keys is None else [k for k in keys if k in self._partitions]
            fronts = {key: self._partitions[key] for key in wanted}
            return {key: p.front for key, p in fronts.items() if p.front > p.committed}

    def committed(self, fronts: dict[K, int]) -> None:
        """Kafka has confirmed a commit."""
        with self._lock:
            for key, front in fronts.items():
                if key in self._partitions:
                    self._partitions[key].committed = max(self._partitions[key].committed, front)

    def forget(self, keys: Iterable[K] | None = None) -> None:
        """These partitions (or all) are no longer ours."""
        with self._lock:
            for key in list(self._partitions if keys is None else keys):
                partition = self._partitions.pop(key, None)
                if partition is not None:
                    partition.lost = True

    def over(self, window: int) -> set[K]:
        """Partitions with a window that large: take no more of them for now."""
        with self._lock:
            return {key for key, p in self._partitions.items() if p.window >= window}

    def fronts(self) -> dict[K, int]:
        """Every partition's front."""
        with self._lock:
            return {key: p.front for key, p in self._partitions.items()}
