"""What Knative's Kafka source and sink ask for and no schema says, and what we ask of ours.

Read in their source (eventing-kafka-broker around 1.18), since neither can be had as a module: their webhook refuses
little of it. Most would show later, as a source that is never Ready, an event that is lost, a setting without effect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from deploy.found import of, seconds, title
from deploy.settings import Json

AUTOSCALING = "autoscaling.eventing.knative.dev/"
AUTOSCALING_KEYS = frozenset(
    {
        *("class", "min-scale", "max-scale", "polling-interval", "cooldown-period", "lag-threshold"),
        "activation-lag-threshold",
    }
)
KEDA, NO_KEDA = "keda.autoscaling.knative.dev", "disabled"
ATTRIBUTE = re.compile(r"[a-z0-9]+\Z")
LOGIN = ("user", "password", "type")


def sources(objects: list[Json]) -> Iterator[str]:
    """Group set and used once, earliest, unordered, retried, with a last resort that exists."""
    sinks = {_name(o["apiVersion"], o["kind"], o["metadata"]["name"]) for o in of(objects, "KafkaSink")}
    groups: set[str] = set()
    for source in of(objects, "KafkaSource"):
        spec, name = source["spec"], title(source)
        group = spec.get("consumerGroup")
        if not group or group in groups:
            yield f"{name}: consumerGroup must be set, and its own: left out it is a random one"
        groups.add(str(group))
        yield from (f"{name}: {fault}" for fault in (*_reading(spec), *_delivery(spec.get("delivery", {}), sinks)))


def _reading(spec: Json) -> Iterator[str]:
    topics = spec.get("topics", [])
    if not topics or len(topics) != len(set(topics)):
        yield f"topics {topics} must be some, each once"
    if not spec.get("bootstrapServers"):
        yield "bootstrapServers is empty"
    if spec.get("ordering") not in ("ordered", "unordered"):
        yield f"ordering {spec.get('ordering')!r} is neither ordered nor unordered"
    elif spec["ordering"] != "unordered":
        yield "ordered delivery carries 230 events a second"
    if spec.get("initialOffset") != "earliest":
        yield "initialOffset must be earliest: latest loses what was sent before the source was ready"
    names = spec.get("ceOverrides", {}).get("extensions", {})
    yield from (f"{key!r} is no name of a CloudEvent's attribute" for key in names if not ATTRIBUTE.match(key))


def _delivery(delivery: Json, sinks: set[str]) -> Iterator[str]:
    if not delivery.get("retry"):
        yield "delivery without retry means no retry at all"
    if delivery.get("backoffPolicy") not in ("linear", "exponential"):
        yield f"backoffPolicy {delivery.get('backoffPolicy')!r} is neither linear nor exponential"
    for field in ("backoffDelay", "timeout"):
        try:
            if not seconds(str(delivery.get(field))):
                yield f"{field} of nothing means the default"
        except ValueError as error:
            yield f"{field}: {error}"
    last = delivery.get("deadLetterSink", {}).get("ref", {})
    if _name(last.get("apiVersion"), last.get("kind"), last.get("name")) not in sinks:
        yield "without a dead-letter sink an event is lost after the last try"


def _name(version: Any, kind: Any, name: Any) -> str:
    return f"{version} {kind} {name}"


def sinks(objects: list[Json]) -> Iterator[str]:
    """The controller takes each of a sink's strings for one address; a source's are split at commas."""
    for sink in of(objects, "KafkaSink"):
        servers = sink["spec"].get("bootstrapServers", [])
        if not servers or any("," in address for address in servers):
            yield f"{title(sink)}: bootstrapServers {servers} must be addresses, one an entry"


def autoscaling(objects: list[Json]) -> Iterator[str]:
    """A class wherever one source has KEDA's: with the flag on, a source that says nothing is scaled from 0 to 50."""
    noted = {
        title(source): {
            key.removeprefix(AUTOSCALING): text
            for key, text in source["metadata"].get("annotations", {}).items()
            if key.startswith(AUTOSCALING)
        }
        for source in of(objects, "KafkaSource")
    }
    scaled = any(notes.get("class") == KEDA for notes in noted.values())
    for name, notes in noted.items():
        if scaled and "class" not in notes:
            yield f"{name}: without {AUTOSCALING}class it is scaled by KEDA's defaults"
        yield from (f"{name}: {fault}" for fault in _scale(notes))


def _scale(notes: dict[str, str]) -> Iterator[str]:
    yield from (f"{AUTOSCALING}{key} is unknown" for key in sorted(set(notes) - AUTOSCALING_KEYS))
    if notes.get("class", KEDA) not in (KEDA, NO_KEDA):
        yield f"{AUTOSCALING}class {notes['class']!r} is neither {KEDA} nor {NO_KEDA}"
    if notes.get("class") != KEDA:
        return
    try:
        least, most = int(notes.get("min-scale", "0")), int(notes.get("max-scale", "50"))
        if not 1 <= least <= most:
            yield f"min-scale {least} and max-scale {most}: an event would wait for a consumer"
        _ = [int(text) for key, text in notes.items() if key != "class"]
    except ValueError:
        yield "an annotation of KEDA's is not a whole number"


def logins(objects: list[Json]) -> Iterator[str]:
    """Sources and their last resort log in alike; a source's password goes over TLS, all of its login in one Secret."""
    known = list(of(objects, "KafkaSource"))
    for source in known:
        yield from (f"{title(source)}: {fault}" for fault in _login(source["spec"].get("net", {})))
    wanted = {bool(source["spec"].get("net", {}).get("sasl", {}).get("enable")) for source in known}
    for sink in of(objects, "KafkaSink"):
        if wanted and wanted != {"secret" in sink["spec"].get("auth", {})}:
            yield f"{title(sink)}: either all sources and it log in to Kafka, or none"


def _login(net: Json) -> Iterator[str]:
    sasl, tls = net.get("sasl", {}), net.get("tls", {})
    for name, part in (("sasl", sasl), ("tls", tls)):
        if part and not part.get("enable"):
            yield f"net.{name} without enable has no effect"
    if not sasl.get("enable"):
        return
    if not tls.get("enable"):
        yield "net.sasl without net.tls sends the password to whoever asks"
    refs = {field: sasl.get(field, {}).get("secretKeyRef") for field in LOGIN}
    yield from (f"net.sasl.{field} is missing" for field, ref in refs.items() if not ref)
    if len({ref["name"] for ref in refs.values() if ref}) > 1:
        yield "net.sasl names several Secrets: KEDA gets one of them only"


RULES: tuple[Callable[[list[Json]], Iterator[str]], ...] = (sources, sinks, autoscaling, logins)
