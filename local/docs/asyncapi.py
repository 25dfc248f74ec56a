"""docs/asyncapi.yaml: the topics with their events, and which function sends and receives what. From the map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local.docs.openapi import untitled
from local.docs.text import to_yaml
from shared import flow
from shared.domain.events import MAX_BYTES, MAX_MESSAGES, REGISTRY, Event
from shared.domain.ids import LANES
from shared.reports.callback import user_agent

SOURCES = ("shared/flow.py", "shared/domain/events.py")
SCHEMAS, CHANNELS = "#/components/schemas/", "#/channels/"

Json = dict[str, Any]

DESCRIPTION = f"""\
Events are CloudEvents 1.0 in binary mode: the attributes as `ce_*` headers (CloudEvents Kafka protocol binding), the
data as JSON in the value. Records have no key. Every event carries a batch of one lane: at most {MAX_MESSAGES} messages
and {MAX_BYTES // 1024} KiB. Every event may come more than once and in any order; handlers are idempotent.
Fields at their default are left out; unknown fields are to be ignored.
"""


def document_text() -> str:
    """The whole document as YAML."""
    return to_yaml(document(), *SOURCES)


def document() -> Json:
    """The whole document."""
    kinds = list(REGISTRY.values())
    schemas: Json = {}
    for kind in kinds:
        schema = untitled(kind.model_json_schema(ref_template=SCHEMAS + "{model}"))
        schemas |= schema.pop("$defs", {}) | {kind.__name__: schema}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "IMS topics", "version": user_agent().removeprefix("ims/"), "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:9092", "protocol": "kafka", "description": "the local platform"}},
        "channels": dict(_channels(kinds)),
        "operations": dict(_operations()),
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in kinds},
            "messageTraits": {"cloudEvent": {"headers": _headers()}},
            "schemas": schemas,
        },
    }


# --- channels -------------------------------------------------------------------------------------------------------


def patterns(kind: type[Event]) -> list[str]:
    """The topics of an event, one or one a channel, with its lane open; none for events that come over HTTP only."""
    try:
        topics = [kind.model_construct(lane="{lane}", channel=channel).topic for channel in flow.CHANNELS]
    except NotImplementedError:
        return []
    return list(dict.fromkeys(topics))


def name_of(topic: str) -> str:
    """A channel's name: ims.send.mt.{lane} → send_mt."""
    return topic.removeprefix("ims.").removesuffix(".{lane}").replace(".", "_")


def _channels(kinds: list[type[Event]]) -> Iterator[tuple[str, Json]]:
    for topic in dict.fromkeys(topic for kind in kinds for topic in patterns(kind)):
        carried = [kind.__name__ for kind in kinds if topic in patterns(kind)]
        channel: Json = {"address": topic, "messages": {n: {"$ref": f"#/components/messages/{n}"} for n in carried}}
        if "{lane}" in topic:
            channel["parameters"] = {"lane": {"enum": list(LANES), "description": "인증, 실시간, 대량, 광고"}}
        yield name_of(topic), channel
    for kind in kinds:
        if not patterns(kind):
            name = kind.__name__
            words = f"Over HTTP, not over Kafka: {(kind.__doc__ or '').strip()}"
            messages = {name: {"$ref": f"#/components/messages/{name}"}}
            yield name, {"address": None, "description": words, "messages": messages}


def _operations() -> Iterator[tuple[str, Json]]:
    for function in flow.FLOW:
        for topic in _received(function):
            yield f"{function.name}_receives_{name_of(topic)}", _operation("receive", topic, function)
        for kind in REGISTRY.values():
            if not patterns(kind) and kind.__name__ in function.handles:
                yield f"{function.name}_receives_{kind.__name__}", _operation("receive", kind.__name__, function)
        for topic in function.emits:
            yield f"{function.name}_sends_{name_of(topic)}", _operation("send", topic, function)


def _received(function: flow.Function) -> list[str]:
    """The topics of a function's Kafka triggers, lanes folded together."""
    topics = [topic for trigger in function.on if isinstance(trigger, flow.Kafka) for topic in trigger.topics]
    return list(dict.fromkeys(_fold(topic) for topic in topics))


def _fold(topic: str) -> str:
    stem, _, last = topic.rpartition(".")
    return f"{stem}.{{lane}}" if last in LANES else topic


def _operation(action: str, topic: str, function: flow.Function) -> Json:
    return {"action": action, "channel": {"$ref": CHANNELS + name_of(topic)}, "title": f"functions/{function.name}"}


# --- messages -------------------------------------------------------------------------------------------------------


def _message(kind: type[Event]) -> Json:
    return {
        "name": kind.TYPE,
        "title": kind.__name__,
        "summary": (kind.__doc__ or "").strip(),
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "payload": {"$ref": SCHEMAS + kind.__name__},
    }


def _headers() -> Json:
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_type", "ce_source"],
        "properties": {
            "ce_specversion": {"const": "1.0"},
            "ce_id": {**text, "description": "32 hex digits; the cause that rows remember"},
            "ce_type": {"enum": list(REGISTRY)},
            "ce_source": {**text, "description": "/ims/<function>, /kafka_source, /redis_expiry or /cron/<function>"},
            "ce_time": {**text, "format": "date-time"},
            "ce_lane": {**text, "enum": list(LANES)},
            "ce_traceparent": {**text, "description": "W3C Trace Context"},
            "content-type": {"const": "application/json"},
        },
    }
