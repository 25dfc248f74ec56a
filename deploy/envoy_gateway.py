"""For clusters whose Gateway API is Envoy Gateway: the class `ims`, with breakers, retries, ejection and fallback.

The numbers and the answers are those of the local gateway (local/servers/envoy.py), but for one: Envoy Gateway sets no
deadline for a request's head alone, so a whole request has one, and so many connections can owe a head until then.
An answer of a function is never overridden: its own 503 carries Retry-After and, after a partial publish, the
request_id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from deploy.gateway import API, GATEWAY, READS
from deploy.objects import labels, meta
from deploy.settings import Json
from local.servers.envoy import (
    BUFFER_BYTES,
    CLIENT_IDLE,
    DOWNSTREAM_CONNECTIONS,
    LIMITS,
    LOCAL_REPLIES,
    RETRY_AFTER_SECONDS,
    SAFE_RETRY,
    STALE_SECONDS,
    UNSAFE_RETRY,
    problem,
)
from shared.runtime.settings import FunctionSettings

EXTENSION = "gateway.envoyproxy.io/v1alpha1"
PROBLEM = "application/problem+json"
NOWHERE = "nowhere"
TAGS = labels("gateway", "gateway", "gateway")
WHOLE: Json = {"targetRefs": [{"group": API, "kind": "Gateway", "name": GATEWAY}]}
OF_READS: Json = {"targetSelectors": [{"group": API, "kind": "HTTPRoute", "matchLabels": READS}]}
BUFFER = f"{BUFFER_BYTES // 1024}Ki"
INSTEAD = {500: 503}
"""Envoy Gateway's answer while a backend has no ready pod at all; a function's own 500 is JSON."""
FALLBACK = """\
local problems = {
%s}

-- What no function has answered itself (Envoy, Knative's ingress, activator, queue-proxy) becomes a problem.
function envoy_on_response(handle)
  local headers = handle:headers()
  local problem = problems[headers:get(":status")]
  if problem == nil or string.find(headers:get("content-type") or "", "json", 1, true) then
    return
  end
  headers:replace(":status", problem.status)
  headers:replace("content-type", "application/problem+json")
  if problem.after ~= nil then
    headers:replace("retry-after", problem.after)
  end
  handle:body(true):setBytes(problem.body) -- and the content-length; the headers are out of reach once it has waited
end
"""


def objects() -> Iterator[Json]:
    """The GatewayClass and the policies of the gateway."""
    yield {
        "apiVersion": f"{API}/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "ims", "labels": TAGS},
        "spec": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
    }
    yield _clients()
    yield _traffic(GATEWAY, {**WHOLE, **_limits(), "retry": _retry(UNSAFE_RETRY)})
    yield _traffic(f"{GATEWAY}-reads", {**OF_READS, **_limits(), "retry": _retry(SAFE_RETRY)})
    lua = {"type": "Inline", "inline": fallback()}
    yield {
        "apiVersion": EXTENSION,
        "kind": "EnvoyExtensionPolicy",
        "metadata": meta(GATEWAY, TAGS),
        "spec": {**WHOLE, "lua": [lua]},
    }
    yield from _nowhere()


def _clients() -> Json:
    """What clients may take of the gateway: connections, of each so many bytes, and time.

    A body has its deadlines at the function, which knows who is asking; here it has a little more time than there.
    """
    whole = float(FunctionSettings.model_fields["body_seconds"].default) + STALE_SECONDS
    times = {"requestReceivedTimeout": f"{whole:g}s", "idleTimeout": CLIENT_IDLE, "streamIdleTimeout": CLIENT_IDLE}
    connection = {"connectionLimit": {"value": DOWNSTREAM_CONNECTIONS}, "bufferLimit": BUFFER}
    return {
        "apiVersion": EXTENSION,
        "kind": "ClientTrafficPolicy",
        "metadata": meta(GATEWAY, TAGS),
        "spec": {**WHOLE, "connection": connection, "timeout": {"http": times}},
    }


def _nowhere() -> Iterator[Json]:
    """Every other path: a policy says nothing of requests that no route takes."""
    answer = {"statusCode": 404, "contentType": PROBLEM, "body": {"type": "Inline", "inline": _body(404)}}
    yield {
        "apiVersion": EXTENSION,
        "kind": "HTTPRouteFilter",
        "metadata": meta(NOWHERE, TAGS),
        "spec": {"directResponse": answer},
    }
    filters = [
        {
            "type": "ExtensionRef",
            "extensionRef": {"group": EXTENSION.partition("/")[0], "kind": "HTTPRouteFilter", "name": NOWHERE},
        }
    ]
    rule = {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "filters": filters}
    yield {
        "apiVersion": f"{API}/v1",
        "kind": "HTTPRoute",
        "metadata": meta(NOWHERE, TAGS),
        "spec": {"parentRefs": [{"name": GATEWAY}], "rules": [rule]},
    }


def fallback() -> str:
    """Lua that gives an answer which is not a function's own the body of a problem."""
    return FALLBACK % "".join(_problem(status) for status in LOCAL_REPLIES)


def _problem(status: int) -> str:
    given = INSTEAD.get(status, status)
    after = RETRY_AFTER_SECONDS.get(given)
    parts = {"status": f'"{given}"', "after": f'"{after}"' if after else "nil", "body": f"[[{_body(given)}]]"}
    return f'  ["{status}"] = {{{", ".join(f"{key} = {value}" for key, value in parts.items())}}},\n'


def _body(status: int) -> str:
    return json.dumps(problem(status))


def _traffic(name: str, spec: Json) -> Json:
    return {"apiVersion": EXTENSION, "kind": "BackendTrafficPolicy", "metadata": meta(name, TAGS), "spec": spec}


def _limits() -> Json:
    """A policy of a route takes the place of the gateway's, so each says everything."""
    return {
        "circuitBreaker": {
            "maxConnections": LIMITS["max_connections"],
            "maxPendingRequests": LIMITS["max_pending_requests"],
            "maxParallelRequests": LIMITS["max_requests"],
            "maxParallelRetries": LIMITS["max_retries"],
        },
        "connection": {"bufferLimit": BUFFER},
        "healthCheck": {
            "passive": {
                "interval": "1s",
                "baseEjectionTime": "2s",
                "splitExternalLocalOriginErrors": True,
                "consecutiveLocalOriginFailures": 3,
                "maxEjectionPercent": 50,
            }
        },
    }


def _retry(policy: Mapping[str, object]) -> Json:
    return {
        "numRetries": policy["num_retries"],
        "retryOn": {"triggers": str(policy["retry_on"]).split(",")},
        "perRetry": {"backOff": {"baseInterval": "50ms", "maxInterval": "500ms"}},
    }
