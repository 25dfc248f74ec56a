"""How a source's consumer is set up."""

from __future__ import annotations

from typing import Any

from kafka.coordinator.assignors.range import RangePartitionAssignor

from bridges.settings import SourceSettings
from shared.flow import Source
from shared.runtime.bus import connection
from shared.runtime.settings import KafkaSettings

FETCH_WAIT_MS = 2500
"""How long the broker keeps a fetch that finds nothing; a record that comes meanwhile is answered at once."""


def consumer_config(source: Source, settings: SourceSettings, kafka: KafkaSettings) -> dict[str, Any]:
    """kafka-python's settings: answers at the first byte, records of 512 KiB, and a group that notices a death soon."""
    session = int(settings.source_session_seconds * 1000)
    return connection(kafka) | {
        "client_id": source.name,
        "group_id": source.group,
        "group_instance_id": f"{source.name}-{settings.source_instance}",
        "partition_assignment_strategy": (RangePartitionAssignor,),
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "fetch_min_bytes": 1,
        "fetch_max_wait_ms": FETCH_WAIT_MS,
        "fetch_max_bytes": 4 * 1024 * 1024,
        "max_partition_fetch_bytes": 2 * 1024 * 1024,
        "max_poll_records": 1_000_000,
        "session_timeout_ms": session,
        "heartbeat_interval_ms": session // 4,
        "request_timeout_ms": 30_000,
        "reconnect_backoff_max_ms": 1000,
        "metadata_max_age_ms": 15_000,
        "metrics_enabled": False,
    }
