"""What the overlay prod names is there: in infra/, in itself, or in docs/deploy/cloud.md as the reader's own.

Derived from the manifests, which come from the map: a new function is held to it without a change here.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from deploy import accept, cluster, secrets, strimzi
from deploy.settings import DATA_NAMESPACE, KAFKA_CLUSTER, NAMESPACE
from local.home import ROOT
from tests.manifests.apiserver import api_server

Json = dict[str, Any]
INFRA = ROOT / "infra"
PLAIN = yaml.safe_load((INFRA / "secrets" / "plain" / "kustomization.yaml").read_text())
FULL = ("kafka", "redis", "mysql", "mongodb", "flyway", "monitoring", "backup", "restore", "namespace")
OVERLAY = accept.built(ROOT / "knative" / "overlays" / "prod")
SERVERS = [thing for folder in FULL for thing in accept.built(INFRA / folder)]
EXTERNAL = accept.built(INFRA / "secrets" / "external")
ADDRESS = re.compile(r"\b([a-z][a-z0-9-]*)\.(ims|ims-data)\.svc(?:\.cluster\.local)?(?::(\d+))?")
FOR_A_WHILE = "mysql-restore"
"""Made by hand for the time of a restore: docs/deploy/disaster-recovery.md."""


class Name(NamedTuple):
    """An object that something else counts on."""

    kind: str
    namespace: str
    name: str


def named(things: list[Json]) -> Iterator[tuple[Name, bool]]:
    """Every Secret, ConfigMap, Service and GatewayClass that objects name, and whether they do without it."""
    for thing in things:
        home = thing["metadata"].get("namespace", "")
        for path, value in inside(thing.get("spec", {})):
            yield from reference(path, value, home)


def inside(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value within, with the key under which it lies."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield key, child
            yield from inside(child, key)
    elif isinstance(value, list):
        for child in value:
            yield from inside(child, path)


def reference(key: str, value: Any, home: str) -> Iterator[tuple[Name, bool]]:
    """What one value names."""
    if key in ("secretKeyRef", "secretRef", "configMapRef", "configMapKeyRef"):
        kind = "Secret" if key.startswith("secret") else "ConfigMap"
        yield Name(kind, home, value["name"]), value.get("optional", False)
    elif key == "secret" and isinstance(value, dict):
        name = value.get("secretName") or value["ref"]["name"]
        yield Name("Secret", home, name), value.get("optional", False)
    elif key == "configMap" and isinstance(value, dict) and "name" in value:
        yield Name("ConfigMap", home, value["name"]), value.get("optional", False)
    elif key == "certificateRefs":
        yield from ((Name("Secret", home, one["name"]), False) for one in value)
    elif key == "backendRefs":
        yield from ((Name("Service", one.get("namespace", home), one["name"]), False) for one in value)
    elif key == "gatewayClassName":
        yield Name("GatewayClass", "", value), False


def made(things: list[Json]) -> set[Name]:
    """What objects are, and what their operators make of them."""
    found = {Name(o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]) for o in things}
    for thing in things:
        home, name = thing["metadata"].get("namespace", ""), thing["metadata"]["name"]
        if thing["kind"] == "ExternalSecret":
            found.add(Name("Secret", home, thing["spec"]["target"]["name"]))
        elif thing["kind"] == "KafkaUser":
            found.add(Name("Secret", home, name))
        elif thing["kind"] == "Kafka":
            found.add(Name("Secret", home, f"{name}-cluster-ca-cert"))
            found.add(Name("Service", home, f"{name}-kafka-bootstrap"))
    return found


def yours() -> set[Name]:
    """The table of what the reader brings."""
    text = (ROOT / "docs" / "deploy" / "cloud.md").read_text()
    rows = re.findall(r"^\| (\w+) \| `([\w.-]+)` \| (?:`([\w-]+)`|–) \|", text, re.MULTILINE)
    return {Name(kind, namespace, name) for kind, name, namespace in rows}


def by_hand() -> set[Name]:
    """What infra/secrets/make.sh and kafka-users.sh make: no External Secrets."""
    plain = {Name("Secret", one["namespace"], one["name"]) for one in PLAIN["secretGenerator"]}
    return plain | {Name("Secret", NAMESPACE, user["metadata"]["name"]) for user in strimzi.kafka_users()}


WAYS = {"plain": by_hand(), "external": made(EXTERNAL)}


@pytest.mark.parametrize("way", WAYS)
def test_everything_that_production_names_is_there(way: str) -> None:
    there = made(OVERLAY) | made(SERVERS) | WAYS[way] | yours()
    bridges = {o["metadata"]["name"] for o in OVERLAY if o["kind"] == "Deployment"}
    missing = {name for name, optional in named([*OVERLAY, *SERVERS]) if name not in there and not optional}
    assert missing - {Name("Secret", DATA_NAMESPACE, FOR_A_WHILE)} == set()
    left_out = {name for name, optional in named(OVERLAY) if name not in there and optional}
    assert left_out <= {Name("Secret", NAMESPACE, f"kafka-{bridge}") for bridge in bridges}, (
        "only bridges need no Kafka"
    )


def test_the_readers_own_names_are_needed_and_nobody_elses() -> None:
    ours = made(OVERLAY) | made(SERVERS) | by_hand()
    needed = {name for name, _ in named(OVERLAY)} | stores()
    assert yours() <= needed
    assert not yours() & ours


def stores() -> set[Name]:
    """Stores of secrets that ExternalSecrets name and that are not here."""
    refs = [o["spec"]["secretStoreRef"] for o in EXTERNAL if o["kind"] == "ExternalSecret"]
    return {Name(ref["kind"], "", ref["name"]) for ref in refs if ref["kind"] == "ClusterSecretStore"}


def test_every_address_of_a_server_is_a_service_with_that_port() -> None:
    ports = dict(service_ports([*SERVERS, *OVERLAY]))
    texts = [(INFRA / "secrets" / "plain" / "ims.env.example").read_text(), yaml.safe_dump_all([*OVERLAY, *EXTERNAL])]
    found = {match.groups() for text in texts for match in ADDRESS.finditer(text)}
    assert {name for name, namespace, _ in found if namespace == DATA_NAMESPACE} >= {"mysql", "mysql-replica", "redis"}
    for name, namespace, port in found:
        known = ports.get((namespace, name))
        assert known is not None, f"nothing is called {name}.{namespace}"
        assert port is None or int(port) in known, f"{name}.{namespace} has no port {port}"


def service_ports(things: list[Json]) -> Iterator[tuple[tuple[str, str], set[int]]]:
    """Services with their ports; a Knative Service has 80, Strimzi's bootstrap those of the listeners."""
    for thing in things:
        home, name = thing["metadata"].get("namespace", ""), thing["metadata"]["name"]
        if thing["kind"] == "Service" and thing["apiVersion"] == "v1":
            yield (home, name), {port["port"] for port in thing["spec"]["ports"]}
        elif thing["kind"] == "Service":
            yield (home, name), {80}
        elif thing["kind"] == "Kafka":
            listeners = thing["spec"]["kafka"]["listeners"]
            yield (home, f"{name}-kafka-bootstrap"), {one["port"] for one in listeners}


