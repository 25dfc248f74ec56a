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


class ReturnSettings(_Settings):
    """The smtp_in bridge, which takes the mails that come to return paths."""

    smtp_in_port: int = Field(41093, description="where mails are taken; the MX of return paths leads here")
    smtp_in_name: str = Field("localhost", description="its name in the greeting, as the MX record has it")
    smtp_in_accounts: str = Field("main", description="vendor accounts that mails are sent by, tried in turn")
    smtp_in_connections: int = Field(32, gt=0, description="at once; a further one is told to come again (421)")
    smtp_in_bytes: int = Field(8 * 1024 * 1024, gt=0, description="largest mail; refused beyond it (552)")
    smtp_in_idle_seconds: float = Field(120.0, gt=0, description="a client that says nothing for so long is left")
    smtp_in_timeout_seconds: float = Field(30.0, gt=0, description="how long api_receipt may take (451 then)")
    smtp_in_cert: str = Field("", description="path of a certificate chain for STARTTLS; empty: not offered")
    smtp_in_key: str = Field("", description="path of its key; empty: in the same file")


class AddressSettings(_Settings):
    """Where the functions are."""

    port_offset: int = Field(0, description="added to every port of the map, to run a second platform beside the first")
