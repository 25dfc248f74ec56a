"""Gateway API: the public paths of the map, each led to its Knative Service by Kourier's inner address.

A Knative Service has no pods of its own behind its name, so a route sends to Kourier and rewrites the host to the
Service's cluster-local name; the grant in Kourier's namespace allows just that.
"""

from __future__ import annotations

from collections.abc import Iterator

from deploy.objects import dns, labels, meta, process_labels
from deploy.settings import GATEWAY_MARGIN_SECONDS, KOURIER, NAMESPACE, Json
from shared.flow import Http, Process, processes

API = "gateway.networking.k8s.io"
GATEWAY = "ims"
KOURIER_SERVICE = "kourier-internal"
TLS_SECRET = "ims-gateway-tls"  # noqa: S105 - the name of a Secret


def gateway() -> Json:
    """One listener; production adds TLS."""
    return {
        "apiVersion": f"{API}/v1",
        "kind": "Gateway",
        "metadata": meta(GATEWAY, labels("gateway", "gateway", "gateway")),
        "spec": {
            "gatewayClassName": "ims",
            "listeners": [
                {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Same"}}}
            ],
        },
    }


def grant() -> Json:
    """Routes of ours may use Kourier's Service."""
    return {
        "apiVersion": f"{API}/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": meta("ims-routes", labels("gateway", "gateway", "gateway"), KOURIER),
        "spec": {
            "from": [{"group": API, "kind": "HTTPRoute", "namespace": NAMESPACE}],
            "to": [{"group": "", "kind": "Service", "name": KOURIER_SERVICE}],
        },
    }


def routes() -> Iterator[Json]:
    """An HTTPRoute per process that clients or vendors reach."""
    for process in processes():
        prefixes = [p for t in process.function.on if isinstance(t, Http) and not t.internal for p in t.prefixes]
        if prefixes:
            yield _route(process, prefixes)


def _route(process: Process, prefixes: list[str]) -> Json:
    seconds = f"{process.function.timeout + GATEWAY_MARGIN_SECONDS}s"
    host = f"{dns(process.name)}.{NAMESPACE}.svc.cluster.local"
    rule: Json = {
        "matches": [{"path": {"type": "PathPrefix", "value": prefix.rstrip("/")}} for prefix in prefixes],
        "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": host}}],
        "timeouts": {"request": seconds, "backendRequest": seconds},
        "backendRefs": [{"name": KOURIER_SERVICE, "namespace": KOURIER, "port": 80}],
    }
    return {
        "apiVersion": f"{API}/v1",
        "kind": "HTTPRoute",
        "metadata": meta(dns(process.name), process_labels(process)),
        "spec": {"parentRefs": [{"name": GATEWAY}], "rules": [rule]},
    }
