"""CPU time of the platform's processes: user and system, as the kernel counts it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

COUNTED = frozenset({"function", "source", "bridge", "server", "gateway"})
"""Kinds of processes that are IMS and its servers; the simulator, the sink and the load generator stand apart."""


@dataclass(frozen=True)
class Usage:
    """CPU seconds by process, and the kind of each."""

    seconds: Mapping[str, float]
    kinds: Mapping[str, str]

    def of(self, kinds: Iterable[str] = COUNTED) -> float:
        """CPU seconds of all processes of these kinds."""
        wanted = frozenset(kinds)
        return sum(s for name, s in self.seconds.items() if self.kinds[name] in wanted)

    def each(self, count: int) -> dict[str, float]:
        """Microseconds a message by process, the dearest first; those that did nothing are left out."""
        shares = {name: s * 1e6 / count for name, s in self.seconds.items() if s > 0}
        return dict(sorted(shares.items(), key=lambda item: -item[1]))


@dataclass(frozen=True)
class Process:
    """A process to watch."""

    pid: int
    kind: str


def read(processes: Mapping[str, Process]) -> dict[str, tuple[int, float]]:
    """Each living process's pid and CPU seconds."""
    found: dict[str, tuple[int, float]] = {}
    for name, process in processes.items():
        seconds = cpu_seconds(process.pid)
        if seconds is not None:
            found[name] = (process.pid, seconds)
    return found


def between(
    before: Mapping[str, tuple[int, float]], after: Mapping[str, tuple[int, float]], kinds: Mapping[str, str]
) -> Usage:
    """What was used between two readings; a process that was started anew counts from its start."""
    used: dict[str, float] = {}
    for name, (pid, seconds) in after.items():
        old_pid, old = before.get(name, (pid, 0.0))
        used[name] = max(0.0, seconds - old if pid == old_pid else seconds)
    return Usage(used, {name: kinds[name] for name in used})


def cpu_seconds(pid: int) -> float | None:
    """User and system time of a process with all its threads; None when it is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)


def exact_seconds(pid: int) -> float | None:
    """The same to the nanosecond, of the threads that live: for moments too short for the kernel's ticks of 10 ms."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except (OSError, ValueError, IndexError):
        return cpu_seconds(pid)


def rss_mb(pid: int) -> float:
    """Resident memory in MB (10⁶ bytes)."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6
