"""Both pipelines call what is there, in the right order; the canary's steps are taken on a real API server."""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from deploy import cluster, lock, overlays
from deploy.objects import dns
from local.home import ROOT
from shared import flow
from tests.manifests.apiserver import api_server
from tests.manifests.promtool import promtool

SCRIPTS = ROOT / "tools" / "pipeline"
JENKINS = re.sub(r"^\s*//.*$", "", (ROOT / "Jenkinsfile").read_text(), flags=re.MULTILINE)
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
COMMANDS = "\n".join(step["run"] for step in STEPS if "run" in step)
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def bare(groovy: str) -> str:
    """Without strings and comments."""
    return re.sub(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|//[^\n]*", "", groovy)


def blocks(groovy: str, depth: int) -> list[str]:
    """The heads of the blocks at a depth."""
    found, head, level = [], "", 0
    for character in groovy:
        if character == "{":
            if level == depth:
                found.append(head.strip())
            level, head = level + 1, ""
        elif character == "}":
            level, head = level - 1, ""
        else:
            head = "" if character == "\n" else head + character
    assert level == 0
    return found


@pytest.mark.parametrize("pipeline", [JENKINS, COMMANDS], ids=["Jenkinsfile", "ci.yml"])
def test_every_make_target_and_script_exists(pipeline: str) -> None:
    assert set(re.findall(r"make ([a-z-]+)", pipeline)) <= TARGETS
    assert {"check", "test", "manifests", "sbom"} <= set(re.findall(r"make ([a-z-]+)", pipeline))
    named = {*re.findall(r"tools/pipeline/[\w.]+", pipeline), *re.findall(r"tools/pipeline/[\w.]+", MAKEFILE)}
    assert named == {f"tools/pipeline/{p.name}" for p in SCRIPTS.glob("*.sh")}
    assert all(os.access(ROOT / name, os.X_OK) for name in named)


def test_the_jenkinsfile_is_a_declarative_pipeline() -> None:
    plain = bare(JENKINS)
    for opening, closing in ("{}", "()", "[]"):
        assert plain.count(opening) == plain.count(closing)
    assert blocks(plain, 0) == ["pipeline"]
    assert blocks(plain, 1) == ["options", "parameters", "environment", "stages"]
    stages = re.findall(r"stage\('(\w+)'\)", JENKINS)
    assert stages == ["check", "manifests", "test", "image", "scan", "dev", "smoke", "approval", "prod"]
    inner = [
        block for block in blocks(plain, 3) if block in ("steps", "when", "post", "input", "options", "environment")
    ]
    assert inner.count("steps") == len(stages)


def test_production_waits_for_an_approval_and_goes_back_when_it_fails() -> None:
    approval, prod = JENKINS.index("stage('approval')"), JENKINS.index("stage('prod')")
    assert "input {" in JENKINS[approval:prod]
    order = [
        "canary.sh start",
        "deploy.sh prod",
        "canary.sh weight",
        "canary.sh judge",
        "canary.sh rollback",
        "canary.sh promote",
    ]
    places = [JENKINS.index(step, prod) for step in order]
    assert places == sorted(places)
    steps = WORKFLOW["jobs"]["prod"]["steps"]
    assert next(s for s in steps if s.get("if") == "failure() || cancelled()")["run"].endswith("canary.sh rollback")
    assert WORKFLOW["jobs"]["prod"]["environment"] == "prod"


def test_no_agent_is_held_while_somebody_is_asked() -> None:
    head, *stages = JENKINS.split("stage('")
    assert "agent none" in head
    assert "agent {" not in head, "the whole pipeline would hold it"
    waiting = [stage for stage in stages if "input {" in stage]
    assert [stage.partition("'")[0] for stage in waiting] == ["approval"]
    assert all("agent none" in s and "agent {" not in s and "beforeInput true" in s and hours(s) for s in waiting)
    for stage in stages:
        if stage not in waiting:
            assert "agent { label 'ims' }" in stage
            assert "when {" not in stage or "beforeAgent true" in stage, "an agent for a stage that is left out"


def test_every_stage_works_on_the_tree_that_was_checked() -> None:
    """An agent may have another's workspace, or a newer commit may have come while somebody was asked."""
    head, *stages = JENKINS.split("stage('")
    assert "skipDefaultCheckout(true)" in head
    kept = set[str]()
    for stage in stages:
        if "agent none" in stage:
            continue
        steps = stage[stage.index("steps {") :]
        assert JENKINS.count("checkout scm") == 1
        first = "checkout scm" if stage.startswith("check'") else "unstash 'source'"
        assert re.match(rf"steps {{\s+deleteDir\(\)\s+{first}", steps), stage
        assert set(re.findall(r"unstash '(\w+)'", steps)) <= kept, "what no earlier stage has stashed"
        kept |= set(re.findall(r"stash name: '(\w+)'", steps))
        if re.search(r"tools/pipeline/(scan|deploy)\.sh", steps):
            assert "unstash 'images'" in steps, "they read build/images.txt"
    assert kept == {"source", "images"}


def test_the_pipeline_outlasts_its_approval_and_the_work_around_it() -> None:
    head = JENKINS[: JENKINS.index("stages {")]
    (whole,) = hours(head)
    inner = {name: hours(JENKINS[JENKINS.index(f"stage('{name}')") :])[0] for name in ("test", "approval", "prod")}
    assert inner["approval"] == 12
    assert whole > inner["approval"] + inner["test"]


def hours(groovy: str) -> list[int]:
    return [int(found) for found in re.findall(r"timeout\(time: (\d+), unit: 'HOURS'\)", groovy)]


def test_the_workflow_is_well_formed() -> None:
    assert {"name", "permissions", "jobs"} <= set(WORKFLOW)
    assert WORKFLOW[True].keys() >= {"pull_request", "push"}, "`on` is a boolean in YAML 1.1"
    for name, job in WORKFLOW["jobs"].items():
        assert {"runs-on", "timeout-minutes", "steps"} <= set(job), name
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(WORKFLOW["jobs"])
        assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    assert all(re.search(r"@v\d", step["uses"]) for step in STEPS if "uses" in step)


@pytest.mark.parametrize("script", sorted(p.name for p in SCRIPTS.glob("*.sh")))
def test_a_script_is_bash(script: str) -> None:
    assert subprocess.run(["bash", "-n", SCRIPTS / script], check=False).returncode == 0


def test_images_of_every_function_are_built_with_their_origin() -> None:
    env = {**os.environ, "DRY_RUN": "1", "REGISTRY": "registry.example", "VERSION": "1", "BASE": "python@sha256:0"}
    said = subprocess.run([SCRIPTS / "images.sh"], env=env, capture_output=True, text=True, check=True).stdout
    lines = said.strip().splitlines()
    assert all("--sbom=true --provenance=mode=max" in line for line in lines)
    built = set(re.findall(r"--tag registry.example/ims/([\w-]+):1", said))
    assert built == {dns(f.name) for f in flow.FLOW} | {"bridges"}
    assert {f"ims/{name}" for name in built} == set(overlays._images())


@pytest.mark.parametrize(
    ("name", "locked"), [("python", "docker/requirements.lock"), ("python-all", "requirements.lock")]
)
def test_the_bill_of_materials_has_every_locked_package_with_its_hashes(name: str, locked: str) -> None:
    bill = sbom()[name]
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "ims")
    found = {part["name"].lower().replace("_", "-"): part for part in bill["components"]}
    pins = {pin.name: pin.lines for pin in lock.read((ROOT / locked).read_text())}
    assert set(found) == set(pins)
    for package, lines in pins.items():
        hashes = set(re.findall(r"sha256:(\w+)", "".join(lines)))
        told = {h["content"] for ref in found[package]["externalReferences"] for h in ref.get("hashes", [])}
        assert told == hashes, package
        assert found[package]["purl"].startswith("pkg:pypi/")


