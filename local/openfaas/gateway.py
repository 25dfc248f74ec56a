"""A stand-in for OpenFaaS' gateway: `/function/<name>[.openfaas-fn]/…` leads to the function's `/…` on its replicas.

What it does to a request is read from openfaas/faas and openfaas/faas-provider: the path loses its prefix, Host is the
function's, X-Forwarded-Host, X-Forwarded-For (with the port) and X-Call-Id are added where they are missing, nothing is
tried again, and an answer may take a minute. Where no replica answers, the status is 5xx.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from local.options import Options
from local.probes import http_ok
from local.processes import Spec
from local.servers import envoy

Json = dict[str, Any]

NAMESPACE = "openfaas-fn"
TIMEOUT = "60s"
"""OpenFaaS' own default (`gateway.upstreamTimeout`)."""
ADDED = {
    "x-forwarded-host": "%REQ(:AUTHORITY)%",
    "x-forwarded-for": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "x-call-id": "%REQ(X-REQUEST-ID)%",
    "x-start-time": "%START_TIME(%s%9f)%",
}


def build(options: Options, replicas: Mapping[str, Sequence[int]]) -> Spec:
    """The gateway's process; `replicas` are each function's ports."""
    port, admin = options.ports["openfaas-gateway"], options.ports["openfaas-admin"]
    conf = options.home.conf / "openfaas-gateway.json"
    conf.write_text(json.dumps(configuration(port, admin, replicas), indent=1))
    flags = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning", "--service-cluster", "openfaas")
    argv = (envoy.program(), "-c", str(conf), *flags)
    return Spec("openfaas-gateway", "server", argv, port, http_ok(admin, "/ready"), grace=10, ports=(admin,))


def configuration(port: int, admin: int, replicas: Mapping[str, Sequence[int]]) -> Json:
    """Envoy's bootstrap."""
    return {
        "admin": {"address": envoy.address(admin)},
        "static_resources": {
            "listeners": [_listener(port, list(replicas))],
            "clusters": [envoy.static_cluster(name, ports) for name, ports in replicas.items()],
        },
    }


def _listener(port: int, names: list[str]) -> Json:
    manager = {
        "@type": f"{envoy.TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "openfaas",
        "use_remote_address": False,
        "skip_xff_append": True,
        "stream_idle_timeout": "300s",
        "http_filters": [envoy.router()],
        "route_config": {
            "virtual_hosts": [{"name": "functions", "domains": ["*"], "routes": list(map(_route, names))}]
        },
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {"name": "openfaas", "address": envoy.address(port), "filter_chains": [{"filters": filters}]}


def _route(name: str) -> Json:
    pattern = rf"^/function/{name}(?:\.{NAMESPACE})?(?:/(.*))?$"
    return {
        "match": {"safe_regex": {"regex": pattern[1:-1]}},
        "route": {
            "cluster": name,
            "timeout": TIMEOUT,
            "host_rewrite_literal": f"{name}.{NAMESPACE}.svc.cluster.local:8080",
            "regex_rewrite": {"pattern": {"regex": pattern}, "substitution": "/\\1"},
        },
        "request_headers_to_add": [
            {"header": {"key": key, "value": value}, "append_action": "ADD_IF_ABSENT"} for key, value in ADDED.items()
        ],
    }
