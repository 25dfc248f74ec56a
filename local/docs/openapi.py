"""docs/openapi.yaml: the hand-written gateway.yaml, completed from the code and from the recorded examples."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from local.docs import generated
from local.docs.text import from_yaml, to_yaml
from local.home import ROOT
from shared import flow
from shared.accounts import access, defaults, devices, identities, suppressions, templates
from shared.channels import CHANNEL_NAMES, MODULES
from shared.channels.common import channel
from shared.channels.schema import Shared
from shared.digest import preferences
from shared.domain.codes import CODES
from shared.domain.ids import LANES
from shared.domain.states import State
from shared.edge.scopes import OPERATOR, SCOPES
from shared.exporting import api as exports
from shared.following import callbacks, reports, requests
from shared.reports.callback import user_agent
from shared.runtime import Route
from shared.runtime.problems import BASE, TITLES
from shared.vendors.registry import REGISTRY

BASE_FILE = Path(__file__).with_name("gateway.yaml")
EXAMPLES = ROOT / "docs" / "examples"
METHODS = ("get", "put", "post", "patch", "delete")
REF = "#/components/schemas/"
SOURCES = ("local/docs/gateway.yaml", "the request models", "docs/examples/")

Json = dict[str, Any]

MODELS: dict[str, type[BaseModel]] = {
    "NewExport": exports.New,
    "ReservationChange": requests.Change,
    "Replay": reports.Replay,
    "CallbackChange": callbacks.Change,
    "CallbackTest": callbacks.Test,
    "SecretRotation": callbacks.Rotation,
    "DigestChange": preferences.Change,
    "AccountChange": defaults.Change,
    "NewIdentity": identities.New,
    "IdentityChange": identities.Change,
    "NewKey": access.New,
    "KeyRotation": access.Rotation,
    "NewSender": identities.NewSender,
    "Decision": identities.Decision,
    "NewTemplate": templates.New,
    "TemplateDraft": templates.Draft,
    "TemplatePreview": templates.Preview,
    "Registration": devices.Registration,
    "Lifting": suppressions.Lifting,
    **{channel(name).request.__name__: channel(name).request for name in MODULES},
    **{channel(name).hop.__name__: channel(name).hop for name in MODULES},
}
"""Request bodies, as the code reads them."""
HOPS = tuple(channel(name).hop for name in MODULES)
CHANNEL_OF = {model: name for name in MODULES for model in (channel(name).request, channel(name).hop)}
FIRST = "mt"
"""The channel whose path is written by hand; the others' are the same but for the body."""
SHARED_PARTS = frozenset({"RecipientIn", "GroupOf", "HopIn"})
PARTIAL = frozenset({"CallbackChange", "DigestChange", "IdentityChange"})
"""Bodies of which only what is given counts, so that defaults mean nothing."""


def document_text() -> str:
    """The whole document as YAML."""
    return to_yaml(document(), *SOURCES)


def document() -> Json:
    """The whole document."""
    made: Json = from_yaml(BASE_FILE.read_text(encoding="utf-8"))
    words: dict[str, dict[str, str]] = made.pop("descriptions")
    made["paths"] |= {f"/v1/{name}/messages": _accepting(made, name) for name in flow.CHANNELS if name != FIRST}
    made["info"]["version"] = user_agent().removeprefix("ims/")
    made["components"]["schemas"] |= _tables() | _models(words)
    _add_generated(made)
    made["components"]["securitySchemes"]["key"]["x-scopes"] = _scopes()
    _add_rights(made)
    made["components"]["responses"] = {_problem_name(status): _problem(status) for status in TITLES}
    for _, _, operation in operations(made):
        for status in operation.pop("problems", ()):
            operation["responses"][str(status)] = {"$ref": f"#/components/responses/{_problem_name(status)}"}
        _add_examples(operation)
    return made


