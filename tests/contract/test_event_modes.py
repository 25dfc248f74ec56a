"""Every event, written in either content mode, comes out of every source as it went in."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from bridges.kafka_source import cloudevent
from bridges.kafka_source.letters import dead_letters
from shared.domain.events import REGISTRY, Due, Event
from shared.domain.ids import LANES
from shared.runtime import bus
from shared.runtime.server import read_event

ON_KAFKA = sorted(kind for kind, event in REGISTRY.items() if event.topic is not Event.topic)
MODES = ("binary", "structured")
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(0, 2**48),
    bool: st.booleans(),
    float: st.floats(0, 1e6),
    NoneType: st.none(),
    Any: TEXTS | st.integers(0, 2**48) | st.none() | st.lists(TEXTS, max_size=1),
}


class Record(NamedTuple):
    """A record as the Kafka source reads it."""

    topic: str
    value: bytes
    headers: list[tuple[str, bytes]]
    partition: int = 0
    offset: int = 7
    timestamp: int = 0
    key: bytes | None = None


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in PLAIN:
        return PLAIN[annotation]
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of(*map(values, arguments))
    if origin is list:
        return st.lists(values(arguments[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=2)
    assert issubclass(annotation, BaseModel), f"no values for {annotation}"
    return models(annotation)


def models(kind: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Models with every field filled."""
    fields = {name: values(field.annotation) for name, field in kind.model_fields.items()}
    if issubclass(kind, Event):
        fields["lane"] = st.sampled_from(LANES)
    return st.builds(kind, **fields)


def over_http(headers: Mapping[str, str], body: bytes, ticks: bool = False) -> tuple[dict[str, str], bytes]:
    """What the runtime reads from a request."""
    scope = {"method": "POST", "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()]}
    event = read_event(scope, body, ticks)
    assert event is not None
    return event


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ON_KAFKA)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_event_comes_out_as_it_went_in(kind: str, mode: str, data: st.DataObject) -> None:
    event = data.draw(models(REGISTRY[kind]))
    ((topic, value, headers),) = bus.records(event, "/ims/test", TRACE, mode)
    own, body = cloudevent.to_http(Record(topic, value, headers), "a-source")
    attributes, sent = over_http(dict(own), body)
    assert type(event).model_validate_json(sent) == event
    assert attributes["type"] == kind
    assert attributes["lane"] == event.lane
    assert attributes["traceparent"] == TRACE
    assert attributes["knativekafkaoffset"] == "7"


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/cloudevents+json; charset=utf-8"])
def test_openfaas_kafka_connector_brings_a_structured_event_under_any_content_type(kind: str) -> None:
    event = Due(kind="timeout", ids=["a", "한글"], lane="bulk")
    ((topic, value, _),) = bus.records(event, "/ims/test", TRACE, "structured")
    headers = {"Content-Type": kind, "X-Topic": topic, "X-Kafka-Partition": "1", "X-Kafka-Offset": "7"}
    attributes, sent = over_http(headers, value)
    assert Due.model_validate_json(sent) == event
    assert (attributes["type"], attributes["traceparent"]) == (Due.TYPE, TRACE)


@pytest.mark.parametrize("mode", MODES)
def test_a_dead_letter_is_the_same_in_both_modes(mode: str) -> None:
    event = Due(kind="timeout", ids=["a"], lane="bulk")
    ((topic, value, headers),) = bus.records(event, "/ims/test", TRACE, mode)
    dead = next(dead_letters(Record(topic, value, headers), "status 400", 1))
    assert Due.model_validate_json(dead.body) == event
    assert dead.lane == "bulk"
    assert dead.headers["content-type"] == "application/json"
    assert {n: dead.headers[n] for n in ("ce_type", "ce_source", "ce_lane", "ce_traceparent")} == {
        "ce_type": Due.TYPE, "ce_source": "/ims/test", "ce_lane": "bulk", "ce_traceparent": TRACE,
    }  # fmt: skip
