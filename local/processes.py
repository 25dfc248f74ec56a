"""Operating-system processes: what to run, starting it, knowing it again by pid and start time, stopping it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from local.home import ROOT, Home

Kind = Literal["function", "bridge", "source", "server", "gateway", "simulator", "host"]
Probe = Callable[[], bool]
SLOW_NICE = 10
"""Of slow-pool functions, their sources and `store`: the others' share of the CPU counts ten times theirs. On a cluster
that is their CPU request."""
SLOW_HOST_NICE = 5
"""Of the host that has all of these: in one session instead of several, it would else have a fifth of their share."""
AUTOGROUP_TRIES, AUTOGROUP_PAUSE = 5, 0.11


@dataclass(frozen=True)
class Part:
    """A function or bridge in a host, which runs several."""

    name: str
    kind: Kind
    port: int
    probe: Probe


@dataclass(frozen=True)
class Spec:
    """One process of the platform. `probe` says whether it is ready; `grace` is how long it may take to stop."""

    name: str
    kind: Kind
    argv: tuple[str, ...]
    port: int
    probe: Probe
    env: Mapping[str, str] = field(default_factory=dict)
    nice: int = 0
    grace: float = 25.0
    ports: tuple[int, ...] = ()
    """Further ports that it listens on."""
    parts: tuple[Part, ...] = ()
    """What a host runs; its own probe is not asked."""


@dataclass(frozen=True)
class Identity:
    """A process that we started: a pid alone may have been given to another since."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The identity of a living process."""
        try:
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else cls(pid, process.create_time())
        except psutil.Error:
            return None

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        now = Identity.of(self.pid)
        return now is not None and abs(now.started - self.started) < 1

    def signal(self, number: int) -> None:
        """Signal it and what it started, unless it is gone."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)


def launch(spec: Spec, log: Path, stdin: int = subprocess.DEVNULL, more: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, its output appended to `log`; `more` arguments are this start's."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*spec.argv, *more],
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **spec.env},
            cwd=ROOT,
            start_new_session=True,
        )
    if spec.nice:
        _yield_to_others(process.pid, spec.nice)
    return process


def _yield_to_others(leader: int, nice: int) -> None:
    """Let a process that has only begun give way to others, and the session that it leads.

    Most distributions' kernels share the CPU out by sessions (`sched_autogroup_enabled`); niceness of a process counts
    only within its session there, and every process of ours has a session to itself. The kernel takes ten changes of
    sessions a second from a user.
    """
    with contextlib.suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, leader, os.getpriority(os.PRIO_PROCESS, leader) + nice)
    group = Path(f"/proc/{leader}/autogroup")
    for _ in range(AUTOGROUP_TRIES):
        try:
            group.write_text(str(nice))
            return
        except BlockingIOError:
            time.sleep(AUTOGROUP_PAUSE)
        except OSError:  # a kernel without it, or the process is gone
            return


def remember(home: Home, name: str, identity: Identity | None) -> None:
    """Keep the identity in run/NAME.pid, or forget it."""
    path = home.run / f"{name}.pid"
    if identity is None:
        path.unlink(missing_ok=True)
    else:
        home.write(path, json.dumps({"pid": identity.pid, "started": identity.started}))


def remembered(home: Home, name: str) -> Identity | None:
    """The living process that run/NAME.pid names."""
    known: dict[str, Any] | None = home.read(home.run / f"{name}.pid")
    identity = Identity(int(known["pid"]), float(known["started"])) if known else None
    return identity if identity and identity.alive else None


def leftovers(home: Home) -> Iterator[tuple[str, Identity]]:
    """Processes of ours that still run, the supervisor aside."""
    for path in sorted(home.run.glob("*.pid")):
        identity = remembered(home, path.stem)
        if identity and path.stem != "supervisor":
            yield path.stem, identity


def end(identities: list[Identity], grace: float = 25.0) -> None:
    """Stop processes: politely first, by force after `grace` seconds."""
    for identity in identities:
        identity.signal(signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(i.alive for i in identities) and time.monotonic() < deadline:
        time.sleep(0.1)
    for identity in identities:
        identity.signal(signal.SIGKILL)
