"""The second half of `make test-manifests`, as a user runs it: it must end well, and say how many were accepted."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from local.home import ROOT
from tests.manifests.apiserver import need_crds


def test_all_objects_are_accepted() -> None:
    need_crds()
    env = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    command = [sys.executable, "-m", "deploy.accept"]
    answer = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900, check=False)
    assert answer.returncode == 0, f"{answer.stdout[-2000:]}\n{answer.stderr[-500:]}"
    (accepted,) = re.findall(r"^(\d+) objects accepted by the API server", answer.stdout, re.MULTILINE)
    assert int(accepted) > 0
