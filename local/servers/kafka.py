"""Kafka in KRaft mode: one node, or three with replication factor 3 and min.insync.replicas 2."""

from __future__ import annotations

import subprocess
from pathlib import Path

from local.install import Say, have, java, maven
from local.options import Options
from local.probes import HOST, accepts
from local.problems import Problem
from local.processes import Spec
from local.servers import FILES, Server
from shared import flow

CLUSTER_ID = "aW1zLWxvY2FsLXBsYXRmbQ"
PARTITIONS = 6
HEAP = "256m"
C1_ONLY = "-XX:TieredStopAtLevel=1"
"""HotSpot's second compiler works for tens of thousands of records before its code pays for it: it took more of the
CPU than all else that a fresh broker does."""
JVM = (
    f"-Xms{HEAP}",
    f"-Xmx{HEAP}",
    "-XX:+UseSerialGC",
    C1_ONLY,
    "-XX:MaxDirectMemorySize=64m",
    "-Xss512k",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)


def install(options: Options, say: Say) -> None:
    """See to Java and Kafka's jars, unless the user gave an address."""
    if not options.kafka_bootstrap:
        java(say)
        _jars(say)


def build(options: Options) -> Server:
    """Configure and format the nodes."""
    if options.kafka_bootstrap:
        return Server(ready=lambda: create_topics(options.kafka_bootstrap, options.kafka_nodes))
    bootstrap = ",".join(f"{HOST}:{options.ports[f'kafka-{i}']}" for i in _nodes(options))
    specs = tuple(_node(options, i) for i in _nodes(options))
    return Server(specs, {"IMS_KAFKA_BOOTSTRAP": bootstrap}, lambda: create_topics(bootstrap, options.kafka_nodes))


def create_topics(bootstrap: str, nodes: int) -> None:
    """Make every topic of the map that is missing, once all nodes are there."""
    from kafka import KafkaAdminClient
    from kafka.admin import NewTopic
    from kafka.errors import KafkaError

    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), client_id="ims-local")
    except KafkaError as error:
        raise Problem(
            f"Kafka at {bootstrap} does not answer: {error!r}", "start it, or unset IMS_KAFKA_BOOTSTRAP"
        ) from None
    try:
        factor = 3 if nodes == 3 else 1
        missing = sorted(set(flow.topics()) - set(admin.list_topics()))
        if missing:
            admin.create_topics([NewTopic(name, PARTITIONS, factor) for name in missing], timeout_ms=30_000)
    finally:
        admin.close()


def _nodes(options: Options) -> range:
    return range(1, options.kafka_nodes + 1)


def _node(options: Options, node: int) -> Spec:
    home, ports = options.home, options.ports
    name = "kafka" if options.kafka_nodes == 1 else f"kafka-{node}"
    data = home.data / f"kafka-{options.kafka_nodes}-{node}"
    conf = home.conf / f"{name}.properties"
    conf.write_text(_properties(options, node, data))
    run = (*_java(), "kafka.Kafka", str(conf))
    if not (data / "meta.properties").exists():
        _format(conf)
    port = ports[f"kafka-{node}"]
    return Spec(name, "server", run, port, accepts(port), grace=20, ports=(ports[f"kafka-controller-{node}"],))


def _format(conf: Path) -> None:
    command = (*_java(), "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(conf), "--ignore-formatted")
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Problem(f"Kafka's storage could not be formatted: {(result.stderr or result.stdout).strip()[-300:]}")


def _java() -> tuple[str, ...]:
    log4j = f"-Dlog4j2.configurationFile={FILES / 'log4j2.properties'}"
    return (java(print), *JVM, log4j, "-cp", f"{_jars(print)}/*")


def _jars(say: Say) -> Path:
    """An installed Kafka 4, or the one from Maven."""
    script = have("kafka-server-start.sh")
    if script:
        libs = Path(script).resolve().parent.parent / "libs"
        if any(libs.glob("kafka_2.13-4.*.jar")):
            return libs
    return maven("kafka", FILES / "kafka.pom.xml", say)


def _properties(options: Options, node: int, data: Path) -> str:
    ports, nodes = options.ports, options.kafka_nodes
    factor, in_sync = (3, 2) if nodes == 3 else (1, 1)
    voters = ",".join(f"{i}@{HOST}:{ports[f'kafka-controller-{i}']}" for i in _nodes(options))
    broker = f"PLAINTEXT://{HOST}:{ports[f'kafka-{node}']}"
    return f"""process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners={broker},CONTROLLER://{HOST}:{ports[f"kafka-controller-{node}"]}
advertised.listeners={broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=1
background.threads=4
num.partitions={PARTITIONS}
auto.create.topics.enable=false
default.replication.factor={factor}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={factor}
offsets.topic.num.partitions=6
transaction.state.log.replication.factor={factor}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor={factor}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
controlled.shutdown.enable=true
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
log.segment.bytes=67108864
log.index.size.max.bytes=1048576
"""
