"""Send mails to the vendor that route chose, and ask about those whose call timed out."""

from __future__ import annotations

from shared.domain.events import Dispatch, Event, Poll
from shared.runtime import Context, event_function
from shared.sending import send


async def send_email(event: Dispatch | Poll, ims: Context) -> list[Event]:
    """Claim, call, record; every message gets exactly one result."""
    return await send(event, ims)


main = event_function(send_email, parallel=16, warm=("http",))
