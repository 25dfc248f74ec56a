"""The local platform watches itself: by its cron, on its own port, from the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import httpx2

from local.testing import Platform
from shared import flow
from tests.road import sql, until


def ims(platform: Platform, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.cli", "watch", *arguments]
    return subprocess.run(command, env={**os.environ, **platform.env}, capture_output=True, text=True, timeout=120)


def status(platform: Platform) -> dict[str, Any]:
    port = platform.processes()["watch"]["port"]
    found: dict[str, Any] = httpx2.get(f"http://127.0.0.1:{port}/status", timeout=60, trust_env=False).json()
    return found


def test_the_platforms_cron_lets_watch_tick_and_every_process_is_asked(platform: Platform) -> None:
    platform.wait_healthy()
    until(lambda: sql(platform, "SELECT version FROM watch_state")[0][0] > 0, "the first tick")
    seen = until(lambda: (s := status(platform)) and not s["failed"] and s, "a look that sees everything")
    asked = {s["subject"] for s in seen["samples"] if s["metric"] == "function_down"}
    assert {p.name for p in flow.processes()} | {"kafka_source-fast", "redis_expiry"} <= asked
    assert seen["ways"] == {"slack": True, "sms": False}
    beat = "SELECT at_ms FROM heartbeats WHERE name='schedule'"
    assert sql(platform, beat), "schedule says that it lives"


def test_the_command_line_shows_mutes_and_tests(platform: Platform) -> None:
    assert ims(platform).returncode in (0, 1)
    assert ims(platform, "mute", "ImsNothing").returncode == 1
    assert ims(platform, "mute", "ImsLaneLag", "--for", "2x").returncode == 1
    assert ims(platform, "mute", "ImsLaneLag", "--for", "2h", "--reason", "a test").returncode == 0
    assert "muted    ImsLaneLag" in ims(platform).stdout
    assert ims(platform, "unmute", "ImsLaneLag").returncode == 0
    assert "muted" not in ims(platform).stdout
    tested = ims(platform, "test")
    assert tested.returncode == 0
    assert "slack  sent" in tested.stdout
    items = httpx2.get(f"{platform.demo['simulator']}/slack", trust_env=False).json()["items"]
    assert any("test" in item["message"]["text"] for item in items)
