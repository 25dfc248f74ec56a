"""Count what became of messages, into MongoDB. While that is away, statistics are late and nothing else."""

from __future__ import annotations

from shared.domain.events import Accepted, Event, Finished
from shared.insight import windows
from shared.runtime import Context, event_function
from shared.runtime.clock import milliseconds


async def analyze(event: Accepted | Finished, ims: Context) -> list[Event]:
    """Note messages, and count what has changed every few seconds; what is left then is counted by who asks for it."""
    insight = ims.insight
    if not insight.there:
        return []
    if isinstance(event, Accepted):
        await insight(insight.accepted, windows.of_requests(event.requests))
    elif event.replay is None:
        await insight(insight.finished, windows.of_reports(event.lane, event.reports, milliseconds))
    if insight.due():
        await insight(insight.count)
    return []


main = event_function(analyze)
