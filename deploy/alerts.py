"""What wakes somebody up: alert rules as a table, written to infra/monitoring/alerts.yaml for the Prometheus Operator.

Metrics `ims_*` are ours (shared/runtime/metrics.py, shared/reports/measures.py, bridges/*); the PodMonitors put
`function` and `process` on them. Lag comes from Strimzi's Kafka exporter, since a KafkaSource tells no age: a partition
whose end of 30 s ago is still ahead of its group's offset holds a record that waits for more than 30 s. Behind our own
kafka_source the age is exact (`ims_source_oldest_seconds`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.objects import labels, meta
from deploy.settings import DATA_NAMESPACE, NAMESPACE, Json
from shared.domain.ids import LANES

RUNBOOKS = "https://docs.ims.example/runbooks"
"""Where docs/runbooks is served: change it here, then `make manifests`."""

WAIT_SECONDS = {"auth": 30, "realtime": 120, "bulk": 3600, "ad": 7200}
"""How long the oldest event of a lane may wait in front of one function. KafkaSource commits every 5 s."""
LAG_EVENTS = {"auth": 100, "realtime": 1000, "bulk": 20_000, "ad": 20_000}
"""How many events (batches) of a lane may wait in front of one function while they grow more."""
STORE = "ims.store"
STORE_SECONDS = 900
SECONDS_OF_AUTH = 1
MISSING_BACKUP_HOURS = 26
SCHEDULE_MINUTES, DIGEST_HOURS, RETENTION_HOURS = 10, 25.5, 50
"""Without a success for so long: schedule works each minute; a digest's morning begins at 08:30 and is late at 10:00 of
the next day; retention works each night, and one that was missed is made up for in the next."""
VENDOR_CALLS = 20
"""Fewer calls in five minutes say nothing about a vendor."""


@dataclass(frozen=True)
class Alert:
    """One rule: `expr` holds for `wait`; critical ones wake somebody up, warnings can wait until the morning.

    `none` is nobody's: an alert that always fires, and of which somebody is told when it does not.
    """

    name: str
    expr: str
    wait: str
    severity: str
    summary: str
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def runbook(self) -> str:
        """The page's name: ImsLaneLate → lane-late."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", self.name.removeprefix("Ims")).lower()


def late(topics: str, groups: str, seconds: int) -> str:
    """Groups of which a partition's end of `seconds` ago is still ahead of what they have finished."""
    end = f'kafka_topic_partition_current_offset{{topic=~"{topics}"}} offset {seconds}s'
    done = f"kafka_consumergroup_current_offset{{{groups}}}"
    return f"max by (consumergroup, topic) (({end}) - on (topic, partition) group_right () {done}) > 0"


def ratio(metric: str, bad: str, by: str, window: str = "5m", only: str = "") -> str:
    """The share of `metric`'s growth that has the label values `bad`."""
    every = f"{{{only}}}" if only else ""
    picked = f"{{{only},{bad}}}" if only else f"{{{bad}}}"
    return f"sum by ({by}) (rate({metric}{picked}[{window}])) / sum by ({by}) (rate({metric}{every}[{window}]))"


def lanes() -> Iterator[Alert]:
    """Waiting events, lane by lane, and events that nobody could handle."""
    groups = rf'consumergroup=~"ims\\..*",consumergroup!="{STORE}"'
    for lane in LANES:
        grave = "critical" if lane in ("auth", "realtime") else "warning"
        own, seconds, events = (("lane", lane),), WAIT_SECONDS[lane], LAG_EVENTS[lane]
        exact = f'max by (source) (ims_source_oldest_seconds{{source=~".*-{lane}"}}) > {seconds}'
        found = late(rf"ims\\..*\\.{lane}", groups, seconds)
        said = f"An event of the lane {lane} has waited for more than {seconds} s"
        yield Alert("ImsLaneLate", f"{found} or {exact}", "1m", grave, said, own)
        lag = f'sum by (consumergroup, topic) (kafka_consumergroup_lag{{topic=~"ims\\\\..*\\\\.{lane}",{groups}}})'
        growing = f"{lag} > {events} and deriv(({lag})[10m:1m]) > 0"
        yield Alert("ImsLaneLag", growing, "10m", "warning", f"More than {events} events of {lane} wait, and grow", own)
    stuck = (
        r'kafka_consumergroup_lag{consumergroup=~"ims\\..*"} > 0'
        r' and changes(kafka_consumergroup_current_offset{consumergroup=~"ims\\..*"}[15m]) == 0'
    )
    yield Alert(
        "ImsSourceStuck", stuck, "5m", "critical", "A partition with waiting events has not moved for 15 minutes"
    )
    store = late(r"ims\\..*", f'consumergroup="{STORE}"', STORE_SECONDS)
    yield Alert("ImsStoreLate", store, "5m", "warning", f"The history is more than {STORE_SECONDS} s behind")
    dead = (
        'sum(delta(kafka_topic_partition_current_offset{topic="ims.dead"}[15m])) > 0'
        " or sum(increase(ims_source_dead_total[15m])) > 0"
    )
    yield Alert("ImsDeadLetters", dead, "0m", "critical", "Events were given up and lie in ims.dead")


