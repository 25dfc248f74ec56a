"""Keeping a host running: one process with several functions and bridges, each with its own health, log and hold.

The host's stdin is a socket: `stop NAME` and `start NAME` go in, `stopped NAME` and `started NAME` come back. A held
part is stopped in the running host, and is left out when the host starts again.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from local.keeper import PROBE_READY, PROBE_WAITING, TICK, Keeper, say
from local.processes import Identity, Part, launch, remember


@dataclass
class Hosted:
    """A part and what is known of it. `asked`: what it was last told, and has not answered yet."""

    part: Part
    healthy: bool = False
    stopped: bool = False
    asked: str = ""
    next_probe: float = 0.0


@dataclass
class HostKeeper(Keeper):
    """Keeps one host running."""

    hosted: list[Hosted] = field(default_factory=list)
    _line: socket.socket | None = None
    _heard: bytes = b""

    def __post_init__(self) -> None:
        self.hosted = [Hosted(part) for part in self.spec.parts]

    @property
    def held(self) -> bool:
        """Parts are held, their host is not."""
        return False

    def describe(self) -> list[dict[str, Any]]:
        """A line for each part: its pid is the host's, while the part runs."""
        pid = self.process.pid if self.process else None
        return [
            {
                "name": one.part.name,
                "kind": one.part.kind,
                "pid": None if one.stopped else pid,
                "port": one.part.port,
                "healthy": one.healthy,
                "restarts": self.restarts,
                "held": self._held(one),
                "host": self.spec.name,
            }
            for one in self.hosted
        ]

    def _held(self, one: Hosted) -> bool:
        return (self.home.run / "hold" / one.part.name).exists()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        for one in self.hosted:
            one.healthy, one.stopped, one.asked, one.next_probe = False, self._held(one), "", 0.0
        without = [word for one in self.hosted if one.stopped for word in ("--stopped", one.part.name)]
        with theirs:
            self.process = launch(self.spec, self.log, theirs.fileno(), without)
        self._line, self._heard = ours, b""
        self._remember(Identity.of(self.process.pid))

    def _remember(self, identity: Identity | None) -> None:
        remember(self.home, self.spec.name, identity)
        for one in self.hosted:
            remember(self.home, one.part.name, None if one.stopped else identity)

    async def _watch(self) -> None:
        assert self.process is not None  # noqa: S101 - just started
        while self.process.poll() is None:
            if not self.leaving.is_set():
                self._hear()
                for one in self.hosted:
                    self._tell(one)
                await asyncio.gather(*(self._probe(one) for one in self.hosted))
                if not self.ready.is_set() and all(one.healthy or one.stopped for one in self.hosted):
                    self.ever_ready = True
                    self.ready.set()
            await asyncio.sleep(TICK)

    def _tell(self, one: Hosted) -> None:
        """Pass on that a part is held, or is not any more; one word at a time."""
        held = self._held(one)
        if one.asked or held == one.stopped or self._line is None:
            return
        one.asked = "stop" if held else "start"
        with contextlib.suppress(OSError):  # it is going; the next one is told when it starts
            self._line.send(f"{one.asked} {one.part.name}\n".encode())

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            while self._line is not None and (more := self._line.recv(4096)):
                self._heard += more
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            what, name = line.decode().split()
            (one,) = (one for one in self.hosted if one.part.name == name)
            one.asked, one.stopped, one.next_probe = "", what == "stopped", 0.0
            one.healthy = one.healthy and not one.stopped
            pid = self.process.pid if self.process else 0
            remember(self.home, name, None if one.stopped else Identity.of(pid))
            say(f"{name} {what}")

    async def _probe(self, one: Hosted) -> None:
        if one.stopped or time.monotonic() < one.next_probe:
            return
        healthy = await asyncio.get_running_loop().run_in_executor(self.threads, one.part.probe)
        if healthy != one.healthy:
            say(f"{one.part.name} is ready" if healthy else f"{one.part.name} is not ready any more")
        one.healthy = healthy
        one.next_probe = time.monotonic() + (PROBE_READY if healthy else PROBE_WAITING)

    def _forget(self) -> None:
        super()._forget()
        for one in self.hosted:
            one.healthy = False
        self._remember(None)
        if self._line is not None:
            self._line.close()
            self._line = None
