"""Watch as a process has it: its checks, memory and messengers, made from settings on first use."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any

from shared.domain.ids import LANES
from shared.operating import functions
from shared.operating.alarms import event_view
from shared.reports.desk import callback_breakers
from shared.runtime import Context
from shared.runtime.mysql import Database
from shared.runtime.redis import RedisClients, away
from shared.runtime.settings import KafkaSettings, MysqlSettings, RedisSettings, ReportSettings, WatchSettings, load
from shared.watch import alarms, rules, sms
from shared.watch.checks import kafka, logs, mysql, processes, redis, work
from shared.watch.look import look
from shared.watch.memory import Memory, State
from shared.watch.samples import Check, Look, Sample
from shared.watch.slack import Said, Slack
from shared.watch.tick import Ticker

MYSQL_S, REDIS_S = 4.0, 4.0
THREADS = 6
HEADROOM_S = 1.0
HISTORY = 30
TEST = "This is a test of IMS watch: it reaches you."


class Fresh(Database):
    """Tries a connection before each use: between two ticks its server may have gone and come back."""

    def _connection(self) -> Any:
        connection = super()._connection()
        try:
            connection.ping(reconnect=False)
        except Exception:
            self._drop()
            connection = super()._connection()
        return connection


class Desk:
    """One per process."""

    def __init__(self, ims: Context) -> None:
        self._ims, self._settings = ims, load(WatchSettings)
        self._faults: dict[str, str] = {}
        self._known: list[dict[str, Any]] = []
        self._kafka_thread = ThreadPoolExecutor(1, thread_name_prefix="kafka")

    @cached_property
    def ticker(self) -> Ticker:
        """What ticks."""
        s = self._settings
        policy = alarms.Policy(round(s.watch_repeat_hours * 3_600_000), round(s.watch_calm_seconds * 1000))
        parts = (self.memory, self.look, self.rules, policy, s.watch_wait_scale, self.slack, self.sms, self._ims.now_ms)
        return Ticker(*parts)

    @cached_property
    def rules(self) -> tuple[rules.Rule, ...]:
        """The table with this deployment's thresholds; the table's own where those cannot be read."""
        try:
            return rules.with_thresholds(self._settings.watch_thresholds)
        except ValueError as error:
            self._faults["IMS_WATCH_THRESHOLDS"] = str(error)
            return rules.RULES

    @cached_property
    def memory(self) -> Memory:
        """MySQL, Redis, and the process."""
        return Memory(self.db, lambda: self._redis.state, self._settings.watch_turn_seconds)

    @cached_property
    def slack(self) -> Slack | None:
        """Slack, where its webhook is set."""
        url = self._settings.slack_webhook_url.get_secret_value()
        env = self._ims.settings.env
        return Slack(self._ims.http, url, env, self._settings.watch_runbooks) if url else None

    @cached_property
    def sms(self) -> sms.Sms | None:
        """SMS, where an account and recipients are set, and can work."""
        try:
            return sms.Sms(self._ims.http, self._settings, self._ims.now_ms) if sms.configured(self._settings) else None
        except ValueError as error:
            self._faults["IMS_WATCH_SMS_SETTINGS"] = str(error)
            return None

    @cached_property
    def db(self) -> Database:
        """The primary, with less patience than a function has."""
        return Fresh(load(MysqlSettings).mysql_url, pool=THREADS, timeout=MYSQL_S)

    @cached_property
    def _redis(self) -> RedisClients:
        """With more patience than a function has: a busy machine is not yet a Redis that is down."""
        settings = load(RedisSettings)
        return RedisClients(settings.model_copy(update={"redis_timeout_seconds": REDIS_S}))

    @cached_property
    def _replica(self) -> Database | None:
        url = load(MysqlSettings).mysql_replica_url
        return Fresh(url, pool=2, timeout=MYSQL_S) if url else None

    @cached_property
    def _monitor(self) -> Database:
        url = self._settings.watch_mysql_url.get_secret_value()
        return Fresh(url, pool=1, timeout=MYSQL_S) if url else self.db

    @cached_property
    def _callbacks(self) -> Any:
        return callback_breakers(self._ims.redis, load(ReportSettings))

    async def look(self, marks: dict[str, int], now_ms: int) -> Look:
        """All checks at once."""
        return await look(self.checks(marks, now_ms), self._settings.watch_check_seconds, now_ms)

    def checks(self, marks: dict[str, int], now_ms: int) -> list[Check]:
        """What is looked at. Names of server checks are what their outage is about."""
        clients = self._redis
        found = [
            Check("settings", self._own_settings, frozenset()),
            Check("kafka", self._kafka, kafka.METRICS, kafka.DOWN),
            Check("primary", partial(mysql.primary, self.db, self._monitor), mysql.PRIMARY_METRICS, mysql.DOWN),
            Check("redis", partial(redis.servers, clients), redis.METRICS, redis.DOWN),
            Check("due-set", partial(redis.due_set, clients, marks, now_ms), redis.DUE_METRICS, needs=("redis",)),
            Check("logs", partial(logs.look, clients.state, now_ms), logs.METRICS, needs=("redis",)),
            Check("due work", partial(work.due, self.db, now_ms), work.DUE_METRICS, needs=("primary",)),
            Check("backlogs", partial(work.backlogs, self.db, marks, now_ms), work.BACKLOG_METRICS, needs=("primary",)),
            Check("pauses", partial(work.pauses, self.db, now_ms), work.PAUSE_METRICS, needs=("primary",)),
            Check("hops", partial(work.hops, self.db, now_ms), work.HOP_METRICS, needs=("primary",)),
            Check("breakers", self._breakers, work.BREAKER_METRICS, needs=("primary", "redis")),
        ]
        if self._replica is not None:
            run = partial(mysql.replication, self.db, self._replica, self._ims.now_ms)
            found += [
                Check("replica", partial(mysql.replica, self._replica), frozenset(), mysql.DOWN),
                Check("replication", run, mysql.REPLICATION_METRICS, needs=("primary", "replica")),
            ]
        if named := list(processes.addresses(self._settings.watch_urls)):
            found.append(Check("processes", partial(processes.look, self._ims.http, named), processes.METRICS))
        return found

    async def _own_settings(self) -> list[Sample]:
        """Settings that cannot work are told like any other fault: without them watch does what it can."""
        _ = self.rules, self.sms
        if self._faults:
            raise ValueError("; ".join(f"{name}: {why}" for name, why in self._faults.items()))
        return []

    async def _kafka(self) -> list[Sample]:
        seconds = self._settings.watch_check_seconds - HEADROOM_S
        call = partial(kafka.look, load(KafkaSettings), seconds, self._ims.now_ms())
        return await asyncio.get_running_loop().run_in_executor(self._kafka_thread, call)

    async def _breakers(self) -> list[Sample]:
        await self._redis.state.ping()  # else unknown breakers would pass for closed ones
        names = [entry.name for entry in await self._ims.vendors.entries()]
        return await work.breakers(self.db, self._ims.breakers, self._callbacks, names)

    async def status(self) -> dict[str, Any]:
        """What there is to see now: a fresh look, what the rules find in it, and the alarms and mutes as saved."""
        state, now_ms = await self.memory.fresh(), self._ims.now_ms()
        seen = await self.look(dict(state.marks), now_ms)
        made = shown(state, seen, rules.judge(seen, self.rules), self.slack is not None, self.sms is not None)
        taken = await self.memory.acknowledged()
        for alarm in made["alarms"]:
            alarm["acknowledged"] = taken.get((alarm["name"], alarm["subject"]))
        history = [event_view(event) for event in await self.memory.history(HISTORY)]
        away = [*self.memory.away, *(["Kafka"] if "kafka" in made["failed"] else [])]
        more = {"history": history, "away": away, "lanes": lanes(seen), "instances": await self._instances(now_ms)}
        return made | more

    async def _instances(self, now_ms: int) -> list[dict[str, Any]]:
        """As Redis has them, or as they were when it was there."""
        try:
            async with asyncio.timeout(REDIS_S):
                known = await functions.instances(self._redis.state, now_ms)
            self._known = [{"process": name, **one} for name, many in known.items() for one in many]
        except (TimeoutError, *away()):
            return [{**one, "state": "unknown"} for one in self._known]
        return self._known

    async def test(self) -> dict[str, Any]:
        """Tell everybody that this is a test: way → sent, or why not; null where it is not set."""
        ways = {"slack": self._test_slack(), "sms": self._test_sms()}
        said = dict(zip(ways, await asyncio.gather(*ways.values()), strict=True))
        return {way: s and {"sent": s.sent, "detail": s.detail} for way, s in said.items()}

    async def _test_slack(self) -> Said | None:
        return await self.slack.post({"text": f"IMS {self._ims.settings.env}: {TEST}"}) if self.slack else None

    async def _test_sms(self) -> Said | None:
        return await self.sms.text(f"[IMS] {TEST}") if self.sms else None


def shown(state: State, seen: Look, found: rules.Found, slack: bool, texts: bool) -> dict[str, Any]:
    """The internal page: times in ms, alarms as in the table `alarms`, samples as measured."""
    fields = ("name", "subject", "severity", "text", "since_ms", "told_ms", "sms_ms", "fired")
    return {
        "at_ms": seen.at_ms,
        "findings": [
            {"name": name, "subject": subject, "severity": f.severity, "text": f.text, "wait_ms": f.wait_ms}
            for (name, subject), f in sorted(found.findings.items())
        ],
        "unknown": sorted([*found.unknown, *(" ".join(key) for key in found.unsure)]),
        "failed": dict(seen.failed),
        "alarms": [{"state": a.state, **{field: getattr(a, field) for field in fields}} for a in state.alarms.values()],
        "mutes": state.mutes,
        "samples": [sample._asdict() for sample in seen.samples],
        "ways": {"slack": slack, "sms": texts},
    }


def lanes(seen: Look) -> list[tuple[str, float | None, int | None]]:
    """(lane, how long its oldest event waits (s), how many wait), over all groups that read it."""
    found = []
    for lane in LANES:
        oldest, lag = (
            [s.value for s in seen.samples if s.metric == metric and s.subject.endswith(f"-{lane}")]
            for metric in ("group_oldest", "group_lag")
        )
        times = [value for value in oldest if value == value]  # NaN: not known
        found.append((lane, round(max(times), 1) if times else None, int(sum(lag)) if lag else None))
    return found
