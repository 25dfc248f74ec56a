"""Requests accepted lately, by the minute that their ids carry: they answer look-ups until their rows are in MySQL.

One hash a minute, so that a whole group of requests costs one command.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable
from typing import Any, NamedTuple
from uuid import UUID

from shared.domain.ids import accepted_ms

KEEP_SECONDS = 3600


def minute(request_id: UUID) -> str:
    """The name of the hash that a request stands in."""
    return f"req:{accepted_ms(request_id) // 60_000}"


class Noted(NamedTuple):
    """What is known of a request that was just accepted."""

    account_id: int
    total: int
    test: bool


def note(pipe: Any, requests: Iterable[tuple[str, int, int]], tests: Container[str] = ()) -> None:
    """Add requests (id in hex, account, number of messages) by commands of a pipeline; `tests`: ids of test keys'."""
    minutes: dict[str, dict[str, str]] = defaultdict(dict)
    for digits, account_id, total in requests:
        minutes[minute(UUID(hex=digits))][digits] = (
            f"{account_id}:{total}:t" if digits in tests else f"{account_id}:{total}"
        )
    for name, entries in minutes.items():
        pipe.hset(name, mapping=entries)
        pipe.expire(name, KEEP_SECONDS)


async def find(redis: Any, request_id: UUID) -> Noted | None:
    """A request, if it was accepted lately."""
    noted = await redis.hget(minute(request_id), request_id.hex)
    if noted is None:
        return None
    account_id, total, *test = noted.decode().split(":")
    return Noted(int(account_id), int(total), bool(test))
