"""What the local platform reads from the files of OpenFaaS, and how its stand-in for the gateway leads."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.openfaas import files, gateway
from local.options import options
from local.problems import Problem

FUNCTION = {
    "build_args": {"FUNCTION": "route"},
    "environment": {"IMS_POOL": "", "IMS_ENV": "stack"},
    "environment_file": ["openfaas/settings.yml"],
    "secrets": ["ims-mysql-url"],
    "annotations": {files.READY: "/_/ready", "topic": "ims.accepted.auth", "schedule": "never mind"},
}


def test_the_file_of_settings_wins_over_the_stack_as_it_does_for_faas_cli() -> None:
    read = files._function("route", FUNCTION)
    assert (read.env["IMS_POOL"], read.env["IMS_ENV"]) == ("", "openfaas")
    assert read.schedule == "", "only cron-function has a schedule"


def test_a_bridge_keeps_its_arguments_but_its_place() -> None:
    bridge = next(b for b in files.bridges() if b.name == "kafka-source-fast")
    assert bridge.module == "bridges.kafka_source"
    assert bridge.arguments[:2] == ("--source", "route-accepted-auth")
    assert not {"--host", "--port", "0.0.0.0"} & set(bridge.arguments)
    assert bridge.env["IMS_TARGET_ROUTE_FAST"].endswith(":8080/function/route")
    assert "IMS_KAFKA_BOOTSTRAP" in bridge.env


@pytest.mark.parametrize(
    ("path", "name", "rest"),
    [
        ("/function/report", "report", "/"),
        ("/function/report-retry", "report-retry", "/"),
        ("/function/report.openfaas-fn", "report", "/"),
        ("/function/api-mt/v1/mt/messages", "api-mt", "/v1/mt/messages"),
        ("/function/api-mt.openfaas-fn/", "api-mt", "/"),
    ],
)
def test_a_path_leads_to_its_function_without_the_prefix(path: str, name: str, rest: str) -> None:
    names = ["report", "report-retry", "api-mt"]
    assert [n for n in names if re.fullmatch(matcher(n), path)] == [name]
    rewrite = gateway._route(name)["route"]["regex_rewrite"]
    assert re.sub(rewrite["pattern"]["regex"], rewrite["substitution"], path) == rest


def matcher(name: str) -> Any:
    return gateway._route(name)["match"]["safe_regex"]["regex"]


def test_an_unknown_platform_is_a_problem_that_names_the_known_ones() -> None:
    assert options({}).platform == "knative"
    with pytest.raises(Problem) as caught:
        options({"IMS_PLATFORM": "openfaas"})
    assert "openfaas-ce" in caught.value.way_out
