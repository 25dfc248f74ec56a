"""Functions on ports: one in a process of its own, or any number in one process, each with its own drain.

A host runs parts (functions here, bridges in bridges/host): each starts, stops and starts again without the others,
told so by lines on a socket that is the process's stdin (`stop route-fast`, `start route-fast`), and answers with
`stopped …` and `started …`. What one part cannot survive, none does: the process ends, and everything in it comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import stat
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import uvicorn

from shared.runtime import logs
from shared.runtime.connections import Connection
from shared.runtime.scope import Scope, Threads
from shared.runtime.server import App
from shared.runtime.settings import FunctionSettings, load

STDIN = 0

log = logs.get(__name__)


class Server(uvicorn.Server):
    """uvicorn for one function, without the timer by which it looks ten times a second whether it should end."""

    def __init__(self, app: App, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=int(load(FunctionSettings).drain_seconds),
                http=Connection,
                ws="none",
                lifespan="on",
                backlog=4096,
            )
        )
        self.app = app
        self._ending = asyncio.Event()

    async def main_loop(self) -> None:
        """Until `end`."""
        await self.on_tick(0)
        await self._ending.wait()

    def end(self) -> None:
        """Take nothing more in and drain; the app hears of it at once, not only when all requests have ended."""
        self.app.begin_drain()
        self.should_exit = True
        self._ending.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's affair."""
        yield


async def serve_until_signal(name: str, host: str, port: int) -> None:
    """Serve one function, alone in its process."""
    server = Server(App(name), host, port)
    on_signal(server.end)
    await server.serve()
    sys.stdout.flush()
    os._exit(0 if server.started else 1)  # all is drained; a thread that still waits for Kafka must hold nobody up


def on_signal(act: object) -> None:
    """Call `act` at SIGTERM and SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, act)  # type: ignore[arg-type]


class Part(Protocol):
    """What a host runs. `ended` is done when it ended by itself, which it should not."""

    name: str

    async def start(self) -> None:
        """Return when it serves."""

    async def stop(self) -> None:
        """Return when it has drained."""

    @property
    def ended(self) -> asyncio.Future[None] | None:
        """Its task, while it runs and has one."""


class Function:
    """A function of a host. `app` is there while it takes requests."""

    def __init__(self, name: str, function: str, host: str, port: int, scope: Scope) -> None:
        self.name, self.host, self.port = name, host, port
        self._function, self._scope = function, scope
        self._server: Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def app(self) -> App | None:
        """The app, unless it drains or is not there."""
        server = self._server
        return server.app if server and server.started and not server.should_exit else None

    @property
    def ended(self) -> asyncio.Future[None] | None:
        """The server's task."""
        return self._task

    async def start(self) -> None:
        """Load the function and listen."""
        with self._scope.entered():
            self._scope.settings.clear()
            self._server = Server(App(self._function, self._scope), self.host, self.port)
            self._task = asyncio.create_task(self._server.serve())
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError(f"{self.name} ended while it started")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Drain."""
        server, task, self._task = self._server, self._task, None
        if server is not None and task is not None:
            server.end()
            await task
        self._server = None


class Host:
    """Runs parts until SIGTERM. Those that start last stop first: sources before the functions they feed."""

    def __init__(self, parts: Sequence[Sequence[Part]], stopped: Sequence[str] = ()) -> None:
        self._stages = parts
        self._stopped = set(stopped)
        self._running: list[Part] = []
        self._lock = asyncio.Lock()
        self._changed, self._ending = asyncio.Event(), asyncio.Event()

    async def run(self) -> int:
        """The exit code: 0 after SIGTERM, 1 when a part ended by itself."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(Threads(thread_name_prefix="host"))
        on_signal(self._ending.set)
        control = asyncio.create_task(self._obey())
        failed = False
        try:
            async with self._lock:
                for stage in self._stages:
                    await asyncio.gather(*(self._start(part) for part in stage if part.name not in self._stopped))
            log.info("hosting", parts=[part.name for part in self._running])
            failed = await self._until_end()
        finally:
            control.cancel()
            async with self._lock:
                for stage in reversed(self._stages):
                    await asyncio.gather(*(self._stop(part) for part in stage))
        return int(failed)

    async def _until_end(self) -> bool:
        """Whether a part ended by itself."""
        while not self._ending.is_set():
            tasks: dict[asyncio.Future[Any], Part] = {p.ended: p for p in self._running if p.ended is not None}
            change: list[asyncio.Future[Any]] = [
                asyncio.ensure_future(event.wait()) for event in (self._changed, self._ending)
            ]
            self._changed.clear()
            done, _ = await asyncio.wait([*tasks, *change], return_when=asyncio.FIRST_COMPLETED)
            for waiting in change:
                waiting.cancel()
            for part in (tasks[task] for task in done if task in tasks):
                if part in self._running and part.ended in done:
                    log.error("a part ended by itself", part=part.name)
                    return True
        return False

    async def _start(self, part: Part) -> None:
        if part not in self._running:
            await part.start()
            self._running.append(part)
            self._changed.set()

    async def _stop(self, part: Part) -> None:
        if part in self._running:
            self._running.remove(part)
            await part.stop()
            self._changed.set()

    async def _obey(self) -> None:
        """Do what the supervisor says; without one (stdin is no socket, or closed) there is nothing to obey."""
        if not stat.S_ISSOCK(os.fstat(STDIN).st_mode):
            return
        reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=os.dup(STDIN)))
        parts = {part.name: part for stage in self._stages for part in stage}
        while line := (await reader.readline()).decode().split():
            async with self._lock:
                what, name = line
                await (self._stop if what == "stop" else self._start)(parts[name])
            writer.write(f"{'stopped' if what == 'stop' else 'started'} {name}\n".encode())
