"""What brings events: a KafkaSource per source of the map, the last resort, and a PingSource per cron trigger."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.objects import dns, labels, meta
from deploy.settings import (
    DATA_NAMESPACE,
    DELIVERY_BACKOFF,
    DELIVERY_MARGIN_SECONDS,
    DELIVERY_RETRIES,
    KAFKA_CLUSTER,
    Json,
)
from shared.flow import Cron, Process, Source, processes, sources

DEAD_LETTERS = "ims-dead"
DEAD_TOPIC = "ims.dead"
BOOTSTRAP = [f"{KAFKA_CLUSTER}-kafka-bootstrap.{DATA_NAMESPACE}.svc.cluster.local:9092"]
"""Replaced in each overlay by IMS_KAFKA_BOOTSTRAP of its settings.env."""


def service_ref(process: Process) -> Json:
    """A sink: the Knative Service of a process."""
    return {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": dns(process.name)}}


def kafka_source(source: Source) -> Json:
    """Unordered, from the earliest offset, retried for a day, then into `ims.dead` (design §3)."""
    process = source.process
    spec: Json = {
        "bootstrapServers": BOOTSTRAP,
        "topics": list(source.topics),
        "consumerGroup": source.group,
        "initialOffset": "earliest",
        "ordering": "unordered",
        "consumers": 1,
        "delivery": {
            "retry": DELIVERY_RETRIES,
            "backoffPolicy": "linear",
            "backoffDelay": DELIVERY_BACKOFF,
            "timeout": f"PT{process.function.timeout + DELIVERY_MARGIN_SECONDS}S",
            "deadLetterSink": {
                "ref": {"apiVersion": "eventing.knative.dev/v1alpha1", "kind": "KafkaSink", "name": DEAD_LETTERS}
            },
        },
        "sink": service_ref(process),
    }
    if len(source.topics) == 1:
        spec["ceOverrides"] = {"extensions": {"knativekafkatopic": source.topics[0]}}
    return {
        "apiVersion": "sources.knative.dev/v1",
        "kind": "KafkaSource",
        "metadata": meta(dns(source.name), labels(process.function.name, process.name, "source")),
        "spec": spec,
    }


def kafka_sources() -> Iterator[Json]:
    """Every source of the map."""
    return (kafka_source(source) for source in sources())


def dead_letters() -> Json:
    """Where a source's event goes after its last try; `store` keeps a replayable copy from there."""
    return {
        "apiVersion": "eventing.knative.dev/v1alpha1",
        "kind": "KafkaSink",
        "metadata": meta(DEAD_LETTERS, labels("dead-letters", "dead-letters", "source")),
        "spec": {"topic": DEAD_TOPIC, "bootstrapServers": BOOTSTRAP, "contentMode": "binary"},
    }


def ticks() -> Iterator[Json]:
    """Every cron trigger. A tick may be lost or come twice; functions are idempotent per window and catch up."""
    for process in processes():
        crons = [trigger for trigger in process.function.on if isinstance(trigger, Cron)]
        for i, cron in enumerate(crons):
            name = dns(process.name) if i == 0 else f"{dns(process.name)}-{i + 1}"
            yield {
                "apiVersion": "sources.knative.dev/v1",
                "kind": "PingSource",
                "metadata": meta(name, labels(process.function.name, process.name, "source")),
                "spec": {
                    "schedule": cron.schedule,
                    "timezone": cron.tz,
                    "contentType": "application/json",
                    "data": "{}",
                    "sink": service_ref(process),
                },
            }
