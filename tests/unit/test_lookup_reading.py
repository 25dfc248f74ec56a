"""Parameters, cursors and ids: what is right comes back as a value, what is wrong is named."""

from __future__ import annotations

import base64
import contextlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from shared.domain.ids import LANES, message_id
from shared.domain.ids import request_id as make_request_id
from shared.following import reading
from shared.following.callbacks import Change, secret_ok
from shared.runtime.problems import Problem

RANDOM = "8e82b9f6-653e-42fe-b63d-fd16aef8282f"
REQUEST = make_request_id(1_790_000_000_000, 12345)


@given(st.binary(min_size=24, max_size=24), st.dictionaries(st.sampled_from(["to", "ref", "since"]), st.text()))
def test_a_cursor_leads_back_to_its_place(place: bytes, filters: dict[str, str]) -> None:
    mark = reading.filters_mark("reports", filters)
    assert reading.read_cursor(reading.cursor(mark, place), mark, 24) == place


@given(st.text(max_size=60))
def test_a_made_up_cursor_is_refused_in_words(text: str) -> None:
    with pytest.raises(Problem) as refused:
        reading.read_cursor(text, reading.filters_mark("x", {"a": 1}), 16)
    assert refused.value.status == 422


def test_a_cursor_of_other_filters_is_refused() -> None:
    text = reading.cursor(reading.filters_mark("messages", {"to": "a"}), b"p" * 16)
    with pytest.raises(Problem) as refused:
        reading.read_cursor(text, reading.filters_mark("messages", {"to": "b"}), 16)
    assert refused.value.errors[0]["code"] == "conflict"


async def test_an_unreadable_body_is_400_with_its_fault() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"{", "more_body": False}

    scope = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    with pytest.raises(Problem) as refused:
        await reading.body(Request(scope, receive), Change)
    (fault,) = refused.value.errors
    assert (refused.value.status, fault["pointer"], fault["code"]) == (400, "", "format")


@given(st.integers(1, 10_000), st.sampled_from(LANES))
def test_ids_are_read_with_and_without_dashes(index: int, lane: str) -> None:
    one = message_id(REQUEST, index, lane)
    assert reading.message_id(str(one)) == reading.message_id(one.hex) == one
    assert reading.request_id(str(REQUEST)) == reading.request_id(REQUEST.hex.upper()) == REQUEST
    with pytest.raises(ValueError, match="request id"):
        reading.request_id(str(one))


@pytest.mark.parametrize(
    "text",
    ["", "x", RANDOM, str(REQUEST), f"{{{REQUEST}}}", str(UUID(int=message_id(REQUEST, 1, "bulk").int | 3))],
)
def test_what_is_no_message_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="message id"):
        reading.message_id(text)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("010-2345-6789", "01023456789"),
        ("+82 10 2345 6789", "01023456789"),
        ("+1 415 555 0123", "+14155550123"),
        ("someone@example.com", "someone@example.com"),
        ("fcm:abc-123", "fcm:abc-123"),
    ],
)
def test_a_recipient_is_looked_for_as_it_is_stored(written: str, stored: str) -> None:
    assert reading.to(written) == stored


def test_a_plus_that_became_a_space_is_taken_as_meant() -> None:
    assert reading.time("2030-01-31T09:00:00 09:00") == reading.time("2030-01-31T00:00:00Z") == 1_896_048_000_000


@pytest.mark.parametrize(("size", "good"), [(23, False), (24, True), (64, True), (65, False)])
def test_a_secret_has_24_to_64_bytes(size: int, good: bool) -> None:
    text = base64.b64encode(b"x" * size).decode()
    assert secret_ok(f"whsec_{text}") is good
    assert not secret_ok(text)
    assert not secret_ok(f"whsec_{text[:-4]}!?==")


@pytest.mark.parametrize("text", ["0", "000", "-1", "+1", "ten", "1e2", "٣", "²", " 5", "5.0", ""])
def test_a_limit_is_a_number_from_1_on(text: str) -> None:
    with pytest.raises(ValueError, match="whole number from 1"):
        reading.limit(text)


@pytest.mark.parametrize(
    ("text", "taken"), [("1", 1), ("007", 7), ("200", 200), ("201", 200), ("1000000000", 200), ("9" * 5000, 200)]
)
def test_a_limit_over_200_is_taken_as_200(text: str, taken: int) -> None:
    assert reading.limit(text) == taken


@pytest.mark.parametrize("name", ["mt", "kakao", "email", "push", "rcs"])
def test_every_channel_can_be_looked_for(name: str) -> None:
    assert reading.channel(name) == name


def test_no_other_channel_can_be_looked_for() -> None:
    with pytest.raises(ValueError, match="channels are: mt, kakao"):
        reading.channel("fax")


READERS = ["limit", "time", "to", "ref", "channel", "status", "final_status", "code", "request_id", "message_id"]


@given(st.sampled_from(READERS), st.text(max_size=300))
def test_whatever_a_parameter_says_it_is_a_value_or_a_named_fault(name: str, text: str) -> None:
    with contextlib.suppress(ValueError):
        getattr(reading, name)(text)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59-05:00", "1969-12-31T23:59:59Z"])
def test_a_time_that_cannot_be_written_again_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"kept|1970"):
        reading.time(text)
