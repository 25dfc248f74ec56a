"""One run: what it measures on, what it found, and how it shows where it is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.bed import Bed
from bench.figures import Figure
from bench.sizes import Sizes
from local.options import APART

BUSY = 1.5
Advance = Callable[[float], None]


@dataclass
class Results:
    """All that a run found. `shares`: µs a message by process; `samples`: raw values for the plot, by name."""

    figures: list[Figure] = field(default_factory=list)
    shares: dict[str, dict[str, float]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    samples: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    profiles: dict[str, Any] = field(default_factory=dict)

    def add(self, *figures: Figure) -> None:
        """Note figures."""
        self.figures.extend(figures)


class Run:
    """What a scenario gets."""

    def __init__(self, bed: Bed, sizes: Sizes, console: Console) -> None:
        self.bed, self.sizes, self.console = bed, sizes, console
        self.results = Results()
        self.progress = Progress(
            TextColumn("{task.description}", justify="left"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            refresh_per_second=4,
            transient=True,
        )

    @contextlib.contextmanager
    def step(self, what: str, total: float) -> Iterator[Advance]:
        """A progress bar; call what it yields with how much is done."""
        task = self.progress.add_task(what, total=total)
        try:
            yield lambda done: self.progress.update(task, completed=done)
        finally:
            self.progress.remove_task(task)


@contextlib.contextmanager
def apart(run: Run) -> Iterator[Run]:
    """The same on a second platform where each function has a process of its own; the run's own where that is so."""
    if not run.bed.own or run.bed.platform.options.hosts == APART:
        yield run
        return
    with Bed(running=False, env={"IMS_HOSTS": APART}) as bed:
        other = Run(bed, run.sizes, run.console)
        other.progress = run.progress
        yield other


Scenario = Callable[[Run], None]


def load_average() -> float:
    """Runnable processes, averaged over the last minute."""
    return os.getloadavg()[0]
