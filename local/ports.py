"""The one place for the ports of servers and tools; those of functions and bridges come from the map.

`IMS_PORT_OFFSET` is added to every port, so that a second platform (the tests') runs beside the first; the ports that
`IMS_SERVER_PORTS` names (`mysql=3306,redis=6379`) stay as they are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from shared import flow

BASE: dict[str, int] = {
    "gateway": flow.GATEWAY_PORT,
    "kafka-1": 9092,
    "kafka-2": 9093,
    "kafka-3": 9094,
    "kafka-controller-1": 41021,
    "kafka-controller-2": 41022,
    "kafka-controller-3": 41023,
    "mysql": 41001,
    "mysql-replica": 41002,
    "redis": 41003,
    "mongodb": 41004,
    **{f"redis-{i}": 41010 + i for i in range(1, 7)},
    **{f"redis-bus-{i}": 41050 + i for i in range(1, 7)},
    "envoy-admin": 41030,
    **{bridge.name: bridge.port for bridge in flow.bridges()},
    "openfaas-gateway": 41045,
    "openfaas-admin": 41046,
    "simulator": 41090,
    "sink": 41091,
    "smtp": 41092,
    "simulator-http2": 41094,
    "smtp-in": 41093,
}

SERVER_RANGE = (41001, 41099)
POOL_RANGE = 50
SMALL_RANGE = 20
EPHEMERAL_FROM = 32768


@dataclass(frozen=True)
class Ports:
    """All ports of one platform."""

    offset: int = 0
    fixed: Mapping[str, int] = field(default_factory=dict)

    def __getitem__(self, name: str) -> int:
        return self.fixed.get(name) or BASE[name] + self.offset

    def process(self, process: flow.Process, replica: int = 0) -> int:
        """The port of a function's process; replicas take the next ones of its range."""
        return process.port + replica + self.offset

    def replicas(self, process: flow.Process) -> int:
        """How many replicas fit before the next range begins."""
        taken = sorted({p.port for p in flow.processes() if p.port > process.port} | {SERVER_RANGE[0]})
        above = [port for port in taken if port > process.port]
        limit = POOL_RANGE if process.port < SERVER_RANGE[0] else SMALL_RANGE
        return min([limit, *(port - process.port for port in above)])

    def reserved(self) -> Iterator[tuple[int, int]]:
        """The ranges of ours that the kernel might hand out to outgoing connections."""
        ranges = [(p.port, p.port + self.replicas(p) - 1) for p in flow.processes()]
        for low, high in [SERVER_RANGE, *ranges]:
            if high + self.offset >= EPHEMERAL_FROM:
                yield low + self.offset, high + self.offset
