"""What stands beside the functions on OpenFaaS: our Kafka sources, redis_expiry, smtp_in where mails are sent (Pro),
and the public paths.

The bridges call functions through OpenFaaS' gateway, which spreads requests over replicas and counts them. They read
the same secrets as the functions, and the settings of openfaas/settings.yml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import yaml

from deploy.bridges import EXPIRY, SMTP_IN, Bridge, deployment, expiry_target, kafka_source, smtp_in, targets
from deploy.gateway import API, GATEWAY
from deploy.objects import account, dns, labels, meta
from deploy.openfaas import SECRETS, SETTINGS_FILE, ce_processes
from deploy.settings import GATEWAY_MARGIN_SECONDS, OPENFAAS_GATEWAY, OPENFAAS_NAMESPACE, SETTINGS, Json
from shared import flow

SECRETS_DIR = "/var/openfaas/secrets"
GATEWAY_NAMESPACE = "openfaas"

Name = Callable[[flow.Process], str]
Env = tuple[tuple[str, str], ...]
STRUCTURED: Env = (("IMS_EVENT_MODE", "structured"),)
"""As the functions of stack.yml: dead letters must survive the connector too."""


def ce_bridges(root: Path) -> Iterator[Json]:
    """Beside stack.ce.yml, where a function runs once for both pools."""
    served = {process.function.name for process in ce_processes()}
    return _bridges(root, [p for p in flow.processes() if p.function.name in served], lambda p: dns(p.function.name))


def pro_bridges(root: Path) -> Iterator[Json]:
    """Beside stack.yml, instead of Pro's Kafka connector, which loses what a function could not take at once."""
    return _bridges(root, list(flow.processes()), lambda p: dns(p.name), STRUCTURED)


def _bridges(root: Path, served: list[flow.Process], name: Name, more: Env = ()) -> Iterator[Json]:
    env = more + targets(served, lambda process: OPENFAAS_GATEWAY + path(name(process)))
    parts = [kafka_source(pool, served, env) for pool in flow.POOLS]
    if expiry_target() in served:
        parts.append(Bridge(EXPIRY.name, EXPIRY.module, replicas=EXPIRY.replicas, env=env))
    yield _settings(root)
    for bridge in parts:
        yield _moved(account(bridge.name, "bridge"))
        yield _moved(_with_files(deployment(bridge)))
    if {"send_email", "api_receipt"} <= {process.function.name for process in served}:
        yield from _mail_listener(env)


def _mail_listener(env: Env) -> Iterator[Json]:
    """smtp_in, where mails are sent: what comes back goes to api_receipt through OpenFaaS' gateway."""
    listener = replace(SMTP_IN, env=(*SMTP_IN.env[1:], *(pair for pair in env if pair[0] == SMTP_IN.env[0][0])))
    for thing in smtp_in(listener):
        yield _moved(_with_files(thing) if thing["kind"] == "Deployment" else thing)


def path(function: str) -> str:
    """Where OpenFaaS' gateway serves a function."""
    return f"/function/{function}"


def _settings(root: Path) -> Json:
    """openfaas/settings.yml once more, for pods that faas-cli does not deploy."""
    values = yaml.safe_load((root / SETTINGS_FILE).read_text())["environment"]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta(SETTINGS, labels("settings", "settings", "settings"), OPENFAAS_NAMESPACE),
        "data": values,
    }


def _with_files(thing: Json) -> Json:
    """Settings and secrets as the functions have them; faas-cli keeps each secret under its own name as the key."""
    spec = thing["spec"]["template"]["spec"]
    (box,) = spec["containers"]
    box["envFrom"] = [{"configMapRef": {"name": SETTINGS}}]
    box["volumeMounts"].append({"name": "secrets", "mountPath": SECRETS_DIR, "readOnly": True})
    sources = [{"secret": {"name": secret}} for secret in SECRETS]
    spec["volumes"].append({"name": "secrets", "projected": {"sources": sources}})
    return thing


def _moved(thing: Json) -> Json:
    return {**thing, "metadata": {**thing["metadata"], "namespace": OPENFAAS_NAMESPACE}}


MOST_RULES = 16
"""Of one HTTPRoute (Gateway API v1)."""


def routes(processes: Iterable[flow.Process]) -> Iterator[Json]:
    """The public paths, each led to `/function/<name>/…` of OpenFaaS' gateway by a Gateway API implementation."""
    for process in processes:
        prefixes = [p for t in process.function.on if isinstance(t, flow.Http) and not t.internal for p in t.prefixes]
        for first in range(0, len(prefixes), MOST_RULES):
            some = prefixes[first : first + MOST_RULES]
            name = dns(process.name) + (f"-{first // MOST_RULES + 1}" if first else "")
            yield {
                "apiVersion": f"{API}/v1",
                "kind": "HTTPRoute",
                "metadata": meta(name, labels(process.name, process.name, "api"), GATEWAY_NAMESPACE),
                "spec": {"parentRefs": [{"name": GATEWAY}], "rules": [_rule(process, p.rstrip("/")) for p in some]},
            }


def _rule(process: flow.Process, prefix: str) -> Json:
    rewrite = {"type": "ReplacePrefixMatch", "replacePrefixMatch": path(dns(process.name)) + prefix}
    seconds = f"{process.function.timeout + GATEWAY_MARGIN_SECONDS}s"
    return {
        "matches": [{"path": {"type": "PathPrefix", "value": prefix}}],
        "filters": [{"type": "URLRewrite", "urlRewrite": {"path": rewrite}}],
        "timeouts": {"request": seconds, "backendRequest": seconds},
        "backendRefs": [{"name": "gateway", "port": 8080}],
    }