def functions() -> Iterator[Alert]:
    """Functions that fail, are slow, or do not run."""
    failed = ratio("ims_events_total", 'result!="done"', "function")
    yield Alert("ImsFunctionErrors", f"{failed} > 0.05", "5m", "warning", "More than 5 % of a function's events fail")
    wrong = ratio("ims_http_requests_total", 'status=~"5.."', "function")
    yield Alert("ImsApiErrors", f"{wrong} > 0.01", "5m", "critical", "More than 1 % of requests are answered 5xx")
    lost = 'sum by (function) (rate(ims_published_total{result="failed"}[5m])) > 0'
    yield Alert("ImsPublishFailing", lost, "2m", "critical", "Kafka does not acknowledge a function's events")
    slow = (
        'histogram_quantile(0.99, sum by (le, process) (rate(ims_handler_seconds_bucket{process=~".*-fast"}[5m])))'
        f" > {SECONDS_OF_AUTH}"
    )
    yield Alert("ImsAuthSlow", slow, "5m", "critical", "1 % of the fast pool's calls take more than a second")
    ticks = 'ims_events_total{function="schedule",type="com.ims.tick.v1",result="done"}'
    still = f"sum(increase({ticks}[5m])) == 0 or absent({ticks})"
    yield Alert("ImsScheduleNotTicking", still, "3m", "critical", "Nothing that is due leaves: schedule gets no ticks")
    gone = 'absent(up{function="redis-expiry"} == 1)'
    yield Alert("ImsExpiryDown", gone, "3m", "critical", "No redis-expiry bridge runs: reports are not retried")


def age(task: str) -> str:
    """Seconds since a task of the clock last succeeded, whoever shows it (shared/watch/tasks.py)."""
    return f'time() - max(ims_last_success_timestamp_seconds{{task="{task}"}})'


def tasks() -> Iterator[Alert]:
    """What the clock starts: watch, schedule, digest, retention; and whether anybody is listening."""
    yield Alert("ImsWatchdog", "vector(1)", "0m", "none", "Always fires: whoever no longer hears it must say so")
    counted = 'sum(increase(ims_events_total{function="watch",type="com.ims.tick.v1",result="done"}[5m])) > 0'
    shown = 'absent(ims_last_success_timestamp_seconds{task="watch"})'
    still = f"({age('watch')} > 300 or {shown}) unless on () {counted}"
    yield Alert("ImsWatchNotTicking", still, "3m", "critical", "Nobody watches: watch has ended no tick for minutes")
    said = f"No run of schedule has served all lanes for {SCHEDULE_MINUTES} minutes"
    yield Alert("ImsScheduleFailing", f"{age('schedule')} > {SCHEDULE_MINUTES * 60}", "1m", "critical", said)
    late_morning = f"{age('digest')} > {DIGEST_HOURS * 3600:.0f}"
    yield Alert(
        "ImsDigestLate", late_morning, "1m", "warning", "This morning's digests have not all been tried by 10:00"
    )
    waiting = 'max(ims_digests_unsent{state="waiting"}) > 0'
    yield Alert("ImsDigestsUnsent", waiting, "1h", "warning", "A digest has not reached its client for an hour")
    given_up = 'max(ims_digests_unsent{state="given_up"}) > 0'
    yield Alert("ImsDigestsGivenUp", given_up, "0m", "warning", "Digests were given up within a day")
    old = f"{age('retention')} > {RETENTION_HOURS * 3600}"
    yield Alert("ImsRetentionLate", old, "10m", "warning", f"Retention has not come to its end for {RETENTION_HOURS} h")


def vendors() -> Iterator[Alert]:
    """Vendors that fail or are slow. The breakers' states are no metric: above a half of 50 calls they open."""
    failed = ratio("ims_vendor_calls_total", 'result="failed"', "vendor, account")
    enough = f"sum by (vendor, account) (increase(ims_vendor_calls_total[5m])) > {VENDOR_CALLS}"
    yield Alert(
        "ImsVendorErrors", f"{failed} > 0.1 and {enough}", "5m", "warning", "More than 10 % of calls to a vendor fail"
    )
    yield Alert(
        "ImsVendorDown",
        f"{failed} > 0.5 and {enough}",
        "2m",
        "critical",
        "More than half of the calls to a vendor fail",
    )
    resent, of = "ims_vendor_failed_over_total", "sum by (vendor, account, channel)"
    new = f"{of} ({resent} unless {resent} offset 15m)"
    yield Alert(
        "ImsVendorFailsOver",
        f"{of} (increase({resent}[15m])) > 0 or {new} > 0",
        "0m",
        "critical",
        "A vendor has failed over by itself: recipients get messages twice",
    )
    slow = "histogram_quantile(0.95, sum by (le, vendor) (rate(ims_vendor_seconds_bucket[5m]))) > 4"
    yield Alert("ImsVendorSlow", slow, "10m", "warning", "5 % of a vendor's answers take longer than auth waits (4 s)")


