"""What must be right before anything starts: free ports, kept free from outgoing connections, and enough memory."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil

from local.install import Say
from local.options import Options
from local.ports import Ports
from local.probes import HOST
from local.problems import Problem
from shared import flow

RESERVED = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
PATIENCE = 65.0
"""An outgoing connection that has ended sits on its port for another 60 s (TIME_WAIT)."""


def needed(options: Options, servers_only: bool = False) -> Iterator[tuple[str, int]]:
    """The name and port of everything that will listen."""
    ports = options.ports
    if not options.kafka_bootstrap:
        for i in range(1, options.kafka_nodes + 1):
            yield from ((name, ports[name]) for name in (f"kafka-{i}", f"kafka-controller-{i}"))
    if not options.mysql_url:
        yield "mysql", ports["mysql"]
        if options.mysql_replica:
            yield "mysql-replica", ports["mysql-replica"]
    if not options.redis_url:
        nodes = [f"redis{part}-{i}" for i in range(1, 7) for part in ("", "-bus")]
        yield from ((name, ports[name]) for name in (nodes if options.redis_cluster else ["redis"]))
    if not options.mongodb_url:
        yield "mongodb", ports["mongodb"]
    if not servers_only:
        for name in (
            "gateway",
            "envoy-admin",
            *(bridge.name for bridge in flow.bridges()),
            "simulator",
            "smtp",
            "smtp-in",
        ):
            yield name, ports[name]
        if options.platform == "openfaas-ce":
            yield from ((name, ports[name]) for name in ("openfaas-gateway", "openfaas-admin"))
        yield from _functions(options)


def _functions(options: Options) -> Iterator[tuple[str, int]]:
    for process in flow.processes():
        wanted, room = options.replicas.get(process.function.name, 1), options.ports.replicas(process)
        if not 1 <= wanted <= room:
            name = f"IMS_REPLICAS_{process.function.name.upper()}"
            raise Problem(f"{name}={wanted} does not fit", f"its range of ports has room for 1 to {room}")
        for i in range(wanted):
            yield process.name, options.ports.process(process, i)


def free_ports(wanted: Iterable[tuple[str, int]], patience: float = PATIENCE, say: Say = print) -> None:
    """Raise a Problem that names the holder of each port that is taken; wait for connections that are closing."""
    deadline = time.monotonic() + patience
    taken = [(name, port) for name, port in wanted if not is_free(port)]
    if taken and patience and not any(listener(port) for _, port in taken):
        say(f"waiting for connections to leave port {', '.join(str(port) for _, port in taken)}")
    while taken and time.monotonic() < deadline and not any(listener(port) for _, port in taken):
        time.sleep(0.5)
        taken = [(name, port) for name, port in taken if not is_free(port)]
    if taken:
        lines = [f"port {port} ({name}) is held by {holder(port)}" for name, port in taken]
        raise Problem("; ".join(lines), "stop what holds it, or use other ports: IMS_PORT_OFFSET=5000 ims up")


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def listener(port: int) -> bool:
    """Whether something listens there (rather than an outgoing connection that will go away)."""
    return any(c.status == psutil.CONN_LISTEN for c in _connections(port))


def holder(port: int) -> str:
    """Who has a port, as far as we may know: `redis-server (pid 123)`, or the outgoing connection that sits on it."""
    for connection in _connections(port):
        if connection.pid:
            with contextlib.suppress(psutil.Error):
                name = f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
                return name if connection.status == psutil.CONN_LISTEN else f"an outgoing connection of {name}"
    if any(not connection.pid for connection in _connections(port)) and os.geteuid() == 0:
        return "a connection that is closing"
    return "a process of another user" if os.geteuid() else "an unknown process"


def _connections(port: int) -> list[Any]:
    with contextlib.suppress(psutil.Error, OSError):
        return [c for c in psutil.net_connections("inet") if c.laddr and c.laddr.port == port]
    return []


def reserve(ports: Ports) -> None:
    """Ask the kernel not to give our ports to outgoing connections; only root may, others go without."""
    missing = [r for r in ports.reserved() if not is_reserved(r)]
    if missing:
        with contextlib.suppress(OSError):
            text = RESERVED.read_text().strip()
            RESERVED.write_text(",".join(filter(None, [text, *(f"{low}-{high}" for low, high in missing)])))


def is_reserved(wanted: tuple[int, int]) -> bool:
    """Whether the kernel keeps a range of ports free."""
    try:
        known = [_range(part) for part in RESERVED.read_text().strip().split(",") if part]
    except OSError:
        return False
    return any(low <= wanted[0] and wanted[1] <= high for low, high in known)


def _range(part: str) -> tuple[int, int]:
    low, _, high = part.partition("-")
    return int(low), int(high or low)
