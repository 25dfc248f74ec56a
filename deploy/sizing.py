"""How much a number of messages a day needs: `python -m deploy.sizing [MESSAGES_A_DAY …]`.

It prints the tables of docs/deploy/sizing.md, which `make manifests` keeps fresh: arithmetic over measured figures,
each with its source and with what is assumed. Bytes: deploy/measure.py, deploy/measure_redis.py; CPU:
docs/performance.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

from deploy.settings import PARTITIONS, REPLICATION, RETENTION_DAYS
from shared.domain.retry import REPORT_RETRIES, report_delay_s
from shared.flow import processes

TARGETS = (1_000, 100_000, 1_000_000, 10_000_000, 100_000_000)

# Assumed: how the messages come.
PEAK_HOUR = 0.3
"""Of a day's messages, in its busiest hour."""
SINGLES, BATCH = 0.1, 500
"""A tenth of the messages are alone in their request and in their events; the others come in full batches."""
REQUESTS_A_MESSAGE = SINGLES + (1 - SINGLES) / BATCH
FAILING = 0.02
"""Of the reports are not taken, and all of these fail until the last retry."""
HOT_DAYS = 1.0
"""A message's rows are read and written for about a day; InnoDB should hold these."""
HEADROOM = 2.0
"""At the peak a machine is half idle."""
KNATIVE = 1.5
"""queue-proxy, the Kafka source's dispatcher, the activator, TLS: not measured here."""

# Measured.
BYTES_IN_MYSQL = 860
"""Rows and indexes of a message: messages 490, hops 218, seen 63, requests 44, reports and attempts 45."""
BYTES_IN_BINLOG = 1180
BYTES_IN_KAFKA = 480
"""Its six events, lz4, one replica: 200 in batches of 500, 3,000 alone."""
BYTES_OF_RETRY, BYTES_OF_KEY = 1555, 450
"""In Redis; every request has an Idempotency-Key, kept for a day with its answer."""
MICROS_BATCHED, MICROS_SINGLE = 420, 3440
"""Of CPU a message, all processes and servers (`make bench`, a busy machine: the upper end)."""
MYSQL_SHARE, KAFKA_SHARE = 0.2, 0.2
EVENTS_A_CONSUMER = 500
"""A second, unordered, 50 in flight, each held for 100 ms by a busy function."""

# As deployed: infra/, the overlay prod.
HISTORY_DAYS, BINLOG_DAYS, BROKERS = 90, 3, 3
PROCESS_CORES, PROCESS_GB = 0.1, 0.134
"""What a replica reserves; at the peak it is given HALF_CORE."""
HALF_CORE = 0.5
SERVER_CORES = 8.3
"""What Kafka (3 × 1), MySQL (2 × 1), Redis (6 × 0.25), MongoDB (3 × 0.5) and what stands beside them reserve."""
KAFKA_GB, MYSQL_GB, REDIS_GB, MONGODB_GB = 3 * 4.3, 2 * 4.3, 6 * 1.6, 3 * 2.1
DUMPS, DUMP_SHARE = 14, 0.15
"""Dumps kept, and how much of the rows' size is left of them, compressed (0.06 of measure.py's uniform rows)."""


@dataclass(frozen=True)
class Plan:
    """What so many messages a day need."""

    messages: int
    peak: float
    cores: float
    mysql_cores: float
    replicas: int
    partitions: int
    kafka_gb: float
    mysql_gb: float
    pool_gb: float
    binlog_gb: float
    redis_mb: float
    reserved_cores: float
    memory_gb: float
    disk_gb: float
    archive_gb: float


def plan(messages: int) -> Plan:
    """The arithmetic."""
    peak = messages * PEAK_HOUR / 3600
    cores = peak * (SINGLES * MICROS_SINGLE + (1 - SINGLES) * MICROS_BATCHED) / 1e6 * HEADROOM * KNATIVE
    ours, mysql = cores * (1 - MYSQL_SHARE - KAFKA_SHARE), cores * MYSQL_SHARE
    replicas = max(always(), math.ceil(ours / HALF_CORE))
    kafka_gb = messages * BYTES_IN_KAFKA * RETENTION_DAYS * REPLICATION / BROKERS / 1e9
    mysql_gb, binlog_gb = (
        messages * size * days / 1e9 for size, days in ((BYTES_IN_MYSQL, HISTORY_DAYS), (BYTES_IN_BINLOG, BINLOG_DAYS))
    )
    pool_gb = max(MYSQL_GB / 4, messages * BYTES_IN_MYSQL * HOT_DAYS / 1e9)
    redis_gb = (messages * FAILING * retry_days() * BYTES_OF_RETRY + messages * REQUESTS_A_MESSAGE * BYTES_OF_KEY) / 1e9
    return Plan(
        messages=messages,
        peak=peak,
        cores=cores,
        mysql_cores=mysql,
        replicas=replicas,
        partitions=partitions(peak),
        kafka_gb=kafka_gb,
        mysql_gb=mysql_gb,
        pool_gb=pool_gb,
        binlog_gb=binlog_gb,
        redis_mb=redis_gb * 1e3,
        reserved_cores=max(cores, always() * PROCESS_CORES + SERVER_CORES),
        memory_gb=replicas * PROCESS_GB
        + KAFKA_GB
        + max(MYSQL_GB, 4 * pool_gb)
        + max(REDIS_GB, 4 * redis_gb)
        + MONGODB_GB,
        disk_gb=BROKERS * kafka_gb + 2 * (mysql_gb + binlog_gb),
        archive_gb=DUMPS * mysql_gb * DUMP_SHARE + binlog_gb / BINLOG_DAYS * (DUMPS + 1),
    )


