"""Ids carry request, index, lane and hop, and give them back."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import ids

TIMES = st.integers(0, 2**48 - 1)
BITS = st.integers(0, 2**80)
REQUESTS = st.builds(ids.request_id, TIMES, BITS)
INDEXES = st.integers(1, ids.MAX_INDEX)
LANE_NAMES = st.sampled_from(ids.LANES)
HOPS = st.integers(1, ids.MAX_HOP)


@given(TIMES, BITS)
def test_a_request_id_is_a_uuidv7_with_its_time_and_an_empty_tail(now: int, bits: int) -> None:
    request = ids.request_id(now, bits)
    assert request.version == 7
    assert request.variant == "specified in RFC 4122"
    assert ids.accepted_ms(request) == now
    assert request.int & ids.TAIL_MASK == 0


@given(REQUESTS, INDEXES, LANE_NAMES, HOPS)
def test_a_vendor_reference_names_its_message_lane_and_hop(request: UUID, index: int, lane: str, hop: int) -> None:
    message = ids.message_id(request, index, lane)
    reference = ids.vendor_reference(message, hop)
    assert len(reference) == 32
    assert ids.parse_reference(reference) == ids.Reference(message, lane, hop)
    assert ids.parse_reference(str(message)) == ids.Reference(message, lane, 0)


@given(REQUESTS, INDEXES, LANE_NAMES)
def test_a_message_id_knows_its_request_index_and_lane(request: UUID, index: int, lane: str) -> None:
    message = ids.message_id(request, index, lane)
    assert message.version == 7
    assert (ids.request_of(message), ids.index_of(message), ids.lane_of(message)) == (request, index, lane)
    low, high = ids.span_of(request)
    assert low < message <= high


@given(REQUESTS, REQUESTS, INDEXES, INDEXES)
def test_messages_of_two_requests_never_mix(one: UUID, other: UUID, i: int, j: int) -> None:
    same = ids.message_id(one, i, "bulk") == ids.message_id(other, j, "bulk")
    assert same is ((one, i) == (other, j))


@given(st.text())
def test_any_text_can_be_asked_whether_it_is_a_reference(text: str) -> None:
    ids.parse_reference(text)


@pytest.mark.parametrize("text", ["", "x", "0" * 32, "f" * 32, "12345678-1234-4234-8234-123456789abc"])
def test_what_is_no_reference_is_none(text: str) -> None:
    assert ids.parse_reference(text) is None


def test_a_request_id_is_no_message_reference() -> None:
    assert ids.parse_reference(str(ids.request_id(1_700_000_000_000, 7))) is None


@pytest.mark.parametrize("index", [0, ids.MAX_INDEX + 1])
def test_an_index_beyond_its_bits_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="index"):
        ids.message_id(ids.request_id(1, 1), index, "auth")


@pytest.mark.parametrize("hop", [0, ids.MAX_HOP + 1])
def test_a_hop_beyond_its_bits_is_refused(hop: int) -> None:
    with pytest.raises(ValueError, match="hop"):
        ids.vendor_reference(ids.message_id(ids.request_id(1, 1), 1, "auth"), hop)
