"""The gateway of a cluster: where it leads, and that what no function has answered is a problem, by the real Envoy."""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from deploy import envoy_gateway, envoy_ingress, gateway, overlays
from local.servers import envoy
from shared.runtime.settings import FunctionSettings
from tests.ports import free_port

Json = dict[str, Any]


def policy(kind: str, name: str = gateway.GATEWAY) -> Json:
    found = [o for o in envoy_gateway.objects() if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    return dict(found[0]["spec"])


def test_a_read_has_the_same_way_as_everything_else() -> None:
    routes = {r["metadata"]["name"]: r["spec"]["rules"][0] for r in gateway.routes()}
    for name, rule in routes.items():
        if not name.endswith("-reads"):
            reads = routes[f"{name}-reads"]
            assert [{**match, "method": "GET"} for match in rule["matches"]] == reads["matches"]
            assert {**rule, "matches": []} == {**reads, "matches": []}


def test_only_reads_are_sent_again_after_an_answer() -> None:
    labelled = [
        r["metadata"]["name"] for r in gateway.routes() if gateway.READS.items() <= r["metadata"]["labels"].items()
    ]
    assert labelled == [r["metadata"]["name"] for r in gateway.routes() if r["metadata"]["name"].endswith("-reads")]
    reads, whole = policy("BackendTrafficPolicy", "ims-reads"), policy("BackendTrafficPolicy")
    assert reads["targetSelectors"][0]["matchLabels"] == gateway.READS
    assert set(whole["retry"]["retryOn"]["triggers"]) == {"connect-failure", "refused-stream"}
    assert "gateway-error" in reads["retry"]["retryOn"]["triggers"]
    assert reads["circuitBreaker"] == whole["circuitBreaker"]


def test_clients_may_take_as_much_of_a_clusters_gateway_as_of_the_local_one() -> None:
    clients, whole = policy("ClientTrafficPolicy"), policy("BackendTrafficPolicy")
    assert clients["targetRefs"] == whole["targetRefs"]
    assert clients["connection"]["connectionLimit"]["value"] == envoy.DOWNSTREAM_CONNECTIONS
    assert clients["connection"]["bufferLimit"] == whole["connection"]["bufferLimit"] == "64Ki"
    assert whole["connection"] == policy("BackendTrafficPolicy", "ims-reads")["connection"]


def test_a_function_gives_a_slow_body_up_before_the_gateway_does() -> None:
    received = policy("ClientTrafficPolicy")["timeout"]["http"]["requestReceivedTimeout"]
    assert float(received.removesuffix("s")) > FunctionSettings().body_seconds


def test_with_envoy_gateway_as_the_ingress_nothing_leads_to_kourier() -> None:
    component = overlays.files()["components/envoy-ingress/kustomization.yaml"][0]
    changed = [p for p in component["patches"] if "$patch" not in p["patch"]]
    assert "kourier" not in str(changed)
    base = [o for path, made in overlays.files().items() if not path.startswith("overlays") for o in made]
    leading = {(o["kind"], o["metadata"]["name"]) for o in base if "kourier" in str(o) and "metadata" in o}
    grant = envoy_ingress.objects()
    assert [o["metadata"]["namespace"] for o in grant] == [envoy_ingress.NAMESPACE]
    for kind, name in leading:
        targets = [p["target"] for p in component["patches"] if p["target"]["kind"] == kind]
        assert any(t.get("name") in (None, name) or name.endswith("-to-functions") for t in targets), (kind, name)
    for change in changed:
        assert yaml.safe_load(change["patch"])[0]["op"] == "replace"


class Answer(http.server.BaseHTTPRequestHandler):
    """/STATUS answers so as Knative does, in plain text; /own/STATUS as a function does."""

    own: ClassVar[bytes] = b'{"title": "mine"}'

    def do_GET(self) -> None:
        status = int(self.path.rpartition("/")[2])
        mine = self.path.startswith("/own/")
        body = self.own if mine else b"activator request timeout"
        self.send_response(status)
        self.send_header("content-type", "application/problem+json" if mine else "text/plain; charset=utf-8")
        if mine:
            self.send_header("retry-after", "7")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where that Envoy writes its errors."""
    return tmp_path_factory.mktemp("envoy") / "log"


@pytest.fixture(scope="module")
def address(log: Path) -> Iterator[str]:
    """An Envoy with the filter as Envoy Gateway would place it, before a server that answers as it is asked."""
    server = http.server.ThreadingHTTPServer((envoy.HOST, 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = free_port()
    conf = log.with_name("envoy.json")
    conf.write_text(json.dumps(bootstrap(port, server.server_address[1])))
    process = subprocess.Popen(
        [
            envoy.program(),
            "-c",
            str(conf),
            "--concurrency",
            "1",
            "--log-level",
            "error",
            "--base-id-path",
            str(conf.with_name("id")),
            "--use-dynamic-base-id",
        ],
        stderr=log.open("w"),
    )
    try:
        wait_for(f"http://{envoy.HOST}:{port}")
        yield f"http://{envoy.HOST}:{port}"
    finally:
        process.terminate()
        process.wait()
        server.shutdown()


def bootstrap(port: int, behind: int) -> Json:
    lua = f"{envoy.TYPE}filters.http.lua.v3.Lua"
    source = {"inline_string": policy("EnvoyExtensionPolicy")["lua"][0]["inline"]}
    gone = {"prefix": "/gone"}
    manager = {
        "@type": f"{envoy.TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "http_filters": [
            {"name": "lua", "typed_config": {"@type": lua, "default_source_code": source}},
            envoy.router(),
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "ims",
                    "domains": ["*"],
                    "routes": [
                        {"match": gone, "direct_response": {"status": 500}},
                        {"match": {"prefix": "/"}, "route": {"cluster": "functions"}},
                    ],
                }
            ]
        },
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listener = {"name": "gateway", "address": envoy.address(port), "filter_chains": [{"filters": filters}]}
    return {"static_resources": {"listeners": [listener], "clusters": [envoy.static_cluster("functions", [behind])]}}


def ask(url: str) -> tuple[int, Any, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def wait_for(url: str) -> None:
    for _ in range(600):
        try:
            ask(f"{url}/200")
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("Envoy did not start")


@pytest.mark.parametrize("status", [400, 403, 404, 408, 413, 426, 429, 431, 501, 502, 503, 504])
def test_what_no_function_has_answered_is_a_problem(address: str, status: int) -> None:
    code, headers, body = ask(f"{address}/{status}")
    assert (code, headers["content-type"]) == (status, "application/problem+json")
    assert json.loads(body) == envoy.problem(status)
    assert json.loads(body)["errors"] == []
    assert headers["retry-after"] == envoy.RETRY_AFTER_SECONDS.get(status)


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (400, b"FOOBAR / HTTP/1.1\r\nhost: ims\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\n\r\n"),
        (426, b"GET / HTTP/1.0\r\nhost: ims\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\nhost: ims\r\nx: " + b"a" * 70_000 + b"\r\n\r\n"),
        (501, b"POST / HTTP/1.1\r\nhost: ims\r\ntransfer-encoding: gzip\r\n\r\n"),
    ],
)
def test_what_is_not_even_sound_http_is_answered_with_a_problem(address: str, status: int, sent: bytes) -> None:
    with socket.create_connection((envoy.HOST, int(address.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(sent)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())) == (status, envoy.problem(status))


def test_the_script_fails_for_none_of_them(address: str, log: Path) -> None:
    ask(f"{address}/404")
    ask(f"{address}/gone")
    assert "script" not in log.read_text()


def test_a_function_without_a_ready_pod_is_not_available(address: str) -> None:
    code, headers, body = ask(f"{address}/gone")
    assert (code, json.loads(body)["status"], headers["retry-after"]) == (503, 503, "2")


@pytest.mark.parametrize("status", [200, 404, 500, 503])
def test_the_answer_of_a_function_is_left_alone(address: str, status: int) -> None:
    code, headers, body = ask(f"{address}/own/{status}")
    assert (code, headers["retry-after"], body) == (status, "7", Answer.own)
