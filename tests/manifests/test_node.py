"""The cluster of one node (deploy/node): what can be known without making it; `make test-cluster` tries the rest."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import accept, own_sources
from deploy.node import install
from deploy.node.build import PARTS
from deploy.node.machine import Machine
from deploy.objects import dns
from local.home import ROOT
from shared import flow

OVERLAY = accept.built(ROOT / "knative" / "overlays" / "node")


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [o for o in objects if o["kind"] == kind]


def own() -> list[dict[str, Any]]:
    return [o for o in of_kind(OVERLAY, "Deployment") if o["metadata"]["name"].startswith("kafka-source-")]


def test_our_sources_take_the_place_of_knatives() -> None:
    assert not of_kind(OVERLAY, "KafkaSource")
    assert not of_kind(OVERLAY, "KafkaSink")
    read = [word for o in own() for word in o["spec"]["template"]["spec"]["containers"][0]["args"]]
    found = [word for before, word in pairwise(read) if before == "--source"]
    assert sorted(found) == sorted(source.name for source in flow.sources())


def test_our_sources_know_where_every_function_is() -> None:
    wanted = {
        f"IMS_TARGET_{p.name.upper().replace('-', '_')}": f"http://{dns(p.name)}.ims.svc.cluster.local"
        for p in flow.processes()
    }
    assert len(own()) == len(flow.POOLS)
    for thing in own():
        box = thing["spec"]["template"]["spec"]["containers"][0]
        assert {e["name"]: e.get("value") for e in box["env"] if e["name"].startswith("IMS_TARGET_")} == wanted
        assert box["image"].startswith("dev.local/ims/bridges:")
        (settings,) = box["envFrom"]
        assert settings["configMapRef"]["name"].startswith("ims-settings-"), "with the settings' hash"


def test_each_of_our_sources_may_call_functions_and_nobody_calls_it() -> None:
    allowed = {
        o["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"]: o["spec"]["policyTypes"]
        for o in own_sources.objects()
        if o["kind"] == "NetworkPolicy"
    }
    assert allowed == {f"kafka-source-{pool}": ["Egress"] for pool in flow.POOLS}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.module)
def test_every_program_is_of_a_module_that_is_locked(part: Any) -> None:
    folder = ROOT / "tools" / part.module
    required = re.findall(r"^\s*(?:require )?(\S+) v\S+", (folder / "go.mod").read_text(), re.MULTILINE)
    for package in part.programs.values():
        assert (
            (folder / package / "main.go").exists()
            if package.startswith("./")
            else any(package.startswith(f"{module}/") for module in required)
        ), package


def test_knatives_manifests_are_given_our_images() -> None:
    given = "image: ko://knative.dev/serving/cmd/activator\nimage: ko://knative.dev/net-gateway-api/cmd/controller\n"
    assert install.KO.sub(install._image, given) == (
        "image: node.local/serving-activator:1\nimage: node.local/ingress-controller:1\n"
    )


def test_the_nodes_files_say_what_they_mean(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.home.make()
    machine.write_files()
    left = [p.name for p in machine.home.conf.rglob("*") if p.is_file() and "$" in p.read_text()]
    assert left == []
    kubelet = yaml.safe_load((machine.home.conf / "kubelet.yaml").read_text())
    assert kubelet["containerRuntimeEndpoint"] == f"unix://{machine.socket}"
    assert kubelet["cgroupRoot"] == f"/{machine.name}"
    for name in ("dns.yaml", "envoy-gateway.yaml", "ingress.yaml"):
        assert all(o["kind"] for o in yaml.safe_load_all(install._file(name)))


def test_two_nodes_do_not_share_a_name(tmp_path: Path) -> None:
    assert Machine(tmp_path / "a").name != Machine(tmp_path / "b").name
