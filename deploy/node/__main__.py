"""A cluster of one node on this machine, with IMS on it. Needs root, a Debian and Go; `make cluster` is `up`.

Examples:
  python -m deploy.node up               build, start, apply knative/overlays/node, send a message the whole way
  python -m deploy.node images           build IMS' images anew and hand them to the node
  python -m deploy.node run kubectl -n ims get ksvc
  python -m deploy.node run bash         a shell in the node's network, with its kubectl
  python -m deploy.node down             stop everything, remove the cluster; what was built stays
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from deploy.node import images, install, trial
from deploy.node.build import build
from deploy.node.machine import Machine, default_home
from local.problems import Problem


def up(machine: Machine) -> None:
    """From nothing, or from whatever is there, to a message that went the whole way."""
    machine.check()
    build(say)
    machine.start()
    images.system(machine, say)
    install.base(machine, say)
    install.servers(machine, say)
    images.ims(machine, say)
    trial.apply(machine, say)
    trial.seed(machine)
    say(trial.message(machine))
    say("up. Next: `.venv/bin/python -m deploy.node run kubectl -n ims get ksvc,pod`; stop with `make cluster-down`")


def down(machine: Machine) -> None:
    """Stop and remove it."""
    if (machine.home.path / "servers").exists():
        install.ims(machine, "down")
    machine.stop()
    shutil.rmtree(machine.home.path, ignore_errors=True)


def say(text: str) -> None:
    """One step."""
    print(f"· {text}", flush=True)


def main() -> None:
    """Parse the arguments and act."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.node", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("up", "images", "run", "down"))
    parser.add_argument("words", nargs=argparse.REMAINDER, help="of run: the command")
    arguments = parser.parse_args()
    machine = Machine(default_home())
    try:
        if arguments.command == "up":
            up(machine)
        elif arguments.command == "images":
            images.ims(machine, say)
        elif arguments.command == "down":
            down(machine)
        elif not machine.running():
            raise Problem("the cluster does not run", "`make cluster`")
        else:
            os.execvpe("nsenter", machine.inside(*(arguments.words or ["bash"])), machine.environment())  # noqa: S606
    except Problem as problem:
        print(f"✗ {problem.what}", *([f"  → {problem.way_out}"] if problem.way_out else []), sep="\n", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
