"""Every function loads as an ASGI app of the plain Functions Framework (its command: tests/integration)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from functions_framework.aio import create_asgi_app

from shared import flow
from tests.wiring.functions import FUNCTIONS, signature


async def call(app: Any, path: str, headers: dict[str, str], body: bytes) -> int:
    """The status of one request to an ASGI app, in this process."""
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": path, "raw_path": path.encode(),
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
