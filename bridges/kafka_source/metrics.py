"""What the Kafka source measures, by source."""

from __future__ import annotations

from shared.runtime.metrics import counter, gauge

DELIVERED = counter("ims_source_delivered_total", "Records that a function took (2xx)", ["source"])
FAILED = counter("ims_source_failed_total", "Failed tries, by status or kind of failure", ["source", "reason"])
RETRIED = counter("ims_source_retried_total", "Tries after the first", ["source"])
DEAD = counter("ims_source_dead_total", "Records given up and put into ims.dead", ["source"])
BURYING = gauge("ims_source_burying", "Records given up whose dead letter Kafka has not taken yet", ["source"])
IN_FLIGHT = gauge("ims_source_in_flight", "Records being delivered, waits between tries included", ["source"])
LAG = gauge("ims_source_lag", "Records not finished yet", ["source"])
OLDEST = gauge("ims_source_oldest_seconds", "Age of the oldest record taken and not finished", ["source"])
