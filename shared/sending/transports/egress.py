"""Calls to addresses that clients gave (Web Push endpoints), through the client that cannot be turned inwards."""

from __future__ import annotations

import asyncio
import time

from shared.domain.errors import Rejected, Unavailable, Uncertain
from shared.runtime import Context, metrics
from shared.runtime.egress import Unreached
from shared.vendors.base import Answer, Call

FORBIDDEN = "2005"
"""An address that may not be called is none."""


async def perform(ims: Context, call: Call, vendor: str, timeout_s: float) -> Answer:
    """POST; raises as `calls.exchange`, and Rejected (2005) for an address that must not be called."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s):
            reply = await ims.endpoints.exchange(call.url, call.body, call.headers.items())
    except Unreached as error:
        if error.forbidden:
            raise Rejected(FORBIDDEN, str(error)) from error
        raise Unavailable(f"{vendor} cannot be reached: {error}") from error
    except (OSError, TimeoutError, ValueError) as error:
        raise Uncertain(f"{vendor} did not answer: {type(error).__name__}") from error
    finally:
        metrics.VENDOR_SECONDS.labels(vendor).observe(time.perf_counter() - started)
    return Answer(reply.status, reply.headers, reply.body)
