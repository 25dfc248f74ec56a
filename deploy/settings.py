"""Names and numbers of the deployment that are not in the map, each in one place with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared import flow

Json = dict[str, Any]

NAMESPACE = "ims"
DATA_NAMESPACE = "ims-data"
"""Where infra/ puts Kafka, MySQL, Redis and MongoDB."""
KAFKA_CLUSTER = "ims"
VERSION = "0.1.0"
PORT = 8080
"""What every container of ours listens on; Knative hands it over as PORT."""
USER = 10001
SETTINGS = "ims-settings"
SECRETS = "ims-secrets"
KAFKA_CA = "/etc/ims/kafka"


@dataclass(frozen=True)
class OwnSecret:
    """A Secret for some functions alone, all of which do without it: `settings` are what it may hold."""

    name: str
    functions: tuple[str, ...]
    settings: tuple[str, ...]


WITHOUT_KEYS = frozenset({"route", "schedule", "store", "retention", "watch", "analyze"})
"""Functions that open no secret of a client or vendor account."""
WITH_KEYS = tuple(f.name for f in flow.FLOW if f.name not in WITHOUT_KEYS)

OWN_SECRETS = (
    OwnSecret("ims-watch", ("watch",), ("IMS_SLACK_WEBHOOK_URL", "IMS_WATCH_SMS_SETTINGS", "IMS_WATCH_MYSQL_URL")),
    OwnSecret("ims-keys", WITH_KEYS, ("IMS_SECRET_KEYS",)),
    OwnSecret("ims-mail", ("digest", "api_user", "api_admin"), ("IMS_SMTP_PASSWORD",)),
    OwnSecret("ims-mongodb", ("analyze", "api_user", "api_admin", "retention"), ("IMS_MONGODB_URL",)),
)
"""Beside SECRETS, which has the addresses of MySQL and Redis, with their passwords, for every function."""
OPENFAAS_SECRETS: dict[str, tuple[str, ...]] = {}
"""The same on OpenFaaS, function by function, as {"watch": ("ims-slack-webhook-url",)}. OpenFaaS refuses a function of
which a secret is missing: name those that you have made."""

BRIDGES_IMAGE = "bridges"

DELIVERY_RETRIES = 1000
DELIVERY_BACKOFF = "PT0.2S"
DELIVERY_MARGIN_SECONDS = 15
"""KafkaSource gives up on a try this long after the Service would have: the Service's answer comes first."""
GATEWAY_MARGIN_SECONDS = 5

CONSUMERS = {"auth": 2, "realtime": 2, "bulk": 3, "ad": 2}
"""Consumers of a lane's source in production; one elsewhere. Unordered, one takes thousands of events a second."""
OTHER_CONSUMERS = 2
KEDA_MAX = {"auth": 6, "realtime": 6, "bulk": 12, "ad": 12}
KEDA_LAG = {"auth": 10, "realtime": 50, "bulk": 500, "ad": 500}
"""Events (batches) of lag that one consumer may have before KEDA adds another."""

PARTITIONS = {"auth": 6, "realtime": 12, "bulk": 12, "ad": 12}
OTHER_PARTITIONS = 6
REPLICATION, MIN_IN_SYNC = 3, 2
RETENTION_DAYS, DEAD_RETENTION_DAYS = 7, 30

KOURIER = "kourier-system"
SERVING = "knative-serving"
MONITORING = "monitoring"
QUEUE_PROXY_PORTS = (8012, 8013, 8112)
"""queue-proxy's HTTP/1, HTTP/2 and TLS ports: what the activator and Kourier connect to."""
QUEUE_PROXY_METRICS = (9090, 9091)
KOURIER_INTERNAL_PORTS = (8081, 8444)
SERVER_PORTS = {"kafka": (9092, 9093), "mysql": (3306,), "redis": (6379,), "mongodb": (27017,)}

CE_LIMIT = 15
"""OpenFaaS CE runs 15 functions."""
CE_CHANNELS = ("mt",)
CE_SPARE = ("analyze", "collect", "console", "watch", "digest", "api_admin")
"""Left out of CE in this order when there are too many: statistics, the collecting of results (no vendor of these
channels must be asked), pages for browsers, alarms (Prometheus has them too), the daily digest, the operators' API. The
way of a message needs none of them."""
CE_MAX_REPLICAS = 5
OPENFAAS_NAMESPACE = "openfaas-fn"
OPENFAAS_GATEWAY = "http://gateway.openfaas.svc.cluster.local:8080"
