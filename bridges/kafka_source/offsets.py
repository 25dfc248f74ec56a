"""How far each partition of a source is done: records finish in any order, only a contiguous front is committed.

The consumer's thread takes records, the event loop finishes them, kafka-python's own thread asks for the front when a
partition is taken away: hence the lock.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Iterable, Sequence
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

    def take(self, key: K, offsets: Sequence[int]) -> Partition:
        """Note records (at least one, ascending) as taken; returns their partition, to finish them on.

        Offsets that were taken before are read anew (the log was cut, or the reader went back): what counts from then
        on is this reading, and work on the former one is in vain.
        """
        first = offsets[0]
        with self._lock:
            partition = self._partitions.get(key)
            if partition is not None and first <= partition.last:
                self._drop([key])
                partition = None
            if partition is None:
                partition = self._partitions[key] = Partition(committed=first, front=first, last=first - 1)
            for offset in offsets:
                partition.take(offset)
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

    def keep(self, keys: Collection[K]) -> None:
        """Only these partitions are ours now; those that we had before go on as if nothing had happened."""
        with self._lock:
            self._drop([key for key in self._partitions if key not in keys])

    def forget(self, keys: Iterable[K] | None = None) -> None:
        """These partitions (or all) are no longer ours, and if they are again, they are read from the commit on."""
        with self._lock:
            self._drop(list(self._partitions if keys is None else keys))

    def _drop(self, keys: Iterable[K]) -> None:
        for key in keys:
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
