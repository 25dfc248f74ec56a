"""Reading manifests: objects of a kind, how a complaint names one, durations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from deploy.settings import Json

SERVING = "serving.knative.dev/"
DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d)?)S)?\Z")
"""Knative's own reader drops what comes after tenths of a second, without a word."""


def of(objects: Iterable[Json], kind: str, group: str = "") -> Iterator[Json]:
    """The objects of a kind."""
    return (o for o in objects if o["kind"] == kind and o["apiVersion"].startswith(group))


def functions(objects: Iterable[Json]) -> dict[str, Json]:
    """Knative Services by name."""
    return {o["metadata"]["name"]: o for o in of(objects, "Service", SERVING)}


def title(thing: Json) -> str:
    """How a complaint names an object."""
    return f"{thing['kind']} {thing['metadata']['name']}"


def target(source: Json) -> str:
    """The Knative Service that a source sends to; empty when it names none, or something else."""
    ref = source["spec"].get("sink", {}).get("ref", {})
    known = ref.get("kind") == "Service" and str(ref.get("apiVersion", "")).startswith(SERVING)
    return str(ref.get("name", "")) if known else ""


def seconds(text: str) -> float:
    """An ISO 8601 duration of hours, minutes and seconds; ValueError if it is none."""
    match = DURATION.match(text)
    if not match or not any(match.groups()):
        raise ValueError(f"{text!r} is not a duration like PT0.2S")
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest
