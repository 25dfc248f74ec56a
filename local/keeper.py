"""Keeping one process running: restarts with back-off, readiness, a clean stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

from local.home import Home
from local.processes import Identity, Spec, launch, remember

TICK = 0.1
PROBE_READY, PROBE_WAITING = 3.0, 0.25
BACK_OFF_FIRST, BACK_OFF_MOST, HEALTHY_AGAIN = 0.5, 30.0, 60.0
EARLY_DEATHS = 4
"""A process that dies this often before it was ever ready fails the start."""
KILL_SECONDS = 10.0


@dataclass
class Keeper:
    """Keeps one process running: restarts it with back-off, and knows whether it is ready."""

    spec: Spec
    home: Home
    threads: ThreadPoolExecutor
    process: Popen[bytes] | None = None
    healthy: bool = False
    ever_ready: bool = False
    restarts: int = 0
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    failed: str = ""

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.home.logs / f"{self.spec.name}.log"

    @property
    def held(self) -> bool:
        """Whether somebody asked to keep it stopped."""
        return (self.home.run / "hold" / self.spec.name).exists()

    def describe(self) -> list[dict[str, Any]]:
        """Its line of `ims status --json`."""
        return [
            {
                "name": self.spec.name,
                "kind": self.spec.kind,
                "pid": self.process.pid if self.process else None,
                "port": self.spec.port,
                "healthy": self.healthy,
                "restarts": self.restarts,
                "held": self.held,
            }
        ]

    async def run(self) -> None:
        """Start it, wait until it is gone, start it again, until `leave`."""
        delay = BACK_OFF_FIRST
        while not self.leaving.is_set():
            if self.held:
                await asyncio.sleep(TICK)
                continue
            started = time.monotonic()
            self._start()
            await self._watch()
            held = self.held
            self._forget()
            if self.leaving.is_set() or held:
                continue
            self._count_death()
            delay = BACK_OFF_FIRST if time.monotonic() - started > HEALTHY_AGAIN else delay
            await self._pause(delay)
            delay = min(delay * 2, BACK_OFF_MOST)

    async def leave(self) -> None:
        """Stop it for good."""
        self.leaving.set()
        started = time.monotonic()
        await self._stop()
        say(f"{self.spec.name} stopped in {time.monotonic() - started:.1f} s")
        if self.task:
            await self.task

    def _start(self) -> None:
        self.process = launch(self.spec, self.log)
        remember(self.home, self.spec.name, Identity.of(self.process.pid))

    async def _watch(self) -> None:
        assert self.process is not None  # noqa: S101 - just started
        next_probe = 0.0
        while self.process.poll() is None:
            if self.held and not self.leaving.is_set():
                await self._stop()
            if not self.leaving.is_set() and time.monotonic() >= next_probe:
                self._set(await asyncio.get_running_loop().run_in_executor(self.threads, self.spec.probe))
                next_probe = time.monotonic() + (PROBE_READY if self.healthy else PROBE_WAITING)
            await asyncio.sleep(TICK)

    def _set(self, healthy: bool) -> None:
        if healthy and not self.healthy:
            say(f"{self.spec.name} is ready")
        if self.healthy and not healthy:
            say(f"{self.spec.name} is not ready any more")
        self.healthy = healthy
        if healthy:
            self.ever_ready = True
            self.ready.set()

    def _forget(self) -> None:
        code = self.process.returncode if self.process else None
        if not self.leaving.is_set():
            say(f"{self.spec.name} ended with {code}")
        self.process, self.healthy = None, False
        remember(self.home, self.spec.name, None)

    def _count_death(self) -> None:
        self.restarts += 1
        if not self.ever_ready and self.restarts >= EARLY_DEATHS:
            self.failed = f"{self.spec.name} ended {self.restarts} times and never became ready"
            self.ready.set()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.leaving.wait(), seconds)

    async def _stop(self) -> None:
        process = self.process
        if process is None or process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await _gone(process, self.spec.grace)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await _gone(process, KILL_SECONDS)


async def _gone(process: Popen[bytes], seconds: float) -> None:
    for _ in range(int(seconds / TICK)):
        if process.poll() is not None:
            return
        await asyncio.sleep(TICK)


def say(text: str) -> None:
    """A line of the supervisor's log."""
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {text}", flush=True)
