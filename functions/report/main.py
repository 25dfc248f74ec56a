"""Tell each client what became of its messages, as soon as they have ended."""

from __future__ import annotations

from shared.domain.events import Event, Finished
from shared.reports.desk import desk_of
from shared.reports.first import first_tries
from shared.runtime import Context, event_function


async def report(event: Finished, ims: Context) -> list[Event]:
    """Call the clients back; what they do not take goes to the due-set, to be tried again by report_retry."""
    return await first_tries(event, desk_of(ims, first=True))


main = event_function(report, parallel=16)
