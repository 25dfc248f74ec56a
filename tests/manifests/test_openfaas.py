"""stack.yml and stack.ce.yml: right by the schema, complete, within CE's limits, buildable from their own context."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from bridges.cron.schedule import parse
from bridges.kafka_source.app import choose
from deploy import openfaas, openfaas_bridges
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


def spare(*names: str) -> tuple[flow.Function, ...]:
    return tuple(flow.Function(name, 50000 + i, on=()) for i, name in enumerate(names))


def test_what_ce_can_do_without_is_left_out_first_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [p.function for p in openfaas.ce_processes() if p.name not in openfaas.CE_SPARE]
    fill = spare(*(f"extra_{i}" for i in range(openfaas.CE_LIMIT - 1 - len(kept))))
    monkeypatch.setattr(flow, "FLOW", (*kept, *fill, *spare(*openfaas.CE_SPARE)))
    names = [process.name for process in openfaas.ce_processes()]
    assert len(names) == openfaas.CE_LIMIT
    assert openfaas.CE_SPARE[-1] in names
    assert not set(openfaas.CE_SPARE[:-1]) & set(names)
    assert all(name in openfaas.ce_note() for name in openfaas.CE_SPARE[:-1])


def test_no_function_on_the_way_of_a_message_is_spare() -> None:
    assert not {f.name for f in flow.FLOW if any(isinstance(t, flow.Kafka) for t in f.on)} & set(openfaas.CE_SPARE) - {
        "analyze"
    }


def deployments(things: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The bridges' containers by name."""
    found = {t["metadata"]["name"]: t["spec"]["template"]["spec"] for t in things if t["kind"] == "Deployment"}
    return {name: spec["containers"][0] for name, spec in found.items()}


@pytest.mark.parametrize(("file", "stack_file"), [("bridges.yaml", "stack.ce.yml"), ("bridges.pro.yaml", "stack.yml")])
def test_our_kafka_sources_serve_every_source_once_through_the_gateway(file: str, stack_file: str) -> None:
    deployed = {f["build_args"]["FUNCTION"] for f in stack(stack_file)["functions"].values()}
    asked: list[str] = []
    for name, box in deployments(yaml.safe_load_all((ROOT / "openfaas" / file).read_text())).items():
        env = {variable["name"]: variable.get("value") for variable in box["env"]}
        arguments = box["args"]
        names = [arguments[i + 1] for i, word in enumerate(arguments) if word == "--source"]
        asked += names
        for source in choose(None, names) if name.startswith("kafka-source") else []:
            target = env["IMS_TARGET_" + source.process.name.upper().replace("-", "_")]
            prefix = "http://gateway.openfaas.svc.cluster.local:8080/function/"
            assert target.startswith(prefix)
            assert target.removeprefix(prefix) in stack(stack_file)["functions"]
    assert sorted(asked) == sorted(s.name for s in flow.sources() if s.process.function.name in deployed)


def test_bridges_have_the_functions_settings_and_secrets() -> None:
    things = list(openfaas_bridges.ce_bridges(ROOT))
    (config,) = [t for t in things if t["kind"] == "ConfigMap"]
    assert config["data"] == yaml.safe_load((ROOT / "openfaas" / "settings.yml").read_text())["environment"]
    for thing in things:
        if thing["kind"] == "Deployment":
            spec = thing["spec"]["template"]["spec"]
            (volume,) = [v for v in spec["volumes"] if v["name"] == "secrets"]
            assert [s["secret"]["name"] for s in volume["projected"]["sources"]] == list(openfaas.SECRETS)
            assert {"name": "secrets", "mountPath": "/var/openfaas/secrets", "readOnly": True} in spec["containers"][0][
                "volumeMounts"
            ]


def test_mails_that_come_back_have_a_listener_where_mails_are_sent() -> None:
    """CE, which sends none (CE_CHANNELS), has none."""
    for file, stack_file in (("bridges.yaml", "stack.ce.yml"), ("bridges.pro.yaml", "stack.yml")):
        things = list(yaml.safe_load_all((ROOT / "openfaas" / file).read_text()))
        sends = "send_email" in {f["build_args"]["FUNCTION"] for f in stack(stack_file)["functions"].values()}
        box = deployments(things).get("smtp-in")
        assert (box is not None) == sends
        if box is None:
            continue
        env = {variable["name"]: variable.get("value") for variable in box["env"]}
        target = env["IMS_TARGET_API_RECEIPT"]
        assert target == "http://gateway.openfaas.svc.cluster.local:8080/function/api-receipt"
        (service,) = [t for t in things if t["kind"] == "Service"]
        assert [port["port"] for port in service["spec"]["ports"]] == [25]
        assert service["metadata"]["namespace"] == things[0]["metadata"]["namespace"]
    assert "send_email" in {f["build_args"]["FUNCTION"] for f in stack("stack.yml")["functions"].values()}


def test_every_public_path_leads_to_its_function_behind_openfaas_gateway() -> None:
    routes = list(yaml.safe_load_all((ROOT / "openfaas" / "routes.yaml").read_text()))
    led = {
        rule["matches"][0]["path"]["value"]: rule["filters"][0]["urlRewrite"]["path"]["replacePrefixMatch"]
        for route in routes
        for rule in route["spec"]["rules"]
    }
    public = {
        (dns(f.name), p.rstrip("/")) for f in flow.FLOW for t in f.on if isinstance(t, flow.Http) for p in t.prefixes
    }
    assert led == {prefix: f"/function/{name}{prefix}" for name, prefix in public}
    assert {name for name, _ in public} <= set(stack("stack.yml")["functions"])


