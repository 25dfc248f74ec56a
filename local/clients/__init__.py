"""The clients in clients/, made from the OpenAPI document: what an operation is, whatever language calls it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]
KEYED = ("#/components/parameters/IdempotencyKey", "#/components/parameters/OnceKey")
METHODS = ("get", "post", "put", "patch", "delete")
OTHERS = ("receive",)
"""Operations that vendors call, not clients."""


class Operation(NamedTuple):
    """One operation; `once`: it takes an Idempotency-Key; `form`: its body is no JSON; `result`: the schema of its 2xx."""

    name: str
    method: str
    path: str
    summary: str
    places: list[str]
    query: list[Json]
    headers: list[Json]
    body: Json | None
    body_required: bool
    form: bool
    once: bool
    result: Json | None
    text: bool


def operations(document: Json) -> Iterator[Operation]:
    """Those that clients and operators call, by their names."""
    found = [(p, m, item[m]) for p, item in document["paths"].items() for m in METHODS if m in item]
    for path, method, one in sorted(found, key=lambda each: str(each[2]["operationId"])):
        if not path.startswith(("/v1/receipts/", "/v1/unsubscribe/")):
            yield _operation(document, path, method, one)


def _operation(document: Json, path: str, method: str, one: Json) -> Operation:
    given = [resolved(document, p) for p in one.get("parameters", ())]
    content = one.get("requestBody", {}).get("content", {})
    kind, result = _result(one)
    keyed = any(p.get("$ref") in KEYED for p in one.get("parameters", ()))
    return Operation(
        one["operationId"], method.upper(), path, " ".join(str(one.get("summary", "")).split()),
        re.findall(r"{(\w+)}", path), [p for p in given if p["in"] == "query"],
        [p for p in given if p["in"] == "header" and p["name"] != "Idempotency-Key"],
        content.get("application/json", {}).get("schema"), bool(one.get("requestBody", {}).get("required")),
        bool(content) and "application/json" not in content, keyed, result, bool(kind) and "json" not in kind,
    )  # fmt: skip


def _result(one: Json) -> tuple[str, Json | None]:
    """Type and schema of what a success answers; of several that of the first."""
    for status, answer in sorted(one["responses"].items()):
        if str(status).startswith("2"):
            for kind, content in answer.get("content", {}).items():
                return kind, content["schema"]
    return "", None


def resolved(document: Json, part: Json) -> Json:
    """What a reference leads to."""
    while "$ref" in part:
        found: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def snake(name: str) -> str:
    """A name as Python writes it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).lower().strip("_")


def camel(name: str) -> str:
    """A name as JavaScript writes it."""
    first, *rest = snake(name).split("_")
    return first + "".join(word.capitalize() for word in rest)