@functools.cache
def sbom() -> dict[str, dict[str, Any]]:
    """What `make sbom` writes."""
    env = {**os.environ, "PYTHON": sys.executable}
    subprocess.run([SCRIPTS / "sbom.sh"], env=env, check=True, capture_output=True)
    return {
        name: json.loads((ROOT / "build" / "sbom" / f"{name}.json").read_text()) for name in ("python", "python-all")
    }


def test_a_base_without_a_digest_is_refused() -> None:
    env = {**os.environ, "DRY_RUN": "1", "REGISTRY": "r", "VERSION": "1", "BASE": "python:3.11"}
    assert subprocess.run([SCRIPTS / "images.sh"], env=env, capture_output=True, check=False).returncode != 0


def test_a_live_key_is_refused_by_the_smoke_test() -> None:
    env = {**os.environ, "IMS_URL": "http://127.0.0.1:9", "IMS_TEST_KEY": "ims_live_x"}
    result = subprocess.run([SCRIPTS / "smoke.sh"], env=env, capture_output=True, text=True, check=False)
    assert "real message" in result.stderr


# --- on a real API server -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def config() -> Iterator[Path]:
    """An API server with two functions, each with a Ready revision."""
    with api_server() as found:
        for name in ("ims", "ims-data"):
            cluster.run(found, "create", "namespace", name)
        for name in ("route-fast", "api-mt"):
            apply(found, service(name))
            ready(found, name, 1)
        yield found


