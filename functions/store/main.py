"""Keep the history: vendors' results, attempts of reports, dead letters. It never decides anything."""

from __future__ import annotations

from shared.domain.events import Accepted, Dead, Due, Event, Finished, Outcome, Receipts, Reported
from shared.runtime import Context, event_function
from shared.stores import history


async def store(
    events: list[Accepted | Outcome | Receipts | Due | Finished | Reported | Dead], ims: Context
) -> list[Event]:
    """One transaction for all events that wait, each counted once."""
    await ims.db(history.save, events, ims.now_ms())
    return []


main = event_function(store)
