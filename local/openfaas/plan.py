"""The processes of stack.ce.yml and openfaas/bridges.yaml: what a pod would get, each process gets.

Only addresses differ: settings of the servers and of the local platform take the place of the cluster's, and the
secrets lie in the platform's folder instead of /var/openfaas/secrets.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.objects import dns
from deploy.settings import OPENFAAS_GATEWAY
from local.openfaas import files, gateway
from local.options import Options
from local.ports import BASE
from local.probes import HOST, http_ok
from local.problems import Problem
from local.processes import SLOW_NICE, Spec
from local.servers import envoy
from shared import flow

NOT_THERE = ("IMS_TARGET_",)
"""What only the platform of the map gives its processes."""


def ports(options: Options) -> dict[str, list[int]]:
    """The ports of each function's replicas."""
    return {deployed.name: list(_ports(options, deployed)) for deployed in files.functions()}


def _ports(options: Options, deployed: files.Deployed) -> Iterator[int]:
    function = flow.BY_NAME[deployed.function]
    for i in range(options.replicas.get(deployed.function, 1)):
        yield function.port + i + options.ports.offset


def functions(options: Options, env: Mapping[str, str]) -> tuple[Spec, ...]:
    """The functions' processes."""
    folder = _secrets(options, env)
    return tuple(spec for deployed in files.functions() for spec in _function(options, deployed, folder, env))


def beside(options: Options, env: Mapping[str, str]) -> tuple[Spec, ...]:
    """OpenFaaS' gateway and cron connector, and our bridges."""
    folder = options.home.path / "secrets"
    made = [gateway.build(options, ports(options)), _cron(options)]
    return (*made, *(_bridge(options, bridge, folder, env) for bridge in files.bridges()))


def behind(options: Options) -> envoy.Behind:
    """The public paths, led through OpenFaaS' gateway as routes.yaml says, where the stack has their function."""
    names = {f"/function/{deployed.name}/" for deployed in files.functions()}
    led = {prefix: path for prefix, path in files.rewrites().items() if any(path.startswith(n) for n in names)}
    return envoy.Behind([options.ports["openfaas-gateway"]], led)


def gateway_url(options: Options) -> str:
    """The stand-in's address."""
    return f"http://{HOST}:{options.ports['openfaas-gateway']}"


def _function(options: Options, deployed: files.Deployed, folder: Path, env: Mapping[str, str]) -> Iterator[Spec]:
    """The image's entry point, with the port that OpenFaaS calls replaced by one of this machine."""
    for i, port in enumerate(_ports(options, deployed)):
        own = {"IMS_FUNCTION": deployed.function, "HOST": HOST, "PORT": str(port), "IMS_SECRETS_DIR": str(folder)}
        yield Spec(
            deployed.name if i == 0 else f"{deployed.name}-{i + 1}",
            "function",
            (sys.executable, "-m", "shared.runtime"),
            port,
            http_ok(port, deployed.ready),
            {**deployed.env, **_here(env), **own},
        )


def _here(env: Mapping[str, str]) -> dict[str, str]:
    """The local platform's settings without what a secret's file says and without the map's addresses."""
    secret = {name.upper().replace("-", "_") for deployed in files.functions() for name in deployed.secrets}
    return {name: value for name, value in env.items() if name not in secret and not name.startswith(NOT_THERE)}


def _secrets(options: Options, env: Mapping[str, str]) -> Path:
    """A file a secret, as `faas-cli secret create` would have it."""
    folder = options.home.path / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in {secret for deployed in files.functions() for secret in deployed.secrets}:
        setting = name.upper().replace("-", "_")
        if setting not in env:
            raise Problem(f"stack.ce.yml wants the secret {name}", f"there is no setting {setting} to make it of")
        options.home.write(folder / name, env[setting])
    return folder


def _bridge(options: Options, bridge: files.Bridge, folder: Path, env: Mapping[str, str]) -> Spec:
    (key,) = [name for name in BASE if dns(name) == bridge.name]
    port = options.ports[key]
    argv = (sys.executable, "-m", bridge.module, "--host", HOST, "--port", str(port), *bridge.arguments)
    called = {name: value.replace(OPENFAAS_GATEWAY, gateway_url(options)) for name, value in bridge.env.items()}
    given = {**called, **_here(env), "IMS_SECRETS_DIR": str(folder)}
    nice = SLOW_NICE if bridge.name.endswith("-slow") else 0
    return Spec(bridge.name, "bridge", argv, port, http_ok(port, "/healthz"), given, nice)


def _cron(options: Options) -> Spec:
    port = options.ports["cron"]
    argv = (sys.executable, "-m", "local.openfaas.cron", "--gateway", gateway_url(options), "--port", str(port))
    return Spec("cron-connector", "source", argv, port, http_ok(port, "/healthz"))
