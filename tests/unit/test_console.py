"""The console by its own tools: lint, types, unit tests, sizes; its lock file and its types of the API are current."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local import pages

WITHIN_S = 300
pytestmark = pytest.mark.timeout(WITHIN_S + 300)


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """What npm brings, and a build to weigh."""
    assert pages.build(print), "the console could not be built; see above"


def npx(*arguments: str) -> str:
    """What a tool of the console says; it must end well."""
    program = Path(sys.executable).with_name("npx")
    env = {**os.environ, "PATH": f"{program.parent}:{os.environ.get('PATH', '')}", "NO_COLOR": "1"}
    command = [str(program), "--no-install", *arguments]
    done = subprocess.run(command, cwd=pages.HERE, env=env, capture_output=True, text=True, timeout=WITHIN_S)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("vue-tsc", "--noEmit", "--incremental", "--tsBuildInfoFile", "node_modules/.cache/types"),
        ("eslint", "--cache", "--cache-location", "node_modules/.cache/eslint", "."),
        ("stylelint", "src/**/*.{css,vue}"),
        ("vitest", "run"),
    ],
    ids=lambda a: a[0],
)
def test_a_tool_finds_nothing(arguments: tuple[str, ...]) -> None:
    npx(*arguments)


def test_the_types_of_the_api_are_those_of_its_document(tmp_path: Path) -> None:
    fresh = tmp_path / "schema.d.ts"
    npx("openapi-typescript", "../docs/openapi.yaml", "--default-non-nullable=false", "-o", str(fresh))
    assert fresh.read_text() == (pages.HERE / "src" / "api" / "schema.d.ts").read_text(), "in console/: npm run api"


def test_the_lock_file_names_no_address_of_a_package() -> None:
    lock = json.loads((pages.HERE / "package-lock.json").read_text())
    assert len(lock["packages"]) > 100
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]


def test_every_package_is_pinned() -> None:
    package = json.loads((pages.HERE / "package.json").read_text())
    wanted = {**package["dependencies"], **package["devDependencies"]}
    assert not [f"{name}@{version}" for name, version in wanted.items() if not version[0].isdigit()]
