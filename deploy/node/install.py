"""What runs on the node beside IMS: name server, Envoy Gateway, Knative; and the servers that IMS needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from string import Template

from deploy.cluster import crds
from deploy.node.build import sources_of
from deploy.node.machine import DNS, FILES, NODE, Machine
from deploy.settings import DATA_NAMESPACE
from local.home import ROOT
from local.install import Say
from local.problems import Problem

KO = re.compile(r"ko://knative\.dev/(serving|eventing|net-gateway-api)/cmd/(\w+)")
KNATIVE = (
    ("knative.dev/serving", "config/core", r"300-|999-cache|-hpa"),
    ("knative.dev/eventing", "config/core", r"/resources/|-hpa|job-sink"),
    ("knative.dev/eventing", "third_party/eventing-integrations-latest", r"^$"),
    ("knative.dev/net-gateway-api", "config", r"webhook|config-gateway"),
)
"""Module, folder, and what is left out: custom resources (they are loaded first) and what one node does not need."""
SERVERS = {"redis": (6379, "redis"), "mysql": (3306, "mysql"), "ims-kafka-bootstrap": (9092, "kafka-1")}
"""Service in ims-data, as the overlay dev asks for it: the port on which it and the server listen (policies know a
server by that port), and the server's name among the local ports."""
PASSWORD = "ims"  # noqa: S105 - of a throw-away database, as in knative/overlays/dev/secrets.env


def base(machine: Machine, say: Say) -> None:
    """Everything that Knative Services need; returns when it is Available. Harmless when repeated."""
    say("name server and custom resources")
    _apply(machine, _file("dns.yaml"))
    machine.kubectl("apply", "--server-side", "-f", str(crds()))
    machine.kubectl("apply", "--server-side", "-f", str(_envoy_gateway_resources()))
    machine.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=120s")
    say("Envoy Gateway")
    _namespace(machine, "envoy-gateway-system")
    _apply(machine, _file("envoy-gateway.yaml"))
    say("Knative Serving and Eventing")
    _apply(machine, "---\n".join(_knative()))
    _apply(machine, _file("ingress.yaml"))
    machine.kubectl("wait", "--for=condition=Available", "deployment", "--all", "-A", "--timeout=5m")


def servers(machine: Machine, say: Say) -> None:
    """Kafka, MySQL and Redis as processes of the node, reachable in the cluster as Services of ims-data."""
    say("Kafka, MySQL and Redis")
    home = machine.home.path / "servers"
    home.mkdir(exist_ok=True)
    known = home / "secrets.json"
    if not known.exists():
        known.touch(mode=0o600)
        known.write_text(json.dumps({"mysql_ims": PASSWORD}))
    ims(machine, "up", "--servers-only")
    _namespace(machine, DATA_NAMESPACE)
    _apply(machine, "---\n".join(_server(name, port) for name, (port, _) in SERVERS.items()))


def ims(machine: Machine, *words: str) -> None:
    """The command `ims` with the node's servers as its platform."""
    ports = ",".join(f"{server}={port}" for port, server in SERVERS.values())
    ours = {"IMS_HOME": str(machine.home.path / "servers"), "IMS_HOST": NODE, "IMS_PORT_OFFSET": "0"}
    env = {**os.environ, **ours, "IMS_SERVER_PORTS": ports}
    command = machine.inside(str(ROOT / ".venv" / "bin" / "ims"), *words)
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Problem(f"`ims {' '.join(words)}` failed: {(result.stdout + result.stderr).strip()[-500:]}")


def database() -> str:
    """The database as seen from the node."""
    return f"mysql+pymysql://ims:{PASSWORD}@{NODE}:{SERVERS['mysql'][0]}/ims"


def _server(name: str, port: int) -> str:
    return f"""apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {DATA_NAMESPACE}}}
spec: {{ports: [{{name: {name}, port: {port}}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-node, namespace: {DATA_NAMESPACE}, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: {name}, port: {port}, protocol: TCP}}]
endpoints: [{{addresses: [{NODE}], conditions: {{ready: true}}}}]
"""


def _knative() -> Iterator[str]:
    for module, folder, without in KNATIVE:
        top = sources_of("knative", module) / folder
        for path in sorted(top.rglob("*.yaml")):
            if not re.search(without, f"/{path.relative_to(top)}"):
                yield KO.sub(_image, path.read_text())


def _image(found: re.Match[str]) -> str:
    part = {"net-gateway-api": "ingress"}.get(found[1], found[1])
    return f"node.local/{part}-{found[2]}:1"


def _envoy_gateway_resources() -> Path:
    return sources_of("envoy-gateway", "github.com/envoyproxy/gateway") / "charts/gateway-helm/crds/generated"


def _file(name: str) -> str:
    return Template((FILES / name).read_text()).safe_substitute(dns=DNS)


def _namespace(machine: Machine, name: str) -> None:
    _apply(machine, f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")


def _apply(machine: Machine, text: str) -> None:
    machine.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=text)
