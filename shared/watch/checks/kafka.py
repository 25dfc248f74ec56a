"""Kafka: its partitions' replicas, what waits in front of each consumer group and since when, dead letters.

One admin client a look, in a thread: what a broker that hangs holds up is that thread alone.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

from shared import flow
from shared.runtime.bus import connection
from shared.runtime.settings import KafkaSettings
from shared.watch.samples import UNKNOWN, Sample

METRICS = frozenset({"group_lag", "group_oldest", "dead_letters", "kafka_refusing", "kafka_under"})
DOWN = "kafka_down"
DEAD_TOPIC = "ims.dead"
DEAD_MS = 15 * 60_000
MIN_IN_SYNC = 2
"""Of three replicas: with fewer in sync Kafka refuses what is written with acks=all (design §4)."""
LATEST, EARLIEST = -1, -2
READ_SHARE = 0.5
"""How much of the time may go into reading the oldest events."""
COORDINATOR_S = 0.3
FETCH_BYTES = 16 * 1024
LAGGING = 200
"""Partitions whose oldest event is read, at most: each group's with the most waiting before any group's second."""


def look(settings: KafkaSettings, seconds: float, now_ms: int) -> list[Sample]:
    """All samples; any error of Kafka's client when it cannot be asked within about `seconds`."""
    from kafka import KafkaAdminClient

    until = time.monotonic() + seconds
    with closing(KafkaAdminClient(**_patience(settings, seconds))) as admin:
        topics = admin.describe_topics(list(flow.topics()))
        partitions = [tp for topic in topics for tp in _partitions(topic)]
        committed = _committed(admin, time.monotonic() + seconds * READ_SHARE)
        ends, starts = _offsets(admin, partitions, LATEST), _offsets(admin, partitions, EARLIEST)
        lags = dict(_lags(committed, starts, ends))
        oldest = _oldest(settings, lags, max(0.5, (until - time.monotonic()) * READ_SHARE))
        dead = [tp for tp in partitions if tp.topic == DEAD_TOPIC]
        before = _offsets(admin, dead, now_ms - DEAD_MS)
        return [*_replicas(topics), *_waiting(lags, oldest, now_ms), _dead(before, ends)]


def _patience(settings: KafkaSettings, seconds: float) -> dict[str, Any]:
    milliseconds = max(1000, int(seconds * 1000))
    return {**connection(settings), "request_timeout_ms": milliseconds, "bootstrap_timeout_ms": milliseconds}


def _partitions(topic: Mapping[str, Any]) -> Iterator[Any]:
    """Those that have a leader: the others can only be counted."""
    from kafka import TopicPartition

    return (TopicPartition(topic["name"], p["partition_index"]) for p in topic["partitions"] if p["leader_id"] >= 0)


def _committed(admin: Any, until: float) -> Mapping[str, Mapping[Any, Any]]:
    """What each group has finished. A coordinator that is just being made, or moves, is asked again for a while."""
    from kafka import errors

    moving = (errors.CoordinatorNotAvailableError, errors.CoordinatorLoadInProgressError, errors.NotCoordinatorError)
    while True:
        try:
            found: Mapping[str, Mapping[Any, Any]] = admin.list_group_offsets({s.group: None for s in flow.sources()})
            return found
        except moving:
            if time.monotonic() > until:
                raise
            time.sleep(COORDINATOR_S)


def _offsets(admin: Any, partitions: Iterable[Any], at: int) -> dict[Any, int]:
    """Each partition's offset at a time (ms), LATEST or EARLIEST; where nothing came since: -1."""
    wanted = dict.fromkeys(partitions, at)
    return {tp: found.offset for tp, found in admin.list_partition_offsets(wanted).items()} if wanted else {}


def _lags(
    committed: Mapping[str, Mapping[Any, Any]], starts: Mapping[Any, int], ends: Mapping[Any, int]
) -> Iterator[tuple[tuple[str, Any], tuple[int, int]]]:
    """(group, partition) → (next offset, how many events wait); a group that never committed begins at the start."""
    for source in flow.sources():
        known = committed.get(source.group, {})
        for tp in (tp for tp in ends if tp.topic in source.topics):
            at = known[tp].offset if tp in known and known[tp].offset >= 0 else starts[tp]
            yield (source.group, tp), (max(at, starts[tp]), max(0, ends[tp] - max(at, starts[tp])))


