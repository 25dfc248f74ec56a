"""What every function measures, in Prometheus' format at /metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

HANDLED = Counter("ims_events_total", "Events handled, by type and result", ["type", "result"])
MESSAGES = Counter("ims_messages_total", "Messages handled, by event type", ["type"])
RESTED = Counter("ims_events_rested_total", "Events that could not be handled and are tried again", ["type"])
BURIED = Counter("ims_events_buried_total", "Events given up by a function, by type and why", ["type", "why"])
SECONDS = Histogram(
    "ims_handler_seconds",
    "Time of one merged handler call, publishing included",
    ["type"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
HTTP = Counter("ims_http_requests_total", "HTTP requests, by method, route and status", ["method", "route", "status"])
TURNED_AWAY = Counter("ims_turned_away_total", "What was refused at a bound, by reason", ["reason"])
PUBLISHED = Counter("ims_published_total", "Events published, by topic and result", ["topic", "result"])
IN_FLIGHT = Gauge("ims_in_flight", "Requests in flight")
VENDOR_CALLS = Counter("ims_vendor_calls_total", "Calls to vendors, by result", ["vendor", "account", "result"])
VENDOR_SECONDS = Histogram(
    "ims_vendor_seconds", "Time of a vendor's answer", ["vendor"], buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
)
LAST_SUCCESS = Gauge(
    "ims_last_success_timestamp_seconds", "When a task of the clock last succeeded (Unix time), from MySQL", ["task"]
)
UNSENT_DIGESTS = Gauge("ims_digests_unsent", "Digests waiting for another try, and given up in the last day", ["state"])
RETENTION = Counter("ims_retention_removed_total", "Rows removed or blanked because their time was over", ["task"])
