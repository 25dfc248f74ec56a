"""infra/: what every pod there must have, secrets that exist, and Redis' scripts on real servers."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import accept, rules, secrets, strimzi
from deploy.overlays import files
from deploy.settings import OWN_SECRETS
from local.install import program
from local.servers.redis import INSTEAD, PACKAGES

Json = dict[str, Any]
INFRA = Path(__file__).resolve().parents[2] / "infra"
FOLDERS = sorted(p.parent for p in INFRA.rglob("kustomization.yaml") if p.parent != accept.PLAIN_SECRETS)
BUILT = {folder.relative_to(INFRA).as_posix(): accept.built(folder) for folder in FOLDERS}
WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")
MADE_ELSEWHERE = {"kafka-ui", "ims-cluster-ca-cert", "mysql-restore"}
"""By Strimzi, and by hand for the time of a restore."""


def workloads() -> Iterator[tuple[str, Json, Json]]:
    for folder, objects in BUILT.items():
        for thing in objects:
            if thing["kind"] in WORKLOADS:
                spec = thing["spec"]["jobTemplate"]["spec"] if thing["kind"] == "CronJob" else thing["spec"]
                yield f"{folder}: {rules.title(thing)}", thing, spec["template"]["spec"]


PODS = {title: pod for title, _, pod in workloads()}


@pytest.mark.parametrize("title", PODS)
def test_a_pod_is_unprivileged_limited_and_pinned(title: str) -> None:
    pod = PODS[title]
    boxes = [*pod["containers"], *pod.get("initContainers", [])]
    thing = {"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": title}}
    thing["spec"] = {"template": {"spec": {**pod, "containers": boxes}}}
    assert list(rules.containers([thing])) == []
    assert all({"cpu", "memory"} <= set(box["resources"]["requests"]) for box in boxes)


@pytest.mark.parametrize("title", PODS)
def test_a_volume_that_is_mounted_is_there(title: str) -> None:
    pod = PODS[title]
    (claims,) = [
        [claim["metadata"]["name"] for claim in thing["spec"].get("volumeClaimTemplates", [])]
        for name, thing, _ in workloads()
        if name == title
    ]
    there = {volume["name"] for volume in pod.get("volumes", [])} | set(claims)
    boxes = [*pod["containers"], *pod.get("initContainers", [])]
    assert {mount["name"] for box in boxes for mount in box.get("volumeMounts", [])} == there


def test_every_servers_folder_names_its_namespace() -> None:
    placed = {"ServiceAccount", "Service", "Kafka", "KafkaUser", *WORKLOADS}
    for folder, objects in BUILT.items():
        for thing in objects:
            if thing["kind"] in placed and folder != "secrets/external":
                assert thing["metadata"]["namespace"] == "ims-data", rules.title(thing)


def test_every_secret_that_a_pod_reads_has_its_example_with_that_key() -> None:
    known = {name: set(examples(name)) for name in ("mysql", "redis", "mongodb")}
    for title, pod in PODS.items():
        for box in [*pod["containers"], *pod.get("initContainers", [])]:
            for variable in box.get("env", []):
                ref = variable.get("valueFrom", {}).get("secretKeyRef")
                if ref and ref["name"] not in MADE_ELSEWHERE:
                    assert ref["key"] in known[ref["name"]], (title, ref)


def examples(name: str) -> Iterator[str]:
    for line in (INFRA / "secrets" / "plain" / f"{name}.env.example").read_text().splitlines():
        yield line.partition("=")[0]


def test_secrets_are_made_at_random_and_kept(tmp_path: Path) -> None:
    copy = tmp_path / "secrets"
    (copy / "plain").mkdir(parents=True)
    for file in [*(INFRA / "secrets" / "plain").glob("*.example"), INFRA / "secrets" / "plain" / "kustomization.yaml"]:
        (copy / "plain" / file.name).write_text(file.read_text())
    (copy / "make.sh").write_text((INFRA / "secrets" / "make.sh").read_text())
    said = subprocess.run(["bash", copy / "make.sh"], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "still to be filled: ./backup.env"
    made = {p.name: p.read_text() for p in (copy / "plain").glob("*.env")}
    passwords = re.findall(r"^\w+=(\w{32})$", made["mysql.env"], re.MULTILINE)
    assert len(set(passwords)) == 6
    assert passwords[1] in made["ims.env"]
    subprocess.run(["bash", copy / "make.sh"], capture_output=True, check=True)
    assert made == {p.name: p.read_text() for p in (copy / "plain").glob("*.env")}
    objects = accept.built(copy / "plain")
    names = {"mysql", "redis", "mongodb", "backup-remote", "ims-secrets", *(own.name for own in OWN_SECRETS)}
    assert {o["metadata"]["name"] for o in objects} == names


def test_flyway_migrates_the_database_that_its_file_names_wherever_that_is() -> None:
    (job,) = [o for o in BUILT["flyway"] if o["kind"] == "Job"]
    (box,) = job["spec"]["template"]["spec"]["containers"]
    (one,) = [o for o in BUILT["flyway"] if o["metadata"]["name"] == box["envFrom"][0]["configMapRef"]["name"]]
    assert one["data"] == {"FLYWAY_URL": "jdbc:mariadb://mysql:3306/ims", "FLYWAY_USER": "ims_migrate"}
    assert not set(one["data"]) & {variable["name"] for variable in box["env"]}, "env would win over the file"
    (policy,) = [o for o in BUILT["namespace"] if o["metadata"]["name"] == "flyway-to-mysql"]
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["spec"]["egress"] == [{"ports": [{"protocol": "TCP", "port": 3306}]}]


def test_no_secret_is_in_the_tree() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "infra/secrets"], cwd=INFRA.parent, capture_output=True, text=True, check=False
    )
    assert not [name for name in listed.stdout.split() if name.endswith(".env")]


def test_every_kafka_user_reaches_its_function() -> None:
    """KafkaSource, KafkaSink and the functions read these keys (deploy/overlays.py, deploy/objects.py)."""
    copies = {o["metadata"]["name"]: o for o in secrets.kafka_users() if o["kind"] == "ExternalSecret"}
    assert set(copies) == {user["metadata"]["name"] for user in strimzi.kafka_users()}
    wanted = set(re.findall(r"key: ([\w.]+)", yaml.safe_dump(files()["components/kafka-auth/kustomization.yaml"])))
    for one in copies.values():
        assert wanted | {"protocol"} <= set(one["spec"]["target"]["template"]["data"])
    script = (INFRA / "secrets" / "kafka-users.sh").read_text()
    assert all(f"{key}=" in script for key in (*wanted, "protocol"))


def test_kafka_keeps_what_it_acknowledged_when_a_node_dies() -> None:
    kinds = {o["kind"]: o for o in BUILT["kafka"]}
    config = kinds["Kafka"]["spec"]["kafka"]["config"]
    assert (config["default.replication.factor"], config["min.insync.replicas"]) == (3, 2)
    assert config["unclean.leader.election.enable"] is False
    assert (kinds["KafkaNodePool"]["spec"]["replicas"], kinds["KafkaNodePool"]["spec"]["roles"]) == (
        3,
        ["controller", "broker"],
    )
    (listener,) = kinds["Kafka"]["spec"]["kafka"]["listeners"]
    assert listener["tls"] is True
    assert listener["authentication"] == {"type": "scram-sha-512"}


# --- Redis: its configuration and scripts, on this machine ----------------------------------------------------------

PASSWORD = "redis-pass-1"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Six nodes with infra/redis/redis.conf, started by start.sh."""
    folder = tmp_path_factory.mktemp("redis")
    program("redis-server", PACKAGES, INSTEAD, print)
    ports = free_ports(6)
    peers = " ".join(f"localhost:{port}" for port in ports)
    with ExitStack() as stack:
        nodes = [stack.enter_context(node(folder, port, peers)) for port in ports]
        yield {"ports": ports, "peers": peers, "nodes": nodes}


