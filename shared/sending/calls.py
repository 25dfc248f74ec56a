"""One call to a vendor, by the transport that it asks for, and what it means when it does not come back.

A transport is a module with `perform(ims, call, vendor, timeout_s) -> Answer`; the built-in ones are `http` (HTTP/1.1,
pooled), `http2` and `egress` (URLs that clients gave), any other is named by its module and lives with its vendor.
"""

from __future__ import annotations

import asyncio
import time
from importlib import import_module
from typing import Any

from shared.domain.errors import Unavailable, Uncertain
from shared.runtime import Context, metrics
from shared.vendors.base import Answer, Call

TRANSPORTS: dict[str, str] = {
    "http2": "shared.sending.transports.http2",
    "egress": "shared.sending.transports.egress",
}
GRACE_S = 1.0
MAX_ANSWER = 8 * 1024 * 1024


async def exchange(ims: Context, call: Any, vendor: str, timeout_s: float) -> Answer:
    """Make a call by its transport. Unavailable: the vendor never got it. Uncertain: it may have."""
    if call.transport == "http":
        return await perform(ims.http, call, vendor, timeout_s)
    transport = import_module(TRANSPORTS.get(call.transport, call.transport))
    answer: Answer = await transport.perform(ims, call, vendor, timeout_s)
    return answer


async def perform(http: Any, call: Call, vendor: str, timeout_s: float) -> Answer:
    """Make a call over an httpx2 client; raises as `exchange`."""
    import httpx2

    started = time.perf_counter()
    timeout = httpx2.Timeout(timeout_s, connect=min(timeout_s, 3.0), pool=timeout_s)
    try:
        async with asyncio.timeout(timeout_s + GRACE_S):  # the client's time-outs are for each step, not for all of it
            asked = {"headers": dict(call.headers), "content": call.body, "timeout": timeout}
            async with http.stream(call.method, call.url, **asked) as response:
                body = await _body(response, vendor)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise Unavailable(f"{vendor} cannot be reached: {type(error).__name__}") from error
    except (httpx2.HTTPError, TimeoutError) as error:
        raise Uncertain(f"{vendor} did not answer: {type(error).__name__}") from error
    finally:
        metrics.VENDOR_SECONDS.labels(vendor).observe(time.perf_counter() - started)
    return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)


async def _body(response: Any, vendor: str) -> bytes:
    """The body, of which no more is read than an answer can have."""
    chunks, size = [], 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > MAX_ANSWER:
            raise Uncertain(f"{vendor} answered more than {MAX_ANSWER} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
