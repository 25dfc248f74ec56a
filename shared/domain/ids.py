"""Identifiers that carry their own meaning: a UUIDv7 whose last 21 bits are index (14), lane (2) and hop (5).

A request id has all 21 bits zero; a message id has its index (from 1) and lane; the reference a vendor gets has also
the hop. So a receipt that echoes our reference names its message, lane and hop without a look-up, and all messages
of a request lie side by side in primary-key order.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

INDEX_BITS, LANE_BITS, HOP_BITS = 14, 2, 5
LANE_SHIFT = HOP_BITS
INDEX_SHIFT = HOP_BITS + LANE_BITS
TAIL_BITS = INDEX_BITS + LANE_BITS + HOP_BITS
TAIL_MASK = (1 << TAIL_BITS) - 1
HOP_MASK = (1 << HOP_BITS) - 1
MAX_INDEX = (1 << INDEX_BITS) - 1
MAX_HOP = HOP_MASK


class Lane(IntEnum):
    """The four lanes (인증, 실시간, 대량, 광고); the number is what an id carries."""

    auth = 0
    realtime = 1
    bulk = 2
    ad = 3


LANES: tuple[str, ...] = tuple(lane.name for lane in Lane)


class Reference(NamedTuple):
    """What a vendor reference says: the message, its lane and the hop (0 = a plain message id)."""

    message_id: UUID
    lane: str
    hop: int


def request_id(now_ms: int, random_bits: int) -> UUID:
    """Make a request id from the time in milliseconds and at least 53 random bits; its tail is zero."""
    rand_a = random_bits & 0xFFF
    rand_b = (random_bits >> 12) & ((1 << 41) - 1)
    value = (now_ms & ((1 << 48) - 1)) << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b << TAIL_BITS
    return UUID(int=value)


def message_id(request: UUID, index: int, lane: str) -> UUID:
    """The id of the recipient at `index` (from 1) of a request."""
    if not 1 <= index <= MAX_INDEX:
        raise ValueError(f"index {index} is not within 1…{MAX_INDEX}")
    return UUID(int=request.int | index << INDEX_SHIFT | Lane[lane] << LANE_SHIFT)


def vendor_reference(message: UUID, hop: int) -> str:
    """32 hex digits that a vendor echoes in its receipt: the message id with the hop in its last five bits."""
    if not 1 <= hop <= MAX_HOP:
        raise ValueError(f"hop {hop} is not within 1…{MAX_HOP}")
    return f"{message.int | hop:032x}"


def parse_reference(text: str) -> Reference | None:
    """Read a vendor reference or a message id, with or without dashes; None when it is neither."""
    try:
        value = UUID(text).int
    except (ValueError, AttributeError, TypeError):
        return None
    if value >> 76 & 0xF != 0x7 or not value >> INDEX_SHIFT & MAX_INDEX:
        return None
    return Reference(UUID(int=value & ~HOP_MASK), LANES[value >> LANE_SHIFT & 0b11], value & HOP_MASK)


def request_of(message: UUID) -> UUID:
    """The request a message belongs to."""
    return UUID(int=message.int & ~TAIL_MASK)


def lane_of(message: UUID) -> str:
    """The lane a message travels in."""
    return LANES[message.int >> LANE_SHIFT & 0b11]


def index_of(message: UUID) -> int:
    """The recipient's place in its request, from 1."""
    return message.int >> INDEX_SHIFT & MAX_INDEX


def message_bytes(request: int, index: int, lane: int) -> bytes:
    """`message_id` on plain integers and as the 16 bytes of a row: for loops over whole batches."""
    return (request | index << INDEX_SHIFT | lane << LANE_SHIFT).to_bytes(16, "big")


def request_bytes(message: bytes) -> bytes:
    """The request's 16 bytes of a message's."""
    return (int.from_bytes(message, "big") & ~TAIL_MASK).to_bytes(16, "big")


def dashed(digits: str) -> str:
    """32 hex digits as a UUID."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def span_of(request: UUID) -> tuple[UUID, UUID]:
    """The smallest and the largest message id that a request can have."""
    return UUID(int=request.int), UUID(int=request.int | TAIL_MASK)


def accepted_ms(any_id: UUID) -> int:
    """The acceptance time, in milliseconds, that every id carries."""
    return any_id.int >> 80
