"""Look-ups right after the acceptance, which answers before its request is in MySQL: that takes some tens of ms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from shared.accepting import seen
from shared.domain.errors import Unavailable
from shared.runtime import Context
from shared.runtime.redis import away
from shared.stores.requests import Arriving

LOOK_S, CHANGE_S = 1.0, 3.0
"""How long a look-up and a change wait. Each has an answer for afterwards; that of a change only says "try again"."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.32
LOOKS = 4
"""At least so often it is looked, however long each look takes: what came meanwhile is there the next time."""

T = TypeVar("T")


async def taken_in(
    ims: Context,
    account_id: int,
    request_id: UUID,
    read: Callable[[], Awaitable[T | None]],
    seconds: float,
    total: int | None = None,
    test: bool = False,
) -> T | None:
    """What `read` finds of a request; None, at once, when it finds nothing and acceptance knows of no such request.

    Else it reads again after growing pauses, and after `seconds` (and LOOKS) raises Arriving. `read` may raise that,
    too, when it finds a part that is not enough. `total`: what acceptance says of the request, where that is known
    already. `test`: only a request of a test key is known.
    """
    pause, end, looks = FIRST_PAUSE_S, time.monotonic() + seconds, 0
    while True:
        looks += 1
        try:
            found = await read()
        except Arriving as part:
            found, total = None, part.total
        if found is not None:
            return found
        if total is None:
            total = await accepted_total(ims, account_id, request_id, test)
        if total is None:
            return None
        if time.monotonic() >= end and looks >= LOOKS:
            raise Arriving(total)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)


async def accepted_total(ims: Context, account_id: int, request_id: UUID, test: bool = False) -> int | None:
    """How many messages a request of the account has, as acceptance noted it some minutes ago."""
    try:
        found = await seen.find(ims.redis.state, request_id)
    except away() as error:
        raise Unavailable(f"Redis: {type(error).__name__}") from error
    if found is None or found.account_id != account_id or (test and not found.test):
        return None
    return found.total
