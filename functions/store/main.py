"""Keep the history: vendors' results, tries of reports, dead letters; and blank one-time passwords that have ended.

It decides nothing: the trail of a message is written by those who decide, in their transactions.
"""

from __future__ import annotations

from shared.domain.events import Dead, Due, Event, Finished, Outcome, Receipts, Reported, Unread
from shared.runtime import Context, event_function
from shared.stores import history


async def store(
    events: list[Outcome | Receipts | Unread | Due | Finished | Reported | Dead], ims: Context
) -> list[Event]:
    """One transaction for all events that wait. Due work and receipts that name no message come along; they say
    nothing that is not told again as an outcome."""
    await ims.db(history.save, events)
    return []


main = event_function(store)
