"""`/v1/admin/flow` and `/v1/admin/kafka`: the map of shared/flow.py with what moves and what waits on each arrow."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared import flow
from shared.domain.ids import LANES
from shared.edge.callers import operator
from shared.following import reading
from shared.operating import functions
from shared.operating.sampler import sampler
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.runtime.redis import away

Json = dict[str, Any]


def drawn(sample: Json | None) -> Json:
    """Nodes and edges; without a sample, figures are null: unknown is not 0."""
    nodes = [_node(process) for process in flow.processes()]
    nodes += [{"name": b.name, "kind": "bridge", "lanes": [], "triggers": _names(b)} for b in flow.bridges()]
    into = [_in(source, topic, sample) for source in flow.sources() for topic in source.topics]
    out = [
        {"from": process.name, "to": topic, "kind": "writes"}
        for process in flow.processes()
        for pattern in process.function.emits
        for topic in flow.expand(pattern, process.lanes if process.function.pools else LANES)
    ]
    topics = [_topic(name, sample) for name in flow.topics()]
    at = iso(sample["at_ms"]) if sample else None
    return {"at": at, "nodes": nodes, "topics": topics, "edges": [*into, *out]}


def _names(bridge: flow.BridgeProcess) -> list[str]:
    return [process.name for process in bridge.feeds]


def _node(process: flow.Process) -> Json:
    triggers = sorted({type(trigger).__name__.lower() for trigger in process.function.on})
    lanes = list(process.lanes) if process.function.pools else []
    return {"name": process.name, "kind": "function", "lanes": lanes, "triggers": triggers}


def _topic(name: str, sample: Json | None) -> Json:
    if sample is None or name not in sample["topics"]:
        return {"name": name, "rate": None, "written": None, "partitions": None}
    return {
        "name": name,
        "rate": sample["rates"]["written"].get(name),
        "written": sample["written"].get(name, 0),
        **sample["topics"][name],
    }


def _in(source: flow.Source, topic: str, sample: Json | None) -> Json:
    known = sample or {"lags": {}, "rates": {"done": {}}}
    return {
        "from": topic,
        "to": source.process.name,
        "kind": "reads",
        "group": source.group,
        "lag": known["lags"].get(f"{source.group}|{topic}"),
        "rate": known["rates"]["done"].get(f"{source.group}|{topic}"),
    }


async def sampled(ims: Context) -> Json | None:
    """A sample, if Redis and Kafka are there."""
    try:
        return await sampler.sample(ims)
    except away():
        return None


async def show(request: Request, ims: Context) -> Response:
    """Every function and bridge, every topic with its rate, every consumer group with its lag and rate. The first look
    has no rates: ask again after 2 s. What is not known is null."""
    await operator(request, ims)
    return reading.answer(await whole(ims))


async def whole(ims: Context) -> Json:
    """The map with the instances of its nodes."""
    made = drawn(await sampled(ims))
    try:
        known = await functions.instances(ims.redis.state, ims.now_ms())
    except away():
        known = {}
    for node in made["nodes"]:
        up = sum(one["state"] == "up" for one in known.get(node["name"], []))
        node["instances"] = up if node["kind"] == "function" and known else None
    return made


async def kafka(request: Request, ims: Context) -> Response:
    """Topics with partitions, replicas and rate, each with the groups that read it."""
    await operator(request, ims)
    made = drawn(await sampled(ims))
    reads = [edge for edge in made["edges"] if edge["kind"] == "reads"]
    for topic in made["topics"]:
        topic["groups"] = [
            {"group": e["group"], "lag": e["lag"], "rate": e["rate"]} for e in reads if topic["name"] == e["from"]
        ]
    return reading.answer({"at": made["at"], "items": made["topics"], "next": None})
