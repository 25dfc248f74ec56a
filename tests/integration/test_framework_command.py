"""Every function runs under the plain command of the Functions Framework."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import flow
from tests.ports import free_port
from tests.wiring.functions import FUNCTIONS, signature

COMMAND = Path(sys.executable).with_name("functions-framework")
OUTSIDE = {name: value for name, value in os.environ.items() if not name.startswith("IMS_")}


@pytest.fixture
def port() -> int:
    return free_port()


@contextlib.contextmanager
def command(function: flow.Function, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The framework's own command serving a function."""
    source = str(FUNCTIONS / function.name / "main.py")
    arguments = ("--asgi", "--target", "main", "--source", source, "--signature-type", signature(function))
    process = subprocess.Popen(
        [str(COMMAND), *arguments, "--host", "127.0.0.1", "--port", str(port)],
        env={**OUTSIDE, "PYTHONPATH": str(FUNCTIONS.parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def answer(port: int) -> int | None:
    """The status of an empty POST; None while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", data=b"", timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


@pytest.mark.parametrize("function", flow.FLOW, ids=lambda f: f.name)
def test_the_plain_framework_command_serves_a_function(function: flow.Function, port: int) -> None:
    with command(function, port) as process:
        deadline = time.monotonic() + 60
        while (status := answer(port)) is None:
            assert process.poll() is None, "the command ended"
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert status == (400 if function.handles else 404)
