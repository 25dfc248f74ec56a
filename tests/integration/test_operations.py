"""Every operation of the OpenAPI document with generated requests: never a 5xx, each answer as the document says.

Made by tests/generated.py from the document, on real servers. What fails says its seed and the whole request.
"""

from __future__ import annotations

import json
import os

import jsonschema
import pytest
from starlette.requests import Request
from starlette.responses import Response

from local.docs import openapi
from local.docs.text import from_yaml
from shared import flow
from shared.edge.scopes import SCOPES
from shared.runtime import Context, settings
from tests.generated import Json, Maker
from tests.integration.test_api_report import Client, add_account
from tests.integration.test_rights import add_key
from tests.integration.test_rights import ims as ims
from tests.wiring.functions import loaded

DOCUMENT = openapi.document()
OPERATIONS = [(path, method, o) for path, method, o in openapi.operations(DOCUMENT) if path.startswith("/")]
WRITTEN = from_yaml(openapi.BASE_FILE.read_text(encoding="utf-8"))["paths"].values()
ACCEPTING = {f"send{name.capitalize()}" for name in flow.CHANNELS}
BY_HAND = {o["operationId"] for item in WRITTEN for o in item.values() if "operationId" in o} | ACCEPTING
EACH = int(os.environ.get("IMS_TEST_GENERATED", "8"))
"""Requests of one operation."""
GLOBAL = ("lane", "vendor")
"""What operators change for all: only what is not there is named, for other tests live on the same servers."""


@pytest.fixture
async def account(ims: Context, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    monkeypatch.setenv("IMS_EGRESS_TIMEOUT_SECONDS", "0.2")
    settings.reset()
    username = f"gen-{os.urandom(4).hex()}"
    return await ims.db(add_account, username), username


async def ask(method: str, path: str, query: str, body: bytes, headers: Json) -> Response:
    """One request to the function that has the route, or to the first with its prefix."""
    mains = [loaded(f.name) for f in flow.FLOW if not f.handles]
    (main,) = [m for m in mains if any(r.method == method and r.pattern[0].match(path) for r in m.routes)] or mains[:1]
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "client": ("192.0.2.7", 1),
        "headers": [(k.encode(), v.encode("utf-8", "replace")) for k, v in headers.items()],
    }  # fmt: skip

    async def receive() -> Json:
        return {"type": "http.request", "body": body, "more_body": False}

    response: Response = await main(Request(scope, receive))
    return response


async def known_of(template: str, token: str, username: str) -> dict[str, list[str]]:
    """Ids that the lists on the way to a path show; not those of the demo account, which other tests send by."""
    parts = template.split("/")
    found: dict[str, list[str]] = {"username": [username], "date": ["2026-11-30"]}
    for i, part in enumerate(parts):
        listing = "/".join(parts[:i])
        name = part[1:-1]
        if (
            part.startswith("{")
            and name not in (*found, *GLOBAL)
            and (listing, "get") in {(p, m) for p, m, _ in OPERATIONS}
        ):
            answer = await ask("GET", listing, "", b"", {"authorization": f"Bearer {token}"})
            items = json.loads(answer.body).get("items", []) if answer.status_code == 200 else []
            items = [item for item in items if item.get("username") != "demo"]
            keys = (name, "id", "code", "message_id", "request_id")
            found[name] = [str(item[k]) for item in items for k in keys if k in item][:5]
    return found


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=[o["operationId"] for _, _, o in OPERATIONS])
async def test_whatever_comes_no_operation_breaks_and_answers_as_documented(
    ims: Context, account: tuple[int, str], path: str, method: str, operation: Json
) -> None:
    account_id, username = account
    client = Client(ims, None, account_id, username)  # type: ignore[arg-type]
    await client.finished("01011112222", ref="r", callback_uri="https://client.example/")
    live = await ims.db(add_key, "live", account_id, scopes=json.dumps([*SCOPES]))
    token = await ims.db(add_key, "admin", None) if path.startswith("/v1/admin/") else live
    known = await known_of(path, token, username)
    for number in range(EACH):
        seed = f"{operation['operationId']} {number}"
        maker = Maker(DOCUMENT, seed, known)
        body, kind = maker.body(operation)
        headers = {"authorization": f"Bearer {token}"} if number % 6 else {}
        headers |= {"content-type": kind} if method != "get" else {}
        headers |= {"idempotency-key": seed} if number % 3 == 2 else {}
        asked = method.upper(), maker.path(path), maker.query(operation)
        answer = await ask(*asked, body if method != "get" else b"", headers)
        told = f"seed {seed!r}: {asked} {body[:2000]!r} → {answer.status_code} {getattr(answer, 'body', b'')[:2000]!r}"
        assert answer.status_code < 500 or (answer.status_code == 503 and _waits(answer)), told
        check(operation, answer, told)


def _waits(answer: Response) -> bool:
    """Whether a 503 says when to come again: what it needs is not there in this test (a vendor, DNS)."""
    return "retry-after" in answer.headers


def check(operation: Json, answer: Response, told: str) -> None:
    """Hold an answer against its operation. What is read off examples (local/docs/generated.py) promises no shapes."""
    if answer.status_code == 405 or (answer.status_code == 404 and "404" not in operation["responses"]):
        return  # the path that was made is another operation's, or nobody's
    said = operation["responses"].get(str(answer.status_code))
    if answer.status_code < 300 and operation["operationId"] not in BY_HAND:
        return
    assert said is not None, f"not documented: {told}"
    if "$ref" in said:
        said = DOCUMENT["components"]["responses"][said["$ref"].rpartition("/")[2]]
    kind = answer.headers.get("content-type", "")
    contents = said.get("content", {})
    body = getattr(answer, "body", None)
    if not contents or body is None:
        return
    assert kind in contents, told
    if "json" in kind:
        whole = {**contents[kind]["schema"], "components": DOCUMENT["components"]}
        try:
            jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(json.loads(body))
        except jsonschema.ValidationError as error:
            raise AssertionError(f"{error.message} at {error.json_path}: {told}") from None
