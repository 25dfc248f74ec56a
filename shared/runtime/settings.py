"""Every setting of IMS, one class per concern, read from the environment (prefix `IMS_`).

docs/settings.md is made from this file by `make docs`. A value can also come from a file: `IMS_MYSQL_URL_FILE=/path` or
a secret mounted as /var/openfaas/secrets/ims-mysql-url, so that secrets need not stand in the environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.runtime import scope

SECRETS_DIR = Path("/var/openfaas/secrets")


class _Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="IMS_", extra="ignore", frozen=True)


class FunctionSettings(_Settings):
    """What a function process is."""

    env: str = Field("production", description="`local` on one's own machine, else a free name; appears in logs")
    pool: str = Field("", description="fast or slow for pooled functions, else empty")
    log_level: str = Field("info", description="debug, info, warning or error")
    drain_seconds: float = Field(20.0, description="how long work in flight may take after SIGTERM")
    body_limit: int = Field(10 * 1024 * 1024, description="largest HTTP body, bytes (413 beyond it)")
    body_seconds: float = Field(60.0, gt=0, description="a body that takes longer to come is given up (408)")
    group_limit: int = Field(500, description="messages that one merged handler call may carry")
    parallel_groups: int = Field(4, description="merged handler calls at once in one process")
    give_up_unit_seconds: float = Field(
        1.0,
        ge=0,
        description="one second of the waits (3, 12, 25) between the tries of an event that cannot be handled",
    )


class DoorSettings(_Settings):
    """What connections and bodies may take of one process (docs/security.md)."""

    connections: int = Field(4096, gt=0, description="open at once; over it the longest idle one is closed")
    connections_by_address: int = Field(1024, gt=0, description="of one address that is no trusted proxy's")
    head_seconds: float = Field(10.0, gt=0, description="a request's line and headers must be here by then (408)")
    head_bytes: int = Field(128 * 1024, gt=0, description="largest request line with headers (431 beyond it)")
    bodies: int = Field(512, gt=0, description="bodies that may be on their way at once (503 beyond it)")
    bodies_by_account: int = Field(128, gt=0, description="of one account, a vendor's too (429 beyond it)")
    bodies_by_address: int = Field(256, gt=0, description="of one address (429 beyond it)")
    body_grace_seconds: float = Field(5.0, gt=0, description="a body must begin to come by then (408)")
    body_least_rate: int = Field(10 * 1024, gt=0, description="bytes a second that it must bring after that (408)")
    body_memory: int = Field(48 * 1024 * 1024, gt=0, description="of bodies over 64 KiB, twice their size each")
    body_memory_share: int = Field(50, gt=0, le=100, description="percent of it that one account may take")
    bodies_waiting: int = Field(64, gt=0, description="bodies that may wait for it, a quarter of them of one account")
    body_wait_seconds: float = Field(20.0, gt=0, description="how long (503 then)")


class SearchSettings(_Settings):
    """What searches, feeds and replays by filter may take of one process (docs/security.md)."""

    searches: int = Field(2, gt=0, description="at once, on connections of their own")
    searches_by_account: int = Field(1, gt=0, description="of one account")
    searches_waiting: int = Field(64, gt=0, description="that may wait for their turn (429 beyond it)")
    searches_waiting_by_account: int = Field(16, gt=0, description="of one account (429 beyond it)")
    search_wait_seconds: float = Field(5.0, gt=0, description="how long (429 then)")
    search_seconds: float = Field(5.0, gt=0, description="a statement that takes longer is ended (503)")


class KafkaSettings(_Settings):
    """The bus."""

    kafka_bootstrap: str = Field("127.0.0.1:9092", description="host:port,… of the brokers")
    kafka_timeout_seconds: float = Field(10.0, description="an event not acknowledged by then is a failure (503)")
    kafka_compression: str = Field("lz4", description="lz4, gzip, zstd or empty")
    kafka_username: str = Field("", description="SCRAM-SHA-512 user; empty: no authentication")
    kafka_password: str = Field("", description="SCRAM-SHA-512 password")
    kafka_ca_file: str = Field("", description="CA certificate for TLS; empty: plaintext")
    event_mode: Literal["binary", "structured"] = Field(
        "binary",
        description="how events are written: structured for what drops headers (OpenFaaS Pro's Kafka connector)",
    )


class MysqlSettings(_Settings):
    """MySQL, the truth of every message."""

    mysql_url: str = Field(
        "mysql+pymysql://ims:ims@127.0.0.1:3306/ims",
        description="the primary; `?ssl_ca=FILE` or `?ssl=true` wants TLS with a server it vouches for",
    )
    mysql_replica_url: str = Field("", description="a read replica for searches and statistics; empty: the primary")
    mysql_pool: int = Field(4, description="connections (and threads) of one process; schedule uses one a lane")
    mysql_timeout_seconds: float = Field(15.0, description="connect, read and write time-out")


class RedisSettings(_Settings):
    """Redis: timers, limits, leases, breakers. Losing it costs time, never a message."""

    redis_url: str = Field("redis://127.0.0.1:6379", description="a server, or any node of a cluster")
    redis_cluster: bool = Field(False, description="true: Redis Cluster (db 0 only, prefixes instead of databases)")
    redis_timeout_seconds: float = Field(1.5, description="connect and command time-out")


class AcceptSettings(_Settings):
    """What the accepting functions allow."""

    idempotency_hours: float = Field(24.0, description="how long an Idempotency-Key is kept")
    idempotency_lease_seconds: float = Field(60.0, description="a key in flight longer than this may be taken over")
    accept_pause_seconds: float = Field(
        0.01, ge=0, le=1, description="after several requests at once the lane's next ones wait so long for company"
    )
    key_cache_seconds: float = Field(
        5.0, ge=0, le=9, description="how long keys and accounts are trusted without asking MySQL again"
    )
    files_count: int = Field(10_000, ge=0, description="files that an account may keep, unless its own row says more")
    files_bytes: int = Field(2 * 1024**3, ge=0, description="bytes of files that an account may keep, likewise")
    trusted_proxies: str = Field(
        "", description="CIDR ranges of the proxies whose X-Forwarded-For is believed; empty: the peer is the caller"
    )
    wake_url: str = Field(
        "",
        description="address of a function with {name} in it, where functions scale to zero: what a message will "
        "need is woken when it is accepted; empty: nobody sleeps",
    )
    wake_seconds: float = Field(20.0, gt=0, description="a channel's lane is not woken more often than this")


class LaneSettings(_Settings):
    """How much of one lane is on the road at once: what is beyond it waits its turn, account by account."""

    lane_window_auth: int = Field(500, ge=1, description="messages: what the lane carries in about half a second")
    lane_window_realtime: int = Field(1000, ge=1, description="the same")
    lane_window_bulk: int = Field(20_000, ge=1, description="messages: enough to keep the senders busy")
    lane_window_ad: int = Field(20_000, ge=1, description="the same")

    def window(self, lane: str) -> int:
        """A lane's window."""
        return int(getattr(self, f"lane_window_{lane}"))