class node:
    """One Redis node in a folder of its own."""

    def __init__(self, folder: Path, port: int, peers: str) -> None:
        self._home, self._port, self._peers = folder / str(port), port, peers

    def __enter__(self) -> node:
        self._home.mkdir()
        self.start("127.0.0.1")
        return self

    def start(self, address: str) -> None:
        text = (INFRA / "redis" / "redis.conf").read_text()
        text = text.replace("port 6379", f"port {self._port}").replace("dir /data", f"dir {self._home}")
        (self._home / "redis.conf").write_text(text.replace("bind * -::*", "bind 127.0.0.1 127.0.0.2"))
        own = {"REDIS_PASSWORD": PASSWORD, "PEERS": self._peers, "REDIS_CONF": str(self._home / "redis.conf")}
        env = {**os.environ, **own, "REDIS_PORT": str(self._port), "POD_IP": address}
        with (self._home / "log").open("w") as log:
            command = ["sh", str(INFRA / "redis" / "start.sh")]
            self._process = subprocess.Popen(command, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)

    def __exit__(self, *_: object) -> None:
        self.stop()


def free_ports(count: int) -> list[int]:
    """Free ports whose bus ports (+ 10000) are valid."""
    with ExitStack() as stack:
        found: list[int] = []
        for port in range(21000, 30000):
            one = stack.enter_context(socket.socket())
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return found
    raise AssertionError("no free ports")


