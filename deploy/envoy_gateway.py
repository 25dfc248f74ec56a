"""For clusters whose Gateway API is Envoy Gateway: the class `ims`, with circuit breakers, retries and ejection.

The numbers are those of the local gateway (local/servers/envoy.py). Answers are never overridden: a function's own 503
carries Retry-After and, after a partial publish, the request_id.
"""

from __future__ import annotations

from collections.abc import Iterator

from deploy.gateway import API, GATEWAY
from deploy.objects import labels, meta
from deploy.settings import Json
from local.servers.envoy import LIMITS, UNSAFE_RETRY

TAGS = labels("gateway", "gateway", "gateway")


def objects() -> Iterator[Json]:
    """The GatewayClass and the BackendTrafficPolicy of the gateway."""
    yield {
        "apiVersion": f"{API}/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "ims", "labels": TAGS},
        "spec": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
    }
    yield {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "BackendTrafficPolicy",
        "metadata": meta(GATEWAY, TAGS),
        "spec": {
            "targetRefs": [{"group": API, "kind": "Gateway", "name": GATEWAY}],
            "circuitBreaker": {
                "maxConnections": LIMITS["max_connections"],
                "maxPendingRequests": LIMITS["max_pending_requests"],
                "maxParallelRequests": LIMITS["max_requests"],
                "maxParallelRetries": LIMITS["max_retries"],
            },
            "retry": {
                "numRetries": UNSAFE_RETRY["num_retries"],
                "retryOn": {"triggers": str(UNSAFE_RETRY["retry_on"]).split(",")},
                "perRetry": {"backOff": {"baseInterval": "50ms", "maxInterval": "500ms"}},
            },
            "healthCheck": {
                "passive": {
                    "interval": "1s",
                    "baseEjectionTime": "2s",
                    "splitExternalLocalOriginErrors": True,
                    "consecutiveLocalOriginFailures": 3,
                    "maxEjectionPercent": 50,
                }
            },
        },
    }
