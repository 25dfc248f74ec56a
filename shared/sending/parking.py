"""What a sender does while its lane is paused: batches wait in MySQL as due work, and come again when the pause ends.

| dies after … | what is there |
|---|---|
| the batch was put away, before its event is taken | the event comes again and is put away again; claims let one go |
| the pause was lifted, before its batches left | they are due: `schedule` lets them go |

A message whose time ends during the pause is not kept longer than that: it comes back at its end and expires unsent.
"""

from __future__ import annotations

from shared.domain.events import Dispatch, SendPart
from shared.runtime import Context
from shared.stores import stops
from shared.stores.vendors import Entry


async def going(event: Dispatch, entry: Entry | None, ims: Context) -> Dispatch | None:
    """The part of a batch that may go now: all of it, but in a paused lane only what has expired."""
    now = ims.now_ms()
    until = entry.pauses.get(event.lane, 0) if entry else 0
    if until <= now:
        return event
    over, waiting = split(event.parts, now)
    if not waiting:
        return event
    kept = event.model_copy(update={"parts": waiting})
    back_ms = min(until, *(part.valid_until for part in waiting))
    if not await ims.db(stops.park, kept, back_ms, now):
        return event
    return event.model_copy(update={"parts": over}) if over else None


def split(parts: list[SendPart], now_ms: int) -> tuple[list[SendPart], list[SendPart]]:
    """(those whose time is over, the others)."""
    over = [part for part in parts if part.valid_until <= now_ms]
    return over, [part for part in parts if part.valid_until > now_ms]
