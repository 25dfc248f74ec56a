"""A Redis Cluster whose nodes all come back at other addresses, as pods do; the address that was configured stays."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from bridges.redis_expiry.listen import Listener
from local.install import program
from local.servers.redis import INSTEAD, PACKAGES
from shared.runtime.breaker import MIN_CALLS, Breakers
from shared.runtime.redis import RedisClients
from shared.runtime.settings import RedisSettings
from tests.ports import free_port
from tests.relay import relay
from tests.road import until

BEFORE, AFTER = "127.0.0.1", "127.0.0.2"
KEYS = [f"key:{number}" for number in range(20)]
REPORT = "demo:mt:01a20ee0-43f4-7674-9756-f3eed84300a0"
PATIENCE_S = 30.0


class Nodes:
    """Three primaries, in the folder's files; they listen at one address at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ports = [free_port() for _ in range(3)]
        self._bus = [free_port() for _ in range(3)]
        self.server = program("redis-server", PACKAGES, INSTEAD, print)

    @contextmanager
    def at(self, host: str) -> Iterator[None]:
        """Run them there, as one cluster."""
        with ExitStack() as stack:
            for port, bus in zip(self.ports, self._bus, strict=True):
                home = self._folder / str(port)
                home.mkdir(exist_ok=True)
                words = [self.server, "--port", str(port), "--bind", host, "--dir", str(home), "--appendonly", "yes"]
                words += ["--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "5000"]
                words += ["--cluster-announce-ip", host]
                running = subprocess.Popen(words, stdout=subprocess.DEVNULL)
                stack.callback(running.wait, 30)
                stack.callback(running.terminate)
            self._join(host)
            yield

    def _join(self, host: str) -> None:
        for port in self.ports:
            until(partial(self._answers, host, port), "an answer", PATIENCE_S)
        if (self._folder / "made").exists():
            for one, (port, bus) in product(self.ports, zip(self.ports, self._bus, strict=True)):
                self.ask(host, one, "cluster", "meet", host, str(port), str(bus))
        else:
            places = [f"{host}:{port}" for port in self.ports]
            subprocess.run(["redis-cli", "--cluster", "create", *places, "--cluster-yes"], check=True, timeout=60)
            (self._folder / "made").touch()
        for port in self.ports:
            until(partial(self._whole, host, port), "a whole cluster", PATIENCE_S)

    def _answers(self, host: str, port: int) -> bool:
        return "PONG" in self.ask(host, port, "ping")

    def _whole(self, host: str, port: int) -> bool:
        return (
            "cluster_state:ok" in self.ask(host, port, "cluster", "info")
            and self.ask(host, port, "cluster", "nodes").count(f" {host}:") == 3
        )

    def ask(self, host: str, port: int, *words: str) -> str:
        command = ["redis-cli", "-h", host, "-p", str(port), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout


async def eventually(attempt: Callable[[], Awaitable[bool]]) -> None:
    """Until `attempt` is true: what it raises meanwhile is what callers see of a Redis that is away."""
    end, error = time.monotonic() + PATIENCE_S, None
    while time.monotonic() < end:
        try:
            if await attempt():
                return
        except Exception as caught:
            error = caught
        await asyncio.sleep(0.1)
    raise AssertionError(f"not within {PATIENCE_S} s; last error: {error!r}")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Nodes:
    return Nodes(tmp_path_factory.mktemp("redis"))


def settings(port: int) -> RedisSettings:
    return RedisSettings(redis_url=f"redis://{BEFORE}:{port}", redis_cluster=True, redis_timeout_seconds=0.5)


def test_clients_find_a_cluster_that_moved_by_the_address_they_were_given(nodes: Nodes) -> None:
    """Breaker, listener and everything else; the Service is a relay here, pods' addresses are loopback's."""
    asyncio.run(moved(nodes, free_port()))


async def moved(nodes: Nodes, service: int) -> None:
    clients, heard = RedisClients(settings(service)), list[str]()
    breakers = Breakers(clients, "vendor", settings=settings(service))
    listening = asyncio.create_task(Listener(settings(service), heard.append).run())
    with nodes.at(BEFORE), relay(service, nodes.ports[0]):
        await eventually(lambda: stored(clients, b"before"))
        await asyncio.to_thread(breakers._write, {"nhn/main": [0, MIN_CALLS]})
        await eventually(lambda: expired(clients, heard))
    with nodes.at(AFTER), relay(service, nodes.ports[0], AFTER):
        await eventually(lambda: stored(clients, b"after"))
        await eventually(lambda: opened(breakers))
        await eventually(lambda: expired(clients, heard))
    listening.cancel()


def test_a_cluster_is_found_without_the_node_that_was_named(nodes: Nodes) -> None:
    asyncio.run(unnamed(nodes, free_port()))


async def unnamed(nodes: Nodes, named: int) -> None:
    clients = RedisClients(settings(named))
    breakers = Breakers(clients, "vendor", settings=settings(named))
    with nodes.at(BEFORE):
        with relay(named, nodes.ports[0]):
            await eventually(lambda: stored(clients, b"named"))
            await eventually(lambda: opened(breakers))
        await clients.state.aclose()  # as it does itself when a node of its table does not answer
        await eventually(lambda: stored(clients, b"unnamed"))
        breakers._away("breaker state unknown", "nhn/main", OSError(), breakers._client)
        breakers._seen.clear()
        await eventually(lambda: opened(breakers))


def test_a_client_that_is_made_anew_leaves_no_connections_behind(nodes: Nodes) -> None:
    with nodes.at(BEFORE):
        breakers = Breakers(RedisClients(settings(nodes.ports[0])), "vendor", settings=settings(nodes.ports[0]))
        breakers._read("nhn/main", False)
        given_up = breakers._redis
        breakers._away("breaker state unknown", "nhn/main", OSError(), breakers._client)
        for node in given_up.get_nodes():
            pool = node.redis_connection.connection_pool
            assert [c for c in pool._available_connections if c._sock is not None] == []


async def stored(clients: RedisClients, value: bytes) -> bool:
    """Keys of every primary are written and read."""
    for key in KEYS:
        await clients.state.set(key, value)
    return [await clients.state.get(key) for key in KEYS] == [value] * len(KEYS)


async def opened(breakers: Breakers) -> bool:
    """The breaker is known to be open: read anew, and not from memory."""
    breakers._seen.clear()
    await breakers.allows("nhn/main")
    return breakers.state("nhn/main") != "closed"


async def expired(clients: RedisClients, heard: list[str]) -> bool:
    """The listener hears a timer that ends now."""
    heard.clear()
    await clients.timers.set(f"timer:{{3}}:{REPORT}", b"1", px=30)
    await asyncio.sleep(0.5)
    return heard == [REPORT]