class VendorSettings(_Settings):
    """How senders treat vendors."""

    vendor_timeout_seconds: float = Field(10.0, description="a vendor's answer later than this is uncertain")
    vendor_timeout_auth_seconds: float = Field(4.0, description="the same for the auth lane")
    vendor_concurrency: int = Field(16, description="calls at once to one vendor account from one process")
    park_seconds: float = Field(2.0, description="wait before trying again when no vendor is available")
    hop_unit_seconds: float = Field(1.0, description="scales hop retries and polls (tests make it small)")
    receipt_timeout_scale: float = Field(1.0, description="scales the receipt time-outs of 25 h and 80 h")


class ReportSettings(_Settings):
    """Reports to clients and their retries (design §5)."""

    retry_unit_seconds: float = Field(60.0, description="the minute of the retry schedule; tests make it small")
    report_hold_seconds: float = Field(1.0, description="how long an event may wait for its callbacks' answers")
    report_first_concurrency: int = Field(32, description="first tries at once to one host from one process")
    report_retry_concurrency: int = Field(16, description="retries at once to one host from one process")
    report_lease_seconds: float = Field(
        15.0, ge=8, description="a claimed retry that ends without a result is due again; a call takes up to 7 s of it"
    )
    report_claim_seconds: float = Field(
        6.0, ge=6, description="a first try that ends without a result may be taken over; a call takes up to 5 s of it"
    )
    report_done_seconds: float = Field(300.0, description="how long at least a repeated first report is recognised")
    report_grace_seconds: float = Field(15.0, description="an overdue report that Redis does not know is put back then")


