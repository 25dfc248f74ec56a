"""THE MAP: every function, what triggers it, what it emits, its pools, port and scaling; every bridge, what it feeds.

Everything else reads this: topics, the gateway's routes, the local platform, the manifests and the wiring tests. So a
function cannot be deployed with a trigger its code does not handle, nor emit to a topic that nobody made.

    client ─▶ gateway ─▶ api_mt ─▶ ims.accepted.<lane> ─▶ route ─▶ ims.send.<channel>.<lane> ─▶ send_<channel> ─▶ vendor
    vendor ─▶ gateway ─▶ api_receipt ─▶ ims.outcome.<lane> ─▶ route ─▶ ims.finished.<lane> ─▶ report ─▶ client
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.domain.ids import LANES

POOLS: dict[str, tuple[str, ...]] = {"fast": ("auth", "realtime"), "slow": ("bulk", "ad")}
GATEWAY_PORT = 30001


@dataclass(frozen=True)
class Http:
    """Requests that the gateway sends to the function, by path prefix; `internal` paths never pass the gateway."""

    prefixes: tuple[str, ...]
    internal: bool = False


@dataclass(frozen=True)
class Kafka:
    """Records of topics; `{lane}` stands for every lane of the process's pool, one source a lane."""

    topics: tuple[str, ...]


@dataclass(frozen=True)
class Cron:
    """A tick at each match of a five-field cron `schedule` in time zone `tz`."""

    schedule: str
    tz: str = "UTC"


@dataclass(frozen=True)
class RedisExpiry:
    """Keys that expired in the timers' database, batched by bridges/redis_expiry."""


@dataclass(frozen=True)
class Smtp:
    """Mails to return paths, which bridges/smtp_in posts to the function's path for them."""


Trigger = Http | Kafka | Cron | RedisExpiry | Smtp


@dataclass(frozen=True)
class Scale:
    """How many replicas on a cluster, requests in flight per replica, and limits of one replica."""

    min: int = 0
    max: int = 10
    target: int = 50
    cpu: str = "100m"
    memory: str = "128Mi"
    memory_limit: str = "384Mi"


@dataclass(frozen=True)
class Function:
    """One folder of functions/: `handles` are the event classes' names that its triggers bring.

    `internet` are the TCP ports that it calls outside the cluster (vendors, clients): none other is opened for it.
    `observes`: it may read every topic and see how far every consumer group is.
    """

    name: str
    port: int
    on: tuple[Trigger, ...]
    handles: tuple[str, ...] = ()
    emits: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    pool_step: int = 50
    timeout: int = 60
    concurrency: int = 100
    scale: Scale = field(default_factory=Scale)
    internet: tuple[int, ...] = ()
    observes: bool = False


@dataclass(frozen=True)
class Channel:
    """A channel's two functions: the ports of `api_<name>` and `send_<name>`, what `api_<name>` serves beside
    `/v1/<name>/`, and the ports that its vendors are called on."""

    name: str
    api_port: int
    send_port: int
    paths: tuple[str, ...] = ()
    internet: tuple[int, ...] = (443,)

    @property
    def topic(self) -> str:
        """Where messages for its vendors go."""
        return f"ims.send.{self.name}.{{lane}}"

    def accepting(self) -> Function:
        """`api_<name>`."""
        return Function(
            f"api_{self.name}",
            self.api_port,
            on=(Http((f"/v1/{self.name}/", *self.paths)),),
            emits=("ims.accepted.{lane}",),
            scale=Scale(min=1, max=20),
        )

    def sending(self) -> Function:
        """`send_<name>`."""
        return Function(
            f"send_{self.name}",
            self.send_port,
            on=(Kafka((self.topic,)),),
            handles=("Dispatch", "Poll"),
            emits=("ims.outcome.{lane}", "ims.dead"),
            pools=("fast", "slow"),
            scale=Scale(min=1, max=20),
            internet=self.internet,
        )


CHANNEL_FUNCTIONS: tuple[Channel, ...] = (
    Channel("mt", 30401, 40401, paths=("/v1/files",)),
    Channel("kakao", 30101, 40101),
    Channel("rcs", 30501, 40501),
    Channel("email", 30201, 40201, paths=("/v1/unsubscribe",), internet=(25, 443, 465, 587)),
    Channel("push", 30301, 40301, internet=(443, 2197)),
)
CHANNELS: tuple[str, ...] = tuple(channel.name for channel in CHANNEL_FUNCTIONS)
SEND_TOPICS: tuple[str, ...] = tuple(channel.topic for channel in CHANNEL_FUNCTIONS)

