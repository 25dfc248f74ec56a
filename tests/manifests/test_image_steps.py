"""The images, proven without an engine: each Dockerfile's own steps in a clean folder, then every function from it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import pages
from local.home import ROOT
from shared import flow
from tests.manifests.image import Build, Stage, steps
from tests.ports import free_port

pytestmark = pytest.mark.timeout(600)
DOCKERFILES = (ROOT / "Dockerfile", ROOT / "Dockerfile.bridge")
START_SECONDS = 60


@pytest.fixture(scope="module")
def out() -> Iterator[Path]:
    """A folder that the image's user can read."""
    folder = Path(tempfile.mkdtemp(prefix="ims-image-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def dependencies(out: Path) -> dict[str, Stage]:
    """The stage that all images share, built once."""
    build = Build(ROOT, ROOT / "Dockerfile", out, {"FUNCTION": "route"})
    build.run()
    return {"dependencies": build.stages["dependencies"]}


def image(out: Path, dependencies: dict[str, Stage], dockerfile: Path, name: str) -> Stage:
    """The image of a function (or of the bridges) on top of the shared stage."""
    return Build(ROOT, dockerfile, out / name, {"FUNCTION": name}, dict(dependencies)).run()


def start(stage: Stage, arguments: list[str], port: int) -> subprocess.Popen[bytes]:
    """Run the entry point with nothing but the image's environment, as the image's user where we may."""
    uid = int(stage.user.partition(":")[0])
    command = [stage.translated(word) for word in [*stage.entrypoint, *arguments]]
    env = {key: stage.translated(value) for key, value in stage.env.items()}
    as_user = {"user": uid, "group": uid, "extra_groups": []} if others_may_run_python() else {}
    return subprocess.Popen(
        command, cwd=stage.here("."), env={**env, "PORT": str(port), "HOST": "127.0.0.1"}, **as_user
    )  # type: ignore[call-overload,no-any-return]


def others_may_run_python() -> bool:
    """Root may become the image's user, if that one can reach this machine's interpreter."""
    python = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    return os.geteuid() == 0 and all(folder.stat().st_mode & 0o001 for folder in (python, *python.parents))


def status(port: int, path: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return int(answer.status)


def wait_until_healthy(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, f"ended with {process.returncode}"
        try:
            assert status(port, "/healthz") == 200
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"no answer within {START_SECONDS} s")


def stop(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(30)
    finally:
        process.kill()


@pytest.mark.parametrize("function", flow.FLOW, ids=lambda f: f.name)
def test_a_function_starts_from_its_image_and_drains(
    out: Path, dependencies: dict[str, Stage], function: flow.Function
) -> None:
    if function.name == "console":
        assert pages.build(print), "the console's image is made of what `make console` builds"
    stage, port = image(out, dependencies, DOCKERFILES[0], function.name), free_port()
    before = files(stage)
    process = start(stage, [], port)
    try:
        wait_until_healthy(process, port)
        assert [status(port, path) for path in ("/readyz", "/_/health", "/_/ready", "/metrics")] == [200] * 4
        assert function.name != "console" or status(port, "/console/sign-in") == 200
    finally:
        assert stop(process) in (0, -signal.SIGTERM)
    assert files(stage) == before, "nothing is written beside the code: the root file system may be read-only"


def files(stage: Stage) -> set[Path]:
    return set(stage.here(".").rglob("*"))


def test_no_start_compiles_anything(out: Path, dependencies: dict[str, Stage]) -> None:
    stage = image(out, dependencies, DOCKERFILES[0], "api_user")
    env = {key: stage.translated(value) for key, value in stage.env.items()}
    words = [stage.translated("/opt/ims/bin/python"), "-v", "-c"]
    code = "from shared.runtime.server import App; App('api_user').context.warm()"
    told = subprocess.run([*words, code], cwd=stage.here("."), env=env, capture_output=True, text=True, check=True)
    assert re.findall(rf"# \S+\.pyc matches {stage.folder}/\S+\.py", told.stderr), "how -v says that bytecode was there"
    assert not re.findall(rf"# code object from '?{stage.folder}/\S+\.py\b", told.stderr), "compiled at the start"
    library = stage.folder / "bytecode" / sysconfig.get_path("stdlib").lstrip("/")
    modules = re.findall(rf"matches {sysconfig.get_path('stdlib')}/(\S+)\.py\b", told.stderr)
    assert modules
    assert not [m for m in modules if "site-packages" not in m and not list(library.glob(f"{m}.cpython-*.pyc"))]


def test_the_bridges_image_runs_every_bridge(out: Path, dependencies: dict[str, Stage]) -> None:
    stage, port = image(out, dependencies, DOCKERFILES[1], "bridges"), free_port()
    for module in ("bridges.kafka_source", "bridges.redis_expiry", "bridges.cron", "bridges.smtp_in"):
        assert start(stage, [module, "--help"], port).wait(60) == 0
    process = start(stage, ["simulator", "--port", str(port)], port)
    try:
        wait_until_healthy(process, port)
    finally:
        stop(process)


def test_the_image_has_no_tools_of_development(dependencies: dict[str, Stage]) -> None:
    packages = {p.name.partition("-")[0] for p in dependencies["dependencies"].folder.rglob("*.dist-info")}
    assert {"functions_framework", "kafka_python"} <= packages
    assert not packages & {"ruff", "mypy", "pytest", "matplotlib", "pip"}


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda d: d.name)
def test_a_dockerfile_keeps_the_rules(dockerfile: Path) -> None:
    found = steps(dockerfile)
    words = [step.word for step in found]
    bases = [step.rest for step in found if step.word == "FROM"]
    assert found[0].word == "ARG"
    assert re.fullmatch(r"BASE=\S+:\d\S*", found[0].rest), "the base is an argument with a tag"
    assert all(base.startswith("${BASE}") for base in bases), "every stage is on the pinned base"
    assert not any("latest" in step.rest for step in found)
    assert not {"ADD", "VOLUME"} & set(words)
    assert [step.rest for step in found if step.word == "USER"] == ["10001:10001"]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in ("RUN", "COPY")), "nothing after USER"
    assert all(step.rest.startswith("[") for step in found if step.word in ("ENTRYPOINT", "CMD")), "SIGTERM reaches us"
    installs = [step.rest for step in found if step.word == "RUN" and " install " in step.rest]
    assert installs
    assert all("--require-hashes" in rest and "--no-cache-dir" in rest for rest in installs)
    secrets = re.compile("password|secret|token|_url", re.IGNORECASE)
    assert not any(secrets.search(step.rest) for step in found if step.word in ("ENV", "ARG"))


def test_both_dockerfiles_share_their_first_layers() -> None:
    first, second = ([s for s in steps(d) if s.word != "LABEL"] for d in DOCKERFILES)
    shared = next(i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    assert first[shared - 1].word == "ENV", "dependencies, shared/ and the environment are the same layers"