class EgressSettings(_Settings):
    """Requests to addresses that clients gave."""

    egress_timeout_seconds: float = Field(
        5.0, gt=0, le=5, description="connect, send, and the status and headers of the answer together"
    )
    egress_connections: int = Field(
        1024, ge=1, description="calls at once of one process to all hosts, at most half its limit of open files"
    )
    egress_idle_connections: int = Field(
        256, ge=1, description="connections kept for the next call, at most an eighth of the limit of open files"
    )
    egress_http: bool = Field(False, description="true: plain http is allowed too (never in production)")
    egress_allow: str = Field("", description="CIDR ranges, comma-separated, open in spite of the rules (local use)")
    egress_deny: str = Field("", description="further forbidden CIDR ranges: the cluster's pods, services and nodes")


class MailSettings(_Settings):
    """The mail server by which digests go out."""

    smtp_host: str = Field("", description="empty: nothing is sent by e-mail")
    smtp_port: int = Field(587, description="its port")
    smtp_user: str = Field("", description="empty: without logging in")
    smtp_password: str = Field("", description="of that user; a secret (ims-mail)")
    smtp_starttls: bool = Field(True, description="false: unencrypted (never beyond one's own network)")
    smtp_ca: str = Field("", description="path of a CA certificate to trust; empty: the system's")
    smtp_from: str = Field(
        "ims@ims.example", description="the sender's address; its domain makes Message-ID and List-Id"
    )
    smtp_timeout_seconds: float = Field(10.0, description="connect, and each answer of the server")


class SecretSettings(_Settings):
    """Secrets at rest: credentials of apps, keys of domains."""

    secret_keys: SecretStr = Field(
        SecretStr(""),
        description="base64 of 32 bytes each, comma-separated: the first writes, all read; a secret (ims-keys)",
    )


class InsightSettings(_Settings):
    """Statistics in MongoDB."""

    mongodb_url: SecretStr = Field(
        SecretStr(""), description="mongodb://user:password@host/ims; empty: no statistics are kept (ims-mongodb)"
    )
    mongodb_timeout_seconds: float = Field(3.0, gt=0, description="a server that does not answer by then is away")
    insight_message_days: float = Field(31.0, gt=0, description="how long single messages are known to statistics")
    insight_minute_days: float = Field(31.0, gt=0, description="how long minutes are kept")
    insight_hour_days: float = Field(800.0, gt=0, description="how long hours are kept")


class PeopleSettings(_Settings):
    """People who sign in to the console."""

    console_url: str = Field("http://127.0.0.1:30001/console", description="where it is: links in mails begin so")
    cookie_secure: bool = Field(True, description="false: cookies over plain HTTP, on one's own machine only")
    session_hours: float = Field(12.0, gt=0, description="after so long one signs in again, whatever happens")
    idle_minutes: float = Field(30.0, gt=0, description="an unused session of an account's person ends then")
    operator_idle_minutes: float = Field(15.0, gt=0, description="one of an operator's")
    password_threads: int = Field(2, gt=0, description="passwords checked at once")
    password_waiting: int = Field(16, gt=0, description="that may wait for it (503 beyond it)")
    sign_in_by_address: int = Field(20, gt=0, description="failures of one address in ten minutes (429 beyond it)")
    invitation_days: float = Field(7.0, gt=0, description="how long an invitation's link works")
    reset_minutes: float = Field(60.0, gt=0, description="how long the link to a new password works")


class DomainSettings(_Settings):
    """What clients' e-mail domains must say in DNS, and who is asked."""

    dns_nameservers: str = Field("", description="host[:port],… that are asked for records; empty: the system's")
    dns_timeout_seconds: float = Field(3.0, gt=0, le=20, description="one question")
    email_spf: str = Field("include:spf.ims.example", description="SPF mechanisms of the hosts that our mail leaves by")
    email_bounce_host: str = Field("bounces.ims.example", description="the mail exchanger that takes bounces")


class DigestSettings(_Settings):
    """The daily digest."""

    digest_lease_seconds: float = Field(60.0, description="a try that ends without a result may be taken over then")
    digest_parallel: int = Field(32, description="digests that one process sends at once")
    gateway_url: str = Field("", description="the gateway's address as clients know it, for links in mails")


