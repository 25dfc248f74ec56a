"""What stack.ce.yml and openfaas/*.yaml say, as far as it can be said to a process on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from local.home import ROOT

STACK = ROOT / "stack.ce.yml"
BRIDGES = ROOT / "openfaas" / "bridges.yaml"
ROUTES = ROOT / "openfaas" / "routes.yaml"
READY = "com.openfaas.ready.http.path"


@dataclass(frozen=True)
class Deployed:
    """A function of the stack: `function` is its folder, `ready` its readiness path, `schedule` is cron's or empty."""

    name: str
    function: str
    env: Mapping[str, str]
    secrets: tuple[str, ...]
    ready: str
    schedule: str


@dataclass(frozen=True)
class Bridge:
    """A Deployment beside the functions: its module, the arguments after host and port, and its own environment."""

    name: str
    module: str
    arguments: tuple[str, ...]
    env: Mapping[str, str]


@cache
def functions() -> tuple[Deployed, ...]:
    """All functions of the stack, as faas-cli would deploy them."""
    found: dict[str, Any] = yaml.safe_load(STACK.read_text())["functions"]
    return tuple(_function(name, entry) for name, entry in found.items())


def _function(name: str, entry: Mapping[str, Any]) -> Deployed:
    """faas-cli lets environment_file win over environment."""
    env = dict(entry["environment"])
    for file in entry["environment_file"]:
        env |= yaml.safe_load((ROOT / file).read_text())["environment"]
    annotations = entry["annotations"]
    schedule = annotations.get("schedule", "") if annotations.get("topic") == "cron-function" else ""
    folder = entry["build_args"]["FUNCTION"]
    return Deployed(name, folder, env, tuple(entry["secrets"]), annotations[READY], schedule)


@cache
def bridges() -> tuple[Bridge, ...]:
    """All bridges, with the settings of their ConfigMap."""
    things = list(yaml.safe_load_all(BRIDGES.read_text()))
    (settings,) = [thing["data"] for thing in things if thing["kind"] == "ConfigMap"]
    return tuple(_bridge(thing, settings) for thing in things if thing["kind"] == "Deployment")


def _bridge(thing: Mapping[str, Any], settings: Mapping[str, str]) -> Bridge:
    (box,) = thing["spec"]["template"]["spec"]["containers"]
    own = {variable["name"]: variable["value"] for variable in box["env"] if "value" in variable}
    module, *arguments = box["args"]
    place = arguments.index("--port")
    kept = tuple(arguments[: arguments.index("--host")] + arguments[place + 2 :])
    return Bridge(thing["metadata"]["name"], module, kept, {**settings, **own})


@cache
def rewrites() -> Mapping[str, str]:
    """Public path prefix → path on OpenFaaS' gateway."""
    return {
        rule["matches"][0]["path"]["value"]: rule["filters"][0]["urlRewrite"]["path"]["replacePrefixMatch"]
        for route in yaml.safe_load_all(ROUTES.read_text())
        for rule in route["spec"]["rules"]
    }
