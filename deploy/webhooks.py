"""Ask Knative's own admission webhooks about manifests: their Go code, built once, without a cluster.

A cluster's API server knows the schemas; what a webhook refuses on top of them (reserved variables, fields behind a
flag, a cron that is none) is decided by this code, of the release that the CRDs are of. The Kafka source's webhook is
not to be had as a module: deploy/kafka_rules.py stands for it.
"""

from __future__ import annotations

import subprocess

import yaml

from deploy.golang import PATIENT, go
from deploy.settings import Json
from local.home import DIST, ROOT
from local.problems import Problem

MODULE = ROOT / "tools" / "webhooks"
PROGRAM = DIST / "kubernetes" / "webhooks"
SOURCES = ("go.sum", "main.go")


def build() -> None:
    """The program, unless what stands there was built from the same files (2 minutes of CPU the first time)."""
    stamp, wanted = PROGRAM.with_suffix(".of"), "".join((MODULE / name).read_text() for name in SOURCES)
    if PROGRAM.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    print("building Knative's webhooks from Go modules, once: 2 minutes of CPU", flush=True)
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    way_out = "check the network"
    go(MODULE, "build", "-ldflags", "-s -w", "-o", str(PROGRAM), ".", way_out=way_out, flags=PATIENT)
    stamp.write_text(wanted)


def ask(objects: list[Json], features: frozenset[str] = frozenset()) -> tuple[int, list[str]]:
    """How many of the objects have a webhook, and what the webhooks refuse; `features` are flags that are on."""
    given = yaml.safe_dump_all(objects)
    answer = subprocess.run(
        [str(PROGRAM), *sorted(features)], input=given, capture_output=True, text=True, timeout=120, check=False
    )
    if answer.returncode not in (0, 1):
        raise Problem(f"Knative's webhooks could not be asked: {answer.stderr.strip()[-300:]}")
    return int(answer.stderr), answer.stdout.splitlines()
