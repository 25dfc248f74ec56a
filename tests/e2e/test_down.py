"""`ims down` leaves nothing running. It ends the platform of the other tests, so it comes after them."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from local import checks
from local.processes import leftovers
from local.testing import Platform
from shared import flow

pytestmark = pytest.mark.timeout(300)


def test_down_leaves_nothing_running_and_every_port_free(platform: Platform) -> None:
    platform.wait_healthy()
    pids = {name: process["pid"] for name, process in platform.processes().items()}
    assert {process.name for process in flow.processes()} <= set(pids)
    families = {p.pid for pid in pids.values() for p in psutil.Process(pid).children(recursive=True)} | set(
        pids.values()
    )
    outside = {k: v for k, v in os.environ.items() if not k.startswith("IMS_")}
    command = [sys.executable, "-m", "local.cli", "down"]
    result = subprocess.run(command, env={**outside, **platform.env}, capture_output=True, text=True, timeout=180)
    assert result.returncode == 0, result.stdout + result.stderr
    assert not [pid for pid in families if psutil.pid_exists(pid) and platform.env["IMS_HOME"] in _environment(pid)]
    assert not list(leftovers(platform.home))
    assert platform.processes() == {}
    checks.free_ports(checks.needed(platform.options), patience=90)


def _environment(pid: int) -> str:
    try:
        return psutil.Process(pid).environ().get("IMS_HOME", "")
    except psutil.Error:
        return ""
