"""What Knative's Kafka source and sink would find in the overlay prod: accounts, Secrets, ways; bad ones are refused.

Neither can be run here. What they ask of Kafka, of Secrets and of the network was read in their source.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy import accept, rules, secrets
from deploy.kafka_rules import AUTOSCALING
from deploy.settings import CONSUMERS, KEDA_MAX, OTHER_CONSUMERS, OTHER_PARTITIONS, PARTITIONS
from deploy.topics import lane
from local.home import ROOT
from shared import flow
from shared.domain.events import MAX_BYTES
from tests.manifests.test_names import OVERLAY, SERVERS

Json = dict[str, Any]
FLAGS = accept.FEATURES["prod"]
SOURCES = [o for o in OVERLAY if o["kind"] == "KafkaSource"]
(SINK,) = (o for o in OVERLAY if o["kind"] == "KafkaSink")
USERS = {o["metadata"]["name"]: o["spec"]["authorization"]["acls"] for o in OVERLAY if o["kind"] == "KafkaUser"}
SINK_KEYS = {"protocol", "sasl.mechanism", "user", "password", "ca.crt"}
"""What a sink's controller and its receiver look for; a client's certificate is not needed over SASL_SSL."""
CALLERS = {"knative-eventing", "keda"}
"""Dispatcher, receiver and controllers; KEDA asks for the lag itself, as the source's user."""
NAME = "kubernetes.io/metadata.name"
A_POD = 20
"""Consumers, as Knative ships it (POD_CAPACITY)."""
RECEIVER_REQUEST = 1_048_576
"""The sink's max.request.size, as Knative ships it."""


def allowed(user: str, kind: str, name: str) -> set[str]:
    """What a Kafka user may do to a topic or a group."""
    found = [acl for acl in USERS[user] if acl["resource"]["type"] == kind and acl["resource"].get("name") == name]
    return {operation for acl in found for operation in acl["operations"]}


@pytest.mark.parametrize("source", SOURCES, ids=rules.title)
def test_a_source_may_read_its_topics_as_its_group_and_not_delete_the_group(source: Json) -> None:
    """Its controller deletes the group with the source: who may not, keeps the offsets."""
    spec = source["spec"]
    user = spec["net"]["sasl"]["user"]["secretKeyRef"]["name"]
    for topic in spec["topics"]:
        assert allowed(user, "topic", topic) >= {"Read", "Describe"}
    assert allowed(user, "group", spec["consumerGroup"]) == {"Read", "Describe"}


def test_the_sink_may_write_what_its_sources_give_up() -> None:
    user = SINK["spec"]["auth"]["secret"]["ref"]["name"]
    assert allowed(user, "topic", SINK["spec"]["topic"]) == {"Write", "Describe"}
    assert allowed(user, "cluster", None) == {"IdempotentWrite"}  # type: ignore[arg-type]


def test_their_secrets_have_every_key_that_they_ask_for() -> None:
    made = {
        o["spec"]["target"]["name"]: set(o["spec"]["target"]["template"]["data"])
        for o in secrets.kafka_users()
        if o["kind"] == "ExternalSecret"
    }
    assert made[SINK["spec"]["auth"]["secret"]["ref"]["name"]] >= SINK_KEYS
    for source in SOURCES:
        net = source["spec"]["net"]
        fields = [*(net["sasl"][name] for name in ("user", "password", "type")), net["tls"]["caCert"]]
        for ref in (field["secretKeyRef"] for field in fields):
            assert ref["key"] in made[ref["name"]]


def test_who_calls_kafka_for_a_source_is_let_in() -> None:
    (listener,) = next(o for o in SERVERS if o["kind"] == "Kafka")["spec"]["kafka"]["listeners"]
    peers = {
        p["namespaceSelector"]["matchLabels"][NAME] for p in listener["networkPolicyPeers"] if "namespaceSelector" in p
    }
    assert peers >= CALLERS
    policy = next(o for o in SERVERS if o["kind"] == "NetworkPolicy" and o["metadata"]["name"] == "from-functions")
    let_in: set[str] = set()
    for rule in policy["spec"]["ingress"]:
        if listener["port"] in {port["port"] for port in rule["ports"]}:
            for peer in (p for p in rule["from"] if "podSelector" not in p):
                let_in |= {v for e in peer["namespaceSelector"]["matchExpressions"] for v in e["values"]}
    assert let_in >= CALLERS


def test_no_lane_has_more_consumers_than_partitions() -> None:
    for name, partitions in PARTITIONS.items():
        assert CONSUMERS[name] <= KEDA_MAX[name] <= partitions
    assert OTHER_CONSUMERS <= OTHER_PARTITIONS