def _oldest(settings: KafkaSettings, lags: Mapping[tuple[str, Any], tuple[int, int]], seconds: float) -> dict[Any, int]:
    """(group, partition) → when its oldest waiting event was written (ms), as far as time allows."""
    from kafka import KafkaConsumer

    behind = _in_turn(lags)[:LAGGING]
    if not behind:
        return {}
    found: dict[tuple[str, Any], int] = {}
    until = time.monotonic() + seconds
    options = {"enable_auto_commit": False, "group_id": None, "max_partition_fetch_bytes": FETCH_BYTES}
    with closing(KafkaConsumer(**_patience(settings, seconds), **options)) as consumer:
        for round_ in _rounds(behind):
            _read(consumer, {tp: (group, lags[group, tp][0]) for group, tp in round_}, found, until)
    return found


def _in_turn(lags: Mapping[tuple[str, Any], tuple[int, int]]) -> list[tuple[str, Any]]:
    """Where events wait: first the partition of each group where most do, then each group's next."""
    turns: Counter[str] = Counter()
    places: list[tuple[int, tuple[str, Any]]] = []
    for key in sorted((k for k, (_, lag) in lags.items() if lag), key=lambda k: -lags[k][1]):
        places.append((turns[key[0]], key))
        turns[key[0]] += 1
    return [key for _, key in sorted(places, key=lambda place: place[0])]


def _rounds(behind: list[tuple[str, Any]]) -> Iterator[list[tuple[str, Any]]]:
    """Groups that read the same partition take turns: a consumer stands at one place of it."""
    queues: dict[Any, list[tuple[str, Any]]] = defaultdict(list)
    for group, tp in behind:
        queues[tp].append((group, tp))
    for i in range(max(map(len, queues.values()))):
        yield [queue[i] for queue in queues.values() if i < len(queue)]


def _read(consumer: Any, wanted: dict[Any, tuple[str, int]], found: dict[tuple[str, Any], int], until: float) -> None:
    consumer.assign(list(wanted))
    for tp, (_, offset) in wanted.items():
        consumer.seek(tp, offset)
    while wanted and (left := until - time.monotonic()) > 0:
        for tp, events in consumer.poll(timeout_ms=min(500, int(left * 1000)), max_records=len(wanted) * 10).items():
            if events and tp in wanted:
                found[wanted.pop(tp)[0], tp] = events[0].timestamp
                consumer.pause(tp)


def _waiting(
    lags: Mapping[tuple[str, Any], tuple[int, int]], oldest: Mapping[tuple[str, Any], int], now_ms: int
) -> Iterator[Sample]:
    """Per consumer group: how many events wait, and how long (s) the oldest has waited, UNKNOWN if none was read."""
    for group in dict.fromkeys(group for group, _ in lags):
        waiting = sum(lag for (name, _), (_, lag) in lags.items() if name == group)
        yield Sample("group_lag", group, waiting)
        times = [at for (name, _), at in oldest.items() if name == group and at > 0]
        unread = UNKNOWN if waiting else 0.0
        yield Sample("group_oldest", group, max(0.0, (now_ms - min(times)) / 1000) if times else unread)


def _replicas(topics: Iterable[Mapping[str, Any]]) -> Iterator[Sample]:
    partitions = [(t["name"], p) for t in topics for p in t["partitions"]]
    refusing = [n for n, p in partitions if p["leader_id"] < 0 or _too_few(p)]
    under = [n for n, p in partitions if len(p["isr_nodes"]) < len(p["replica_nodes"])]
    for metric, names in (("kafka_refusing", refusing), ("kafka_under", under)):
        some = ", ".join(sorted(set(names))[:3])
        yield Sample(metric, "cluster", len(names), f"{len(names)} partitions, such as of {some}" if names else "")


def _too_few(partition: Mapping[str, Any]) -> bool:
    return len(partition["replica_nodes"]) > MIN_IN_SYNC > len(partition["isr_nodes"])


def _dead(before: Mapping[Any, int], ends: Mapping[Any, int]) -> Sample:
    """Events that came to ims.dead lately."""
    return Sample("dead_letters", DEAD_TOPIC, sum(ends[tp] - at for tp, at in before.items() if at >= 0))
