"""Operations of the OpenAPI document that gateway.yaml does not write by hand: made from their routes.

The words are the handler's docstring, the body its route's model; what is answered is read off the examples that
passing tests have recorded (tests/recording.py), so it shows what there was, and promises no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from shared.runtime import Route

Json = dict[str, Any]
REF = "#/components/schemas/"
PAGED = ("limit", "cursor")
OPERATORS, SESSIONS = "Operators", "People"
ANYBODY = ("/v1/sessions", "/v1/invitations", "/v1/passwords", "/v1/people", "/v1/audit", "/v1/me/")
PROBLEMS = (400, 401, 403, 404, 409, 422, 429, 500, 503)
OF_BODIES = (408, 413, 415)
FREE = frozenset({"variables", "addresses", "content", "classes", "types", "cells", "mapping", "recipient", "message"})
"""Fields whose own names differ from object to object: an example of one says nothing of the next."""


def operation_id(route: Route) -> str:
    """`GET /v1/people/{id}` → getPeopleById."""
    words = []
    for part in route.path.removeprefix("/v1/").split("/"):
        plain = re.sub(r"[^A-Za-z0-9]+", " ", part).title().replace(" ", "")
        words.append(f"By{plain}" if part.startswith("{") else plain)
    return route.method.lower() + "".join(words)


def operation(route: Route, examples: Iterable[Json]) -> Json:
    """One operation, without its rights and examples."""
    whole = " ".join((route.handler.__doc__ or route.path).split())
    summary, _, further = whole.partition(": " if len(whole) > 100 else "\n")
    made: Json = {"operationId": operation_id(route), "tags": [_tag(route)], "summary": summary.rstrip(".")}
    if further:
        made["description"] = further
    examples = list(examples)
    refused = {e["response"]["status"] for e in examples if e.get("response") and e["response"]["status"] >= 400}
    parameters = [_path(name) for name in route.pattern[2]] + [_query(name) for name in route.query]
    if 412 in refused:
        parameters.append({"$ref": "#/components/parameters/IfMatch"})
    if parameters:
        made["parameters"] = parameters
    if route.body is not None:
        schema = {"$ref": REF + body_name(route.body)}
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    made["responses"] = _responses(route, examples)
    made["problems"] = sorted({*PROBLEMS, *refused, *(OF_BODIES if route.method in ("POST", "PUT", "PATCH") else ())})
    return made


def body_name(model: type[BaseModel]) -> str:
    """A model's name among all: its module's last word stands before it."""
    return f"{model.__module__.rpartition('.')[2].title().replace('_', '')}{model.__name__}"


def _tag(route: Route) -> str:
    if route.path.startswith("/v1/admin"):
        return OPERATORS
    return SESSIONS if route.path.startswith(ANYBODY) else "Account"


def _path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query(name: str) -> Json:
    if name in PAGED:
        return {"$ref": f"#/components/parameters/{name.title()}"}
    return {"name": name, "in": "query", "schema": {"type": "string"}}


def _responses(route: Route, examples: list[Json]) -> Json:
    found: Json = {}
    for example in examples:
        answer = example.get("response")
        if answer is None or answer["status"] >= 400:
            continue
        kind = answer["headers"].get("content-type")
        one = found.setdefault(str(answer["status"]), {"description": "Done"})
        if kind:
            said = one.setdefault("content", {}).setdefault(kind, {"schema": {}})
            said["schema"] = merged(said["schema"], shape(answer["body"]))
    return found or {"204" if route.method == "DELETE" else "200": {"description": "Done"}}


def shape(value: Any) -> Json:
    """The JSON Schema of one value; null says nothing."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, (int, float)):
        return {"type": "integer" if isinstance(value, int) else "number"}
    if isinstance(value, str):
        return {"type": "string"}
    if isinstance(value, list):
        items: Json = {}
        for one in value:
            items = merged(items, shape(one))
        return {"type": "array", "items": items}
    properties = {n: {"type": "object"} if n in FREE and isinstance(v, dict) else _or_null(v) for n, v in value.items()}
    return {"type": "object", "properties": properties, "required": [*value]}


def _or_null(value: Any) -> Json:
    return {"nullable": True} if value is None else shape(value)


def merged(one: Json, other: Json) -> Json:
    """What both have been."""
    if not one or not other:
        return one or other
    if one.get("nullable") or other.get("nullable"):
        plain = merged(*({k: v for k, v in part.items() if k != "nullable"} for part in (one, other)))
        return {**plain, "nullable": True}
    if {one.get("type"), other.get("type")} == {"integer", "number"}:
        return {"type": "number"}
    if one.get("type") != other.get("type"):
        return {}
    if one.get("type") == "array":
        return {"type": "array", "items": merged(one["items"], other["items"])}
    if one.get("type") != "object":
        return one
    if "properties" not in one or "properties" not in other:
        return {"type": "object"}
    names = {**one["properties"], **other["properties"]}
    properties = {n: merged(one["properties"].get(n, {}), other["properties"].get(n, {})) for n in names}
    return {
        "type": "object",
        "properties": properties,
        "required": [n for n in one["required"] if n in other["required"]],
    }


def settled(value: Any) -> Any:
    """Schemas as OpenAPI 3.1 has them: what was null once may be null, of a type that is known or not."""
    if isinstance(value, list):
        return [settled(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {name: settled(one) for name, one in value.items() if name != "nullable"}
    if value.get("nullable") is True and "type" in made:
        made["type"] = [made["type"], "null"]
    return made
