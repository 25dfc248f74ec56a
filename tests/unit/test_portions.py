"""Where a call carries one recipient, a batch is claimed, sent and recorded a few at a time."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from shared.domain.events import Result
from shared.sending.portions import PORTION, SIDE_BY_SIDE, Items, in_portions

EVENT: Any = SimpleNamespace(channel="email", vendor="smtp", account="main", lane="bulk")


class Ims:
    """Only a name for the turns."""


def items(count: int) -> Any:
    return {(n.to_bytes(16), 1): (None, None) for n in range(count)}


def entry(max_batch: int) -> Any:
    return SimpleNamespace(adapter=SimpleNamespace(max_batch=max_batch))


def sent(portion: Items) -> list[Result]:
    return [Result(id=key[0].hex(), hop=1, state="sent", code="0000", at=1) for key in portion]


async def test_no_more_are_open_at_once_than_a_few_portions_of_all_batches() -> None:
    open_, most = 0, 0

    async def send(portion: Items) -> list[Result]:
        nonlocal open_, most
        open_ += len(portion)
        most = max(most, open_)
        await asyncio.sleep(0)
        open_ -= len(portion)
        return sent(portion)

    ims: Any = Ims()
    found = await asyncio.gather(*(in_portions(EVENT, items(500), entry(1), send, ims) for _ in range(3)))
    assert most == PORTION * SIDE_BY_SIDE
    for results in found:
        assert [r.id for r in results] == [key[0].hex() for key in items(500)]


async def test_what_shares_calls_stays_whole() -> None:
    asked: list[int] = []

    async def send(portion: Items) -> list[Result]:
        asked.append(len(portion))
        return sent(portion)

    ims: Any = Ims()
    await in_portions(EVENT, items(500), entry(500), send, ims)
    await in_portions(EVENT, items(500), None, send, ims)
    assert asked == [500, 500]


async def test_one_portion_that_breaks_is_told_after_the_others_have_ended() -> None:
    ended: list[int] = []

    async def send(portion: Items) -> list[Result]:
        if not ended:
            ended.append(0)
            raise ConnectionError("the database is away")
        await asyncio.sleep(0)
        ended.append(len(portion))
        return sent(portion)

    ims: Any = Ims()
    with pytest.raises(ConnectionError):
        await in_portions(EVENT, items(100), entry(1), send, ims)
    assert sum(ended) == 100 - PORTION
