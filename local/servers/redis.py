"""Redis with expiry events: one server (databases 0, 1, 2), or a cluster of three primaries and three replicas."""

from __future__ import annotations

import subprocess
import time

from local import probes
from local.install import Say, disable_unit, have, program
from local.options import Options
from local.probes import HOST, LOOPBACK
from local.problems import Problem
from local.processes import Spec
from local.servers import Server

PACKAGES = ("redis-server", "redis-tools")
INSTEAD = "set IMS_REDIS_URL=redis://host:6379 to use a Redis of yours"
NODES = range(1, 7)
JOIN_SECONDS = 60


def install(options: Options, say: Say) -> None:
    """See to redis-server, unless the user gave an address."""
    if options.redis_url:
        return
    fresh = have("redis-server") is None
    program("redis-server", PACKAGES, INSTEAD, say)
    program("redis-cli", PACKAGES, INSTEAD, say)
    if fresh:
        disable_unit("redis-server")


def build(options: Options) -> Server:
    """Configure the server or the cluster's nodes."""
    if options.redis_url:
        return Server()
    if not options.redis_cluster:
        spec = _node(options, "redis", options.ports["redis"], "")
        return Server((spec,), {"IMS_REDIS_URL": f"redis://{HOST}:{spec.port}"})
    specs = tuple(_node(options, f"redis-{i}", options.ports[f"redis-{i}"], _cluster(options, i)) for i in NODES)
    env = {"IMS_REDIS_URL": f"redis://{HOST}:{specs[0].port}", "IMS_REDIS_CLUSTER": "1"}
    return Server(specs, env, lambda: _join([spec.port for spec in specs]))


def _node(options: Options, name: str, port: int, extra: str) -> Spec:
    data, conf = options.home.data / f"redis-{port}", options.home.conf / f"{name}.conf"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    conf.write_text(f"""port {port}
bind {HOST}
protected-mode {"yes" if HOST == LOOPBACK else "no"}
dir "{data}"
daemonize no
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
notify-keyspace-events Ex
hz 100
dynamic-hz no
active-expire-effort 10
{extra}""")
    argv = (program("redis-server", PACKAGES, INSTEAD, print), str(conf))
    return Spec(name, "server", argv, port, probes.redis(port), grace=15)


def _cluster(options: Options, node: int) -> str:
    return f"""cluster-enabled yes
cluster-config-file nodes.conf
cluster-port {options.ports[f"redis-bus-{node}"]}
cluster-announce-ip {HOST}
cluster-node-timeout 2000
cluster-require-full-coverage no
cluster-replica-validity-factor 0
repl-diskless-sync-delay 0
"""


def _join(ports: list[int]) -> None:
    """Make one cluster of nodes that have never joined, and wait until every replica follows."""
    if "cluster_known_nodes:1" in _ask(ports[0], "cluster", "info").split():
        nodes = [f"{HOST}:{port}" for port in ports]
        command = [_client(), "--cluster", "create", *nodes, "--cluster-replicas", "1", "--cluster-yes"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise Problem(f"the Redis cluster could not be made: {result.stdout.strip()[-300:]}")
    deadline = time.monotonic() + JOIN_SECONDS
    while not _whole(ports):
        if time.monotonic() > deadline:
            raise Problem("the Redis cluster does not become whole", "`ims down`, remove its data, and `ims up` again")
        time.sleep(0.2)


def _whole(ports: list[int]) -> bool:
    states = [_ask(port, "cluster", "info").split() for port in ports]
    links = [_ask(port, "info", "replication").split() for port in ports]
    following = sum("master_link_status:up" in link for link in links)
    return all("cluster_state:ok" in state for state in states) and following == len(ports) // 2


def _ask(port: int, *words: str) -> str:
    command = [_client(), "-h", HOST, "-p", str(port), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout


def _client() -> str:
    return program("redis-cli", PACKAGES, INSTEAD, print)
