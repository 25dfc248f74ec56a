"""Processes of a test's own: each gets a port that it can bind; who waits for one learns at once that it has died."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local.home import ROOT
from tests.ports import free_port

PATIENCE_S = 120.0
"""A start on a machine that has much else to do."""
TAKEN = "address already in use"
TAIL = 3000
TRIES = 5


@dataclass
class Spawned:
    """A process that answers at `url`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def spawn(
    arguments: Sequence[str], env: Mapping[str, str], log: Path, path: str = "/readyz", port: int | None = None
) -> Spawned:
    """Run `python -m arguments --port …` until it answers 200 at `path`.

    `port`: the one that others expect it at; else any, and another one where somebody was quicker.
    """
    for left in reversed(range(TRIES)):
        begun = log.stat().st_size if log.exists() else 0
        made = _begin(arguments, env, log, port or free_port())
        try:
            wait_until(partial(answers, made.url + path), f"{arguments[0]} at {made.url}{path}", made.process, log)
        except Ended:
            if port or not left or TAKEN not in _since(log, begun):
                raise
            continue
        return made
    raise AssertionError("unreachable: the last try raises")


def _begin(arguments: Sequence[str], env: Mapping[str, str], log: Path, port: int) -> Spawned:
    command = [sys.executable, "-m", *arguments, "--port", str(port)]
    with log.open("ab") as out:
        process = subprocess.Popen(command, env=dict(env), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    return Spawned(process, port, log)


class Ended(AssertionError):
    """The process that somebody waits for has ended."""


def wait_until(
    condition: Callable[[], bool],
    what: str,
    process: subprocess.Popen[bytes] | None = None,
    log: Path | None = None,
    seconds: float = PATIENCE_S,
) -> None:
    """Wait; no longer than `process` lives. What went wrong comes with the end of its log."""
    end = time.monotonic() + seconds
    while not condition():
        if process is not None and process.poll() is not None:
            raise Ended(f"while waiting for {what}: the process ended with {process.returncode}{_tail(log)}")
        assert time.monotonic() < end, f"waited {seconds:g} s in vain for {what}{_tail(log)}"
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _since(log: Path, begun: int) -> str:
    return log.read_bytes()[begun:].decode(errors="replace")


def _tail(log: Path | None) -> str:
    return "" if log is None or not log.exists() else f"; its log ends:\n{_since(log, 0)[-TAIL:]}"