def _accepting(made: Json, name: str) -> Json:
    """The path by which a channel's messages are accepted."""
    first = json.dumps(made["paths"][f"/v1/{FIRST}/messages"])
    request, other = channel(name).request.__name__, channel(FIRST).request.__name__
    item: Json = json.loads(first.replace(f"{REF}{other}", f"{REF}{request}"))
    package = importlib.import_module(MODULES[name])
    summary = (package.__doc__ or "").splitlines()[0].rstrip(".")
    item["post"] |= {"operationId": f"send{name.capitalize()}", "summary": f"Send: {summary}"}
    return item


def operations(made: Json) -> list[tuple[str, str, Json]]:
    """(path, method, operation) of every path and webhook."""
    items = [*made["paths"].items(), *made.get("webhooks", {}).items()]
    return [(path, method, item[method]) for path, item in items for method in METHODS if method in item]


def _add_generated(made: Json) -> None:
    """What is not written by hand."""
    for route in routes():
        item = made["paths"].setdefault(route.path, {})
        if route.method.lower() in item:
            continue
        found = examples(generated.operation_id(route)).values()
        operation = item[route.method.lower()] = generated.settled(generated.operation(route, found))
        if not route.scopes:
            operation["security"] = [{"session": []}, {}]
        if route.body is not None:
            schema = untitled(route.body.model_json_schema(ref_template=REF + "{model}"))
            made["components"]["schemas"] |= schema.pop("$defs", {})
            made["components"]["schemas"][generated.body_name(route.body)] = schema


# --- rights ---------------------------------------------------------------------------------------------------------


