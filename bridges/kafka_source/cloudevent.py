"""A Kafka record as the headers and body of a binary-mode CloudEvent over HTTP, the way KafkaSource does it.

Binary records (`ce_*` headers) keep their attributes; structured ones (`application/cloudevents+json`) are taken apart;
anything else becomes a `dev.knative.kafka.event` (InvalidCloudEventInterceptor of eventing-kafka-broker).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson

from shared.runtime.clock import iso

REQUIRED = ("specversion", "id", "type", "source")
PLAIN_TYPE = "dev.knative.kafka.event"
STRUCTURED = "application/cloudevents+json"

_SAFE = re.compile(r"[\x21\x23\x24\x26-\x7e]*\Z")
_UNSAFE = re.compile(rb'[^\x21-\x7e]|["%]')
_NOT_NAME = re.compile(r"[^a-z0-9]")
_CONTROL = re.compile(r"[^\x20-\x7e]")


class Record(Protocol):
    """What is used of kafka-python's ConsumerRecord."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


def to_http(record: Record, source: str) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of the request; `source` names the Kafka source in events that are made from plain records."""
    headers = text_headers(record)
    body = record.value or b""
    kind = headers.get("content-type", "")
    attributes: dict[str, str] | None = None
    if kind.startswith(STRUCTURED):
        attributes, structured_kind, body = _structured(body)
        kind = structured_kind if attributes is not None else kind
    elif "ce_specversion" in headers:
        attributes = {name[3:]: value for name, value in headers.items() if name.startswith("ce_")}
    if attributes is None or not all(attributes.get(name) for name in REQUIRED):
        attributes = _plain(record, headers, source)
    attributes["knativekafkapartition"] = str(record.partition)
    attributes["knativekafkaoffset"] = str(record.offset)
    out = [(f"ce-{_NOT_NAME.sub('', name.lower())}", _encode(value)) for name, value in attributes.items()]
    if kind:
        out.append(("content-type", _CONTROL.sub("", kind)))
    return out, body


def text_headers(record: Record) -> dict[str, str]:
    """The record's headers, names in lower case; of repeated ones the last."""
    return {name.lower(): (value or b"").decode("utf-8", "replace") for name, value in record.headers}


def _structured(value: bytes) -> tuple[dict[str, str] | None, str, bytes]:
    """Attributes, content type of the data, and the data; no attributes when it is not a CloudEvent."""
    try:
        event = orjson.loads(value)
        data = _data(event)
    except (orjson.JSONDecodeError, binascii.Error, AttributeError, TypeError):
        return None, "", value
    attributes = {k: _text(v) for k, v in event.items() if k not in ("data", "data_base64", "datacontenttype")}
    return attributes, event.get("datacontenttype") or "application/json", data


def _data(event: Mapping[str, Any]) -> bytes:
    if event.get("data_base64") is not None:
        return base64.b64decode(event["data_base64"], validate=True)
    data = event.get("data")
    if data is None:
        return b""
    kind = (event.get("datacontenttype") or "application/json").partition(";")[0].strip()
    if isinstance(data, str) and not kind.endswith(("/json", "+json")):
        return data.encode()
    return orjson.dumps(data)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _plain(record: Record, headers: Mapping[str, str], source: str) -> dict[str, str]:
    attributes = {
        "specversion": "1.0",
        "id": f"partition:{record.partition}/offset:{record.offset}",
        "type": PLAIN_TYPE,
        "source": f"/apis/v1/namespaces/ims/kafkasources/{source}#{record.topic}",
        "subject": f"partition:{record.partition}#{record.offset}",
        "time": iso(max(record.timestamp, 0)) or "",
    }
    if record.key is not None:
        attributes["key"] = attributes["partitionkey"] = record.key.decode("utf-8", "replace")
    for name, value in headers.items():
        attributes[f"kafkaheader{_NOT_NAME.sub('', name)}"] = value
    return attributes


def _encode(value: str) -> str:
    """Percent-encoding of the CloudEvents HTTP binding §3.1.3.2: all but printable ASCII, space, `"` and `%`."""
    if _SAFE.match(value):
        return value
    return _UNSAFE.sub(lambda m: b"%%%02X" % m[0][0], value.encode("utf-8", "replace")).decode("ascii")