def ready(config: Path, name: str, revision: int) -> None:
    newest = f"{name}-{revision:05}"
    status = {"latestReadyRevisionName": newest, "latestCreatedRevisionName": newest}
    patch(config, name, {"status": status}, "--subresource=status")


def service(name: str, image: str = "ims/x:1") -> dict[str, Any]:
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "ims", "labels": {"app.kubernetes.io/part-of": "ims"}},
        "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
    }


def apply(config: Path, thing: dict[str, Any]) -> None:
    assert cluster.run(config, "apply", "-f", "-", given=json.dumps(thing)).returncode == 0


def patch(config: Path, name: str, change: dict[str, Any], *more: str) -> None:
    result = cluster.run(config, "-n", "ims", "patch", "ksvc", name, "--type", "merge", "-p", json.dumps(change), *more)
    assert result.returncode == 0, result.stderr


def canary(config: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(cluster.kubectl()).parent}:{os.environ['PATH']}"
    own = {**os.environ, "KUBECONFIG": str(config), "PATH": path, "STATE": str(config.parent / "canary"), **env}
    return subprocess.run([SCRIPTS / "canary.sh", *words], env=own, capture_output=True, text=True, check=False)


def shares(config: Path, name: str = "route-fast") -> dict[str, int]:
    text = cluster.run(config, "-n", "ims", "get", "ksvc", name, "-o", "json").stdout
    return {t.get("revisionName", "newest"): t["percent"] for t in json.loads(text)["spec"].get("traffic", [])}


def test_a_canary_goes_up_by_steps_and_back_at_once(config: Path) -> None:
    assert canary(config, "weight", "10").returncode != 0, "without a start there is nothing to go back to"
    assert canary(config, "start").returncode == 0
    assert shares(config) == {"route-fast-00001": 100, "newest": 0}
    apply(config, service("route-fast", "ims/x:2"))
    assert shares(config) == {"route-fast-00001": 100, "newest": 0}, "a roll-out leaves the traffic where it is"
    assert canary(config, "weight", "10").returncode == 0
    assert shares(config) == {"route-fast-00001": 90, "newest": 10}
    assert shares(config, "api-mt") == {"api-mt-00001": 90, "newest": 10}
    apply(config, service("watch"))
    assert canary(config, "weight", "50").returncode == 0, "the last by name is new: the others go on"
    assert shares(config) == {"route-fast-00001": 50, "newest": 50}
    assert canary(config, "rollback").returncode == 0
    assert shares(config) == {"route-fast-00001": 100}
    assert shares(config, "watch") == {}
    ready(config, "route-fast", 2)
    assert canary(config, "start").returncode == 0
    assert shares(config) == {"route-fast-00001": 100, "newest": 0}, "not the one that was just rolled back"
    cluster.run(config, "-n", "ims", "delete", "ksvc", "watch")
    assert canary(config, "promote").returncode == 0
    assert shares(config) == {"newest": 100}
    assert canary(config, "start").returncode == 0
    assert shares(config) == {"route-fast-00002": 100, "newest": 0}, "what was promoted is what one stays on"


def test_a_first_roll_out_has_nothing_to_go_back_to_and_is_no_failure(config: Path) -> None:
    for words in (["start"], ["weight", "10"], ["judge"], ["rollback"]):
        result = canary(config, *words, NAMESPACE="empty")
        assert result.returncode == 0, result.stderr
        assert "first roll-out" in result.stdout
    assert canary(config, "promote", NAMESPACE="empty").returncode == 0
    assert canary(config, "rollback", NAMESPACE="empty").returncode != 0, "the next one is not the first"


def test_a_start_that_cannot_ask_is_no_first_roll_out(config: Path, tmp_path: Path) -> None:
    assert canary(config, "start", KUBECONFIG=str(tmp_path / "none"), STATE=str(tmp_path)).returncode != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "seen", "good"),
    [("0.001", True, True), ("0.3", True, False), ("NaN", True, True), (None, True, True), (None, False, False)],
)
def test_the_judge_asks_prometheus_about_the_new_revisions(
    config: Path, value: str | None, seen: bool, good: bool
) -> None:
    new_version(config)
    result, asked = judged(config, lambda query: ("8" if seen else None) if query.startswith("count") else value)
    assert (result.returncode == 0) == good, result.stderr
    assert all("route-fast-00003" in query and "api-mt" not in query for query in asked), "the new revision, no other"
    assert "route-fast-00003" in result.stdout or value != "0.3", "it says which one is bad"


