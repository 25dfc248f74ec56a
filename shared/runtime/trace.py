"""W3C trace context, carried through every hop: a `traceparent` in, its child out."""

from __future__ import annotations

import os
import re
from contextvars import ContextVar
from dataclasses import dataclass

_FORM = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")


@dataclass(frozen=True)
class Trace:
    """A trace and the span that is current in it."""

    trace_id: str
    span_id: str
    flags: str = "01"

    def header(self) -> str:
        """The `traceparent` of this span."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    def child(self) -> Trace:
        """A new span of the same trace."""
        return Trace(self.trace_id, os.urandom(8).hex(), self.flags)


_current: ContextVar[Trace | None] = ContextVar("ims_trace", default=None)


def start(traceparent: str | None) -> Trace:
    """Enter the trace that a caller gave, or begin one; a malformed header begins one (W3C Trace Context §3.2.2)."""
    match = _FORM.match(traceparent or "")
    if match and int(match[1], 16) and int(match[2], 16):
        span = Trace(match[1], os.urandom(8).hex(), match[3])
    else:
        span = Trace(os.urandom(16).hex(), os.urandom(8).hex())
    _current.set(span)
    return span


def current() -> Trace | None:
    """The current span, if any."""
    return _current.get()
