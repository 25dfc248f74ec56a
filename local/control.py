"""Starting, stopping and asking a platform: what the command line and the tests share."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from local import checks, pages, plan
from local.home import ROOT, Home
from local.install import Say
from local.options import Options, options
from local.problems import Problem
from local.processes import Identity, end, leftovers, remembered

State = dict[str, Any]
Watch = Callable[[State], None]
STOP_SECONDS = 120.0
PAUSE = 0.1


def supervisor(home: Home) -> Identity | None:
    """The running supervisor of a home."""
    return remembered(home, "supervisor")


def state(home: Home) -> State:
    """What the supervisor last wrote; `phase` is `down` when there is none running."""
    known = home.read(home.state_file) or {}
    if supervisor(home) is None:
        phase = "failed" if known.get("phase") == "failed" else "down"
        return {"phase": phase, "processes": [], "problem": known.get("problem"), "step": "", "total": 0}
    return known or {"phase": "starting", "processes": [], "step": "", "total": 0, "problem": None}


def start(
    wanted: Options, say: Say, watch: Watch, servers_only: bool = False, env: Mapping[str, str] | None = None
) -> bool:
    """Install, check, start in the background and wait until all is ready; False when it was running already."""
    wanted.home.make()
    if supervisor(wanted.home):
        _wait_until_ready(wanted.home, watch)
        return False
    end([identity for _, identity in leftovers(wanted.home)])
    plan.install(wanted, say)
    if not servers_only:
        pages.build(say)
    checks.reserve(wanted.ports)
    checks.free_ports(checks.needed(wanted, servers_only), say=say)
    wanted.home.state_file.unlink(missing_ok=True)
    given = {name: value for name, value in {**os.environ, **(env or {})}.items() if name.startswith("IMS_")}
    wanted.home.write(wanted.home.settings_file, json.dumps(given))
    _spawn(wanted.home, servers_only, env)
    _wait_until_ready(wanted.home, watch)
    return True


def _spawn(home: Home, servers_only: bool, env: Mapping[str, str] | None) -> None:
    flags = ["--servers-only"] if servers_only else []
    with (home.logs / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.supervisor", *flags],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {}), "IMS_HOME": str(home.path)},
            cwd=ROOT,
            start_new_session=True,
        )
    while supervisor(home) is None:
        if process.poll() is not None:
            raise Problem("the supervisor did not start", f"see {home.logs / 'supervisor.log'}")
        time.sleep(PAUSE)


def _wait_until_ready(home: Home, watch: Watch) -> None:
    while True:
        now = state(home)
        watch(now)
        if now["phase"] == "ready":
            return
        if now["phase"] in ("failed", "down"):
            problem = now.get("problem") or {}
            raise Problem(
                problem.get("what") or "the platform went down while it was starting",
                problem.get("way_out") or f"see {home.logs / 'supervisor.log'}",
            )
        time.sleep(PAUSE)


def stop(home: Home, watch: Watch) -> bool:
    """Stop everything that this home started; False when nothing ran."""
    running = supervisor(home)
    rest = [identity for _, identity in leftovers(home)]
    if running is None and not rest:
        return False
    if running:
        os.kill(running.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while running.alive and time.monotonic() < deadline:
            watch(state(home))
            time.sleep(PAUSE)
        end([running], grace=0)
    end([identity for _, identity in leftovers(home)])
    return True


def hold(wanted: Options, name: str, stopped: bool) -> None:
    """Keep a process stopped, or let it run again."""
    names = [process["name"] for process in state(wanted.home)["processes"]]
    if name not in names:
        raise Problem(
            f"there is no running process {name!r}", f"one of: {', '.join(names) or 'none, start with `ims up`'}"
        )
    path = wanted.home.run / "hold" / name
    if stopped:
        path.touch()
    else:
        path.unlink(missing_ok=True)


def current() -> Options:
    """The platform of the home that the environment names: as it was started while it runs, else as it would be."""
    wanted = options()
    known = wanted.home.read(wanted.home.settings_file) if supervisor(wanted.home) else None
    return options({**known, "IMS_HOME": str(wanted.home.path)}) if known else wanted
