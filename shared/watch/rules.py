"""Which samples are alarms: a table. Names are those of the Prometheus alerts (deploy/alerts.py) where both look.

A rule finds every sample of its metric (and subjects, by pattern) above its threshold; `wait_s` is how long that must
last. IMS_WATCH_THRESHOLDS changes thresholds by the rule's key: `ImsLaneLate/auth=60,ImsRedisFull=90`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from shared.watch.samples import NEVER_S, Look, Sample

CRITICAL, WARNING = "critical", "warning"
BLIND = "check_failed"
SUBJECT_CHARACTERS, TEXT_CHARACTERS = 128, 512

Key = tuple[str, str]
"""An alarm: its rule's name, and its subject."""


@dataclass(frozen=True)
class Rule:
    """One row. `label` tells rules of one name apart, `subject` is the pattern of what it is about."""

    name: str
    label: str
    metric: str
    subject: str
    above: float
    unit: str
    wait_s: int
    severity: str
    summary: str

    @property
    def key(self) -> str:
        """How a setting names it."""
        return f"{self.name}/{self.label}" if self.label else self.name

    @property
    def runbook(self) -> str:
        """The page's name: ImsLaneLate → lane-late."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", self.name.removeprefix("Ims")).lower()


# name/label  metric  subjects  above  unit  for (s)  severity  summary
_TABLE = """
    ImsLaneLate/auth         group_oldest        *-auth      30      s      60   critical  the oldest event waits too long for a one-time password
    ImsLaneLate/realtime     group_oldest        *-realtime  120     s      60   critical  the oldest event of the lane waits too long
    ImsLaneLate/bulk         group_oldest        *-bulk      3600    s      60   warning   the oldest event of the lane waits too long
    ImsLaneLate/ad           group_oldest        *-ad        7200    s      60   warning   the oldest event of the lane waits too long
    ImsLaneLag/auth          group_lag           *-auth      100     events 600  warning   more events wait than is usual
    ImsLaneLag/realtime      group_lag           *-realtime  1000    events 600  warning   more events wait than is usual
    ImsLaneLag/bulk          group_lag           *-bulk      20000   events 600  warning   more events wait than is usual
    ImsLaneLag/ad            group_lag           *-ad        20000   events 600  warning   more events wait than is usual
    ImsStoreLate             group_oldest        ims.store   900     s      300  warning   the history is behind
    ImsDeadLetters           dead_letters        *           0       events 0    critical  events were given up within 15 minutes and lie in ims.dead
    ImsKafkaRefusing         kafka_down          *           0       -      60   critical  Kafka cannot be asked
    ImsKafkaRefusing/topics  kafka_refusing      *           0       -      60   critical  partitions have no leader or too few replicas in sync
    ImsKafkaUnderReplicated  kafka_under         *           0       -      300  warning   partitions have fewer replicas in sync than they should
    ImsMysqlDown             mysql_down          *           0       -      60   critical  a MySQL server does not answer
    ImsMysqlReplicaLate      replica_behind      *           30      s      300  warning   the read replica is behind
    ImsMysqlReplicaBroken    replica_behind      *           300     s      120  critical  the replica does not follow its primary
    ImsMysqlLongTransaction  mysql_transaction   *           120     s      60   warning   a transaction stays open and holds its locks
    ImsNewError              new_errors          *           0       errors 0    warning   an error that no log had before
    ImsRedisDown             redis_down          *           0       -      60   critical  Redis does not answer, or does not cover all slots
    ImsRedisFull             redis_used          *           85      %      600  critical  Redis is nearly full, and refuses writes when it is
    ImsRedisEventsOff        redis_events_off    *           0       -      60   warning   keyspace notifications are off: only the sweep wakes retries
    ImsRedisRebuilt          redis_rebuilt       *           0       -      0    warning   Redis had lost data; the due-set was rebuilt from MySQL
    ImsRedisIncomplete       redis_epochs        *           0       -      120  critical  shards lost their data and nobody rebuilds them from MySQL
    ImsExpiryDown            expiry_silent       *           0       -      120  critical  no redis_expiry listens: reports are not retried in time
    ImsScheduleNotTicking    schedule_silent     *           180     s      120  critical  nothing that is due leaves: schedule gets no ticks
    ImsDueLate/auth          due_overdue         auth        15      s      60   critical  due work of the lane has not left
    ImsDueLate/realtime      due_overdue         realtime    60      s      60   critical  due work of the lane has not left
    ImsDueLate/bulk          due_overdue         bulk        300     s      60   warning   due work of the lane has not left
    ImsDueLate/ad            due_overdue         ad          300     s      60   warning   due work of the lane has not left
    ImsBacklogStuck          backlog_still       *           600     s      60   warning   what waits for an account's window or turn does not leave
    ImsLanePaused            lane_paused         *           900     s      0    warning   an operator has paused the lane; what expires meanwhile is never sent
    ImsHopsStuck             hop_oldest          */sending   300     s      60   warning   messages were claimed for a vendor and nobody finishes them
    ImsRetriesLate           retry_overdue       *           30      s      120  critical  retries of reports start late
    ImsRetriesPiling         retries_waiting     *           100000  units  900  warning   many reports wait for a retry
    ImsVendorDown            vendor_open         *           0       -      120  critical  the breaker of a vendor account is open
    ImsVendorErrors          vendor_failed       *           10      %      300  warning   calls to a vendor account fail
    ImsCallbacksFailing      callbacks_open      *           0       hosts  900  warning   clients' hosts do not take their reports
    ImsFunctionDown          function_down       *           0       -      120  critical  a process does not answer
    ImsWatchBlind            check_failed        *           0       -      180  warning   a check of watch itself fails
