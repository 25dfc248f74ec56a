"""Which metrics there are: ours from the code, the exporters' from their documents."""

from __future__ import annotations

import re
from importlib import import_module

from prometheus_client import REGISTRY

MODULES = (
    *("shared.runtime.metrics", "shared.reports.measures", "bridges.kafka_source.metrics"),
    *("bridges.cron.ticker", "bridges.redis_expiry.sender", "bridges.smtp_in.server"),
)
FOREIGN = {
    "Kafka exporter": (
        *("kafka_topic_partition_current_offset", "kafka_consumergroup_current_offset", "kafka_consumergroup_lag"),
    ),
    "infra/kafka/jmx.yml": (
        "kafka_server_replicamanager_underreplicatedpartitions",
        "kafka_server_replicamanager_underminisrpartitioncount",
        "kafka_controller_offlinepartitionscount",
    ),
    "redis_exporter": (
        *("redis_up", "redis_cluster_state", "redis_memory_used_bytes", "redis_memory_max_bytes"),
        *("redis_key_size", "redis_key_value"),
    ),
    "mysqld_exporter": (
        *("mysql_up", "mysql_slave_status_seconds_behind_master", "mysql_slave_status_slave_sql_running"),
        "mysql_slave_status_slave_io_running",
    ),
    "kubelet": ("kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"),
    "kube-state-metrics": ("kube_cronjob_status_last_successful_time",),
    "Prometheus": ("up",),
    "prometheus_client": ("process_resident_memory_bytes", "process_cpu_seconds_total"),
}
SELECTED = re.compile(r"\b([a-z]+(?:_[a-z]+)+|up)(?=[{\[])|\b((?:mysql|redis|kafka|ims|kube|kubelet)_\w+)\b")
FUNCTIONS = frozenset({"on", "by", "group_right", "clamp_min"})


def known() -> set[str]:
    """The names of every metric, as Prometheus stores them."""
    for module in MODULES:
        import_module(module)
    ours = {name for family in REGISTRY.collect() for name in _names(family.name, family.type)}
    return {n for n in ours if n.startswith("ims_")} | {n for names in FOREIGN.values() for n in names}


def used(expression: str) -> set[str]:
    """The metrics that a PromQL expression reads."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    return {a or b for a, b in SELECTED.findall(bare)} - FUNCTIONS


def _names(family: str, kind: str) -> list[str]:
    ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    return [f"{family}{end}" for end in ends.get(kind, ("",))]