def callbacks() -> Iterator[Alert]:
    """Reports that do not arrive, or late."""
    tried = 'outcome=~"delivered|failed|exhausted|disabled"'
    failed = ratio("ims_report_tries_total", 'outcome!="delivered"', "namespace", "15m", tried)
    yield Alert("ImsCallbacksFailing", f"{failed} > 0.3", "15m", "warning", "More than 30 % of callbacks fail")
    given_up = 'sum(increase(ims_report_tries_total{outcome=~"exhausted|disabled"}[1h])) > 0'
    yield Alert(
        "ImsReportsGivenUp", given_up, "0m", "warning", "Reports were given up: their clients did not take them"
    )
    late_tries = "histogram_quantile(0.99, sum by (le) (rate(ims_report_lateness_seconds_bucket[5m]))) > 5"
    yield Alert("ImsRetriesLate", late_tries, "5m", "critical", "Retries of reports start more than 5 s late")
    many = 'sum(max by (key) (redis_key_size{key=~"due:.*"})) > 100000'
    yield Alert("ImsRetriesPiling", many, "15m", "warning", "More than 100,000 units of reports wait for a retry")


def servers() -> Iterator[Alert]:
    """Kafka, MySQL, Redis, their disks and backups."""
    yield Alert("ImsMysqlDown", "mysql_up == 0 or absent(mysql_up)", "1m", "critical", "A MySQL server does not answer")
    lag = "mysql_slave_status_seconds_behind_master > 30"
    yield Alert("ImsMysqlReplicaLate", lag, "5m", "warning", "The read replica is more than 30 s behind")
    broken = "mysql_slave_status_slave_sql_running == 0 or mysql_slave_status_slave_io_running == 0"
    yield Alert("ImsMysqlReplicaBroken", broken, "2m", "critical", "The replica does not follow its primary")
    away = "redis_up == 0 or absent(redis_up) or redis_cluster_state == 0"
    yield Alert("ImsRedisDown", away, "1m", "critical", "A Redis node is down, or its cluster does not cover all slots")
    full = "redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.85"
    yield Alert(
        "ImsRedisFull", full, "10m", "critical", "Redis is nearly full, and refuses writes when it is: noeviction"
    )
    rebuilt = 'max(changes(redis_key_value{key=~"epoch:.*"}[15m])) > 0'
    yield Alert("ImsRedisRebuilt", rebuilt, "0m", "warning", "Redis had lost data; the due-set was rebuilt from MySQL")
    under = "sum(kafka_server_replicamanager_underreplicatedpartitions) > 0"
    yield Alert("ImsKafkaUnderReplicated", under, "5m", "warning", "Partitions have fewer replicas than they should")
    refused = (
        "sum(kafka_server_replicamanager_underminisrpartitioncount) + sum(kafka_controller_offlinepartitionscount) > 0"
    )
    yield Alert(
        "ImsKafkaRefusing", refused, "1m", "critical", "Partitions take no events: replicas or leaders are missing"
    )
    free = (
        f'kubelet_volume_stats_available_bytes{{namespace="{DATA_NAMESPACE}"}}'
        f' / kubelet_volume_stats_capacity_bytes{{namespace="{DATA_NAMESPACE}"}} < 0.15'
    )
    yield Alert("ImsVolumeFull", free, "10m", "critical", "A server's volume has less than 15 % left")
    old = 'time() - kube_cronjob_status_last_successful_time{cronjob=~"backup-.*"} > ' + str(
        MISSING_BACKUP_HOURS * 3600
    )
    yield Alert("ImsBackupMissing", old, "10m", "warning", f"No backup succeeded for {MISSING_BACKUP_HOURS} h")


GROUPS = {
    "lanes": lanes,
    "functions": functions,
    "tasks": tasks,
    "vendors": vendors,
    "callbacks": callbacks,
    "servers": servers,
}


def alerts() -> Iterator[Alert]:
    """Every alert."""
    return (alert for group in GROUPS.values() for alert in group())


def rules() -> Json:
    """The PrometheusRule."""
    groups = [{"name": f"ims-{name}", "rules": [_rule(a) for a in group()]} for name, group in GROUPS.items()]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": meta("ims", labels("monitoring", "alerts", "rules"), NAMESPACE),
        "spec": {"groups": groups},
    }


def _rule(alert: Alert) -> Json:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.wait,
        "labels": {"severity": alert.severity, **dict(alert.labels)},
        "annotations": {"summary": alert.summary, "runbook_url": f"{RUNBOOKS}/{alert.runbook}.md"},
    }
