"""A large body is looked through before it is read: the same recipients and fields, and an early end of too much."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.attack import SHAPES
from shared.channels import slices
from shared.channels.common import InvalidRequest
from shared.channels.slices import Apart, is_large, take_apart

MIB = 1024 * 1024


def taken(body: bytes) -> Apart | None:
    steps: Generator[None, None, Apart | None] = take_apart(body)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Apart | None = end.value
            return found


TEXT = st.text(max_size=12) | st.sampled_from(['"', "\\", '\\"', "{", "}]", ",", "recipients", "\ud7ff", "이름", "\n"])
SCALAR = (
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
RECIPIENT = VALUE | st.fixed_dictionaries({"to": TEXT, "variables": st.dictionaries(TEXT, SCALAR, max_size=5)})
FIELDS = st.dictionaries(TEXT.filter(lambda name: name != "recipients"), VALUE, max_size=6)


@settings(max_examples=200, deadline=None)
@given(
    fields=FIELDS, people=st.lists(RECIPIENT, min_size=1, max_size=40), pretty=st.booleans(), place=st.integers(0, 6)
)
def test_what_is_found_is_what_stands_there(
    fields: dict[str, Any], people: list[Any], pretty: bool, place: int
) -> None:
    items = list(fields.items())
    items.insert(place, ("recipients", people))
    body = orjson.dumps(dict(items), option=orjson.OPT_INDENT_2 if pretty else None)
    apart = taken(body)
    assert apart is not None
    assert list(apart.people) == orjson.loads(orjson.dumps(people))
    assert [apart.people[i] for i in range(len(people))] == list(apart.people)
    assert [i for first, run in apart.people.runs() for i in range(first, first + len(run))] == [*range(len(people))]
    assert orjson.loads(apart.body) == {**orjson.loads(orjson.dumps(fields)), "recipients": [0]}


@settings(max_examples=300, deadline=None)
@given(FIELDS, st.lists(RECIPIENT, min_size=1, max_size=5), st.integers(0, 400), st.binary(max_size=3))
def test_what_is_no_json_never_passes_for_some(
    fields: dict[str, Any], people: list[Any], cut: int, junk: bytes
) -> None:
    body = orjson.dumps({**fields, "recipients": people})
    broken = body[: cut % len(body)] + junk + body[cut % len(body) + len(junk) :]
    try:
        apart = taken(broken)
        found = None if apart is None else {**orjson.loads(apart.body), "recipients": list(apart.people)}
    except (InvalidRequest, orjson.JSONDecodeError):  # the rest of the body is read by the model, whose 400 that is
        found = None
    if found is not None:
        assert found == orjson.loads(broken)


@pytest.mark.parametrize("body", [b'{"recipients":[]}', b"{}", b' { "text" : "x" } ', b'{"recipients":{"to":"1"}}'])
def test_without_a_list_of_recipients_the_body_is_read_as_it_is(body: bytes) -> None:
    assert taken(body) is None


@pytest.mark.parametrize(
    ("shape", "pointer", "says"),
    [
        ("objects", "/recipients", "10000"),
        ("strings", "/recipients", "10000"),
        ("files", "/files", "values"),
        ("deep", "", "recursion"),
        ("fields", "", "fields"),
        ("twins", "", "fields"),
        ("variables", "/recipients/0", "values"),
    ],
)
def test_too_much_of_anything_is_named_with_its_place(shape: str, pointer: str, says: str) -> None:
    with pytest.raises(InvalidRequest) as told:
        taken(SHAPES[shape](2 * MIB))
    assert told.value.status == (400 if shape == "deep" else 422)
    assert [fault.pointer for fault in told.value.errors] == [pointer]
    assert says in told.value.errors[0].detail


@pytest.mark.parametrize(
    "body",
    [
        b'{"ttl":' + b"9" * MIB + b"}",
        b'{"text":"' + b"a" * (2 * MIB),
        b'{"a":' + b"[" * MIB,
        b'{"recipients":[' + b"[" * MIB,
        b'{"recipients":[{"to":"' + b"\\" * MIB,
        b"{" + b" " * MIB + b"}",
        b'{"recipients":[' + b'{"to":"1"}' * 1000 + b"]}",
        b'{"recipients":[{}}',
        b'{"recipients":[{}]}}',
        b'{"recipients":[{}]} x',
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_cannot_be_read_is_a_400(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as told:
        taken(body)
    assert told.value.status == 400
    assert told.value.errors[0].detail.startswith("the body is not JSON")


def test_bytes_that_are_no_utf_8_are_found_where_they_are_read() -> None:
    apart = taken(b'{"recipients":[{"to":"\xff"}]}')
    assert apart is not None
    with pytest.raises(InvalidRequest) as told:
        list(apart.people)
    assert told.value.status == 400


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_no_step_is_long_and_an_early_end_is_early(shape: str) -> None:
    body = SHAPES[shape](4 * MIB)
    whole, longest = time.process_time(), 0.0
    steps = take_apart(body)
    while True:
        began = time.process_time()
        try:
            next(steps)
        except (StopIteration, InvalidRequest):
            break
        longest = max(longest, time.process_time() - began)
    assert time.process_time() - whole < 5
    assert longest < 0.5, "of CPU time: far beyond what a slow machine needs for a thousand steps"


def test_small_bodies_and_those_of_few_values_are_read_at_once() -> None:
    assert not is_large(b"{}," * 20_000)
    assert is_large(b"{}," * 100_000)
    assert not is_large(b'"' + b"a" * (MIB - 10) + b'"')
    assert is_large(b'"' + b"a" * MIB + b'"')
    assert not is_large(orjson.dumps({"recipients": [{"to": "01012345678"}] * 10_000}))


def test_a_recipient_may_hold_much_but_not_anything() -> None:
    one = {"to": "1", "variables": {f"v{i}": "x" * 1000 for i in range(100)}}
    apart = taken(orjson.dumps({"recipients": [one] * 20}))
    assert apart is not None
    assert list(apart.people) == [one] * 20
    assert max(len(run) for _, run in apart.people.runs()) == 1, "each is longer than what is read at once"
    assert 10 * len(one["variables"]) <= slices.MAX_VALUES