FLOW: tuple[Function, ...] = (
    *(channel.accepting() for channel in CHANNEL_FUNCTIONS),
    Function(
        "api_report",
        41101,
        on=(Http(("/v1/messages", "/v1/requests", "/v1/reports", "/v1/callbacks", "/v1/exports", "/v1/search")),),
        emits=("ims.outcome.{lane}", "ims.finished.{lane}", "ims.reported"),
        scale=Scale(min=1),
        internet=(443,),
    ),
    Function(
        "api_receipt",
        41121,
        on=(Http(("/v1/receipts",)), Smtp()),
        emits=("ims.outcome.{lane}", "ims.dead"),
        scale=Scale(min=1, max=20),
    ),
    Function(
        "route",
        40001,
        on=(Kafka(("ims.accepted.{lane}",)), Kafka(("ims.outcome.{lane}",))),
        handles=("Accepted", "Outcome", "Receipts", "Unread", "Due"),
        emits=(*SEND_TOPICS, "ims.outcome.{lane}", "ims.finished.{lane}", "ims.dead"),
        pools=("fast", "slow"),
        scale=Scale(min=1, max=20),
    ),
    *(channel.sending() for channel in CHANNEL_FUNCTIONS),
    Function(
        "report",
        41141,
        on=(Kafka(("ims.finished.{lane}",)),),
        handles=("Finished",),
        emits=("ims.reported", "ims.dead"),
        pools=("fast", "slow"),
        pool_step=10,
        scale=Scale(min=1, max=20),
        internet=(443,),
    ),
    Function(
        "report_retry",
        41161,
        on=(RedisExpiry(),),
        handles=("ReportDue",),
        emits=("ims.reported", "ims.dead"),
        scale=Scale(min=1),
        internet=(443,),
    ),
    Function(
        "store",
        41181,
        on=(
            Kafka(
                (
                    *(f"ims.outcome.{lane}" for lane in LANES),
                    "ims.finished.auth",
                    "ims.reported",
                    "ims.dead",
                )
            ),
        ),
        handles=("Outcome", "Receipts", "Unread", "Due", "Finished", "Reported", "Dead"),
        emits=("ims.dead",),
        scale=Scale(min=1, max=6),
    ),
    Function(
        "schedule",
        41201,
        on=(Cron("* * * * *"),),
        handles=("Tick",),
        emits=(
            *("ims.accepted.{lane}", "ims.outcome.{lane}", *SEND_TOPICS, "ims.finished.{lane}"),
            *("ims.reported", "ims.dead"),
        ),
        timeout=90,
        scale=Scale(min=1, max=2),
    ),
    Function(
        "collect",
        41321,
        on=(Cron("* * * * *"),),
        handles=("Tick",),
        emits=("ims.outcome.{lane}", "ims.dead"),
        timeout=90,
        scale=Scale(min=1, max=2),
        internet=(443,),
    ),
    Function(
        "upload",
        41341,
        on=(Cron("* * * * *"),),
        handles=("Tick",),
        emits=("ims.accepted.{lane}",),
        timeout=90,
        scale=Scale(min=1, max=2, cpu="200m", memory="192Mi", memory_limit="512Mi"),
    ),
    Function(
        "watch",
        29000,
        on=(Cron("* * * * *"),),
        handles=("Tick",),
        scale=Scale(min=1, max=1),
        internet=(443,),
        observes=True,
    ),
    Function(
        "retention",
        41261,
        on=(Cron("* 18-20 * * *"),),
        handles=("Tick",),
        emits=("ims.dead",),
        timeout=90,
        scale=Scale(min=0, max=1),
    ),
    Function(
        "digest",
        41221,
        on=(Cron("30 8 * * *", "Asia/Seoul"), Cron("*/10 9-11 * * *", "Asia/Seoul")),
        handles=("Tick",),
        emits=("ims.dead",),
        timeout=90,
        scale=Scale(max=2),
        internet=(443, 587),
    ),
    Function(
        "analyze",
        41361,
        on=(Kafka((*(f"ims.accepted.{lane}" for lane in LANES), *(f"ims.finished.{lane}" for lane in LANES))),),
        handles=("Accepted", "Finished"),
        emits=("ims.dead",),
        timeout=90,
        scale=Scale(min=1, max=4),
    ),
    Function(
        "api_user",
        41281,
        on=(
            Http(
                (
                    "/v1/me",
                    "/v1/digests",
                    "/v1/identities",
                    "/v1/senders",
                    "/v1/suppressions",
                    "/v1/templates",
                    "/v1/devices",
                    "/v1/keys",
                    "/v1/uploads",
                    "/v1/usage",
                    "/v1/prices",
                    "/v1/people",
                    "/v1/audit",
                    "/v1/invitations",
                    "/v1/sessions",
                    "/v1/passwords",
                    "/v1/contacts",
                    "/v1/groups",
                    "/v1/optouts",
                    "/v1/stats",
                    "/v1/consents",
                )
            ),
        ),
        timeout=90,
        scale=Scale(min=1),
        internet=(443, 587),
    ),
    Function(
        "api_admin",
        41301,
        on=(Http(("/v1/admin",)),),
        emits=(
            *("ims.accepted.{lane}", "ims.outcome.{lane}", *SEND_TOPICS, "ims.finished.{lane}"),
            *("ims.reported", "ims.dead"),
        ),
        scale=Scale(max=3),
        internet=(443, 587),
        observes=True,
    ),
    Function("console", 41381, on=(Http(("/console",)),), scale=Scale(min=1, max=3)),
)

BY_NAME: dict[str, Function] = {f.name: f for f in FLOW}


