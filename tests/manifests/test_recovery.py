"""The guides' and runbooks' commands for an emergency that an API server alone can carry out, as they are written."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from deploy import cluster
from local.home import ROOT
from tests.manifests.apiserver import api_server
from tests.manifests.test_guides import blocks
from tests.manifests.test_names import OVERLAY, SERVERS

RECOVERY = ROOT / "docs" / "deploy" / "disaster-recovery.md"
KEDA_CLASS = r"autoscaling\.eventing\.knative\.dev/class"
KINDS = ("StatefulSet", "CronJob", "Job", "KafkaSource", "Service", "ServiceAccount", "ConfigMap")


@pytest.fixture(scope="module")
def config() -> Iterator[Path]:
    """An API server with the servers of infra/ and the sources of the overlay prod."""
    with api_server() as found:
        for name in ("ims", "ims-data", "monitoring"):
            cluster.run(found, "create", "namespace", name)
        things = [o for o in [*SERVERS, *OVERLAY] if o["kind"] in KINDS and not o["apiVersion"].startswith("serving")]
        applied = cluster.run(found, "apply", "--server-side", "-f", "-", given=yaml.safe_dump_all(things))
        assert applied.returncode == 0, applied.stderr
        yield found


def line(page: Path, wanted: str) -> str:
    """The one line of a page's shell that begins so, without its comment."""
    found = [one for block in blocks(page) for one in block.splitlines() if one.strip().startswith(wanted)]
    assert len(set(found)) == 1, found
    return re.sub(r"\s{2,}#.*", "", found[0])


def shell(config: Path, *commands: str) -> str:
    """What bash prints; its failure is the test's."""
    path = f"{Path(cluster.kubectl()).parent}:{os.environ['PATH']}"
    env = {**os.environ, "KUBECONFIG": str(config), "PATH": path}
    script = "\n".join(("set -euo pipefail", *commands))
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def values(config: Path, kind: str, namespace: str, path: str) -> set[str]:
    answer = cluster.run(config, "-n", namespace, "get", kind, "-o", f"jsonpath={{.items[*]{path}}}")
    return set(answer.stdout.split())


def test_every_source_is_held(config: Path) -> None:
    assert "0" not in values(config, "kafkasource", "ims", ".spec.consumers")
    shell(config, line(RECOVERY, "paused="), line(RECOVERY, "hold() {"), "hold")
    assert values(config, "kafkasource", "ims", ".spec.consumers") == {"0"}
    assert values(config, "kafkasource", "ims", rf".metadata.annotations.{KEDA_CLASS}") == {"disabled"}, "KEDA goes on"


def test_the_databases_are_stopped_and_a_restore_is_let_go(config: Path) -> None:
    shell(config, line(RECOVERY, "kubectl -n ims-data scale statefulset mysql mysql-replica"))
    scale = json.loads(cluster.run(config, "-n", "ims-data", "get", "statefulset", "mysql", "-o", "json").stdout)
    assert scale["spec"]["replicas"] == 0
    assert values(config, "job", "ims-data", ".spec.suspend") >= {"true"}
    for name in ("restore-mysql", "restore-mongodb"):
        shell(config, line(RECOVERY, f"kubectl -n ims-data patch job {name}"))
        job = json.loads(cluster.run(config, "-n", "ims-data", "get", "job", name, "-o", "json").stdout)
        assert job["spec"]["suspend"] is False


def test_the_account_of_a_restore_has_a_secret(config: Path) -> None:
    shell(config, line(RECOVERY, "kubectl -n ims-data create secret generic mysql-restore"))
    secret = cluster.run(config, "-n", "ims-data", "get", "secret", "mysql-restore", "-o", "json")
    assert set(json.loads(secret.stdout)["data"]) == {"password"}


@pytest.mark.parametrize(
    ("page", "begin"),
    [
        ("docs/deploy/cloud.md", "kubectl -n ims-data create job --from=cronjob/backup-mysql"),
        ("docs/deploy/upgrade.md", "kubectl -n ims-data create job --from=cronjob/backup-mysql"),
        ("docs/runbooks/mysql-down.md", "kubectl -n ims-data patch service mysql"),
    ],
)
def test_a_backup_is_made_at_once_and_a_service_goes_over(config: Path, page: str, begin: str) -> None:
    shell(config, line(ROOT / page, begin))
