"""Our own Kafka sources on Knative, for a cluster without Knative's: the same map, the same rules of delivery.

They call the functions by Knative's addresses, so scale from zero and traffic splits work as with KafkaSource. Where
Kafka asks for users, they need users of their own (`kafka-kafka-source-fast`, `kafka-kafka-source-slow`).
"""

from __future__ import annotations

from collections.abc import Iterator

from deploy import network
from deploy.bridges import deployment, kafka_source, targets
from deploy.objects import account, dns, removal
from deploy.settings import NAMESPACE, Json
from shared import flow

REPLACED = (("sources.knative.dev/v1", "KafkaSource"), ("eventing.knative.dev/v1alpha1", "KafkaSink"))


def objects() -> Iterator[Json]:
    """A Deployment a pool, with its account and its way to the functions."""
    served = list(flow.processes())
    env = targets(served, lambda process: f"http://{dns(process.name)}.{NAMESPACE}.svc.cluster.local")
    for pool in flow.POOLS:
        bridge = kafka_source(pool, served, env)
        yield account(bridge.name, "bridge")
        yield deployment(bridge)
        yield network.to_functions(bridge)


def removals() -> Iterator[Json]:
    """Patches that take away Knative's sources and their sink of dead letters, which such a cluster does not know."""
    for version, kind in REPLACED:
        yield removal(version, kind)
