"""What reporting measures."""

from __future__ import annotations

from shared.runtime import metrics

TRIES = metrics.counter("ims_report_tries_total", "Tries of callbacks, by outcome", ["outcome"])
HURRIED = metrics.counter("ims_report_hurried_total", "Units brought forward because their host takes reports again")
CALL_SECONDS = metrics.histogram(
    "ims_report_call_seconds",
    "Time of a callback's answer",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
LATENESS = metrics.histogram(
    "ims_report_lateness_seconds",
    "From a retry's due time to its claim",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
