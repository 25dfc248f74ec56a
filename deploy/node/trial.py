"""IMS on the node: the overlay applied, the demo account, one message the whole way by the pipeline's own scripts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from deploy.node.install import database
from deploy.node.machine import Machine
from deploy.settings import NAMESPACE
from local.home import ROOT
from local.install import Say
from local.problems import Problem

OVERLAY = ROOT / "knative" / "overlays" / "node"
SMOKE, SEED = ROOT / "tools" / "pipeline" / "smoke.sh", ROOT / "tools" / "seed.sh"
READY_SECONDS = 300


def apply(machine: Machine, say: Say) -> None:
    """Apply knative/overlays/node and wait until every function and source is Ready."""
    say("IMS: knative/overlays/node")
    machine.kubectl("delete", "job", "topics", "-n", NAMESPACE, "--ignore-not-found")
    machine.kubectl("apply", "-k", str(OVERLAY))
    wait = ("-n", NAMESPACE, "wait", f"--timeout={READY_SECONDS}s", "--for")
    machine.kubectl(*wait, "condition=complete", "job/topics")
    machine.kubectl(*wait, "condition=Ready", "ksvc,pingsource,sinkbinding", "--all")
    machine.kubectl(
        *wait, "condition=Available", "deployment", "--all", "--selector=app.kubernetes.io/component=bridge"
    )


def seed(machine: Machine) -> dict[str, str]:
    """The demo account's keys (tools/seed.sh); the simulator learns its vendors' secrets."""
    folder = machine.home.path / "demo"
    _script(machine, SEED, {"MYSQL_URL": database(), "OUT": str(folder)})
    found: dict[str, str] = json.loads((folder / "demo.json").read_text())
    return found


def message(machine: Machine) -> str:
    """One message, accepted by api-mt and delivered by the simulator; the last line of the smoke test."""
    return _script(machine, SMOKE, addresses(machine)).strip().splitlines()[-1]


def addresses(machine: Machine) -> dict[str, str]:
    """What tools/pipeline/smoke.sh needs to reach the APIs by Knative's inner way in."""
    host = machine.kubectl(
        *("-n", "envoy-gateway-system", "get", "service", "knative-internal", "-o", "jsonpath={.spec.clusterIP}")
    )
    demo = json.loads((machine.home.path / "demo" / "demo.json").read_text())
    inner = {name: f"{name}.{NAMESPACE}.svc.cluster.local" for name in ("api-mt", "api-report")}
    return {
        "IMS_URL": f"http://{host}",
        "IMS_HOST": inner["api-mt"],
        "IMS_REPORT_HOST": inner["api-report"],
        "IMS_TEST_KEY": demo["test_key"],
    }


def environment(machine: Machine) -> dict[str, str]:
    """What a program on the node needs to send messages: `addresses`, and the rest of the environment."""
    return {**machine.environment(), **addresses(machine)}


def _script(machine: Machine, script: Path, env: dict[str, str]) -> str:
    own = {**machine.environment(), **env}
    result = subprocess.run(
        machine.inside(str(script)), env=own, capture_output=True, text=True, timeout=600, check=False
    )
    if result.returncode != 0:
        raise Problem(f"{script.name} failed: {(result.stderr or result.stdout).strip()[-500:]}")
    return result.stdout
