"""The guides' commands: shell that parses, about folders, files, objects and scripts that are there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import accept
from local.home import ROOT
from tests.manifests.test_names import OVERLAY, SERVERS

GUIDES = sorted([*(ROOT / "docs" / "deploy").glob("*.md"), *(ROOT / "docs" / "runbooks").glob("*.md")])
BY_ID = {p.relative_to(ROOT).as_posix(): p for p in GUIDES}
KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet", "job": "Job", "cronjob": "CronJob", "svc": "Service"}
ACCEPTED = {p.parent.relative_to(ROOT).as_posix() for p in (ROOT / "infra").rglob("kustomization.yaml")}
ACCEPTED |= {"build/backup"} | {f"knative/overlays/{overlay}" for overlay in accept.OVERLAYS}
KIND = accept.built(ROOT / "knative" / "overlays" / "kind")
OTHERS = [
    *KIND,
    *accept.built(ROOT / "infra" / "small"),
    *accept.read((ROOT / "openfaas" / "bridges.yaml").read_text()),
]
THERE = {(o["kind"], o["metadata"]["name"]) for o in [*OVERLAY, *SERVERS, *OTHERS]}
MADE = {"backup-first", "backup-before-upgrade", "backup-now", "prometheus-operated", "kourier", "kourier-internal"}
"""Made by the guide's own commands or by another project."""


def containers(value: Any) -> Iterator[str]:
    """The names of all containers within."""
    if isinstance(value, dict):
        yield from (box["name"] for box in value.get("containers") or [] if "name" in box)
        for child in value.values():
            yield from containers(child)
    elif isinstance(value, list):
        for child in value:
            yield from containers(child)


CONTAINERS = {"kafka", *containers([*OVERLAY, *SERVERS, *OTHERS])}
"""`kafka` is Strimzi's."""


def blocks(path: Path) -> list[str]:
    """The shell in a page."""
    return re.findall(r"```bash\n(.*?)```", path.read_text(), re.DOTALL)


@pytest.mark.parametrize("name", BY_ID)
def test_the_shell_in_a_guide_parses(name: str) -> None:
    for block in blocks(BY_ID[name]):
        result = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{result.stderr}\n{block}"


@pytest.mark.parametrize("name", BY_ID)
def test_what_a_guide_applies_was_accepted_by_an_api_server(name: str) -> None:
    text = BY_ID[name].read_text()
    assert set(re.findall(r"apply -k ([\w./-]+)", text)) <= ACCEPTED
    for line in re.findall(r"kubectl[^\n]* apply [^\n]*", text):
        for file in re.findall(r"-f ((?:knative|infra|openfaas)/[\w./-]+)", line):
            assert (ROOT / file).is_file(), file


@pytest.mark.parametrize("name", BY_ID)
def test_scripts_that_a_guide_runs_are_there(name: str) -> None:
    for block in blocks(BY_ID[name]):
        for script in re.findall(r"(?<![\w/.])((?:tools|infra)/[\w./-]+\.sh)", block):
            assert os.access(ROOT / script, os.X_OK), script


@pytest.mark.parametrize("name", BY_ID)
def test_objects_that_a_guide_names_are_there(name: str) -> None:
    for block in blocks(BY_ID[name]):
        for kind, thing in re.findall(r"\b(deployment|statefulset|cronjob|job|svc)[/ ]([a-z][a-z0-9-]+)\b(?!=)", block):
            known = (KINDS[kind], thing) in THERE or thing in MADE
            assert known, f"{kind}/{thing}: {block}"


@pytest.mark.parametrize("name", BY_ID)
def test_containers_that_a_guide_looks_into_are_there(name: str) -> None:
    said = re.findall(r"kubectl[^`|;&]*? (?:logs|exec)\b[^`|;&]*? -c ([a-z-]+)", BY_ID[name].read_text())
    assert set(said) <= CONTAINERS


@pytest.mark.parametrize("name", BY_ID)
def test_no_guide_starts_a_pod_where_it_reaches_nothing(name: str) -> None:
    assert not re.findall(r"kubectl -n ims(?:-data)? run ", BY_ID[name].read_text())
