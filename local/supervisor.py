"""The background process that starts everything in order, keeps it running, and stops it in reverse order.

    python -m local.supervisor [--servers-only]

What it knows stands in run/state.json, rewritten at every change: `ims status` and `ims up` read it. A file
run/hold/NAME keeps a process stopped (`ims stop NAME`); removing it starts the process again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local import plan
from local.hosting import HostKeeper
from local.keeper import TICK, Keeper, say
from local.options import Options, options
from local.plan import Stage
from local.problems import Problem
from local.processes import Identity, end, leftovers, remember

START_SECONDS = 180.0
LOG_BYTES = 20 * 1024 * 1024
LOG_PAUSE = 10.0
PROBE_THREADS = 12


class Supervisor:
    """Starts the stages, keeps state.json true, and stops all on SIGTERM."""

    def __init__(self, options: Options, servers_only: bool) -> None:
        self.options, self.servers_only = options, servers_only
        self.keepers: list[Keeper] = []
        self.total = 0
        self.phase, self.step = "starting", "servers"
        self.problem: Problem | None = None
        self.stopping = asyncio.Event()
        self.threads = ThreadPoolExecutor(PROBE_THREADS, thread_name_prefix="work")
        self._written = ""

    async def run(self) -> int:
        """Until SIGTERM or SIGINT, or a start that fails; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        report, rotate = asyncio.create_task(self._report()), asyncio.create_task(self._rotate())
        start = asyncio.create_task(self._start())
        await asyncio.wait({start, asyncio.create_task(self.stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
        self._outcome(start)
        if self.problem is None:
            await self.stopping.wait()
        start.cancel()
        self.phase = "stopping"
        await self._stop()
        self.phase = "failed" if self.problem else "stopped"
        for task in (report, rotate):
            task.cancel()
        self._write()
        return 1 if self.problem else 0

    def _outcome(self, start: asyncio.Task[None]) -> None:
        error = start.exception() if start.done() and not start.cancelled() else None
        if isinstance(error, Problem):
            self.problem = error
        elif error is not None:
            self.problem = Problem(f"{self.step}: {error!r}", f"see {self.options.home.logs / 'supervisor.log'}")
        if self.problem:
            say(f"{self.problem.what} {self.problem.way_out}")

    async def _start(self) -> None:
        first, env = await asyncio.to_thread(plan.servers, self.options)
        rest = [] if self.servers_only else await asyncio.to_thread(plan.functions, self.options, env)
        self.total = sum(len(spec.parts) or 1 for stage in [first, *rest] for spec in stage.specs)
        for stage in [first, *rest]:
            self.step = stage.title
            await self._stage(stage)
        self.phase, self.step = "ready", ""
        say("ready")

    async def _stage(self, stage: Stage) -> None:
        keepers = [
            (HostKeeper if spec.parts else Keeper)(spec, self.options.home, self.threads) for spec in stage.specs
        ]
        for keeper in keepers:
            keeper.task = asyncio.create_task(keeper.run())
        self.keepers += keepers
        await self._ready(keepers)
        if stage.then:
            self.step = f"preparing {stage.title}"
            await asyncio.gather(*(asyncio.to_thread(job) for job in stage.then))

    async def _ready(self, keepers: list[Keeper]) -> None:
        """Wait until every process is ready; one that cannot be is a Problem."""
        waiting = {asyncio.create_task(k.ready.wait()): k for k in keepers}
        deadline = time.monotonic() + START_SECONDS
        pending = set(waiting)
        while pending:
            done, pending = await asyncio.wait(
                pending, timeout=max(0.0, deadline - time.monotonic()), return_when=asyncio.FIRST_COMPLETED
            )
            failed = [waiting[task] for task in done if waiting[task].failed]
            if failed:
                raise Problem(failed[0].failed, _ends_with(failed[0].log))
            if not done:
                late = waiting[next(iter(pending))]
                raise Problem(f"{late.spec.name} was not ready within {START_SECONDS:.0f} s", _ends_with(late.log))

    async def _stop(self) -> None:
        """Gateway first, servers last; those of one kind of place together."""
        for group in _reversed_groups(self.keepers):
            self.step = f"stopping {group[0].spec.kind}s"
            await asyncio.gather(*(keeper.leave() for keeper in group))

    async def _report(self) -> None:
        while True:
            self._write()
            await asyncio.sleep(TICK)

    def _write(self) -> None:
        text = json.dumps(
            {
                "phase": self.phase,
                "step": self.step,
                "total": self.total,
                "servers_only": self.servers_only,
                "problem": {"what": self.problem.what, "way_out": self.problem.way_out} if self.problem else None,
                "processes": [line for keeper in self.keepers for line in keeper.describe()],
            }
        )
        if text != self._written:
            self.options.home.write(self.options.home.state_file, text)
            self._written = text

    async def _rotate(self) -> None:
        while True:
            await asyncio.to_thread(rotate, self.options.home.logs)
            await asyncio.sleep(LOG_PAUSE)


def _ends_with(log: Path, lines: int = 5) -> str:
    """Where to look, and the last lines there."""
    last: list[str] = []
    with contextlib.suppress(OSError):
        last = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n    ".join([f"`ims logs {log.stem}`, which ends with:", *last])


def rotate(logs: Path, limit: int = LOG_BYTES) -> None:
    """Copy each log over `limit` bytes to NAME.log.1 and empty it; writers append, so they go on."""
    for log in logs.glob("*.log"):
        if log.stat().st_size > limit:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)


def _reversed_groups(keepers: list[Keeper]) -> Iterator[list[Keeper]]:
    places: list[Callable[[Keeper], bool]] = [
        lambda k: k.spec.kind == "gateway",
        lambda k: k.spec.kind in ("source", "bridge"),
        lambda k: k.spec.kind in ("function", "host"),
        lambda k: k.spec.kind == "simulator",
        lambda k: k.spec.kind == "server",
    ]
    for belongs in places:
        group = [keeper for keeper in keepers if belongs(keeper)]
        if group:
            yield group


def main() -> int:
    """Hold the lock of this home, clear what a killed predecessor left, and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers-only", action="store_true")
    arguments = parser.parse_args()
    wanted = options()
    wanted.home.make()
    with (wanted.home.run / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another supervisor holds this home")
            return 0
        me = Identity.of(os.getpid())
        remember(wanted.home, "supervisor", me)
        end([identity for _, identity in leftovers(wanted.home)])
        for held in (wanted.home.run / "hold").iterdir():
            held.unlink()
        code = asyncio.run(_supervise(wanted, arguments.servers_only))
        remember(wanted.home, "supervisor", None)
        return code


async def _supervise(wanted: Options, servers_only: bool) -> int:
    return await Supervisor(wanted, servers_only).run()


if __name__ == "__main__":
    sys.exit(main())
