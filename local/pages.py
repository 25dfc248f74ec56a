"""Build the console when its sources are newer than what is built: `python -m local.pages` (or `make console`).

Node is a wheel in .venv; what npm brings stays in console/node_modules. Without a network and with nothing built, the
platform starts all the same, and its console says how to build it.

Examples:
  python -m local.pages
  python -m local.pages --again      # build although nothing has changed
"""

from __future__ import annotations

import argparse
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from local.home import ROOT
from local.problems import Problem

HERE = ROOT / "console"
DIST = ROOT / "functions" / "console" / "dist"
BUILT = DIST / ".built"
LOCK, INSTALLED = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
FROM = ("src", "public", "plugins")
FURTHER = (ROOT / "docs" / "openapi.yaml", HERE / "index.html", HERE / "vite.config.ts", HERE / "package.json")
WITHIN_S = 600
Say = Callable[[str], None]


def build(say: Say, again: bool = False) -> bool:
    """Build what is stale; whether there is something to serve. Who comes meanwhile waits, and finds it done."""
    with (HERE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not again and BUILT.exists() and BUILT.stat().st_mtime >= max(map(_mtime, _sources())):
            return True
        began = max(map(_mtime, _sources()))
        try:
            install(say)
            say("building the console")
            npm("run", "build")
        except Problem as problem:
            say(f"{problem}; {problem.way_out}")
            return BUILT.exists()
        BUILT.touch()
        os.utime(BUILT, (began, began))
        return True


def install(say: Say) -> None:
    """The packages of the lock file, when others are there."""
    if not INSTALLED.exists() or _mtime(INSTALLED) < _mtime(LOCK):
        say("installing the console's packages (400, half a minute)")
        npm("ci")
        INSTALLED.touch()


def npm(*arguments: str) -> None:
    """Run the npm of .venv in console/."""
    program = Path(sys.executable).with_name("npm")
    if not program.exists():
        raise Problem("Node is not in .venv, so the console was not built", "make setup, then: make console")
    env = {**os.environ, "PATH": f"{program.parent}:{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(
            [program, *arguments], cwd=HERE, env=env, capture_output=True, text=True, timeout=WITHIN_S
        )
    except subprocess.TimeoutExpired:
        raise Problem(f"npm {arguments[0]} took over {WITHIN_S} s", "check the network, then: make console") from None
    if done.returncode:
        last = " ".join((done.stderr or done.stdout).split())[-300:]
        raise Problem(f"npm {arguments[0]} failed: {last}", "check the network, then: make console")


def _sources() -> Iterator[Path]:
    yield from FURTHER
    yield LOCK
    for name in FROM:
        yield from (p for p in (HERE / name).rglob("*") if p.is_file())


def _mtime(path: Path) -> float:
    return path.stat().st_mtime


def main() -> int:
    """Build, and say what was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", action="store_true", help="build although nothing has changed")
    arguments = parser.parse_args()
    done = build(lambda text: print(f"· {text}", flush=True), arguments.again)
    print(f"{'✓' if done else '✗'} {DIST.relative_to(ROOT)}")
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
