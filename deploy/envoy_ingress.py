"""For clusters whose Knative has Envoy Gateway as its ingress (net-gateway-api), not Kourier.

Routes and network policies that lead to Kourier are pointed at Envoy Gateway's namespace instead: there lie the Service
of Knative's inner Gateway and the pods behind it, which listen on the Service's port and 10000.
"""

from __future__ import annotations

from collections.abc import Iterator

from deploy import gateway, network
from deploy.settings import Json

NAMESPACE = "envoy-gateway-system"
SERVICE = "knative-internal"
PORTS = (10080,)
Change = tuple[Json, tuple[str, str, object]]


def objects() -> Iterator[Json]:
    """The grant, in the namespace of the other ingress."""
    yield {**(grant := gateway.grant(NAMESPACE, SERVICE)), "metadata": {**grant["metadata"], "name": "ims-inner"}}


def changes() -> Iterator[Change]:
    """What is different: a target, and the operation of a JSON patch."""
    way = network.to_ingress(NAMESPACE, PORTS)
    to_functions = {"kind": "HTTPRoute", "labelSelector": "app.kubernetes.io/component=api"}
    yield to_functions, ("replace", "/spec/rules/0/backendRefs/0", gateway.backend(NAMESPACE, SERVICE))
    yield {"kind": "NetworkPolicy", "name": ".*-to-functions"}, ("replace", "/spec/egress/0", way)
    yield (
        {"kind": "NetworkPolicy", "name": "from-knative"},
        ("replace", "/spec/ingress", list(network.from_knative(NAMESPACE))),
    )


def removals() -> Iterator[Json]:
    """Patches that take away the grant in Kourier's namespace."""
    text = (
        "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {name: any}\n$patch: delete\n"
    )
    yield {"target": {"kind": "ReferenceGrant", "name": "ims-routes"}, "patch": text}