def test_every_kafka_source_and_sink_goes_to_the_listener_with_tls() -> None:
    (listener,) = next(o for o in SERVERS if o["kind"] == "Kafka")["spec"]["kafka"]["listeners"]
    wanted = f"{KAFKA_CLUSTER}-kafka-bootstrap.{DATA_NAMESPACE}.svc.cluster.local:{listener['port']}"
    for thing in OVERLAY:
        if thing["kind"] in ("KafkaSource", "KafkaSink"):
            assert thing["spec"]["bootstrapServers"] == [wanted]


def test_both_ways_make_the_same_secrets() -> None:
    secret = {way: {name for name in names if name.kind == "Secret"} for way, names in WAYS.items()}
    assert secret["plain"] == secret["external"]


def test_kafkas_users_are_copied_to_their_functions(tmp_path: Path) -> None:
    """infra/secrets/kafka-users.sh on a real API server, with Secrets as Strimzi makes them; again after a change."""
    user = next(strimzi.kafka_users())
    name = user["metadata"]["name"]
    with api_server() as config:
        for namespace in (NAMESPACE, DATA_NAMESPACE):
            cluster.run(config, "create", "namespace", namespace)
        apply(
            config, [user, secret("ims-cluster-ca-cert", {"ca.crt": "-----BEGIN"}), secret(name, {"password": "a$b"})]
        )
        assert copied(config, name) == {
            "user": name, "password": "a$b", "sasl.mechanism": "SCRAM-SHA-512", "protocol": "SASL_SSL",
            "ca.crt": "-----BEGIN",
        }  # fmt: skip
        apply(config, [secret(name, {"password": "changed"})])
        assert copied(config, name)["password"] == "changed"
    templates = [o for o in secrets.kafka_users() if o["kind"] == "ExternalSecret"]
    assert set(templates[0]["spec"]["target"]["template"]["data"]) == {
        "user",
        "password",
        "sasl.mechanism",
        "protocol",
        "ca.crt",
    }


def secret(name: str, content: dict[str, str]) -> Json:
    meta = {"name": name, "namespace": DATA_NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": content}


def apply(config: Path, things: list[Json]) -> None:
    result = cluster.run(config, "apply", "-f", "-", given=yaml.safe_dump_all(things))
    assert result.returncode == 0, result.stderr


def copied(config: Path, name: str) -> dict[str, str]:
    """Run the script, and read what a function would."""
    path = f"{Path(cluster.kubectl()).parent}:{os.environ['PATH']}"
    env = {**os.environ, "KUBECONFIG": str(config), "PATH": path}
    script = INFRA / "secrets" / "kafka-users.sh"
    done = subprocess.run(["bash", script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    data = json.loads(cluster.run(config, "-n", NAMESPACE, "get", "secret", name, "-o", "json").stdout)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}
