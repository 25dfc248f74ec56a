"""The parts of a host, made from the map: functions, and bridges that know their neighbours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from bridges import ops
from bridges.carrier import Carrier, Neighbour
from bridges.settings import AddressSettings, SourceSettings
from shared import flow
from shared.runtime.host import Function, Part
from shared.runtime.scope import Scope
from shared.runtime.settings import load

LOOPBACK = "127.0.0.1"
"""Where a bridge looks for a function that nobody named an address of (bridges/targets.py)."""


class Bridge:
    """A bridge of a host."""

    ended: asyncio.Future[None] | None = None

    def __init__(self, what: flow.BridgeProcess, host: str, port: int, scope: Scope, carrier: Carrier) -> None:
        self.name = what.name
        self._what, self._host, self._port, self._scope, self._carrier = what, host, port, scope, carrier
        self._running: ops.Running | None = None

    async def start(self) -> None:
        """Listen and begin."""
        with self._scope.entered():
            self._running = await ops.Running.begin(self._make, self._host, self._port)

    async def stop(self) -> None:
        """End what is under way; the functions go on."""
        running, self._running = self._running, None
        if running is not None:
            with self._scope.entered():
                await running.stop()

    def _make(self) -> ops.App:
        if self._what.bridge.feeds is flow.Kafka:
            from bridges.kafka_source import app as kafka_source

            return kafka_source.build(
                kafka_source.choose(self._what.pool, ()), self._port, load(SourceSettings), self._carrier
            )
        if self._what.bridge.feeds is flow.Cron:
            from bridges.cron import app as cron

            return cron.App(self._carrier)
        if self._what.bridge.feeds is flow.Smtp:
            from bridges.smtp_in import app as smtp_in

            return smtp_in.App(self._carrier, self._host)
        from bridges.redis_expiry import app as redis_expiry

        return redis_expiry.App(self._carrier)


def names() -> list[str]:
    """Every part that a host can run."""
    return [p.name for p in flow.processes()] + [b.name for b in flow.bridges()]


def of_host(name: str) -> list[str]:
    """The parts of a host of the map."""
    (host,) = (host for host in flow.hosts() if host.name == name)
    return [p.name for p in host.processes] + [b.name for b in host.bridges]


def build(chosen: Iterable[str], host: str, ports: Mapping[str, int], logs: Path | None) -> list[list[Part]]:
    """The functions and the bridges among `chosen`, at `ports` or the map's; with `logs`, a log each in that folder."""
    wanted, offset = set(chosen), load(AddressSettings).port_offset

    def port(what: flow.Process | flow.BridgeProcess) -> int:
        return ports.get(what.name, what.port + offset)

    functions = [_function(p, host, port(p), logs) for p in flow.processes() if p.name in wanted]
    neighbours: dict[tuple[str, int], Neighbour] = {(at, f.port): f for f in functions for at in (host, LOOPBACK)}
    bridges = [
        Bridge(b, host, port(b), _scope(b.name, logs), Carrier(neighbours)) for b in flow.bridges() if b.name in wanted
    ]
    return [[*functions], [*bridges]]


def _function(process: flow.Process, host: str, port: int, logs: Path | None) -> Function:
    env = {"IMS_POOL": process.pool or "", "IMS_LANES": ",".join(process.lanes)}
    return Function(process.name, process.function.name, host, port, _scope(process.name, logs, env))


def _scope(name: str, logs: Path | None, env: dict[str, str] | None = None) -> Scope:
    return Scope(name, env, logs / f"{name}.log" if logs else None)
