"""The map's topics with their partitions and settings; `python -m deploy.topics` makes those that are missing.

IMS_KAFKA_BOOTSTRAP says where; IMS_TOPIC_REPLICATION how many replicas (default: 3, or as many as there are brokers).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy.settings import (
    DEAD_RETENTION_DAYS,
    MIN_IN_SYNC,
    OTHER_PARTITIONS,
    PARTITIONS,
    REPLICATION,
    RETENTION_DAYS,
)
from shared import flow
from shared.domain.ids import LANES

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Topic:
    """A topic as it should be."""

    name: str
    partitions: int
    config: dict[str, str]


def lane(topic: str) -> str | None:
    """The lane that a topic carries."""
    last = topic.rpartition(".")[2]
    return last if last in LANES else None


def topics() -> Iterator[Topic]:
    """Every topic of the map."""
    for name in flow.topics():
        days = DEAD_RETENTION_DAYS if name == "ims.dead" else RETENTION_DAYS
        config = {"min.insync.replicas": str(MIN_IN_SYNC), "retention.ms": str(days * DAY_MS)}
        yield Topic(name, PARTITIONS.get(lane(name) or "", OTHER_PARTITIONS), config)


def missing(existing: set[str], brokers: int) -> list[tuple[Topic, int]]:
    """What is still to be made, each with its replicas; min.insync 2 needs at least as many brokers."""
    replicas = int(os.environ.get("IMS_TOPIC_REPLICATION", min(REPLICATION, brokers)))
    return [
        (Topic(t.name, t.partitions, {**t.config, "min.insync.replicas": str(min(MIN_IN_SYNC, replicas))}), replicas)
        for t in topics()
        if t.name not in existing
    ]


def main() -> None:
    """Make the missing topics and say so."""
    from kafka import KafkaAdminClient
    from kafka.admin import NewTopic

    from shared.runtime.bus import connection
    from shared.runtime.settings import KafkaSettings, load

    admin: Any = KafkaAdminClient(**connection(load(KafkaSettings)), client_id="ims-topics")
    try:
        brokers = len(admin.describe_cluster()["brokers"])
        new = missing(set(admin.list_topics()), brokers)
        made = [NewTopic(t.name, t.partitions, replicas, topic_configs=t.config) for t, replicas in new]
        if made:
            admin.create_topics(made, timeout_ms=30_000)
        print(f"{len(made)} topics made, {len(flow.topics())} in the map, {brokers} brokers", flush=True)
    finally:
        admin.close()


if __name__ == "__main__":
    main()