@pytest.mark.parametrize("name", STACKS)
def test_whoever_has_a_schedule_takes_the_connectors_empty_post(name: str) -> None:
    """Only a function that takes ticks reads one as a tick (tests/unit/test_runtime.py)."""
    found = stack(name)["functions"].values()
    timed = {f["build_args"]["FUNCTION"] for f in found if "schedule" in f["annotations"]}
    there = {f["build_args"]["FUNCTION"] for f in found}
    assert timed == {f.name for f in flow.FLOW if "Tick" in f.handles} & there
    assert {"schedule", "upload", "watch"} <= timed


def test_only_pro_writes_structured_events() -> None:
    """Its connector drops the headers of binary ones."""
    modes = {
        name: {f["environment"].get("IMS_EVENT_MODE") for f in stack(name)["functions"].values()} for name in STACKS
    }
    assert modes == {"stack.yml": {"structured"}, "stack.ce.yml": {None}}
    for file, mode in (("bridges.yaml", set()), ("bridges.pro.yaml", {"structured"})):
        boxes = deployments(yaml.safe_load_all((ROOT / "openfaas" / file).read_text())).values()
        assert {v.get("value") for box in boxes for v in box["env"] if v["name"] == "IMS_EVENT_MODE"} == mode


@pytest.mark.parametrize(
    ("schedule", "zone", "expected"),
    [
        ("* * * * *", "UTC", "* * * * *"),
        ("30 8 * * *", "Asia/Seoul", "30 23 * * *"),
        ("0 12 * * *", "Asia/Seoul", "0 3 * * *"),
        ("*/10 7-10 * * *", "Asia/Seoul", "*/10 0,1,22,23 * * *"),
        ("*/5 * * * 1", "Asia/Seoul", "*/5 * * * 1"),
    ],
)
def test_schedules_are_told_in_utc(schedule: str, zone: str, expected: str) -> None:
    assert openfaas.utc(flow.Cron(schedule, zone)) == expected


@pytest.mark.parametrize(("schedule", "zone"), [("30 8 * * *", "Europe/Berlin"), ("30 8 * * 1", "Asia/Seoul")])
def test_a_schedule_without_an_equal_in_utc_is_refused(schedule: str, zone: str) -> None:
    with pytest.raises(ValueError, match="no equal in UTC"):
        openfaas.utc(flow.Cron(schedule, zone))


def test_several_schedules_become_one_that_has_them_all() -> None:
    several = ["30 23 * * *", "*/20 0-2 * * *"]
    merged = parse(openfaas.together(several))
    assert (merged.minutes, merged.hours) == ({0, 20, 30, 40}, {23, 0, 1, 2})
    with pytest.raises(ValueError, match="not for every day"):
        openfaas.together(["0 1 * * 1", "0 2 * * *"])


def shrink_wrapped(whole: dict[str, Any], name: str, into: Path) -> Path:
    """The build context that `faas-cli build --shrinkwrap` writes for `lang: dockerfile` (faas-cli's builder/build.go).

    The handler's content lies at the root of the context, without what is called build or template; then each path of
    `copy`, which must lie within the project and not be all of it.
    """
    context, handler = into / "build" / name, ROOT / whole["functions"][name]["handler"]
    for found in handler.iterdir():
        if found.name not in ("build", "template"):
            _copy(found, context / found.name)
    for path in whole["configuration"]["copy"]:
        assert ROOT in (ROOT / path).resolve().parents, path
        _copy(ROOT / path, context / path)
    return context


def _copy(source: Path, target: Path) -> None:
    """As faas-cli copies: a folder into the one that is there, a missing path is an error."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


@pytest.mark.parametrize("name", STACKS)
def test_shrink_wrapping_gives_each_function_all_that_its_dockerfile_copies(name: str, tmp_path: Path) -> None:
    whole = stack(name)
    assert (ROOT / "template").is_dir(), "without it faas-cli fetches templates from the network"
    for function, entry in whole["functions"].items():
        assert function == function.lower(), "faas-cli's image names"
        context = shrink_wrapped(whole, function, tmp_path)
        lines = (context / "Dockerfile").read_text().splitlines()
        copied = [line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line]
        assert copied
        for path in copied:
            wanted = path.replace("${FUNCTION}", entry["build_args"]["FUNCTION"])
            assert (context / wanted).exists(), f"{function}: {wanted}"
        ignored = [line for line in (context / ".dockerignore").read_text().splitlines() if line.startswith("!")]
        assert {path.split("/")[0] for path in copied} <= {line[1:].split("/")[0] for line in ignored}
        shutil.rmtree(context)


@pytest.mark.parametrize("name", STACKS)
def test_an_image_builds_from_a_shrink_wrapped_context(name: str, tmp_path: Path) -> None:
    whole = stack(name)
    context = shrink_wrapped(whole, "schedule", tmp_path)
    build = Build(context, context / "Dockerfile", tmp_path / "out", whole["functions"]["schedule"]["build_args"])
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


@pytest.mark.parametrize("stack", [openfaas.stack(), openfaas.ce_stack()], ids=["pro", "ce"])
def test_each_image_is_built_once_and_in_parallel_builds_by_one(stack: dict[str, Any]) -> None:
    built = [f["image"] for f in stack["functions"].values() if not f.get("skip_build")]
    assert len(built) == len(set(built))
    assert set(built) == {f["image"] for f in stack["functions"].values()}, "every image is built by someone"
