"""A Knative Service per process of the map, its ServiceAccount and its PodDisruptionBudget."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.objects import account, component, container, dns, http_get, is_public, meta, process_labels, volumes
from deploy.settings import Json
from shared.flow import Function, Process, processes

AUTOSCALING = "autoscaling.knative.dev"
LOCAL = {"networking.knative.dev/visibility": "cluster-local"}


def accounts() -> Iterator[Json]:
    """One ServiceAccount a function: what its pods may do outside is granted to it alone."""
    seen: dict[str, Function] = {process.function.name: process.function for process in processes()}
    for name, function in seen.items():
        yield account(name, component(function))


def service(process: Process) -> Json:
    """The Knative Service of one process."""
    tags = process_labels(process)
    visible = tags if is_public(process.function) else {**tags, **LOCAL}
    template = {"metadata": {"labels": tags, "annotations": autoscaling(process)}, "spec": _pod(process)}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": meta(dns(process.name), visible),
        "spec": {"template": template},
    }


def autoscaling(process: Process) -> Json:
    """Annotations of the *template*: on the Service itself the webhook refuses them."""
    scale, slow = process.function.scale, process.pool == "slow"
    return {
        f"{AUTOSCALING}/class": "kpa.autoscaling.knative.dev",
        f"{AUTOSCALING}/metric": "concurrency",
        f"{AUTOSCALING}/target": str(scale.target),
        f"{AUTOSCALING}/target-utilization-percentage": "70",
        f"{AUTOSCALING}/min-scale": str(scale.min),
        f"{AUTOSCALING}/max-scale": str(scale.max),
        f"{AUTOSCALING}/window": "60s" if slow else "30s",
        f"{AUTOSCALING}/scale-down-delay": "60s" if slow else "180s",
    }


def _pod(process: Process) -> Json:
    """A readiness probe without a period is asked every few milliseconds at the start: with one, cold starts wait."""
    function = process.function
    scale = function.scale
    own = {
        "IMS_FUNCTION": function.name,
        "IMS_POOL": process.pool or "",
        "IMS_LANES": ",".join(process.lanes),
    }
    box = container(function.name, function.name, own, scale.memory, scale.memory_limit, scale.cpu)
    probes = {
        "readinessProbe": http_get("/readyz"),
        "livenessProbe": {**http_get("/healthz"), "initialDelaySeconds": 10, "periodSeconds": 10, "timeoutSeconds": 5},
    }
    return {
        "serviceAccountName": dns(function.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containerConcurrency": function.concurrency,
        "timeoutSeconds": function.timeout,
        "responseStartTimeoutSeconds": function.timeout,
        "containers": [{**box, **probes}],
        "volumes": volumes(function.name),
    }


def budget(process: Process) -> Json:
    """One pod at a time may be drained."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta(dns(process.name), process_labels(process)),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": {"serving.knative.dev/service": dns(process.name)}},
        },
    }


def budgets() -> Iterator[Json]:
    """For whatever is meant to run always."""
    return (budget(process) for process in processes() if process.function.scale.min)
