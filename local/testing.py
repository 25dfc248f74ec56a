"""A platform for tests: a folder of its own, and ports of its own beside one that already runs.

with Platform(tmp_path / "ims", {"IMS_RETRY_UNIT_SECONDS": "0.1"}) as platform:
    platform.demo["gateway"]           # addresses and keys, as in demo.json
    platform.kill("route-fast")        # SIGKILL its host, with all in it; the supervisor starts it again
    platform.wait_healthy()
    with platform.stopped("redis"):    # down until the block ends
        ...
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from local import control
from local.home import Home
from local.options import Options, options
from local.processes import Identity, remembered
from local.servers import mysql

OFFSET = 5000
"""Added to every port by default, so that tests run beside a platform in use."""
PAUSE = 0.05


class Platform:
    """One platform. `env` are IMS_* settings for it and for every process of it; the surrounding ones do not count."""

    def __init__(self, home: Path, env: Mapping[str, str] | None = None, servers_only: bool = False) -> None:
        self.env = {"IMS_PORT_OFFSET": str(OFFSET), **(env or {}), "IMS_HOME": str(home)}
        self.servers_only = servers_only
        self.options: Options = options(self.env)

    @property
    def home(self) -> Home:
        """Its folder."""
        return self.options.home

    def __enter__(self) -> Platform:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and wait until it is healthy."""
        with _only(self.env):
            control.start(self.options, print, lambda _: None, self.servers_only)

    def stop(self) -> None:
        """Stop everything, cleanly."""
        control.stop(self.home, lambda _: None)

    @property
    def demo(self) -> dict[str, Any]:
        """Addresses and keys (api.md, demo.json)."""
        known = self.home.read(self.home.demo_file)
        assert known is not None, "the platform has not started"  # noqa: S101 - for tests
        return known

    @property
    def root_mysql(self) -> str:
        """MySQL's address with all rights, for tests that look under the cover or empty tables."""
        return mysql.url(self.options, "root", self.home.secret("mysql_root"))

    def processes(self) -> dict[str, dict[str, Any]]:
        """`ims status --json` by name."""
        return {process["name"]: process for process in control.state(self.home)["processes"]}

    def pid(self, name: str) -> int:
        """The pid of a process that runs."""
        return self._identity(name).pid

    def kill(self, name: str) -> int:
        """SIGKILL a process and return its pid; the supervisor starts it again. A function's process is its host's."""
        identity = self._identity(name)
        identity.signal(signal.SIGKILL)
        self._wait(lambda: not identity.alive, 60, f"{name} to die")
        return identity.pid

    def terminate(self, name: str) -> int:
        """SIGTERM a process (it drains) and return its pid; the supervisor starts it again."""
        identity = self._identity(name)
        os.kill(identity.pid, signal.SIGTERM)
        return identity.pid

    def restart(self, name: str, seconds: float = 60) -> None:
        """Let a process end cleanly and wait until its successor is healthy."""
        old = self.terminate(name)
        self._wait(lambda: self._healthy_since(name, old), seconds, f"{name} to restart")

    def wait_healthy(self, *names: str, seconds: float = 180) -> None:
        """Wait until these processes (or all) are healthy, whatever was killed just now."""

        def healthy() -> bool:
            known = self.processes()
            return bool(known) and all(self._runs_healthy(known[name]) for name in names or known)

        self._wait(healthy, seconds, f"{', '.join(names) or 'all'} to be healthy")

    @contextlib.contextmanager
    def stopped(self, name: str, kill: bool = False) -> Iterator[None]:
        """Keep a process down within the block; `kill`: by SIGKILL. After it, wait until it is healthy again."""
        if kill:
            self._identity(name).signal(signal.SIGKILL)
        control.hold(self.options, name, stopped=True)
        self._wait(lambda: self.processes()[name]["pid"] is None, 60, f"{name} to stop")
        try:
            yield
        finally:
            control.hold(self.options, name, stopped=False)
            self.wait_healthy(name)

    def log(self, name: str) -> str:
        """What a process wrote."""
        return (self.home.logs / f"{name}.log").read_text(errors="replace")

    def _identity(self, name: str) -> Identity:
        found: list[Identity] = []

        def running() -> bool:
            found[:] = filter(None, [remembered(self.home, name)])
            return bool(found)

        self._wait(running, 60, f"{name} to run")
        return found[0]

    def _healthy_since(self, name: str, old: int) -> bool:
        process = self.processes()[name]
        return process["pid"] != old and self._runs_healthy(process)

    def _runs_healthy(self, process: dict[str, Any]) -> bool:
        identity = remembered(self.home, process["name"])
        return bool(process["healthy"]) and identity is not None and identity.pid == process["pid"]

    @staticmethod
    def _wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds:g} s for {what}")
            time.sleep(PAUSE)


@contextlib.contextmanager
def _only(env: Mapping[str, str]) -> Iterator[None]:
    """Within the block the environment has only these IMS_* variables."""
    saved = {name: value for name, value in os.environ.items() if name.startswith("IMS_")}
    for name in saved:
        del os.environ[name]
    os.environ.update(env)
    try:
        yield
    finally:
        for name in env:
            os.environ.pop(name, None)
        os.environ.update(saved)
