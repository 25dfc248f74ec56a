"""A Kafka record as the headers and body of a binary-mode CloudEvent over HTTP, the way KafkaSource does it.

Binary records (`ce_*` headers) keep their attributes; structured ones (`application/cloudevents+json`) are taken apart;
anything else becomes a `dev.knative.kafka.event` (InvalidCloudEventInterceptor of eventing-kafka-broker).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.runtime.clock import iso
from shared.runtime.cloudevents import STRUCTURED, Parts, is_event, take_apart

PLAIN_TYPE = "dev.knative.kafka.event"

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
    event = _event(record, headers)
    kind, body = (event.kind, event.data) if event else (headers.get("content-type", ""), record.value or b"")
    attributes = event.attributes if event and is_event(event.attributes) else _plain(record, headers, source)
    attributes["knativekafkapartition"] = str(record.partition)
    attributes["knativekafkaoffset"] = str(record.offset)
    out = [(f"ce-{_NOT_NAME.sub('', name.lower())}", _encode(value)) for name, value in attributes.items()]
    if kind:
        out.append(("content-type", _CONTROL.sub("", kind)))
    return out, body


def _event(record: Record, headers: Mapping[str, str]) -> Parts | None:
    kind, value = headers.get("content-type", ""), record.value or b""
    if kind.startswith(STRUCTURED):
        return take_apart(value)
    if "ce_specversion" in headers:
        return Parts({name[3:]: v for name, v in headers.items() if name.startswith("ce_")}, kind, value)
    return None


def as_binary(record: Record) -> tuple[dict[str, str], bytes]:
    """Headers and value of a record as they were, or would have been, in binary mode."""
    headers = text_headers(record)
    event = _event(record, headers)
    if event is None:
        return headers, record.value or b""
    attributes = {f"ce_{name}": value for name, value in event.attributes.items()}
    return {**headers, "content-type": event.kind, **attributes}, event.data


def text_headers(record: Record) -> dict[str, str]:
    """The record's headers, names in lower case; of repeated ones the last."""
    return {name.lower(): (value or b"").decode("utf-8", "replace") for name, value in record.headers}


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
