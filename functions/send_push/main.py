"""Send push messages to FCM, APNs and browsers' push services: to a token, or to all devices of a user."""

from __future__ import annotations

from shared.domain.events import Dispatch, Event, Poll
from shared.runtime import Context, event_function
from shared.sending import send


async def send_push(event: Dispatch | Poll, ims: Context) -> list[Event]:
    """Claim, call, record; every message gets exactly one result, however many devices it went to."""
    return await send(event, ims)


main = event_function(send_push, parallel=16, warm=("http2",))
