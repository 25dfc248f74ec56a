"""The scripts of tools/ with a kubectl that only writes down what it was asked, and gateways that do the same."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy import overlays
from local.home import ROOT
from local.probes import HOST

TOOLS = ROOT / "tools"
MESSAGE = {"messages": [{"message_id": "m1"}], "status": "delivered"}


@pytest.fixture
def kubectl(tmp_path: Path) -> str:
    """A PATH with a kubectl that writes its arguments into `asked` of the test's folder."""
    script = tmp_path / "bin" / "kubectl"
    script.parent.mkdir()
    script.write_text(f'#!/bin/bash\necho "$*" >>{tmp_path}/asked\n')
    script.chmod(0o755)
    return f"{script.parent}:{os.environ['PATH']}"


def run(script: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    own = {**os.environ, **env}
    return subprocess.run([TOOLS / script, *words], env=own, capture_output=True, text=True, check=False)


def places(asked: list[str], *starts: str) -> list[int]:
    return [next(i for i, line in enumerate(asked) if line.startswith(start)) for start in starts]


@pytest.fixture
def images() -> Iterator[None]:
    """build/images.txt, as images.sh writes it."""
    listed = ROOT / "build" / "images.txt"
    listed.parent.mkdir(exist_ok=True)
    listed.write_text("".join(f"{name}=r.example/{name}@sha256:{'1' * 64}\n" for name in overlays._images()))
    yield
    listed.unlink()


@pytest.mark.usefixtures("images")
def test_a_roll_out_runs_the_schema_then_replaces_the_topics_job_then_applies(kubectl: str, tmp_path: Path) -> None:
    assert run("pipeline/deploy.sh", "dev", PATH=kubectl).returncode == 0
    asked = (tmp_path / "asked").read_text().splitlines()
    order = places(
        asked,
        "-n ims-data delete job flyway",
        "apply -k infra/flyway",
        "-n ims-data wait",
        "-n ims delete job topics --ignore-not-found",
        "apply -k build/deploy/dev",
    )
    assert order == sorted(order)


@pytest.mark.usefixtures("images")
def test_a_schema_that_was_migrated_elsewhere_is_left_alone(kubectl: str, tmp_path: Path) -> None:
    assert run("pipeline/deploy.sh", "dev", PATH=kubectl, SKIP_SCHEMA="1").returncode == 0
    asked = (tmp_path / "asked").read_text()
    assert "apply -k build/deploy/dev" in asked
    assert "flyway" not in asked


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("there", ["", "kafkasource.sources.knative.dev/store"])
def test_a_roll_out_waits_for_kafka_sources_where_there_are_any(kubectl: str, tmp_path: Path, there: str) -> None:
    with (tmp_path / "bin" / "kubectl").open("a") as script:
        script.write(f'[[ $* != *"get kafkasource"* ]] || echo "{there}"\n')
    assert run("pipeline/deploy.sh", "node", PATH=kubectl, SKIP_SCHEMA="1").returncode == 0
    waited = "wait --for=condition=Ready kafkasource" in (tmp_path / "asked").read_text()
    assert waited == bool(there)


@pytest.mark.usefixtures("images")
def test_a_roll_out_that_is_not_ready_says_why(kubectl: str, tmp_path: Path) -> None:
    with (tmp_path / "bin" / "kubectl").open("a") as script:
        script.write('[[ $* != *"wait --for=condition=Ready ksvc"* ]] || exit 1\n')
        script.write('[[ $* != *"get ksvc -o custom-columns"* ]] || echo "route-fast False it exits"\n')
    failed = run("pipeline/deploy.sh", "dev", PATH=kubectl, SKIP_SCHEMA="1")
    assert failed.returncode == 1
    assert "route-fast False it exits" in failed.stderr
    assert "rollout status" not in (tmp_path / "asked").read_text()


def test_images_are_signed_by_a_key_or_by_the_pipelines_identity() -> None:
    env = {"DRY_RUN": "1", "REGISTRY": "r", "VERSION": "1", "BASE": "python@sha256:0", "SIGN": "1"}
    signed = [line for line in run("pipeline/images.sh", **env).stdout.splitlines() if line.startswith("cosign")]
    assert signed
    assert all(line.startswith("cosign sign --yes r/ims/") for line in signed)
    keyed = run("pipeline/images.sh", **env, COSIGN_KEY="/keys/cosign.key").stdout
    assert keyed.count("cosign sign --yes --key /keys/cosign.key r/ims/") == len(signed)
    (ROOT / "build" / "images.txt").unlink()


class Asked(NamedTuple):
    """What a gateway was asked."""

    method: str
    path: str
    host: str


@contextmanager
def gateway(asked: list[Asked]) -> Iterator[str]:
    """The address of one that delivers everything at once."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(Asked(self.command, self.path, self.headers["host"]))
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(MESSAGE).encode())

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer((HOST, 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()


SENT, LOOKED = ("POST", "/v1/mt/messages"), ("GET", "/v1/messages/m1")


def test_the_smoke_test_names_each_api_where_there_is_no_gateway() -> None:
    asked: list[Asked] = []
    with gateway(asked) as url:
        env = {"IMS_URL": url, "IMS_TEST_KEY": "ims_test_x"}
        hosts = {"IMS_HOST": "api-mt.ims.svc.cluster.local", "IMS_REPORT_HOST": "api-report.ims.svc.cluster.local"}
        assert run("pipeline/smoke.sh", **env, **hosts, IMS_REPORT_URL="").returncode == 0
        assert asked == [Asked(*SENT, hosts["IMS_HOST"]), Asked(*LOOKED, hosts["IMS_REPORT_HOST"])]


def test_the_smoke_test_looks_up_where_api_report_is() -> None:
    asked: list[Asked] = []
    looked: list[Asked] = []
    with gateway(asked) as url, gateway(looked) as reports:
        done = run("pipeline/smoke.sh", IMS_URL=url, IMS_REPORT_URL=reports, IMS_TEST_KEY="ims_test_x")
        assert done.returncode == 0, done.stderr
    assert [one[:2] for one in asked] == [SENT]
    assert [one[:2] for one in looked] == [LOOKED]
    assert asked[0].host == url.removeprefix("http://")
