"""The console in a real browser: journeys of console/tests/e2e on the platform, each file one test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local import pages
from local.testing import Platform

JOURNEYS = sorted(path.name for path in (pages.HERE / "tests" / "e2e").glob("*.spec.ts"))
WITHIN_S = 600


@pytest.fixture(scope="module")
def browser() -> str:
    """Debian's Chromium with Korean letters, installed when it is missing."""
    from tests.browser import chromium

    return chromium()


@pytest.mark.timeout(WITHIN_S + 60)
@pytest.mark.parametrize("journey", JOURNEYS)
def test_a_journey_in_the_browser(platform: Platform, browser: str, journey: str, tmp_path: Path) -> None:
    platform.wait_healthy()
    env = {**os.environ, "IMS_DEMO": str(platform.home.demo_file), "CHROMIUM": browser}
    npx = Path(shutil.which("npx", path=str(Path(sys.executable).parent)) or "npx")
    env["PATH"] = f"{npx.parent}:{env['PATH']}"
    command = [str(npx), "playwright", "test", journey, "--output", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=pages.HERE, env=env, capture_output=True, text=True, timeout=WITHIN_S)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
