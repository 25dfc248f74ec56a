"""Debian's Chromium for tests of pages, with letters for Korean; installed when it is missing."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGES = ("chromium", "fonts-noto-cjk")
WITHIN_S = 600


def chromium() -> str:
    """Its program. Installing needs root or sudo without a password, else it says what to run."""
    with (Path(tempfile.gettempdir()) / f"ims-browser-{os.getuid()}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _found()
        if found is None:
            _install()
            found = _found()
    assert found is not None, f"no Chromium for the tests of pages: sudo apt-get install -y {' '.join(PACKAGES)}"
    return found


def _found() -> str | None:
    letters = Path("/usr/share/fonts/opentype/noto").glob("NotoSansCJK*")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    return program if program and any(letters) else None


def _install() -> None:
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *PACKAGES]):
        subprocess.run([*root, "apt-get", *arguments], env=env, capture_output=True, timeout=WITHIN_S, check=False)
