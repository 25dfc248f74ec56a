"""Running Go on one of the modules in tools/: the one place that knows where Go is and how it is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from local.install import have
from local.problems import Problem

PATIENT = "-p=1"
"""Among GOFLAGS: one package at a time, for builds beside tests."""


def go(folder: Path, *words: str, way_out: str, nice: int = 15, flags: str = "") -> str:
    """What `go words…` prints in `folder`; a Problem when there is no Go, or it fails."""
    found = have("go") or shutil.which("go", path="/usr/local/go/bin")
    if found is None:
        raise Problem(f"Go 1.24 or newer is needed to build what {folder.name} names", f"install it; {way_out}")
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": f"-buildvcs=false -mod=readonly {flags}".strip()}
    command = ["nice", "-n", str(nice), found, *words]
    result = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Problem(f"`go {words[0]}` failed in tools/{folder.name}: {result.stderr.strip()[-300:]}", way_out)
    return result.stdout