def ask(port: int, *words: str) -> str:
    env = {**os.environ, "REDISCLI_AUTH": PASSWORD}
    return subprocess.run(
        ["redis-cli", "-p", str(port), *words], env=env, capture_output=True, text=True, check=False
    ).stdout


def join(redis: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "REDIS_PASSWORD": PASSWORD, "PEERS": redis["peers"]}
    return subprocess.run(["sh", INFRA / "redis" / "join.sh"], env=env, capture_output=True, text=True, check=False)


def test_six_nodes_become_one_cluster_of_three_primaries_and_again_changes_nothing(redis: dict[str, Any]) -> None:
    first = join(redis)
    assert first.returncode == 0, first.stdout + first.stderr
    until = time.monotonic() + 30
    while time.monotonic() < until and ask(redis["ports"][0], "cluster", "nodes").count("slave") < 3:
        time.sleep(0.2)
    before = sorted(line.split()[0] for line in ask(redis["ports"][0], "cluster", "nodes").splitlines())
    assert len(before) == 6
    assert ask(redis["ports"][0], "cluster", "nodes").count("slave") == 3
    again = join(redis)
    assert (again.returncode, again.stdout.strip()) == (0, "the cluster is whole")
    assert sorted(line.split()[0] for line in ask(redis["ports"][0], "cluster", "nodes").splitlines()) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("notify-keyspace-events", "xE"), ("hz", "100"), ("maxmemory-policy", "noeviction"), ("appendonly", "yes")],
)
def test_redis_is_set_as_the_retries_need_it(redis: dict[str, Any], name: str, value: str) -> None:
    assert ask(redis["ports"][0], "config", "get", name).split() == [name, value]


def test_nobody_enters_redis_without_the_password(redis: dict[str, Any]) -> None:
    bare = subprocess.run(
        ["redis-cli", "-p", str(redis["ports"][0]), "ping"], capture_output=True, text=True, check=False
    )
    assert "NOAUTH" in bare.stdout + bare.stderr


def test_a_node_that_comes_back_tells_its_new_address(redis: dict[str, Any]) -> None:
    """Asked for the slots, a node with its old address of itself sends clients to where nobody is."""
    assert join(redis).returncode == 0
    (first, *_), (port, other, *_) = redis["nodes"], redis["ports"]
    first.stop()
    first.start("127.0.0.2")
    until = time.monotonic() + 30
    while time.monotonic() < until and f"127.0.0.2:{port}@" not in ask(other, "cluster", "nodes"):
        time.sleep(0.2)
    for asked in (port, other):
        assert f"127.0.0.2:{port}@" in ask(asked, "cluster", "nodes")
