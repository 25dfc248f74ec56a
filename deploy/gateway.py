"""Gateway API: the public paths of the map, each led to its Knative Service by Kourier's inner address.

A Knative Service has no pods of its own behind its name, so a route sends to Kourier and rewrites the host to the
Service's cluster-local name; the grant in Kourier's namespace allows just that. Reads have routes of their own, since
what may be done twice is retried more often (deploy/envoy_gateway.py).
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
READS = {"ims/retry": "safe"}
"""The label of routes whose requests may be done twice."""


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


def grant(namespace: str = KOURIER, service: str = KOURIER_SERVICE) -> Json:
    """Routes of ours may use the Service of Knative's ingress."""
    return {
        "apiVersion": f"{API}/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": meta("ims-routes", labels("gateway", "gateway", "gateway"), namespace),
        "spec": {
            "from": [{"group": API, "kind": "HTTPRoute", "namespace": NAMESPACE}],
            "to": [{"group": "", "kind": "Service", "name": service}],
        },
    }


def backend(namespace: str = KOURIER, service: str = KOURIER_SERVICE) -> Json:
    """Where a route sends: Knative's ingress, by its inner address."""
    return {"name": service, "namespace": namespace, "port": 80}


def routes() -> Iterator[Json]:
    """Two HTTPRoutes per process that clients or vendors reach: everything, and its reads."""
    for process in processes():
        prefixes = [p for t in process.function.on if isinstance(t, Http) and not t.internal for p in t.prefixes]
        if prefixes:
            yield _route(process, prefixes)
            yield _route(process, prefixes, reads=True)


def _route(process: Process, prefixes: list[str], *, reads: bool = False) -> Json:
    seconds = f"{process.function.timeout + GATEWAY_MARGIN_SECONDS}s"
    host = f"{dns(process.name)}.{NAMESPACE}.svc.cluster.local"
    method = {"method": "GET"} if reads else {}
    name = f"{dns(process.name)}-reads" if reads else dns(process.name)
    rule: Json = {
        "matches": [{"path": {"type": "PathPrefix", "value": prefix.rstrip("/")}, **method} for prefix in prefixes],
        "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": host}}],
        "timeouts": {"request": seconds, "backendRequest": seconds},
        "backendRefs": [backend()],
    }
    return {
        "apiVersion": f"{API}/v1",
        "kind": "HTTPRoute",
        "metadata": meta(name, process_labels(process) | (READS if reads else {})),
        "spec": {"parentRefs": [{"name": GATEWAY}], "rules": [rule]},
    }
