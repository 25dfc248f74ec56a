"""What runs, in which order: servers → their preparation → simulator and functions → sources and bridges → gateway."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from local import seed
from local.home import DIST
from local.install import Say
from local.openfaas import plan as openfaas
from local.options import APART, Options
from local.probes import HOST, http_ok
from local.processes import SLOW_HOST_NICE, SLOW_NICE, Kind, Part, Spec
from local.servers import Server, envoy, kafka, mongodb, mysql, redis
from shared import flow

SLOW_FUNCTIONS = frozenset({"store"})
LOOPBACK = "127.0.0.0/8,::1/128"


@dataclass(frozen=True)
class Stage:
    """Processes that start together; `then` are jobs that run at once when all of them are ready."""

    title: str
    specs: tuple[Spec, ...]
    then: tuple[Callable[[], None], ...] = ()


def install(options: Options, say: Say) -> None:
    """See to every program that the platform needs."""
    for server in (kafka, mysql, redis, mongodb, envoy):
        server.install(options, say)


def servers(options: Options) -> tuple[Stage, dict[str, str]]:
    """The servers, and the environment by which functions reach them."""
    made: list[Server] = [kafka.build(options), mysql.build(options), redis.build(options), mongodb.build(options)]
    env = {key: value for server in made for key, value in server.env.items()}

    def database() -> None:
        made[1].ready()
        seed.seed(options, {**addresses(options), **env})

    stage = Stage(
        "servers", tuple(s for server in made for s in server.specs), (made[0].ready, database, made[2].ready)
    )
    return stage, env


def functions(options: Options, env: Mapping[str, str]) -> list[Stage]:
    """Everything that runs between the servers and the gateway, and the gateway."""
    env = {**addresses(options), **env}
    if options.platform == "openfaas-ce":
        return [
            Stage("functions", (_simulator(options, env), *openfaas.functions(options, env))),
            Stage("sources", openfaas.beside(options, env)),
            Stage("gateway", (envoy.build(options, openfaas.behind(options)),)),
        ]
    if options.hosts != APART:
        hosts = Stage("hosts", (_simulator(options, env), *_hosts(options, env), *_further_replicas(options, env)))
        return [hosts, Stage("gateway", (envoy.build(options),))]
    return [
        Stage("functions", (_simulator(options, env), *_functions(options, env))),
        Stage("sources", tuple(_bridges(options, env))),
        Stage("gateway", (envoy.build(options),)),
    ]


def addresses(options: Options) -> dict[str, str]:
    """Settings of the local platform that every process of ours gets."""
    return {
        "IMS_ENV": "local",
        "IMS_VENDOR_URL": f"http://{HOST}:{options.ports['simulator']}",
        "IMS_VENDOR_HTTP2_URL": f"http://{HOST}:{options.ports['simulator-http2']}",
        "IMS_GATEWAY_URL": f"http://{HOST}:{options.ports['gateway']}",
        "IMS_EGRESS_ALLOW": LOOPBACK,
        "IMS_TRUSTED_PROXIES": LOOPBACK,
        "IMS_EGRESS_HTTP": "1",
        "IMS_SECRET_KEYS": options.home.secret("secret_keys", base64.b64encode(os.urandom(32)).decode()),
        "IMS_CONSOLE_URL": f"http://{HOST}:{options.ports['gateway']}/console",
        "IMS_COOKIE_SECURE": "0",
        "IMS_SMTP_HOST": HOST,
        "IMS_SMTP_PORT": str(options.ports["smtp"]),
        "IMS_SMTP_STARTTLS": "0",
        "IMS_SMTP_IN_PORT": str(options.ports["smtp-in"]),
        "IMS_SLACK_WEBHOOK_URL": os.environ.get("IMS_SLACK_WEBHOOK_URL") or _slack(options),
        "IMS_WATCH_URLS": ",".join(f"{name}=http://{HOST}:{options.ports[name]}/healthz" for name in _watched()),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
        **_bytecode(),
        **{target(process.name): ",".join(_urls(options, process)) for process in flow.processes()},
    }


def _watched() -> Iterator[str]:
    """The bridges that watch asks for their health beside the functions: a cron that is silent shows in its tasks."""
    return (bridge.name for bridge in flow.bridges() if bridge.bridge.feeds is not flow.Cron)


def _bytecode() -> dict[str, str]:
    """Where the shell wants no bytecode beside the sources it lies apart from them: without any, each of the processes
    would compile hundreds of modules at each start, which costs more than the rest of the start."""
    if not sys.dont_write_bytecode:
        return {}
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(DIST / "bytecode")}


def _slack(options: Options) -> str:
    """The simulator's stand-in for Slack."""
    return f"http://{HOST}:{options.ports['simulator']}/slack/services/T000/B000/local"


