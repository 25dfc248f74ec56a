"""Bodies are known again by their content, not by how it was cut or by a form's boundary."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.requests import Request

from shared.edge.bodies import Hashed

JSON = "application/json"


def digest(parts: Sequence[bytes], kind: str = JSON, path: str = "/v1/keys", query: bytes = b"") -> bytes:
    coming = [{"type": "http.request", "body": p, "more_body": True} for p in parts]
    coming.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Any:
        return coming.pop(0)

    scope = {
        "type": "http", "method": "POST", "path": path, "query_string": query,
        "headers": [(b"content-type", kind.encode())],
    }  # fmt: skip
    body = Hashed(Request(scope, receive))
    assert asyncio.run(body.drain_within(5))
    return body.digest()


def form(boundary: str, content: bytes = b"picture") -> bytes:
    return f"--{boundary}\r\n".encode() + content + f"\r\n--{boundary}--\r\n".encode()


def test_the_same_bytes_in_other_parts_are_the_same_body() -> None:
    assert digest([b'{"name": "a"}']) == digest([b'{"na', b"", b'me": "a"}'])
    assert digest([b"a"]) != digest([b"b"])
    assert digest([b"a"]) != digest([b"a"], path="/v1/templates")
    assert digest([b"a"]) != digest([b"a"], query=b"merge=true")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_form_with_another_boundary_is_the_same_body(size: int) -> None:
    def cut(text: bytes) -> list[bytes]:
        return [text[i : i + size] for i in range(0, len(text), size)]

    first, again = "----b1", "=====================second-boundary"
    one = digest(cut(form(first)), f"multipart/form-data; boundary={first}")
    assert one == digest(cut(form(again)), f'multipart/form-data; boundary="{again}"')
    assert one != digest(cut(form(again, b"another")), f'multipart/form-data; boundary="{again}"')


def test_a_client_that_goes_away_is_not_waited_for() -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    assert not asyncio.run(Hashed(Request(scope, receive)).drain_within(5))
