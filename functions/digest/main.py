"""Tell each client in the morning, at 08:30 in Korea, what failed the day before.

The tick's own time says which day is meant; ticks until noon send what an earlier one could not.
"""

from __future__ import annotations

from shared.digest.run import run
from shared.domain.events import Tick
from shared.runtime import Context, event_function


async def digest(event: Tick, ims: Context) -> None:
    """Send the digests that are due at the time of the tick; a day missed is made up for by a tick of that morning."""
    await run(ims, event.at_ms or ims.now_ms())


main = event_function(digest)