class RetentionSettings(_Settings):
    """How long things are kept (design §10), and how `retention` works them off."""

    retention_auth_hours: float = Field(
        24.0, description="text of auth requests that never became whole; else it goes when the last message ends"
    )
    retention_content_days: float = Field(30.0, description="texts, variables, unused files, settled dead letters")
    retention_history_days: float = Field(90.0, description="messages with hops, trail, reports and their tries")
    retention_statistics_days: float = Field(731.0, description="usage by day, vendors' results by hour: two years")
    retention_batch: int = Field(500, description="rows of one transaction")
    retention_run_seconds: float = Field(50.0, description="how long one tick works; the next one goes on")


class ExpirySettings(_Settings):
    """The redis_expiry bridge."""

    sweep_seconds: float = Field(0.2, description="how often the due-set is read for what no expiry event announced")
    reconcile_seconds: float = Field(10.0, description="how often overdue rows of MySQL are held against the due-set")
    expiry_in_flight: int = Field(32, description="requests to report_retry at once")


class WatchSettings(_Settings):
    """What watch looks at, and whom it tells."""

    slack_webhook_url: SecretStr = Field(
        SecretStr(""), description="incoming webhook; a secret (ims-watch); empty: no Slack"
    )
    watch_sms_vendor: str = Field("", description="solapi or nhn: who carries the SMS of critical alarms")
    watch_sms_url: str = Field("", description="the vendor's address, as in vendor_accounts.base_url")
    watch_sms_settings: SecretStr = Field(
        SecretStr(""), description="JSON with the vendor account's secrets by the adapter's names; a secret (ims-watch)"
    )
    watch_sms_sender: str = Field("", description="a sender number that is registered there")
    watch_sms_recipients: str = Field("", description="numbers, comma-separated; empty: no SMS")
    watch_thresholds: str = Field("", description="rule=number,… in place of the table's (`ims watch rules`)")
    watch_wait_scale: float = Field(1.0, description="scales how long a finding must last (tests make it small)")
    watch_calm_seconds: float = Field(120.0, description="without a finding until an alarm ends; doubled when it flaps")
    watch_repeat_hours: float = Field(4.0, description="what still fires is told again after this")
    watch_check_seconds: float = Field(8.0, description="how long one check may take")
    watch_turn_seconds: float = Field(50.0, description="a tick ends before; a killed one holds others up so long")
    watch_runbooks: str = Field("https://docs.ims.example/runbooks", description="where the runbooks are served")
    watch_urls: str = Field("", description="name=url,… of further health addresses that may be asked")
    watch_mysql_url: SecretStr = Field(
        SecretStr(""),
        description="an account with PROCESS, to see all transactions; a secret (ims-watch); empty: the functions' own",
    )


T = TypeVar("T", bound=_Settings)


def _load_secret_files() -> None:
    for name, path in list(os.environ.items()):
        if name.startswith("IMS_") and name.endswith("_FILE") and name != "IMS_KAFKA_CA_FILE":
            os.environ.setdefault(name.removesuffix("_FILE"), Path(path).read_text().strip())
    folder = Path(os.environ.get("IMS_SECRETS_DIR") or SECRETS_DIR)
    for secret in folder.glob("*") if folder.is_dir() else ():
        name = secret.name.upper().replace("-", "_")
        if name.startswith("IMS_") and secret.is_file():
            os.environ.setdefault(name, secret.read_text().strip())


def _wrong(fault: ErrorDetails) -> str:
    """The setting as its owner wrote it, and what is wrong with it. Secrets are not repeated."""
    name = f"IMS_{fault['loc'][0]}".upper()
    return f"{name}: {fault['msg'].replace('Input should', 'should')}"


def load(kind: type[T]) -> T:
    """The settings of one concern, read once per function of a process; SystemExit names every one that is wrong."""
    here = scope.current()
    if kind not in here.settings:
        _load_secret_files()
        given = {name.removeprefix("IMS_").lower(): value for name, value in here.env.items()}
        own: dict[str, Any] = {name: value for name, value in given.items() if name in kind.model_fields}
        try:
            here.settings[kind] = kind(**own)
        except ValidationError as error:
            raise SystemExit("\n".join(map(_wrong, error.errors()))) from None
    settings: T = here.settings[kind]
    return settings


def load_of_process(kind: type[T]) -> T:
    """The settings of one concern of the whole process, whichever of its functions asks."""
    found: T | None = scope.PROCESS.settings.get(kind)
    if found is None:
        with scope.PROCESS.entered():
            found = load(kind)
    return found


def reset() -> None:
    """Read the environment anew (tests)."""
    scope.current().settings.clear()
