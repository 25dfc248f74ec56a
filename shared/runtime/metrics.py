"""What every function measures, in Prometheus' format at /metrics.

Each function of a process counts for itself: a metric here stands for one of the same name in the registry of the
scope at work. `exposition` is what a function shows; where it is one of several in a process, its samples say so by
the label `function`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import prometheus_client
from prometheus_client import CollectorRegistry, generate_latest

from shared.runtime import scope
from shared.runtime.scope import PROCESS, Scope


class Metric:
    """A metric in every scope; `labels`, `inc`, `set` and `observe` are those of the scope at work."""

    every: ClassVar[list[Metric]] = []

    def __init__(self, kind: Any, name: str, documentation: str, labels: Sequence[str] = (), **options: Any) -> None:
        self._make: Callable[[CollectorRegistry], Any] = partial(_made, kind, (name, documentation, labels), options)
        self.every.append(self)
        self.of(PROCESS)

    def of(self, whose: Scope) -> Any:
        """The metric of one scope."""
        found = whose.metrics.get(self)
        if found is None:
            found = whose.metrics[self] = self._make(whose.registry)
        return found

    def labels(self, *values: object) -> Any:
        """The child with these labels."""
        return self.of(scope.current()).labels(*values)

    def inc(self, amount: float = 1) -> None:
        """Count."""
        self.of(scope.current()).inc(amount)

    def observe(self, amount: float) -> None:
        """Put a value into a histogram."""
        self.of(scope.current()).observe(amount)

    def set(self, value: float) -> None:
        """Set a gauge."""
        self.of(scope.current()).set(value)


def counter(name: str, documentation: str, labels: Sequence[str] = ()) -> Metric:
    """A counter in every scope."""
    return Metric(prometheus_client.Counter, name, documentation, labels)


def gauge(name: str, documentation: str, labels: Sequence[str] = ()) -> Metric:
    """A gauge in every scope."""
    return Metric(prometheus_client.Gauge, name, documentation, labels)


def histogram(name: str, documentation: str, labels: Sequence[str] = (), *, buckets: Sequence[float]) -> Metric:
    """A histogram in every scope."""
    return Metric(prometheus_client.Histogram, name, documentation, labels, buckets=buckets)


def _made(kind: Any, about: tuple[Any, ...], options: dict[str, Any], registry: CollectorRegistry) -> Any:
    return kind(*about, registry=registry, **options)


class _Named(CollectorRegistry):
    """A scope's registry whose samples carry the function's name."""

    def __init__(self, whose: Scope) -> None:
        super().__init__()
        self._whose = whose

    def collect(self) -> Iterator[Any]:
        for family in self._whose.registry.collect():
            family.samples = [s._replace(labels={**s.labels, "function": self._whose.name}) for s in family.samples]
            yield family


def exposition() -> bytes:
    """The metrics of the function at work, as Prometheus reads them."""
    here = scope.current()
    if here is PROCESS:
        return generate_latest()
    for metric in Metric.every:
        metric.of(here)
    return generate_latest(_Named(here))


HANDLED = counter("ims_events_total", "Events handled, by type and result", ["type", "result"])
MESSAGES = counter("ims_messages_total", "Messages handled, by event type", ["type"])
RESTED = counter("ims_events_rested_total", "Events that could not be handled and are tried again", ["type"])
BURIED = counter("ims_events_buried_total", "Events given up by a function, by type and why", ["type", "why"])
SECONDS = histogram(
    "ims_handler_seconds",
    "Time of one merged handler call, publishing included",
    ["type"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
HTTP = counter("ims_http_requests_total", "HTTP requests, by method, route and status", ["method", "route", "status"])
TURNED_AWAY = counter("ims_turned_away_total", "What was refused at a bound, by reason", ["reason"])
PUBLISHED = counter("ims_published_total", "Events published, by topic and result", ["topic", "result"])
IN_FLIGHT = gauge("ims_in_flight", "Requests in flight")
VENDOR_CALLS = counter("ims_vendor_calls_total", "Calls to vendors, by result", ["vendor", "account", "result"])
VENDOR_SECONDS = histogram(
    "ims_vendor_seconds", "Time of a vendor's answer", ["vendor"], buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
)
VENDOR_RESENT = counter(
    "ims_vendor_failed_over_total", "Messages that a vendor sent again by itself", ["vendor", "account", "channel"]
)
LAST_SUCCESS = gauge(
    "ims_last_success_timestamp_seconds", "When a task of the clock last succeeded (Unix time), from MySQL", ["task"]
)
UNSENT_DIGESTS = gauge("ims_digests_unsent", "Digests waiting for another try, and given up in the last day", ["state"])
RETENTION = counter("ims_retention_removed_total", "Rows removed or blanked because their time was over", ["task"])
