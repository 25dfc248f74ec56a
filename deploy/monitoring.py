"""PodMonitors: Prometheus reads every function and bridge at its own /metrics, and queue-proxy beside it."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.objects import labels, meta
from deploy.settings import Json

NAMES = {
    "app_kubernetes_io_name": "function",
    "app_kubernetes_io_instance": "process",
    "serving_knative_dev_revision": "revision",
}


def monitors() -> Iterator[Json]:
    """One for functions (Knative names their port `user-port`), one for bridges."""
    components = [{"key": "app.kubernetes.io/component", "operator": "In", "values": ["api", "function"]}]
    yield _monitor("functions", {"matchExpressions": components}, ("user-port", "http-usermetric"))
    yield _monitor("bridges", {"matchLabels": {"app.kubernetes.io/component": "bridge"}}, ("http",))


def _monitor(name: str, selector: Json, ports: tuple[str, ...]) -> Json:
    renamed = [
        {"sourceLabels": [f"__meta_kubernetes_pod_label_{label}"], "targetLabel": target}
        for label, target in NAMES.items()
    ]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": meta(name, labels("monitoring", name, "monitor")),
        "spec": {
            "selector": selector,
            "podMetricsEndpoints": [
                {"port": port, "path": "/metrics", "interval": "15s", "relabelings": renamed} for port in ports
            ],
        },
    }