def test_the_guide_counts_the_consumers_of_prod() -> None:
    def all_of(lanes: dict[str, int]) -> int:
        return sum(lanes[lane(s.topics[0]) or ""] if len(s.topics) == 1 else OTHER_CONSUMERS for s in flow.sources())

    assert sum(source["spec"]["consumers"] for source in SOURCES) == all_of(CONSUMERS)
    least, most = all_of(CONSUMERS), all_of(KEDA_MAX)
    text = f"the {least} of `prod` in {-(-least // A_POD)} pods, with KEDA up to {most} in {-(-most // A_POD)}."
    assert text in (ROOT / "docs" / "deploy" / "cloud.md").read_text()


def test_an_event_fits_into_what_the_sink_sends() -> None:
    assert MAX_BYTES + 64 * 1024 < RECEIVER_REQUEST, "the headers are small; a letter that never fits would be lost"


def test_of_several_addresses_of_kafka_the_sink_gets_the_first(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "knative", tmp_path / "knative")
    folder = tmp_path / "knative" / "overlays" / "prod"
    text = (folder / "settings.env").read_text()
    lines = [
        line if "BOOTSTRAP" not in line else "IMS_KAFKA_BOOTSTRAP=b-1.example.com:9093,b-2.example.com:9093"
        for line in text.splitlines()
    ]
    (folder / "settings.env").write_text("\n".join(lines))
    made = accept.built(folder)
    servers = {o["kind"]: o["spec"]["bootstrapServers"] for o in made if o["kind"] in ("KafkaSource", "KafkaSink")}
    assert servers["KafkaSink"] == ["b-1.example.com:9093"]
    assert servers["KafkaSource"] == ["b-1.example.com:9093,b-2.example.com:9093"]
    assert rules.check(made, FLAGS) == []


def complaints(change: Callable[[Json], object], kind: str = "KafkaSource") -> str:
    """What the rules say of the overlay after one object was changed."""
    everything = copy.deepcopy(OVERLAY)
    change(next(o for o in everything if o["kind"] == kind and (kind != "KafkaSource" or "ceOverrides" in o["spec"])))
    return "\n".join(rules.check(everything, FLAGS))


def at(*path: str) -> Callable[[Json], Json]:
    """The part of an object that a path leads to."""

    def found(thing: Json) -> Json:
        for key in path:
            thing = thing[key]
        return thing

    return found


NOTES, SPEC = at("metadata", "annotations"), at("spec")
DELIVERY, NET = at("spec", "delivery"), at("spec", "net")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda o: SPEC(o).update(topics=[]), "must be some"),
        (lambda o: SPEC(o).update(topics=["a", "a"]), "each once"),
        (lambda o: SPEC(o).update(bootstrapServers=[]), "bootstrapServers is empty"),
        (lambda o: SPEC(o)["ceOverrides"]["extensions"].update(kafka_topic="x"), "no name of"),
        (lambda o: SPEC(o)["sink"]["ref"].update(apiVersion="apps/v1"), "is not there"),
        (lambda o: DELIVERY(o)["deadLetterSink"]["ref"].update(kind="KafkaTopic"), "is lost"),
        (lambda o: DELIVERY(o)["deadLetterSink"]["ref"].pop("apiVersion"), "is lost"),
        (lambda o: DELIVERY(o).update(backoffDelay="PT0S"), "means the default"),
        (lambda o: DELIVERY(o).update(backoffDelay="PT0.25S"), "not a duration"),
        (lambda o: DELIVERY(o).update(timeout="75s"), "not a duration"),
        (lambda o: NOTES(o).pop(f"{AUTOSCALING}class"), "KEDA's defaults"),
        (lambda o: NOTES(o).update({f"{AUTOSCALING}class": "kpa"}), "is neither"),
        (lambda o: NOTES(o).update({f"{AUTOSCALING}minScale": "1"}), "minScale is unknown"),
        (lambda o: NOTES(o).update({f"{AUTOSCALING}min-scale": "0"}), "would wait"),
        (lambda o: NOTES(o).update({f"{AUTOSCALING}min-scale": "99"}), "would wait"),
        (lambda o: NOTES(o).update({f"{AUTOSCALING}lag-threshold": "10s"}), "whole number"),
        (lambda o: NET(o)["sasl"].update(enable=False), "without enable"),
        (lambda o: NET(o)["tls"].update(enable=False), "whoever asks"),
        (lambda o: NET(o)["sasl"].pop("type"), "type is missing"),
        (lambda o: NET(o)["sasl"]["user"]["secretKeyRef"].update(name="another"), "several Secrets"),
        (lambda o: SPEC(o).pop("net"), "or none"),
    ],
)
def test_a_source_that_would_not_work_is_refused(change: Callable[[Json], object], word: str) -> None:
    assert word in complaints(change)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda o: SPEC(o).update(bootstrapServers=["a:9093,b:9093"]), "one an entry"),
        (lambda o: SPEC(o).update(bootstrapServers=[]), "one an entry"),
        (lambda o: SPEC(o).pop("auth"), "or none"),
        (lambda o: o["metadata"].update(name="another"), "is lost"),
    ],
)
def test_a_sink_that_would_not_work_is_refused(change: Callable[[Json], object], word: str) -> None:
    assert word in complaints(change, "KafkaSink")
