"""External Secrets: each function's Kafka user, which Strimzi keeps beside Kafka, where its pods can read it; and the
Secrets that some functions have for themselves.

The servers' own secrets are written by hand (infra/secrets/external/servers.yaml): their origin is not in the map.
"""

from __future__ import annotations

from collections.abc import Iterator

from deploy import strimzi
from deploy.objects import account, labels, meta
from deploy.settings import DATA_NAMESPACE, KAFKA_CLUSTER, NAMESPACE, OWN_SECRETS, Json

API = "external-secrets.io/v1"
STORE = "ims-data"
READER = "secrets-reader"
CLUSTER_CA = f"{KAFKA_CLUSTER}-cluster-ca-cert"
TAGS = labels("secrets", "kafka-users", "secret")
OUTSIDE = "ims"
"""The reader's own ClusterSecretStore."""
RBAC = "rbac.authorization.k8s.io"


def kafka_users() -> Iterator[Json]:
    """The store that reads ims-data with a Role for just these Secrets, and one ExternalSecret a user."""
    users = [user["metadata"]["name"] for user in strimzi.kafka_users()]
    yield account(READER, "secret")
    yield from _role([*users, CLUSTER_CA])
    yield _store()
    for user in users:
        yield _copy(user)


def own() -> Iterator[Json]:
    """An ExternalSecret for each Secret that only some functions get; the store's `ims/<name>` has the settings' names.

    What the store does not have makes no Secret, and its functions go without.
    """
    for secret in OWN_SECRETS:
        key = secret.name.replace("-", "/", 1)
        yield {
            "apiVersion": API,
            "kind": "ExternalSecret",
            "metadata": meta(secret.name, labels("secrets", secret.name, "secret")),
            "spec": {
                "refreshInterval": "1h",
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": OUTSIDE},
                "target": {"name": secret.name},
                "dataFrom": [{"extract": {"key": key}}],
            },
        }


def _role(names: list[str]) -> Iterator[Json]:
    yield {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role",
        "metadata": meta(READER, TAGS, DATA_NAMESPACE),
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": names}],
    }
    yield {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": meta(READER, TAGS, DATA_NAMESPACE),
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": READER},
        "subjects": [{"kind": "ServiceAccount", "name": READER, "namespace": NAMESPACE}],
    }


def _store() -> Json:
    authority = {"type": "ConfigMap", "name": "kube-root-ca.crt", "key": "ca.crt"}
    provider = {
        "remoteNamespace": DATA_NAMESPACE,
        "server": {"caProvider": authority},
        "auth": {"serviceAccount": {"name": READER}},
    }
    return {
        "apiVersion": API,
        "kind": "SecretStore",
        "metadata": meta(STORE, TAGS),
        "spec": {"provider": {"kubernetes": provider}},
    }


def _copy(user: str) -> Json:
    """The keys that KafkaSource and KafkaSink ask for (deploy/overlays.py), and the functions' own."""
    content = {
        "user": user,
        "password": "{{ .password }}",
        "sasl.mechanism": "SCRAM-SHA-512",
        "protocol": "SASL_SSL",
        "ca.crt": "{{ .ca }}",
    }
    return {
        "apiVersion": API,
        "kind": "ExternalSecret",
        "metadata": meta(user, TAGS),
        "spec": {
            "refreshInterval": "1m",
            "secretStoreRef": {"kind": "SecretStore", "name": STORE},
            "target": {"name": user, "template": {"engineVersion": "v2", "data": content}},
            "data": [_value("password", user, "password"), _value("ca", CLUSTER_CA, "ca.crt")],
        },
    }


def _value(name: str, key: str, field: str) -> Json:
    return {"secretKey": name, "remoteRef": {"key": key, "property": field}}
