"""What the user asked for, read from `IMS_*` variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.home import ROOT, Home
from local.ports import BASE, Ports
from local.problems import Problem

TRUE = frozenset({"1", "true", "yes", "on"})
REPLICAS = "IMS_REPLICAS_"
SERVER_PORTS = "IMS_SERVER_PORTS"
PLATFORMS = ("knative", "openfaas-ce")
TOGETHER, APART = "together", "apart"


@dataclass(frozen=True)
class Options:
    """One platform's shape. Addresses of servers that the user runs are empty when ours are to be started."""

    home: Home
    ports: Ports
    platform: str = "knative"
    """Whose rules sources and cron follow: one of PLATFORMS."""
    hosts: str = TOGETHER
    """Whether functions share a few processes or each has its own; OpenFaaS' platform always runs them apart."""
    kafka_nodes: int = 1
    mysql_replica: bool = False
    redis_cluster: bool = False
    kafka_bootstrap: str = ""
    mysql_url: str = ""
    redis_url: str = ""
    mongodb_url: str = ""
    """`none`: no statistics."""
    replicas: Mapping[str, int] = field(default_factory=dict)


def options(env: Mapping[str, str] | None = None) -> Options:
    """The options that `env` (by default this process's environment) asks for."""
    env = os.environ if env is None else env
    nodes = _number(env, "IMS_KAFKA_NODES", 1)
    if nodes not in (1, 3):
        raise Problem(f"IMS_KAFKA_NODES={nodes} is not possible", "use 1 or 3")
    platform = env.get("IMS_PLATFORM") or PLATFORMS[0]
    if platform not in PLATFORMS:
        raise Problem(f"IMS_PLATFORM={platform} is not possible", f"use {' or '.join(PLATFORMS)}")
    hosts = env.get("IMS_HOSTS") or TOGETHER
    if hosts not in (TOGETHER, APART):
        raise Problem(f"IMS_HOSTS={hosts} is not possible", f"use {TOGETHER} or {APART}")
    return Options(
        platform=platform,
        hosts=hosts,
        home=Home(Path(env.get("IMS_HOME") or ROOT / ".ims").expanduser().absolute()),
        ports=Ports(_number(env, "IMS_PORT_OFFSET", 0), _ports(env)),
        kafka_nodes=nodes,
        mysql_replica=_flag(env, "IMS_MYSQL_REPLICA"),
        redis_cluster=_flag(env, "IMS_REDIS_CLUSTER"),
        kafka_bootstrap=env.get("IMS_KAFKA_BOOTSTRAP", ""),
        mysql_url=env.get("IMS_MYSQL_URL", ""),
        redis_url=env.get("IMS_REDIS_URL", ""),
        mongodb_url=env.get("IMS_MONGODB_URL", ""),
        replicas={k.removeprefix(REPLICAS).lower(): _number(env, k, 1) for k in env if k.startswith(REPLICAS)},
    )


def _ports(env: Mapping[str, str]) -> dict[str, int]:
    """`IMS_SERVER_PORTS` as a table."""
    found = {}
    for pair in filter(None, env.get(SERVER_PORTS, "").split(",")):
        name, _, port = pair.strip().partition("=")
        if name not in BASE or not port.isdecimal() or not 0 < int(port) < 65536:
            raise Problem(f"{SERVER_PORTS}: {pair!r} is not a server and its port", f"write {SERVER_PORTS}=mysql=3306")
        found[name] = int(port)
    return found


def _flag(env: Mapping[str, str], name: str) -> bool:
    return env.get(name, "").lower() in TRUE


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(env.get(name) or default)
    except ValueError:
        raise Problem(
            f"{name}={env[name]} is not a number", f"unset it or give one, such as {name}={default}"
        ) from None