def test_there_is_nothing_to_judge_without_a_new_revision(config: Path) -> None:
    ready(config, "route-fast", 3)
    assert canary(config, "promote").returncode == 0
    assert canary(config, "start").returncode == 0
    result, asked = judged(config, lambda _: "1")
    assert (result.returncode, asked) == (0, []), result.stderr


@pytest.mark.parametrize(
    ("failed", "bad"), [({"small": 30}, "small"), ({}, None), ({"large": 3}, None), ({"tiny": 1}, None)]
)
def test_a_small_function_that_fails_is_not_lost_among_large_ones_that_do_not(
    config: Path, tmp_path: Path, failed: dict[str, int], bad: str | None
) -> None:
    """The judge's own queries, by Prometheus' own engine: events of three new revisions over five minutes."""
    new_version(config)
    _, asked = judged(config, lambda query: "8" if query.startswith("count") else None)
    (query,) = (q for q in asked if "ims_events_total" in q)
    events = {"large": 3000, "small": 60, "tiny": 2}
    series = {
        f'ims_events_total{{revision="{name}",result="{result}"}}': f"0+{count / 20}x40"
        for name, total in events.items()
        for result, count in (("done", total - failed.get(name, 0)), ("Unavailable", failed.get(name, 0)))
    }
    asks = query.replace("route-fast-00003", "large|small|tiny")
    wanted = failed.get(bad, 0) / events[bad] if bad else 0
    text = f"topk(1, ({asks}) > 0.02)"
    found = [{"labels": f'{{revision="{bad}"}}', "value": wanted}] if bad else []
    file = tmp_path / "judge.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "evaluation_interval": "15s",
                "tests": [
                    {
                        "interval": "15s",
                        "input_series": [{"series": name, "values": values} for name, values in series.items()],
                        "promql_expr_test": [{"expr": text, "eval_time": "10m", "exp_samples": found}],
                    }
                ],
            }
        )
    )
    result = promtool("test", "rules", str(file))
    assert result.returncode == 0, result.stdout + result.stderr


def new_version(config: Path) -> None:
    """route-fast has one that is not the one that it is to go back to; everything else has none."""
    ready(config, "route-fast", 2)
    assert canary(config, "promote").returncode == 0
    assert canary(config, "start").returncode == 0
    ready(config, "route-fast", 3)


def judged(config: Path, tells: Callable[[str], str | None]) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """The judge's outcome and what it asked, of a Prometheus that answers with `tells`."""
    asked: list[str] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (query,) = parse_qs(urlsplit(self.path).query)["query"]
            asked.append(query)
            told = tells(query)
            found = {"metric": {"revision": "route-fast-00003"}, "value": [0, told]}
            body = json.dumps({"data": {"result": [found] if told else []}}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        result = canary(config, "judge", PROMETHEUS_URL=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    return result, asked


@pytest.mark.parametrize("overlay", ["dev", "prod"])
def test_a_roll_out_uses_the_images_that_were_built_by_digest(config: Path, overlay: str) -> None:
    digest = f"sha256:{'1' * 64}"
    listed = ROOT / "build" / "images.txt"
    listed.parent.mkdir(exist_ok=True)
    listed.write_text("".join(f"{name}=registry.example/{name}@{digest}\n" for name in overlays._images()))
    path = f"{Path(cluster.kubectl()).parent}:{os.environ['PATH']}"
    env = {**os.environ, "KUBECONFIG": str(config), "PATH": path, "DRY_RUN": "1"}
    apply_grant = cluster.run(config, "create", "namespace", "kourier-system")
    assert apply_grant.returncode == 0 or "exists" in apply_grant.stderr
    done = subprocess.run([SCRIPTS / "deploy.sh", overlay], env=env, capture_output=True, text=True, check=False)
    made = cluster.run(config, "kustomize", str(ROOT / "build" / "deploy" / overlay)).stdout
    listed.unlink()
    assert done.returncode == 0, done.stderr
    services = [o for o in yaml.safe_load_all(made) if o["kind"] == "Service" and "knative" in o["apiVersion"]]
    boxes = [one["spec"]["template"]["spec"]["containers"][0] for one in services]
    assert {box["image"].partition("@")[2] for box in boxes} == {digest}
    assert all(re.match(r"ims-settings-\w+", box["envFrom"][0]["configMapRef"]["name"]) for box in boxes)
