"""Every function loads as an ASGI app of the plain Functions Framework (its command: tests/integration)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from functions_framework.aio import create_asgi_app

from shared import flow
from shared.runtime.context import Context, use
from shared.runtime.server import App
from tests.wiring.functions import FUNCTIONS, signature

LATER = ("flask", "functions_framework", "httpx2", "kafka", "redis")
"""What a start does without: the framework's own app, and clients that are connected when the function answers."""


async def call(app: Any, path: str, headers: dict[str, str], body: bytes, method: str = "POST") -> int:
    """The status of one request to an ASGI app, in this process."""
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
    }  # fmt: skip
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]


@pytest.mark.parametrize("function", flow.FLOW, ids=lambda f: f.name)
def test_a_function_loads_as_an_asgi_app_of_the_framework(function: flow.Function) -> None:
    app = create_asgi_app("main", str(FUNCTIONS / function.name / "main.py"), signature(function))
    if function.handles:
        assert asyncio.run(call(app, "/", {"content-type": "application/json"}, b"{}")) == 400  # no CloudEvent
    else:
        assert asyncio.run(call(app, "/nothing/is/here", {}, b"")) == 404


def test_our_own_server_leaves_to_the_framework_what_is_no_event() -> None:
    app = App("route")
    try:
        assert asyncio.run(call(app, "/", {"content-type": "application/json"}, b"{}")) == 400
        assert asyncio.run(call(app, "/", {}, b"", "GET")) == 405
    finally:
        use(Context("ims"))


def test_a_start_imports_nothing_that_only_some_later_call_needs() -> None:
    names = [function.name for function in flow.FLOW]
    code = (
        "import sys\n"
        "from shared.runtime.server import App\n"
        f"for name in {names}:\n"
        "    App(name)\n"
        f"    assert not {set(LATER)} & sys.modules.keys(), name\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=FUNCTIONS.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