def always() -> int:
    """Replicas that the overlay prod keeps: two of each process that never goes to zero, one where there is but one."""
    scales = [process.function.scale for process in processes()]
    return sum(min(2, scale.max) for scale in scales if scale.min)


def partitions(peak: float) -> int:
    """Of the lane's topics that take the whole peak: a consumer each, and no fewer than are deployed."""
    events = peak * REQUESTS_A_MESSAGE
    return max(*PARTITIONS.values(), math.ceil(events / EVENTS_A_CONSUMER * HEADROOM / 6) * 6)


def retry_days() -> float:
    """How long a report waits whose every try fails."""
    return sum(report_delay_s(n) or 0 for n in range(1, REPORT_RETRIES + 1)) / 86_400


GUIDE = "docs/deploy/sizing.md"
Row = tuple[str, Callable[[Plan], float]]
NEEDS: tuple[Row, ...] = (
    ("Messages a day", lambda p: p.messages),
    ("At the peak, a second", lambda p: p.peak),
    ("CPU cores at the peak, half idle", lambda p: p.cores),
    ("of them MySQL's primary", lambda p: p.mysql_cores),
    ("Function replicas at the peak", lambda p: p.replicas),
    ("Partitions of a lane's topic", lambda p: p.partitions),
    ("Kafka's disk, each of 3 nodes, GB", lambda p: p.kafka_gb),
    ("MySQL's rows of 90 days, GB", lambda p: p.mysql_gb),
    ("its buffer pool, GB", lambda p: p.pool_gb),
    ("its binary logs of 3 days, GB", lambda p: p.binlog_gb),
    ("Redis, all primaries, MB", lambda p: p.redis_mb),
)
COSTS: tuple[Row, ...] = (
    ("Cores reserved", lambda p: p.reserved_cores),
    ("Memory, GB", lambda p: p.memory_gb),
    ("SSD, GB", lambda p: p.disk_gb),
    ("Object store, GB", lambda p: p.archive_gb),
)
WEIGHTS = (1.0, 0.125, 0.004, 0.001)
"""A core, and beside it a GB of memory, of SSD and of an object store: what clouds charge, roughly."""


def needs(targets: tuple[int, ...] = TARGETS) -> str:
    """The plans side by side, as Markdown."""
    return _markdown([[title, *(_number(of(plan(n))) for n in targets)] for title, of in NEEDS])


def costs(targets: tuple[int, ...] = TARGETS) -> str:
    """What is paid for, with a column for one's own prices; and the cost of a message as a multiple of the cheapest."""
    plans = [plan(n) for n in targets]
    rows = [["A month of", *(f"{n:,}" for n in targets), "Your price a unit"]]
    rows += [[title, *(_number(of(p)) for p in plans), ""] for title, of in COSTS]
    each = [sum(w * of(p) for w, (_, of) in zip(WEIGHTS, COSTS, strict=True)) for p in plans]
    least = min(cost / p.messages for cost, p in zip(each, plans, strict=True))
    rows.append(["Together, in cores", *(_number(cost) for cost in each), ""])
    rows.append(
        ["A message, × the cheapest", *(_number(c / p.messages / least) for c, p in zip(each, plans, strict=True)), ""]
    )
    return _markdown(rows)


def _markdown(rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([lines[0], f"|---|{'---:|' * (len(rows[0]) - 1)}", *lines[1:]])


def _number(value: float) -> str:
    if value >= 10 or isinstance(value, int):
        return f"{value:,.0f}"
    return f"{value:.2g}" if value >= 0.01 else "< 0.01"


def guide(text: str) -> str:
    """The guide with its tables anew, each between its two marks."""
    for name, made in (("needs", needs()), ("costs", costs())):
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{made}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    wanted = tuple(int(word.replace(",", "")) for word in sys.argv[1:]) or TARGETS
    print(needs(wanted), costs(wanted), sep="\n\n")
