"""Try again the reports whose time has come."""

from __future__ import annotations

from shared.domain.events import Event, ReportDue
from shared.reports.desk import desk_of
from shared.reports.retries import retries
from shared.runtime import Context, event_function


async def report_retry(event: ReportDue, ims: Context) -> list[Event]:
    """Claim what is due and call; the keys are only hints, the due-set decides."""
    return await retries(event, desk_of(ims, first=False))


main = event_function(report_retry, parallel=16)
