"""MySQL: the primary and its transactions, and how far the replica is behind.

The replica is held against a heartbeat that watch itself writes to the primary: what counts is when a row written there
can be read here, whatever the server says of its threads, and it needs no rights.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from shared.stores import watch as store
from shared.watch.samples import NEVER_S, Sample

DOWN = "mysql_down"
PRIMARY_METRICS = frozenset({"mysql_transaction"})
REPLICATION_METRICS = frozenset({"replica_behind"})
BEAT = "watch"
POLL_S, POLLS = 0.1, 20
QUERY_CHARACTERS = 80


async def primary(db: Any, monitor: Any) -> list[Sample]:
    """The longest transaction (`monitor`: an account that may see all of them)."""
    await db(store.last_beat, BEAT)
    seconds, query = await monitor(store.longest_transaction)
    detail = " ".join(query.split())[:QUERY_CHARACTERS] if seconds else ""
    return [Sample("mysql_transaction", "primary", seconds, detail)]


async def replica(db: Any) -> list[Sample]:
    """Whether it can be asked at all."""
    await db(store.last_beat, BEAT)
    return []


async def replication(primary_db: Any, replica_db: Any, now_ms: Callable[[], int]) -> list[Sample]:
    """How far the replica is behind (s): the age of the newest heartbeat there, 0 when it is this look's."""
    beat_ms = now_ms()
    await primary_db(store.beat, BEAT, beat_ms)
    seen: int | None = None
    for _ in range(POLLS):
        seen = await replica_db(store.last_beat, BEAT)
        if seen is not None and seen >= beat_ms:
            return [Sample("replica_behind", "replica", 0.0)]
        await asyncio.sleep(POLL_S)
    return [Sample("replica_behind", "replica", (now_ms() - seen) / 1000 if seen is not None else NEVER_S)]
