"""Settings of the bridges, read from the environment like all others (prefix `IMS_`)."""

from __future__ import annotations

import socket

from pydantic import Field

from shared.runtime.settings import _Settings


class SourceSettings(_Settings):
    """How the Kafka source delivers; the defaults are KafkaSource's own, or those of our manifests for it."""

    source_in_flight: int = Field(50, description="requests at once per consumer (KafkaSource: max.poll.records)")
    source_timeout_seconds: float = Field(60.0, description="no answer by then is a failure, tried again")
    source_retries: int = Field(1000, description="tries after the first before the dead letter (design §3)")
    source_backoff_seconds: float = Field(0.2, description="linear back-off: this × n before try n + 1")
    source_commit_seconds: float = Field(5.0, description="how often finished offsets are committed")
    source_window: int = Field(5000, description="records of a partition past its oldest unfinished one")
    source_session_seconds: float = Field(10.0, description="a consumer unheard of for this long loses its partitions")
    source_grace_seconds: float = Field(20.0, description="how long requests in flight may take after SIGTERM")
    source_instance: str = Field(
        default_factory=socket.gethostname,
        description="names this replica to Kafka, so that it has its partitions back at once after a crash",
    )


class CronSettings(_Settings):
    """How the cron source delivers; the defaults are PingSource's."""

    cron_timeout_seconds: float = Field(90.0, description="a tick's request may take this long (schedule works 58 s)")
    cron_jitter_seconds: float = Field(0.5, description="each tick is late by a random time up to this")


class AddressSettings(_Settings):
    """Where the functions are."""

    port_offset: int = Field(0, description="added to every port of the map, to run a second platform beside the first")
