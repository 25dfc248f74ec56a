"""Ports for tests, given once on this machine: to workers side by side, to another run, beside a platform in use.

Whoever takes a port says so in a file of its own (`ims-test-ports-<user>/<pid>`), under a lock; the claim ends with the
process. That a port was free says nothing of the moment of use: whatever then cannot bind is given another one, see
`running` and tests/spawned.py.
"""

from __future__ import annotations

import fcntl
import os
import random
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from local import checks
from local.options import Options, options
from local.problems import Problem
from local.testing import Platform
from shared import flow

STEP = 230
HIGHEST = 22_000
"""With this offset the map's last port is still one."""

SINGLE = range(18_500, 21_000)
"""Below the ports that the system gives to outgoing connections, which could take one before it is used."""

REPLICAS = 4
"""Of each function so many ports are claimed: tests start replicas of their own."""

TRIES = 4

CLAIMS = Path(tempfile.gettempdir()) / f"ims-test-ports-{os.getuid()}"


def free_port() -> int:
    """A port for a process of a test's own: it may be a while until that process listens."""
    with _claims() as taken:
        port = next(p for p in random.sample(SINGLE, len(SINGLE)) if p not in taken and checks.is_free(p))
        _claim([port])
    return port


def free_offset(first: int, shape: Mapping[str, str] | None = None) -> str:
    """The first IMS_PORT_OFFSET from `first` on with which every port of a platform of that shape is free."""
    with _claims() as taken:
        for offset in (*range(first, HIGHEST, STEP), *range(2000, first, STEP)):
            wanted = options({**(shape or {}), "IMS_PORT_OFFSET": str(offset)})
            ports = _ports(wanted)
            if not taken.isdisjoint(ports):
                continue
            checks.reserve(wanted.ports)
            try:
                checks.free_ports(checks.needed(wanted), patience=0)
            except Problem:
                continue
            _claim(ports)
            return str(offset)
    raise AssertionError(f"no free ports from offset {first} on")


@contextmanager
def running(home: Path, env: Mapping[str, str], first: int, servers_only: bool = False) -> Iterator[Platform]:
    """A platform on ports that nobody has; where one was taken since it was looked at, it starts on others."""
    env = {"IMS_MONGODB_URL": "none", **env} if servers_only else env
    for left in reversed(range(TRIES)):
        made = Platform(home, {**env, "IMS_PORT_OFFSET": free_offset(first, env)}, servers_only)
        try:
            made.start()
            break
        except Problem as problem:
            made.stop()
            if not left or "is held by" not in str(problem):
                raise
    try:
        yield made
    finally:
        made.stop()


def _ports(wanted: Options) -> set[int]:
    """Every port that a platform may use, with its functions' first replicas."""
    ports = {port for _, port in checks.needed(wanted)}
    for process in flow.processes():
        ports |= {wanted.ports.process(process, i) for i in range(min(REPLICAS, wanted.ports.replicas(process)))}
    return ports


@contextmanager
def _claims() -> Iterator[set[int]]:
    """What living processes have claimed; nobody else claims within the block."""
    CLAIMS.mkdir(exist_ok=True)
    with (CLAIMS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        taken: set[int] = set()
        for file in CLAIMS.glob("[0-9]*"):
            if psutil.pid_exists(int(file.name)):
                taken |= {int(word) for word in file.read_text().split()}
            else:
                file.unlink()
        yield taken


def _claim(ports: Iterable[int]) -> None:
    with (CLAIMS / str(os.getpid())).open("a") as mine:
        mine.write("".join(f"{port}\n" for port in sorted(ports)))