@dataclass(frozen=True)
class Bridge:
    """One folder of bridges/: brings what `feeds` names to the functions that it triggers. With `pools`, it runs once a
    pool, on ports that follow each other. `servers`: it needs MySQL and Redis. `scale` is its size on a cluster."""

    name: str
    port: int
    feeds: type[Kafka] | type[Cron] | type[RedisExpiry] | type[Smtp]
    pools: tuple[str, ...] = ()
    servers: bool = False
    scale: Scale = field(default_factory=lambda: Scale(min=1, cpu="50m", memory="96Mi"))


BRIDGES: tuple[Bridge, ...] = (
    Bridge(
        "kafka_source",
        41041,
        Kafka,
        pools=("fast", "slow"),
        scale=Scale(min=1, cpu="50m", memory="96Mi", memory_limit="512Mi"),
    ),
    Bridge("redis_expiry", 41043, RedisExpiry, servers=True, scale=Scale(min=2, cpu="50m", memory="96Mi")),
    Bridge("cron", 41044, Cron),
    Bridge("smtp_in", 41047, Smtp),
)
"""Where the platform has no such sources itself (locally, on OpenFaaS CE); redis_expiry and smtp_in everywhere. Two
replicas of redis_expiry announce the same keys; a claim in Redis lets one report_retry call win: no leader needed."""


@dataclass(frozen=True)
class Process:
    """A function as deployed: once, or once per pool; `lanes` are those it serves."""

    name: str
    function: Function
    pool: str | None
    lanes: tuple[str, ...]
    port: int


@dataclass(frozen=True)
class Source:
    """One Kafka source: a consumer group reading `topics` for one process; the last resort is `ims.dead`."""

    name: str
    group: str
    topics: tuple[str, ...]
    process: Process


def processes() -> Iterator[Process]:
    """Every function as it is deployed."""
    for function in FLOW:
        if not function.pools:
            yield Process(function.name, function, None, LANES, function.port)
        for i, pool in enumerate(function.pools):
            name = f"{function.name}-{pool}"
            yield Process(name, function, pool, POOLS[pool], function.port + i * function.pool_step)


@dataclass(frozen=True)
class BridgeProcess:
    """A bridge as deployed: once, or once per pool."""

    name: str
    bridge: Bridge
    pool: str | None
    port: int

    @property
    def feeds(self) -> tuple[Process, ...]:
        """The processes that it triggers; those of functions without pools belong to the slow one."""
        return tuple(
            process
            for process in processes()
            if any(isinstance(trigger, self.bridge.feeds) for trigger in process.function.on)
            and self.pool in (None, process.pool or "slow")
        )


def bridges() -> Iterator[BridgeProcess]:
    """Every bridge as it is deployed."""
    for bridge in BRIDGES:
        if not bridge.pools:
            yield BridgeProcess(bridge.name, bridge, None, bridge.port)
        for i, pool in enumerate(bridge.pools):
            yield BridgeProcess(f"{bridge.name}-{pool}", bridge, pool, bridge.port + i)


@dataclass(frozen=True)
class Host:
    """A process that runs several functions, and the bridges that feed them, where each needs no process of its own."""

    name: str
    processes: tuple[Process, ...]
    bridges: tuple[BridgeProcess, ...]


HOSTS = ("accepting", "fast", "slow", "rest")


def hosts() -> Iterator[Host]:
    """Requests; the fast pool; the slow one, with what reads Kafka without a pool; whatever else is left."""

    def place(process: Process) -> str:
        triggers = process.function.on
        if any(isinstance(trigger, Http) for trigger in triggers):
            return "accepting"
        return process.pool or ("slow" if any(isinstance(trigger, Kafka) for trigger in triggers) else "rest")

    for name in HOSTS:
        yield Host(
            name,
            tuple(process for process in processes() if place(process) == name),
            tuple(bridge for bridge in bridges() if place(bridge.feeds[0]) == name),
        )


def expand(pattern: str, lanes: tuple[str, ...] = LANES) -> tuple[str, ...]:
    """The topics that a pattern names."""
    return tuple(pattern.format(lane=lane) for lane in lanes) if "{lane}" in pattern else (pattern,)


def sources() -> Iterator[Source]:
    """One source per function, topic pattern and lane; one for a fixed list of topics (`store`)."""
    for process in processes():
        for trigger in process.function.on:
            if not isinstance(trigger, Kafka):
                continue
            if len(trigger.topics) == 1 and "{lane}" in trigger.topics[0]:
                for lane in process.lanes:
                    (topic,) = expand(trigger.topics[0], (lane,))
                    kind = topic.split(".")[1]
                    name = f"{process.function.name}-{kind}-{lane}"
                    yield Source(name, f"ims.{name}", (topic,), process)
            else:
                yield Source(process.name, f"ims.{process.name}", trigger.topics, process)


def topics() -> tuple[str, ...]:
    """Every topic that is emitted to or consumed."""
    names = {t for f in FLOW for pattern in f.emits for t in expand(pattern)}
    names |= {t for source in sources() for t in source.topics}
    return tuple(sorted(names))
