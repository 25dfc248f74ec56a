"""Kafka's topics and users for Strimzi's operators: a user may do what the map says, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.objects import kafka_user, labels
from deploy.settings import DATA_NAMESPACE, KAFKA_CLUSTER, REPLICATION, Json
from deploy.sources import DEAD_TOPIC
from deploy.topics import topics
from shared import flow

API = "kafka.strimzi.io/v1"
CLUSTER = {"strimzi.io/cluster": KAFKA_CLUSTER}


def kafka_topics() -> Iterator[Json]:
    """A KafkaTopic per topic of the map."""
    for topic in topics():
        yield {
            "apiVersion": API,
            "kind": "KafkaTopic",
            "metadata": _meta(topic.name, "topic"),
            "spec": {"partitions": topic.partitions, "replicas": REPLICATION, "config": topic.config},
        }


def kafka_users() -> Iterator[Json]:
    """A KafkaUser per function, and one for the sources' last resort."""
    for function in flow.FLOW:
        written = {t for pattern in function.emits for t in flow.expand(pattern)}
        sources = [s for s in flow.sources() if s.process.function is function]
        if function.handles:
            written.add(DEAD_TOPIC)  # what it cannot read
        read = sorted({t for s in sources for t in s.topics})
        groups = sorted(s.group for s in sources)
        if function.observes:
            read, groups = list(flow.topics()), sorted(s.group for s in flow.sources())
        yield _user(function.name, sorted(written), read, groups)
    yield _user("dead-letters", [DEAD_TOPIC], [], [])


def _user(name: str, written: list[str], read: list[str], groups: list[str]) -> Json:
    acls = [_acl("topic", topic, "Write", "Describe") for topic in written]
    acls += [_acl("topic", topic, "Read", "Describe") for topic in read]
    acls += [_acl("group", group, "Read", "Describe") for group in groups]
    return {
        "apiVersion": API,
        "kind": "KafkaUser",
        "metadata": _meta(kafka_user(name), "user"),
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": [*acls, _acl("cluster", None, "IdempotentWrite")]},
        },
    }


def _acl(kind: str, name: str | None, *operations: str) -> Json:
    resource: Json = {"type": kind} if name is None else {"type": kind, "name": name, "patternType": "literal"}
    return {"resource": resource, "operations": list(operations), "host": "*"}


def _meta(name: str, kind: str) -> Json:
    return {"name": name, "namespace": DATA_NAMESPACE, "labels": {**CLUSTER, **labels("kafka", "kafka", kind)}}
