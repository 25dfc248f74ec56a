"""What Knative's webhooks would refuse and no schema says, and what we ask of our own manifests.

Each rule is a function over all objects of an overlay that yields its complaints; docs: Knative Serving and Eventing
1.18. Those about Kafka are in deploy/kafka_rules.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from bridges.cron.schedule import parse
from deploy import kafka_rules
from deploy.found import functions, of, seconds, target, title
from deploy.settings import Json

Rule = Callable[[list[Json]], Iterator[str]]

RESERVED_ENV = frozenset({"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"})
POD_FIELDS = frozenset(
    {
        *("containers", "volumes", "serviceAccountName", "imagePullSecrets", "enableServiceLinks"),
        *("automountServiceAccountToken", "containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds"),
        "idleTimeoutSeconds",
    }
)
"""All else in a Knative pod is behind a feature flag that is off by default."""
FLAGGED = {"topologySpreadConstraints": "kubernetes.podspec-topologyspreadconstraints"}
VOLUMES = frozenset({"secret", "configMap", "projected", "emptyDir"})
CONTAINER_SECURITY = frozenset(
    {
        *("allowPrivilegeEscalation", "capabilities", "readOnlyRootFilesystem", "runAsNonRoot", "runAsUser"),
        *("runAsGroup", "seccompProfile"),
    }
)
LONGEST_TIMEOUT = 600
AUTOSCALING = "autoscaling.knative.dev/"
AUTOSCALING_KEYS = frozenset(
    {
        *("class", "metric", "target", "target-utilization-percentage", "min-scale", "max-scale", "initial-scale"),
        *("window", "scale-down-delay", "scale-to-zero-pod-retention-period", "panic-window-percentage"),
        "panic-threshold-percentage",
    }
)


def check(objects: list[Json], features: frozenset[str] = frozenset()) -> list[str]:
    """Every complaint about an overlay; `features` are Knative's flags that its cluster has switched on."""
    found = [complaint for rule in RULES for complaint in rule(objects)]
    return [*found, *pod_fields(objects, features)]


def autoscaling(objects: list[Json]) -> Iterator[str]:
    """Annotations belong on the template, must be known, and min must not exceed max."""
    for service in functions(objects).values():
        own = service["metadata"].get("annotations", {})
        yield from (f"{title(service)}: {key} belongs on the template" for key in own if key.startswith(AUTOSCALING))
        notes = service["spec"]["template"]["metadata"].get("annotations", {})
        mine = {k.removeprefix(AUTOSCALING): v for k, v in notes.items() if k.startswith(AUTOSCALING)}
        yield from (f"{title(service)}: {AUTOSCALING}{key} is unknown" for key in sorted(set(mine) - AUTOSCALING_KEYS))
        try:
            low, high = int(mine.get("min-scale", "0")), int(mine.get("max-scale", "0"))
            if low < 0 or high < 0 or (high and low > high):
                yield f"{title(service)}: min-scale {low} and max-scale {high} do not agree"
            if float(mine.get("target", "100")) < 0.01:
                yield f"{title(service)}: target must be at least 0.01"
        except (TypeError, ValueError):
            yield f"{title(service)}: an autoscaling annotation is not a number in quotes"


def timeouts(objects: list[Json]) -> Iterator[str]:
    """A Service answers before its source gives up on the try, and within Knative's limit."""
    served = functions(objects)
    for service in served.values():
        spec = service["spec"]["template"]["spec"]
        limit = spec.get("timeoutSeconds", 300)
        if limit > LONGEST_TIMEOUT:
            yield f"{title(service)}: timeoutSeconds {limit} is over {LONGEST_TIMEOUT}"
        if spec.get("responseStartTimeoutSeconds", 0) > limit:
            yield f"{title(service)}: responseStartTimeoutSeconds is over timeoutSeconds {limit}"
        if not 0 <= spec.get("containerConcurrency", 0) <= 1000:
            yield f"{title(service)}: containerConcurrency must be from 0 to 1000"
    for source in of(objects, "KafkaSource"):
        service = served.get(target(source), {})
        wait = source["spec"].get("delivery", {}).get("timeout")
        with suppress(ValueError):  # no duration at all: kafka_rules says so
            if service and wait and seconds(wait) <= service["spec"]["template"]["spec"]["timeoutSeconds"]:
                yield f"{title(source)}: delivery.timeout {wait} must be over the Service's timeoutSeconds"


def ping_sources(objects: list[Json]) -> Iterator[str]:
    """Schedule and time zone are real, and the data is given once."""
    for source in of(objects, "PingSource"):
        spec = source["spec"]
        fields = str(spec.get("schedule", "")).split()
        try:
            parse(" ".join(fields[1:] if len(fields) == 6 else fields), spec.get("timezone", "UTC"))
        except ValueError as error:
            yield f"{title(source)}: {error}"
        if "data" in spec and "dataBase64" in spec:
            yield f"{title(source)}: data and dataBase64 exclude each other"
        if "data" in spec and "contentType" not in spec:
            yield f"{title(source)}: without contentType no content-type is sent"


