"""What of a batch is claimed at once.

Where a call carries one recipient, a batch takes a while: claimed whole, it would leave hundreds of messages of which
nobody knows whether they had left, should the process die. So a few are claimed, sent and recorded at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from shared.domain.events import Dispatch, Result, Send, SendPart
from shared.runtime import Context
from shared.stores.claims import HopKey
from shared.stores.vendors import Entry

Items = dict[HopKey, tuple[Send, SendPart]]
PORTION, SIDE_BY_SIDE = 32, 3
"""Messages of a portion; portions of a vendor account and lane at once, so that a slow call does not hold up all."""

_turns: WeakKeyDictionary[Context, dict[tuple[str, ...], asyncio.Semaphore]] = WeakKeyDictionary()


async def in_portions(
    event: Dispatch, items: Items, entry: Entry | None, send: Callable[[Items], Awaitable[list[Result]]], ims: Context
) -> list[Result]:
    """The results of all; what one portion raises is raised once the others have ended, so that theirs are recorded."""
    if entry is None or entry.adapter.max_batch > 1 or len(items) <= 1:
        return await send(items)
    vendor = (event.channel, event.vendor, event.account, event.lane)
    turns = _turns.setdefault(ims, {}).setdefault(vendor, asyncio.Semaphore(SIDE_BY_SIDE))

    async def in_turn(portion: Items) -> list[Result]:
        async with turns:
            return await send(portion)

    keys = list(items)
    portions = [{key: items[key] for key in keys[i : i + PORTION]} for i in range(0, len(keys), PORTION)]
    results: list[Result] = []
    errors: list[BaseException] = []
    for found in await asyncio.gather(*map(in_turn, portions), return_exceptions=True):
        if isinstance(found, BaseException):
            errors.append(found)
        else:
            results += found
    if errors:
        raise errors[0]
    return results
