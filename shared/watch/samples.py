"""What a look at the system gives: samples, and which metrics could not be measured."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

NEVER_S = 10.0 * 365 * 86_400
"""The age of what has never been there."""
UNKNOWN = math.nan
"""The value of what could not be measured this time: of its subject nothing fires and nothing ends."""


class Sample(NamedTuple):
    """One value, or UNKNOWN. `subject` is what was measured: a server, a consumer group, a vendor account."""

    metric: str
    subject: str
    value: float
    detail: str = ""


@dataclass(frozen=True)
class Check:
    """One thing to look at, apart from all others.

    `metrics` are what it may measure: when it fails, nothing is known of them. `down` is the metric that says so, where
    a failure means that a server is away; else the failure itself is the finding. `needs` names checks whose failure
    explains this one's (more than one: any of them).
    """

    name: str
    run: Callable[[], Awaitable[list[Sample]]]
    metrics: frozenset[str]
    down: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Look:
    """The whole of one look: what was measured, what is not known, and why (check → words)."""

    at_ms: int
    samples: tuple[Sample, ...]
    unknown: frozenset[str] = frozenset()
    failed: tuple[tuple[str, str], ...] = ()
