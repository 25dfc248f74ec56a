"""Default-deny NetworkPolicies with the openings that the map needs.

Events and requests reach a function by Kourier and the activator, never directly, so only these two may open
connections to its queue-proxy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deploy.bridges import EXPIRY, SIMULATOR, SMTP_IN, SMTP_PORT, Bridge
from deploy.objects import dns, labels, meta
from deploy.settings import (
    KOURIER,
    KOURIER_INTERNAL_PORTS,
    MONITORING,
    PORT,
    QUEUE_PROXY_METRICS,
    QUEUE_PROXY_PORTS,
    SERVER_PORTS,
    SERVING,
    Json,
)
from shared import flow

ALL: Json = {"matchLabels": {"app.kubernetes.io/part-of": "ims"}}
FUNCTIONS: Json = {
    "matchExpressions": [{"key": "app.kubernetes.io/component", "operator": "In", "values": ["api", "function"]}]
}
PRIVATE_V4 = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
PRIVATE_V6 = ("fc00::/7", "fe80::/10")
WORLD: list[Json] = [
    {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(PRIVATE_V4)}},
    {"ipBlock": {"cidr": "::/0", "except": list(PRIVATE_V6)}},
]
NODE_DNS = "169.254.20.10/32"
"""NodeLocal DNSCache, where a cluster has it."""


def policies() -> Iterator[Json]:
    """Every policy of the namespace."""
    yield _policy("default-deny", {}, ingress=[], egress=[])
    yield _policy("dns", {}, egress=[_to([_namespace("kube-system"), {"ipBlock": {"cidr": NODE_DNS}}], _dns())])
    yield _policy("from-knative", FUNCTIONS, ingress=list(from_knative()))
    yield _policy("from-monitoring", ALL, ingress=[_from([_namespace(MONITORING)], _tcp(PORT, *QUEUE_PROXY_METRICS))])
    for server, ports in SERVER_PORTS.items():
        yield _policy(f"to-{server}", ALL, egress=[_to(None, _tcp(*ports))])
    yield from _bridges()
    yield from _internet()


def _bridges() -> Iterator[Json]:
    yield from map(to_functions, (EXPIRY, SIMULATOR, SMTP_IN))
    yield _policy("smtp-in", _pods(SMTP_IN.name), ingress=[{"ports": _tcp(SMTP_PORT)}])
    senders = [f.name for f in flow.FLOW if f.internet]
    selector = _named(senders)
    yield _policy("to-simulator", selector, egress=[_to([{"podSelector": _pods(SIMULATOR.name)}], _tcp(PORT))])
    yield _policy("simulator", _pods(SIMULATOR.name), ingress=[_from([{"podSelector": selector}], _tcp(PORT))])


def to_functions(bridge: Bridge) -> Json:
    """A bridge calls functions by Kourier's inner listener."""
    return _policy(f"{dns(bridge.name)}-to-functions", _pods(bridge.name), egress=[to_ingress()])


def waking() -> Json:
    """Where functions scale to zero, who accepts messages wakes those that the messages will need."""
    taking = [f for f in flow.FLOW if any(isinstance(trigger, flow.Http) for trigger in f.on)]
    accepting = [f.name for f in taking if "ims.accepted.{lane}" in f.emits]
    return _policy("waking-to-functions", _named(accepting), egress=[to_ingress()])


def to_ingress(namespace: str = KOURIER, ports: tuple[int, ...] = KOURIER_INTERNAL_PORTS) -> Json:
    """The way to Knative's inner listener."""
    return _to([_namespace(namespace)], _tcp(*ports))


def from_knative(ingress: str = KOURIER) -> Iterator[Json]:
    """The ways from Knative's ingress, its activator and its autoscaler to a function."""
    yield _from([_namespace(SERVING), _namespace(ingress)], _tcp(*QUEUE_PROXY_PORTS))
    yield _from([_namespace(SERVING)], _tcp(QUEUE_PROXY_METRICS[0]))


def _internet() -> Iterator[Json]:
    """One policy per set of ports that functions call outside the cluster."""
    wanted = sorted({f.internet for f in flow.FLOW if f.internet})
    for ports in wanted:
        names = [f.name for f in flow.FLOW if f.internet == ports]
        title = f"to-internet-{'-'.join(map(str, ports))}"
        yield _policy(title, _named(names), egress=[_to(WORLD, _tcp(*ports))])


def _policy(name: str, pods: Json, ingress: list[Json] | None = None, egress: list[Json] | None = None) -> Json:
    kinds = {"Ingress": ingress, "Egress": egress}
    rules = {kind.lower(): rule for kind, rule in kinds.items() if rule}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta(name, labels("network", name, "policy")),
        "spec": {
            "podSelector": pods,
            "policyTypes": [kind for kind, rule in kinds.items() if rule is not None],
            **rules,
        },
    }


def _pods(name: str) -> Json:
    return {"matchLabels": {"app.kubernetes.io/name": dns(name)}}


def _named(names: Iterable[str]) -> Json:
    values = sorted(dns(name) for name in names)
    return {"matchExpressions": [{"key": "app.kubernetes.io/name", "operator": "In", "values": values}]}


def _namespace(name: str) -> Json:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _tcp(*ports: int) -> list[Json]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def _dns() -> list[Json]:
    return [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]


def _to(peers: list[Json] | None, ports: list[Json]) -> Json:
    return {"to": peers, "ports": ports} if peers else {"ports": ports}


def _from(peers: list[Json], ports: list[Json]) -> Json:
    return {"from": peers, "ports": ports}