def target(process: str) -> str:
    """The variable by which sources find a process: IMS_TARGET_ROUTE_FAST=http://127.0.0.1:40001,…"""
    return f"IMS_TARGET_{process.upper().replace('-', '_')}"


def _urls(options: Options, process: flow.Process) -> list[str]:
    return [f"http://{HOST}:{options.ports.process(process, i)}" for i in _replicas(options, process)]


def _replicas(options: Options, process: flow.Process) -> range:
    return range(options.replicas.get(process.function.name, 1))


def _functions(options: Options, env: Mapping[str, str]) -> Iterator[Spec]:
    for process in flow.processes():
        for i in _replicas(options, process):
            yield _function(options, env, process, i)


def _further_replicas(options: Options, env: Mapping[str, str]) -> Iterator[Spec]:
    """A host has one of each function; others have processes of their own, and take their turn over HTTP."""
    for process in flow.processes():
        for i in _replicas(options, process)[1:]:
            yield _function(options, env, process, i)


def _function(options: Options, env: Mapping[str, str], process: flow.Process, replica: int) -> Spec:
    slow = process.pool == "slow" or process.function.name in SLOW_FUNCTIONS
    port = options.ports.process(process, replica)
    return Spec(
        name=process.name if replica == 0 else f"{process.name}-{replica + 1}",
        kind="function",
        argv=_python("shared.runtime", "--function", process.function.name, "--host", HOST, "--port", str(port)),
        port=port,
        probe=http_ok(port, "/readyz"),
        env={**env, "IMS_POOL": process.pool or "", "IMS_LANES": ",".join(process.lanes)},
        nice=SLOW_NICE if slow else 0,
    )


def _hosts(options: Options, env: Mapping[str, str]) -> Iterator[Spec]:
    for host in flow.hosts():
        functions = [
            Part(p.name, "function", port := options.ports.process(p), http_ok(port, "/readyz")) for p in host.processes
        ]
        bridges = [
            Part(b.name, _kind(b), port := options.ports[b.name], http_ok(port, "/healthz")) for b in host.bridges
        ]
        parts = (*functions, *bridges)
        ports = [word for part in parts for word in ("--port", f"{part.name}={part.port}")]
        argv = _python("bridges.host", host.name, "--host", HOST, *ports, "--logs", str(options.home.logs))
        nice = SLOW_HOST_NICE if host.name == "slow" else 0
        yield Spec(f"host-{host.name}", "host", argv, 0, _never, env, nice, grace=40.0, parts=parts)


def _never() -> bool:
    """A host is asked by its parts."""
    return False


def _kind(bridge: flow.BridgeProcess) -> Kind:
    return "bridge" if bridge.bridge.feeds in (flow.RedisExpiry, flow.Smtp) else "source"


def _simulator(options: Options, env: Mapping[str, str]) -> Spec:
    port = options.ports["simulator"]
    argv = _python("simulator", "--port", str(port))
    own = {
        "IMS_SIM_RECEIPT_URL": f"http://{HOST}:{options.ports['gateway']}/v1/receipts/{{vendor}}/{{account}}",
        "IMS_SIM_SECRETS": seed.simulator_secrets(options),
        "IMS_SIM_SMTP_HOST": HOST,
        "IMS_SIM_SMTP_PORT": str(options.ports["smtp"]),
        "IMS_SIM_RETURN_PORT": str(options.ports["smtp-in"]),
        "IMS_SIM_HTTP2_HOST": HOST,
        "IMS_SIM_HTTP2_PORT": str(options.ports["simulator-http2"]),
    }
    return Spec("simulator", "simulator", argv, port, http_ok(port, "/healthz"), {**env, **own})


def _bridges(options: Options, env: Mapping[str, str]) -> Iterator[Spec]:
    for bridge in flow.bridges():
        port = options.ports[bridge.name]
        pool = ("--pool", bridge.pool) if bridge.pool else ()
        argv = _python(f"bridges.{bridge.bridge.name}", *pool, "--port", str(port))
        nice = SLOW_NICE if bridge.pool == "slow" else 0
        yield Spec(bridge.name, _kind(bridge), argv, port, http_ok(port, "/healthz"), env, nice)


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)
