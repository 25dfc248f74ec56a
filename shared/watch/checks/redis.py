"""Redis: every primary, its memory and its expiry events; who listens to them; the due-set of reports to retry."""

from __future__ import annotations

import asyncio
from typing import Any

from shared.reports.keys import SHARDS, Keys
from shared.runtime.redis import REPORTS, TIMERS, RedisClients
from shared.watch.samples import Sample

DOWN = "redis_down"
METRICS = frozenset({"redis_used", "redis_events_off", "expiry_silent"})
DUE_METRICS = frozenset({"redis_epochs", "redis_rebuilt", "retry_overdue", "retries_waiting"})
EPOCH = "epoch"


class NotWhole(Exception):
    """The cluster does not cover all slots."""


async def servers(clients: RedisClients) -> list[Sample]:
    """Each primary. Raises when one cannot be asked, or slots are uncovered."""
    if not clients.cluster:
        return await _node(clients.timers, "redis", TIMERS)
    cluster = clients.state
    await cluster.initialize()
    await cluster.nodes_manager.initialize()  # the topology of now, not of the last command that failed
    state = await cluster.execute_command("CLUSTER INFO", target_nodes=cluster.get_random_node())
    if (state.get("cluster_state") if isinstance(state, dict) else "ok") != "ok":
        raise NotWhole("the cluster does not cover all slots")
    nodes = cluster.get_primaries()
    found = await asyncio.gather(*(_node(cluster, f"{n.host}:{n.port}", REPORTS, target_nodes=n) for n in nodes))
    return [sample for samples in found for sample in samples]


async def _node(client: Any, name: str, db: int, **target: Any) -> list[Sample]:
    """One primary; on a managed server CONFIG may be forbidden, then nothing is said of events."""
    from redis import exceptions

    memory: dict[str, Any] = _only(await client.info("memory", **target))
    limit = int(memory.get("maxmemory") or 0) or int(memory.get("total_system_memory") or 0)
    used = 100 * int(memory["used_memory"]) / limit if limit else 0.0
    heard = _only(await client.execute_command("PUBSUB NUMSUB", f"__keyevent@{db}__:expired", **target))
    silent = not any(int(listeners) for _, listeners in heard)
    samples = [Sample("redis_used", name, used), Sample("expiry_silent", name, float(silent))]
    try:
        flags = _only(await client.config_get("notify-keyspace-events", **target)).get("notify-keyspace-events") or ""
    except exceptions.ResponseError:
        return samples
    return [*samples, Sample("redis_events_off", name, float(not {"E"} < set(flags) or not set(flags) & {"x", "A"}))]


def _only(answer: Any) -> Any:
    """The answer of the one node that was asked, where a cluster client puts its name before it."""
    if isinstance(answer, dict) and len(answer) == 1:
        (value,) = answer.values()
        return value if isinstance(value, (dict, list)) else answer
    return answer


async def due_set(clients: RedisClients, marks: dict[str, int], now_ms: int) -> list[Sample]:
    """Shards without their epoch key, whether one was rebuilt since the last look, and what waits or is overdue (s).

    `marks` gets the newest epoch; an epoch that has changed means that a shard had lost its data.
    """
    keys, state = Keys(clients.cluster), clients.state
    epochs = await asyncio.gather(*(state.get(keys.epoch(s)) for s in range(SHARDS)))
    counts = await asyncio.gather(*(state.zcard(keys.due(s)) for s in range(SHARDS)))
    firsts = await asyncio.gather(*(state.zrange(keys.due(s), 0, 0, withscores=True) for s in range(SHARDS)))
    due = [score for found in firsts for _, score in found]
    newest = max((int(e) for e in epochs if e), default=0)
    rebuilt = 0 < marks.get(EPOCH, 0) < newest
    marks[EPOCH] = max(newest, marks.get(EPOCH, 0))
    return [
        Sample("redis_epochs", "shards", sum(e is None for e in epochs), f"{sum(e is None for e in epochs)} shards"),
        Sample("redis_rebuilt", "shards", float(rebuilt)),
        Sample("retries_waiting", "reports", sum(counts)),
        Sample("retry_overdue", "reports", max(0.0, (now_ms - min(due)) / 1000) if due else 0.0),
    ]