def sinks_exist(objects: list[Json]) -> Iterator[str]:
    """Every source sends to a Service of the same set; a binding's subject is there too."""
    served = functions(objects)
    deployments = {o["metadata"]["name"] for o in of(objects, "Deployment")}
    for kind in ("KafkaSource", "PingSource", "SinkBinding", "ContainerSource"):
        for source in of(objects, kind):
            if target(source) not in served:
                yield f"{title(source)}: its sink {target(source)!r} is not there"
    for binding in of(objects, "SinkBinding"):
        if binding["spec"]["subject"].get("name") not in deployments:
            yield f"{title(binding)}: its subject is not there"


def containers(objects: list[Json]) -> Iterator[str]:
    """Non-root, unprivileged, read-only, limited, pinned; no reserved environment name."""
    for thing, pod in _pods(objects):
        if pod.get("automountServiceAccountToken") is not False:
            yield f"{title(thing)}: the pod mounts a service account token"
        for box in pod["containers"]:
            yield from (f"{title(thing)}: {fault}" for fault in _container(box))


def _container(box: Json) -> Iterator[str]:
    names = [variable["name"] for variable in box.get("env", [])]
    yield from (f"env {name} is reserved" for name in names if name in RESERVED_ENV)
    yield from (f"env {name} is there twice" for name in {n for n in names if names.count(n) > 1})
    wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True}
    security = box.get("securityContext", {})
    yield from (f"securityContext.{key} must be {value}" for key, value in wanted.items() if security.get(key) != value)
    if security.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "all capabilities must be dropped"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "seccompProfile must be RuntimeDefault"
    if "memory" not in box.get("resources", {}).get("limits", {}):
        yield "a memory limit is missing"
    name, _, tag = box["image"].rpartition("/")[2].partition(":")
    if "@sha256:" not in box["image"] and (not tag or tag == "latest"):
        yield f"the image {name} has no tag of its own"


def pod_fields(objects: list[Json], features: frozenset[str]) -> Iterator[str]:
    """A Knative pod has no field that is behind a flag, unless the flag is on."""
    for service in functions(objects).values():
        spec: Json = service["spec"]["template"]["spec"]
        for field in sorted(set(spec) - POD_FIELDS):
            if FLAGGED.get(field) not in features:
                yield f"{title(service)}: the pod field {field} is off by default"
        yield from (f"{title(service)}: {fault}" for fault in _knative_only(spec))


def _knative_only(spec: Json) -> Iterator[str]:
    for volume in spec.get("volumes", []):
        kinds = set(volume) - {"name"}
        yield from (f"volumes of the kind {kind} are off by default" for kind in sorted(kinds - VOLUMES))
    for box in spec["containers"]:
        more = sorted(set(box.get("securityContext", {})) - CONTAINER_SECURITY)
        yield from (f"securityContext.{field} is not allowed" for field in more)
        yield from (
            f"env {v['name']}: fieldRef is off by default"
            for v in box.get("env", [])
            if "fieldRef" in v.get("valueFrom", {}) or "resourceFieldRef" in v.get("valueFrom", {})
        )
        if len(box.get("ports", [])) > 1:
            yield "a container has one port"


def names(objects: list[Json]) -> Iterator[str]:
    """Unique, and within DNS' limits where a host name is made of them."""
    seen: set[tuple[Any, ...]] = set()
    for thing in objects:
        key = (
            thing["apiVersion"].split("/")[0],
            thing["kind"],
            thing["metadata"].get("namespace"),
            thing["metadata"]["name"],
        )
        if key in seen:
            yield f"{title(thing)} is there twice"
        seen.add(key)
    for name in functions(objects):
        if not re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name):
            yield f"Service {name}: not a DNS label"


def network(objects: list[Json]) -> Iterator[str]:
    """All is denied unless opened."""
    denied: set[str] = set()
    for policy in of(objects, "NetworkPolicy"):
        spec = policy["spec"]
        if not spec["podSelector"] and not spec.get("ingress") and not spec.get("egress"):
            denied |= set(spec["policyTypes"])
    if list(of(objects, "NetworkPolicy")) and denied != {"Ingress", "Egress"}:
        yield "NetworkPolicy: there is no default-deny for ingress and egress"


def _pods(objects: list[Json]) -> Iterator[tuple[Json, Json]]:
    for thing in objects:
        if thing["kind"] in ("Deployment", "Job") or thing["apiVersion"].startswith("serving.knative.dev/"):
            yield thing, thing["spec"]["template"]["spec"]


RULES: tuple[Rule, ...] = (
    autoscaling,
    timeouts,
    *kafka_rules.RULES,
    ping_sources,
    sinks_exist,
    containers,
    names,
    network,
)
