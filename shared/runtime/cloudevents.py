"""CloudEvents in both content modes, as IMS writes and reads them; attributes are text, data are JSON bytes.

Binary: attributes in headers (`ce_…` on Kafka, `ce-…` over HTTP), the value is the data. Structured: one JSON object
carries both, which survives what drops headers (the Kafka connector of OpenFaaS Pro).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson

STRUCTURED = "application/cloudevents+json"
JSON = "application/json"
REQUIRED = ("specversion", "id", "type", "source")
_NOT_ATTRIBUTES = frozenset({"data", "data_base64", "datacontenttype"})


class Parts(NamedTuple):
    """An event taken apart: its attributes, the content type of its data, the data."""

    attributes: dict[str, str]
    kind: str
    data: bytes


def put_together(attributes: Mapping[str, str], data: bytes) -> bytes:
    """A structured event; `data` are JSON, and stay as they are to the byte."""
    head = orjson.dumps({**attributes, "datacontenttype": JSON})
    return head[:-1] + b',"data":' + data + b"}"


def take_apart(value: bytes) -> Parts | None:
    """The parts of a structured event; None when it is none. Required attributes may be missing."""
    try:
        event = orjson.loads(value)
        data = _data(event)
    except (ValueError, AttributeError, TypeError):  # no JSON, no base64, no object
        return None
    attributes = {name: _text(v) for name, v in event.items() if name not in _NOT_ATTRIBUTES}
    return Parts(attributes, _text(event.get("datacontenttype") or JSON), data)


def is_event(attributes: Mapping[str, str]) -> bool:
    """Whether the attributes that every event must have are there."""
    return all(attributes.get(name) for name in REQUIRED)


def binary_attributes(scope: MutableMapping[str, Any]) -> dict[str, str] | None:
    """The attributes of an HTTP request in binary mode with JSON data (ASGI); None for any other request."""
    attributes: dict[str, str] = {}
    is_json = False
    for name, value in scope["headers"]:
        if name.startswith(b"ce-"):
            attributes[name[3:].decode()] = unquote(value.decode())
        elif name == b"content-type":
            is_json = value.split(b";")[0].strip() == JSON.encode()
    needed = attributes.get("specversion") == "1.0" and attributes.keys() >= {"id", "type", "source"}
    return attributes if is_json and needed else None


def _data(event: Mapping[str, Any]) -> bytes:
    if event.get("data_base64") is not None:
        return base64.b64decode(event["data_base64"], validate=True)
    data = event.get("data")
    if data is None:
        return b""
    kind = (event.get("datacontenttype") or JSON).partition(";")[0].strip()
    if isinstance(data, str) and not kind.endswith(("/json", "+json")):
        return data.encode()
    return orjson.dumps(data)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
