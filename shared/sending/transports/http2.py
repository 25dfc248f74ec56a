"""HTTP/2: many calls at once over few connections."""

from __future__ import annotations

from shared.runtime import Context
from shared.sending import calls
from shared.vendors.base import Answer, Call


async def perform(ims: Context, call: Call, vendor: str, timeout_s: float) -> Answer:
    """Make the call; raises as `calls.exchange`."""
    return await calls.perform(ims.http2, call, vendor, timeout_s)
