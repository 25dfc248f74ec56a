"""The Kafka source's dead letters: whatever a record is, one of their forms is small enough, and all can be read."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.kafka_source.cloudevent import to_http
from bridges.kafka_source.letters import KEPT_BODY, MAX_HEADERS, dead_letters
from shared.domain.events import Dead
from shared.stores.dead import Letter, Place
from tests.unit.test_kafka_source import BINARY, Record

STRUCTURED = (("content-type", b"application/cloudevents+json"),)


def kept(letter: Dead) -> Letter:
    """As `store` has it, by way of Kafka."""
    read = Dead.model_validate_json(letter.model_dump_json())
    return Letter(1, "", read.source_topic, read.reason, read.headers, read.body.encode(), "waiting", read.at, None)


def forms(record: Record) -> list[Letter]:
    return [kept(letter) for letter in dead_letters(record, "status 400: no", 7)]


@pytest.mark.parametrize("value", ["{한}".encode(), b"\x00" * 400_000, bytes(range(256)) * 2000, b"", b"{" * 900_000])
def test_a_letter_has_the_record_to_the_byte_and_packed_too(value: bytes) -> None:
    whole, packed, cut = forms(Record(headers=BINARY, value=value))
    headers = {(name, v or b"") for name, v in BINARY}
    for letter in (whole, packed):
        record = letter.record()
        assert record is not None
        assert (record[0], record[1], set(record[2])) == ("ims.accepted.auth", value, headers)
        assert letter.original is None
    assert cut.original == Place("ims.accepted.auth", 2, 40)
    assert len(packed.body) < 1000 + len(value) * 4 / 3


def test_a_cut_letter_has_the_beginning_and_is_published_only_as_the_record_that_it_names() -> None:
    *_, cut = forms(Record(headers=BINARY, value="한".encode() * 100_000))
    assert cut.value.decode()[: KEPT_BODY // 3] == "한" * (KEPT_BODY // 3)
    assert cut.record() is cut.record("ims.outcome.bulk") is None
    assert cut.original is not None
    found = (cut.original.topic, b"all of it", [("ce_id", b"a1")])
    assert cut.record(original=found) == found
    assert cut.record("ims.outcome.bulk", found) == ("ims.outcome.bulk", *found[1:])


def test_headers_that_store_cannot_keep_are_cut_and_those_of_the_event_stay() -> None:
    many = [(f"x-{i}", b"v" * 900) for i in range(70)]
    (cut,) = forms(Record(headers=(*many, *BINARY, ("ce_much", b"v" * 70_000))))
    assert cut.original
    assert len(orjson.dumps(cut.headers)) < MAX_HEADERS / 2
    assert {"ce_id", "ce_type", "ce_source", "x-0"} <= cut.headers.keys()
    assert "ce_much" not in cut.headers


def test_kept_headers_fit_into_what_store_has_for_them_though_json_makes_them_longer() -> None:
    (cut,) = forms(Record(headers=(*BINARY, ("x-odd", b"\x01" * 15_000))))
    assert len(orjson.dumps(cut.headers)) < MAX_HEADERS


def test_a_record_cannot_say_how_its_dead_letter_is_read() -> None:
    whole, *_ = forms(Record(headers=(*BINARY, ("Body-Encoding", b"cut")), value=b"{}"))
    assert (whole.value, whole.original) == (b"{}", None)


NAMES = st.one_of(st.sampled_from(["ce_id", "ce_specversion", "ce_type", "ce_", "content-type", "ce_lane"]), st.text())
VALUES = st.one_of(st.none(), st.binary(), st.text().map(lambda text: text.encode("utf-8", "replace")))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
EVENT = st.dictionaries(st.sampled_from(["data", "data_base64", "datacontenttype", "id", "type", "한", ""]), JSON)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=5),
    st.one_of(st.none(), st.binary(), JSON.map(as_json), EVENT.map(as_json)),
    st.none() | st.binary(max_size=9),
    st.booleans(),
)
def test_of_every_record_a_request_and_a_letter_can_be_made(
    headers: list[tuple[str, bytes | None]], value: bytes | None, key: bytes | None, structured: bool
) -> None:
    record = Record(headers=(*headers, *(STRUCTURED if structured else ())), value=value, key=key)
    named, _ = to_http(record, "source")
    for name, text in named:
        assert f"{name}: {text}".isascii()
        assert f"{name}: {text}".isprintable()
    assert [letter.reason for letter in forms(record)] == ["status 400: no"] * 3
