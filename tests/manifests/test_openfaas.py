"""stack.yml and stack.ce.yml: right by the schema, complete, within CE's limits, buildable from their own context."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from bridges.kafka_source.app import choose
from deploy import openfaas
from deploy.objects import dns
from local.home import ROOT
from shared import flow
from tests.manifests.image import Build, Stage

SCHEMA = Draft202012Validator(json.loads((ROOT / "deploy" / "openfaas.schema.json").read_text()))
STACKS = ("stack.yml", "stack.ce.yml")


def stack(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return loaded


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_holds_against_the_schema(name: str) -> None:
    assert [error.message for error in SCHEMA.iter_errors(stack(name))] == []


def test_the_schema_itself_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA.schema)


def every_key(node: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every key of a stack whose name faas-cli or OpenFaaS prescribes."""
    free = {"environment", "labels", "build_args", "functions"}
    found = []
    for key, value in node.items():
        if not path or path[-1] not in free:
            found.append((*path, key))
        if isinstance(value, dict):
            found += every_key(value, (*path, key))
    return found


@pytest.mark.parametrize("name", STACKS)
def test_any_misspelt_key_fails(name: str) -> None:
    whole = stack(name)
    first = next(iter(whole["functions"]))
    whole["functions"] = {first: whole["functions"][first], "schedule": whole["functions"]["schedule"]}
    for path in every_key(whole):
        broken = copy.deepcopy(whole)
        place = broken
        for key in path[:-1]:
            place = place[key]
        place[path[-1][:-1] + "x"] = place.pop(path[-1])
        assert list(SCHEMA.iter_errors(broken)), f"{'.'.join(path)} may be misspelt unnoticed"


@pytest.mark.parametrize(
    ("fault", "value"),
    [
        ("image", "ims/route:latest image"),
        ("secrets", ["IMS_MYSQL_URL"]),
        ("environment", {"IMS_POOL": 1}),
        ("limits", {"memory": "384MB"}),
        ("annotations", {"topic": "cron-function"}),
        ("annotations", {"topic": "cron-function", "schedule": "* * * *"}),
        ("readonly_root_filesystem", "yes please"),
        ("build_args", ["FUNCTION=route"]),
        ("handler", "functions/route"),
    ],
)
def test_a_wrong_value_fails(fault: str, value: object) -> None:
    broken = stack("stack.yml")
    broken["functions"]["route-fast"][fault] = value
    assert list(SCHEMA.iter_errors(broken))


def test_every_process_of_the_map_is_in_stack_yml_with_its_topics() -> None:
    functions = stack("stack.yml")["functions"]
    assert set(functions) == {dns(p.name) for p in flow.processes()}
    for process in flow.processes():
        topics = {t for s in flow.sources() if s.process == process for t in s.topics}
        topic = functions[dns(process.name)]["annotations"].get("topic", "")
        assert topics == (set(topic.split(",")) if topics else set()), process.name


def test_ce_keeps_its_limits() -> None:
    functions = stack("stack.ce.yml")["functions"]
    assert len(functions) <= 15
    assert all("namespace" not in f for f in functions.values())
    topics = {f["annotations"].get("topic") for f in functions.values()}
    assert topics <= {None, "cron-function"}, "CE has no Kafka trigger"


def test_more_functions_than_ce_runs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = tuple(flow.Function(f"extra_{i}", 50000 + i, on=()) for i in range(15))
    monkeypatch.setattr(flow, "FLOW", (*flow.FLOW, *extra))
    with pytest.raises(ValueError, match="CE_CHANNELS"):
        openfaas.ce_processes()


def test_channels_that_ce_leaves_out_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    more = (flow.Function("api_kakao", 30101, on=()), flow.Function("send_kakao", 40101, on=()))
    monkeypatch.setattr(flow, "FLOW", (*flow.FLOW, *more))
    names = {process.name for process in openfaas.ce_processes()}
    assert "api_mt" in names
    assert not names & {"api_kakao", "send_kakao"}


def test_our_kafka_source_serves_every_source_of_ce_once() -> None:
    deployed = {p.function.name for p in openfaas.ce_processes()}
    asked: list[str] = []
    for thing in openfaas.ce_bridges():
        if thing["kind"] == "Deployment" and thing["metadata"]["name"].startswith("kafka-source"):
            (box,) = thing["spec"]["template"]["spec"]["containers"]
            arguments = box["args"]
            asked += [arguments[i + 1] for i, word in enumerate(arguments) if word == "--source"]
            env = {variable["name"]: variable.get("value") for variable in box["env"]}
            for source in choose(None, [arguments[i + 1] for i, w in enumerate(arguments) if w == "--source"]):
                target = env["IMS_TARGET_" + source.process.name.upper().replace("-", "_")]
                assert target == f"http://{dns(source.process.function.name)}.openfaas-fn.svc.cluster.local:8080"
    assert sorted(asked) == sorted(s.name for s in flow.sources() if s.process.function.name in deployed)


@pytest.mark.parametrize(
    ("schedule", "zone", "expected"),
    [
        ("* * * * *", "UTC", "* * * * *"),
        ("30 8 * * *", "Asia/Seoul", "30 23 * * *"),
        ("0 12 * * *", "Asia/Seoul", "0 3 * * *"),
    ],
)
def test_schedules_are_told_in_utc(schedule: str, zone: str, expected: str) -> None:
    assert openfaas.utc(flow.Cron(schedule, zone)) == expected


@pytest.mark.parametrize(("schedule", "zone"), [("30 8 * * *", "Europe/Berlin"), ("30 8 * * 1", "Asia/Seoul")])
def test_a_schedule_without_an_equal_in_utc_is_refused(schedule: str, zone: str) -> None:
    with pytest.raises(ValueError, match="no equal in UTC"):
        openfaas.utc(flow.Cron(schedule, zone))


@pytest.mark.parametrize("name", STACKS)
def test_shrink_wrapping_gives_a_context_from_which_the_image_builds(name: str, tmp_path: Path) -> None:
    """What `faas-cli build --shrinkwrap` does for `lang: dockerfile`: the handler, then each path of `copy`."""
    whole = stack(name)
    function = whole["functions"]["schedule"]
    assert (ROOT / "template").is_dir(), "without it faas-cli fetches templates from the network"
    context = tmp_path / "build" / "schedule"
    shutil.copytree(ROOT / function["handler"], context)
    for path in whole["configuration"]["copy"]:
        source, target = ROOT / path, context / path
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
    build = Build(context, context / "Dockerfile", tmp_path / "out", function["build_args"])
    build.stages["dependencies"] = _bare(tmp_path)
    image = build.run()
    assert image.here("functions/schedule/main.py").exists()
    assert image.here("shared/flow.py").exists()


def _bare(tmp_path: Path) -> Stage:
    """A dependencies stage with an interpreter only: the packages are test_image_steps' matter."""
    stage = Stage(tmp_path / "dependencies")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", stage.folder / "opt" / "ims"], check=True)
    return stage


def test_environment_files_name_settings_that_exist() -> None:
    functions = stack("stack.yml")["functions"]
    for file in {path for f in functions.values() for path in f["environment_file"]}:
        text = yaml.safe_load((ROOT / file).read_text())
        assert set(text) == {"environment"}
        assert all(isinstance(value, str) for value in text["environment"].values())
