"""infra/: what an API server takes and nothing would work with: selectors without pods, ports without names.

No webhook stands behind most of these kinds; their operators complain in a status, later, or leave a setting out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from deploy import rules
from tests.manifests.test_infra import BUILT, WORKLOADS

Json = dict[str, Any]
STRIMZI = "strimzi.io/"
FORBIDDEN = (
    *("listeners", "advertised.", "broker.", "listener.", "host.name", "port", "inter.broker.listener.name", "sasl."),
    *("ssl.", "security.", "password.", "log.dir", "zookeeper.", "authorizer.", "super.user", "node.id"),
    *("process.roles", "controller.", "metadata.log.dir", "client.quota.callback.static", "cruise.control.metrics."),
)
"""Strimzi leaves settings out that begin so, with a warning in the status (docs: Strimzi, KafkaClusterSpec.config)."""
ALLOWED = frozenset(
    {
        *("sasl.server.max.receive.size", "ssl.cipher.suites", "ssl.protocol", "ssl.enabled.protocols"),
        *("ssl.secure.random.implementation", "controller.quorum.election.backoff.max.ms"),
        *("controller.quorum.election.timeout.ms", "controller.quorum.fetch.timeout.ms"),
    }
)


def everything(*kinds: str) -> Iterator[tuple[str, Json]]:
    """Objects of some kinds with the folder that they come from."""
    for folder, objects in BUILT.items():
        yield from ((folder, thing) for thing in objects if thing["kind"] in kinds)


def pods(folder: str) -> list[Json]:
    """The pod templates of a folder."""
    found = []
    for thing in BUILT[folder]:
        if thing["kind"] in WORKLOADS:
            spec = thing["spec"]["jobTemplate"]["spec"] if thing["kind"] == "CronJob" else thing["spec"]
            found.append(spec["template"])
    return found


def picks(selector: Json, labels: Json) -> bool:
    """Whether a selector's matchLabels are among the labels."""
    return selector.items() <= labels.items()


def identity(case: tuple[str, Json]) -> str:
    return f"{case[0]}: {rules.title(case[1])}"


SERVICES = list(everything("Service"))
BUDGETS = list(everything("PodDisruptionBudget"))
MONITORS = list(everything("ServiceMonitor", "PodMonitor"))


@pytest.mark.parametrize("case", SERVICES, ids=identity)
def test_a_service_has_pods_and_its_ports_are_theirs(case: tuple[str, Json]) -> None:
    folder, service = case
    behind = [pod for pod in pods(folder) if picks(service["spec"]["selector"], pod["metadata"]["labels"])]
    assert behind
    ports = [port for pod in behind for box in pod["spec"]["containers"] for port in box.get("ports", [])]
    known = {port.get("name") for port in ports} | {port["containerPort"] for port in ports}
    for port in service["spec"]["ports"]:
        assert port.get("targetPort", port["port"]) in known, port


@pytest.mark.parametrize("case", BUDGETS, ids=identity)
def test_a_budget_is_about_pods_and_lets_one_go(case: tuple[str, Json]) -> None:
    folder, budget = case
    assert any(picks(budget["spec"]["selector"]["matchLabels"], pod["metadata"]["labels"]) for pod in pods(folder))
    assert budget["spec"].get("maxUnavailable", 0) >= 1, "a drain would wait for ever"


def test_a_stateful_sets_service_is_there() -> None:
    for folder, thing in everything("StatefulSet"):
        names = {service["metadata"]["name"] for where, service in SERVICES if where == folder}
        assert thing["spec"]["serviceName"] in names, rules.title(thing)


def test_a_workload_finds_its_own_pods() -> None:
    for _, thing in everything("StatefulSet", "Deployment"):
        labels = thing["spec"]["template"]["metadata"]["labels"]
        assert picks(thing["spec"]["selector"]["matchLabels"], labels), rules.title(thing)


@pytest.mark.parametrize("case", MONITORS, ids=identity)
def test_a_monitor_watches_something_that_is_there(case: tuple[str, Json]) -> None:
    spec = case[1]["spec"]
    wanted = spec["selector"].get("matchLabels", {})
    if any(key.startswith(STRIMZI) for key in wanted):
        assert wanted[f"{STRIMZI}cluster"] in {o["metadata"]["name"] for _, o in everything("Kafka")}
        return
    named = {endpoint["port"] for endpoint in spec.get("endpoints", spec.get("podMetricsEndpoints", []))}
    if case[1]["kind"] == "ServiceMonitor":
        found = [s for _, s in SERVICES if chosen(spec["selector"], s["metadata"]["labels"])]
        ports = {port.get("name") for service in found for port in service["spec"]["ports"]}
    else:
        found = [p for folder in BUILT for p in pods(folder) if chosen(spec["selector"], p["metadata"]["labels"])]
        ports = {
            port.get("name") for pod in found for box in pod["spec"]["containers"] for port in box.get("ports", [])
        }
    assert named <= ports


def chosen(selector: Json, labels: Json) -> bool:
    """matchLabels and matchExpressions of the operator In."""
    some = selector.get("matchExpressions", [])
    return picks(selector.get("matchLabels", {}), labels) and all(labels.get(e["key"]) in e["values"] for e in some)


def test_strimzi_leaves_no_setting_of_kafka_out() -> None:
    for _, thing in everything("Kafka"):
        for name in thing["spec"]["kafka"]["config"]:
            assert name in ALLOWED or not name.startswith(FORBIDDEN), name


def test_a_pool_and_its_users_name_a_cluster_that_is_there() -> None:
    clusters = {thing["metadata"]["name"] for _, thing in everything("Kafka")}
    for _, thing in everything("KafkaNodePool", "KafkaUser", "KafkaTopic"):
        assert thing["metadata"]["labels"][f"{STRIMZI}cluster"] in clusters


def test_a_quorum_survives_the_loss_of_one() -> None:
    for folder, thing in everything("Kafka"):
        replicas = sum(o["spec"]["replicas"] for f, o in everything("KafkaNodePool") if f == folder)
        least = thing["spec"]["kafka"]["config"]["min.insync.replicas"]
        assert folder == "small" or least < thing["spec"]["kafka"]["config"]["default.replication.factor"] <= replicas
