"""promtool, from Debian's package `prometheus` when there is none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from local.install import disable_unit, have, program


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    """Run it; the package's own server is not left running."""
    fresh = have("promtool") is None
    tool = program("promtool", ["prometheus"], "put promtool on the PATH", print)
    if fresh:
        disable_unit("prometheus")
        disable_unit("prometheus-node-exporter")
    return subprocess.run([tool, *words], capture_output=True, text=True, check=False)


def check(folder: Path, expressions: list[str]) -> str:
    """What promtool says against PromQL expressions; empty when nothing."""
    rules = [{"record": f"one:{i}", "expr": expression} for i, expression in enumerate(expressions)]
    file = folder / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    result = promtool("check", "rules", str(file))
    return "" if result.returncode == 0 else result.stderr + result.stdout