def routes() -> Iterator[Route]:
    """Every operation of the HTTP functions of the map: pages for browsers are none."""
    for function in flow.FLOW:
        if function.handles:
            continue
        path = ROOT / "functions" / function.name / "main.py"
        spec: Any = importlib.util.spec_from_file_location(f"function_{function.name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield from (route for route in module.main.routes if not route.page)


def _scopes() -> Json:
    return {
        name: {"opens": scope.opens, "only_when_named": scope.named, "settings": scope.settings}
        for name, scope in SCOPES.items()
    }


def _add_rights(made: Json) -> None:
    """Which scopes open an operation (any one of those listed), and whether test keys are refused."""
    for route in routes():
        operation = made["paths"].get(route.path, {}).get(route.method.lower())
        if operation is None or not route.scopes:
            continue
        scheme = "operator" if any(scope.startswith(OPERATOR) for scope in route.scopes) else "key"
        operation["security"] = [{scheme: [scope]} for scope in route.scopes]
        operation["x-scopes"] = list(route.scopes)
        operation["x-test-keys"] = "no" if scheme == "operator" else "refused" if route.live_only else "their own only"
        if getattr(route.handler, "once", False):
            _add_key(operation)


def _add_key(operation: Json) -> None:
    """That it takes an Idempotency-Key (shared/edge/once.py), and what that may answer."""
    operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/OnceKey"})
    operation["problems"] = sorted({*operation.get("problems", ()), 408, 409, 422})


# --- schemas --------------------------------------------------------------------------------------------------------


def _tables() -> Json:
    """What the code keeps as tables."""
    kinds = sorted({kind for adapter in REGISTRY.values() for kind in adapter.types})
    return {
        "Lane": {"type": "string", "enum": list(LANES)},
        "Channel": {"type": "string", "enum": list(MODULES)},
        "ChannelName": {"type": "string", "enum": list(CHANNEL_NAMES)},
        "MessageType": {"type": "string", "enum": kinds},
        "Vendor": {"type": "string", "enum": [adapter.name for adapter in REGISTRY.values()]},
        "State": {"type": "string", "enum": [state.name for state in State]},
        "ResultCode": {"type": "string", "enum": list(CODES)},
        "ProblemType": {"type": "string", "format": "uri", "pattern": f"^{BASE}"},
    }


def _models(words: dict[str, dict[str, str]]) -> Json:
    shared = {name: words["MtRequest"][name] for name in Shared.model_fields}
    shared["channel"] = words["MtHop"]["channel"]
    schemas = {}
    for name, model in MODELS.items():
        common = shared if model in CHANNEL_OF else {}
        schemas[name] = _schema(model, {**common, **words.get(name, {})})
    for parts in [schema.pop("$defs", {}) for schema in schemas.values()]:
        for name, part in parts.items():
            if schemas.setdefault(name, part) != part:
                raise ValueError(f"two different models are called {name}")
    for field in (f for name in PARTIAL for f in schemas[name]["properties"].values()):
        field.pop("default", None)
    return schemas


def _schema(model: type[BaseModel], words: dict[str, str]) -> Json:
    """A request model as JSON Schema, without the titles that only repeat names, with a word on every field."""
    schema: Json = untitled(model.model_json_schema(ref_template=REF + "{model}"))
    if model in CHANNEL_OF:
        schema = _named_apart(schema, CHANNEL_OF[model])
    for name, field in schema["properties"].items():
        if name in words:
            field["description"] = words[name]
    if "fallback" in schema["properties"]:
        hops = [{"$ref": REF + channel(name).hop.__name__} for name in MODULES]
        (items,) = [option for option in schema["properties"]["fallback"]["anyOf"] if option.get("type") == "array"]
        items["items"] = {"oneOf": hops} if len(hops) > 1 else hops[0]
    if model in HOPS:
        schema["properties"]["channel"] |= {"$ref": REF + "Channel"}
        schema["properties"]["channel"].pop("default", None)
        schema["required"] = ["channel", *schema.get("required", ())]
    return schema


def _named_apart(schema: Json, name: str) -> Json:
    """A channel's own parts under names of their own: two channels may each have their Button."""
    prefix, text = name.capitalize(), json.dumps(schema)
    for part in schema.get("$defs", {}):
        if part not in SHARED_PARTS and not part.startswith(prefix):
            text = text.replace(f'"{REF}{part}"', f'"{REF}{prefix}{part}"')
    renamed: Json = json.loads(text)
    if "$defs" in renamed:
        own = {p: p if p in SHARED_PARTS or p.startswith(prefix) else prefix + p for p in renamed["$defs"]}
        renamed["$defs"] = {own[part]: value for part, value in renamed["$defs"].items()}
    return renamed


def untitled(value: Any) -> Any:
    """A schema without `title`s (a property called title stays)."""
    if isinstance(value, list):
        return [untitled(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {k: untitled(v) for k, v in value.items() if not (k == "title" and isinstance(v, str))}


# --- problems -------------------------------------------------------------------------------------------------------


def _problem_name(status: int) -> str:
    kind, _ = TITLES[status]
    return "".join(word.capitalize() for word in kind.split("-"))


def _problem(status: int) -> Json:
    _, title = TITLES[status]
    answer: Json = {
        "description": title,
        "content": {"application/problem+json": {"schema": {"$ref": REF + "Problem"}}},
    }
    if status in (409, 429, 503):
        answer["headers"] = {"retry-after": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}}
    return answer


# --- examples -------------------------------------------------------------------------------------------------------


def examples(operation_id: str) -> dict[str, Json]:
    """The recorded examples of an operation, by name."""
    found = sorted(EXAMPLES.glob(f"{operation_id}.*.json"))
    return {path.name.split(".")[1]: json.loads(path.read_text(encoding="utf-8")) for path in found}


def _add_examples(operation: Json) -> None:
    for name, example in examples(operation["operationId"]).items():
        request, response = example["request"], example.get("response")
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None and isinstance(request["body"], dict) and (response is None or response["status"] < 400):
            body.setdefault("examples", {})[name] = {"value": request["body"]}
        if response is not None and response["headers"].get("content-type"):
            _content(operation, response)["examples"] |= {name: {"value": response["body"]}}


def _content(operation: Json, response: Json) -> Json:
    """Where the answer's examples go; a referenced problem is copied into place first."""
    kind = response["headers"]["content-type"]
    answer = operation["responses"][str(response["status"])]
    if "$ref" in answer:
        status = response["status"]
        answer = operation["responses"][str(status)] = _problem(status)
    content: Json = answer["content"][kind]
    content.setdefault("examples", {})
    return content