"""  # noqa: E501 - a table


def _rule(line: str) -> Rule:
    key, metric, subject, above, unit, wait, severity, summary = line.split(maxsplit=7)
    name, _, label = key.partition("/")
    return Rule(name, label, metric, subject, float(above), unit.strip("-"), int(wait), severity, summary)


RULES: tuple[Rule, ...] = tuple(map(_rule, _TABLE.strip().splitlines()))


class Finding(NamedTuple):
    """A sample that a rule does not allow: severity, how long it must last (ms), and its words."""

    severity: str
    wait_ms: int
    text: str
    value: float


class Found(NamedTuple):
    """All findings of a look, and of what nothing is known this time: rules by name, and single alarms."""

    findings: dict[Key, Finding]
    unknown: frozenset[str]
    unsure: frozenset[Key] = frozenset()


def with_thresholds(text: str) -> tuple[Rule, ...]:
    """The rules with other thresholds: `key=value,…`. ValueError names what is wrong."""
    wanted: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        key, _, value = part.partition("=")
        if key not in {rule.key for rule in RULES}:
            raise ValueError(f"there is no rule {key!r}")
        try:
            wanted[key] = float(value)
        except ValueError:
            raise ValueError(f"{part!r} is not rule=number") from None
    return tuple(replace(rule, above=wanted.get(rule.key, rule.above)) for rule in RULES)


def judge(look: Look, rules: Iterable[Rule] = RULES, wait_scale: float = 1.0) -> Found:
    """Hold the samples against the rules. Of several rules for one alarm the gravest finding counts."""
    findings: dict[Key, Finding] = {}
    unknown: set[str] = set()
    unsure: set[Key] = set()
    by_metric: dict[str, list[Sample]] = {}
    for sample in look.samples:
        by_metric.setdefault(sample.metric, []).append(sample)
    for rule in rules:
        if rule.metric in look.unknown:
            unknown.add(rule.name)
        for sample in by_metric.get(rule.metric, ()):
            if not fnmatchcase(sample.subject, rule.subject):
                continue
            key = (rule.name, sample.subject[:SUBJECT_CHARACTERS])
            if math.isnan(sample.value):
                unsure.add(key)
            elif sample.value > rule.above:
                finding = Finding(
                    rule.severity, round(rule.wait_s * 1000 * wait_scale), words(rule, sample), sample.value
                )
                if key not in findings or rule.severity == CRITICAL:
                    findings[key] = finding
    return Found(findings, frozenset(unknown), frozenset(unsure))


def words(rule: Rule, sample: Sample) -> str:
    """What is wrong, with its value and details: `the history is behind (1,200 s; allowed 900)`."""
    value = "never" if sample.value >= NEVER_S else f"{sample.value:,.0f} {rule.unit}"
    measured = f"{value}; allowed {rule.above:,.0f}" if rule.unit else ""
    more = "; ".join(filter(None, (measured, sample.detail)))
    return (f"{rule.summary} ({more})" if more else rule.summary)[:TEXT_CHARACTERS]


def severities(rules: Iterable[Rule] = RULES) -> Mapping[str, str]:
    """The gravest severity of each name."""
    known: dict[str, str] = {}
    for rule in rules:
        known[rule.name] = CRITICAL if CRITICAL in (known.get(rule.name), rule.severity) else rule.severity
    return known
