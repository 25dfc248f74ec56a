"""How far Kafka's topics and consumer groups are, and how fast they move: asked each 2 s, only while somebody watches.

One process asks, under a lease in Redis; the others read what it found. Two samples make a rate, so the first one has
none. The client of Kafka is closed when nobody has watched for half a minute.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson

from shared import flow
from shared.domain.errors import Unavailable
from shared.runtime import Context
from shared.runtime.settings import KafkaSettings, load
from shared.watch.checks import kafka

SAMPLE, LEASE = "flow:sample", "flow:lease"
EVERY_MS, KEEP_S = 2000, 120
USABLE_MS = 30_000
"""An older sample makes no rate, and is not shown."""
IDLE_S, PATIENCE_S = 30.0, 5.0
Json = dict[str, Any]


class Sampler:
    """One per process."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sampler")
        self._admin: Any = None
        self._closing: asyncio.TimerHandle | None = None

    async def sample(self, ims: Context) -> Json | None:
        """The newest sample, made here if it is this process's turn; None where there is none."""
        redis, now = ims.redis.state, ims.now_ms()
        kept = await redis.get(SAMPLE)
        before: Json | None = orjson.loads(kept) if kept else None
        if await redis.set(LEASE, b"1", nx=True, px=EVERY_MS - 100):
            try:
                made = await self._ask(ims, before)
            except Unavailable:
                return before if before and now - before["at_ms"] < USABLE_MS else None
            await redis.set(SAMPLE, orjson.dumps(made), ex=KEEP_S)
            return made
        return before if before and now - before["at_ms"] < USABLE_MS else None

    async def _ask(self, ims: Context, before: Json | None) -> Json:
        loop = asyncio.get_running_loop()
        if self._closing is not None:
            self._closing.cancel()
        self._closing = loop.call_later(IDLE_S, lambda: self._thread.submit(self._close))
        try:
            async with asyncio.timeout(PATIENCE_S):
                found = await loop.run_in_executor(self._thread, self._look, load(KafkaSettings))
        except TimeoutError as error:
            raise Unavailable("Kafka says nothing") from error
        return with_rates(found, before, ims.now_ms())

    def _look(self, settings: KafkaSettings) -> Json:
        from kafka import KafkaAdminClient, errors

        try:
            if self._admin is None:
                self._admin = KafkaAdminClient(**kafka._patience(settings, PATIENCE_S))
            topics = self._admin.describe_topics(list(flow.topics()))
            partitions = [tp for topic in topics for tp in kafka._partitions(topic)]
            committed = kafka._committed(self._admin, time.monotonic() + 1)
            ends = kafka._offsets(self._admin, partitions, kafka.LATEST)
            starts = kafka._offsets(self._admin, partitions, kafka.EARLIEST)
        except (errors.KafkaError, OSError, ValueError) as error:
            self._close()
            raise Unavailable(f"Kafka: {type(error).__name__}") from error
        lags: dict[str, int] = {}
        done: dict[str, int] = {}
        for (group, tp), (at, lag) in kafka._lags(committed, starts, ends):
            name = f"{group}|{tp.topic}"
            lags[name], done[name] = lags.get(name, 0) + lag, done.get(name, 0) + at
        written: dict[str, int] = {}
        for tp, end in ends.items():
            written[tp.topic] = written.get(tp.topic, 0) + end
        counts = {t["name"]: _replicas(t) for t in topics}
        return {"written": written, "done": done, "lags": lags, "topics": counts}

    def _close(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()


def _replicas(topic: Any) -> Json:
    parts = topic["partitions"]
    return {
        "partitions": len(parts),
        "without_leader": sum(p["leader_id"] < 0 for p in parts),
        "under_replicated": sum(len(p["isr_nodes"]) < len(p["replica_nodes"]) for p in parts),
    }


def with_rates(found: Json, before: Json | None, now_ms: int) -> Json:
    """A sample with events a second by topic and group, where an earlier one is near enough."""
    passed_s = (now_ms - before["at_ms"]) / 1000 if before else 0.0
    near = before if before is not None and 0 < passed_s * 1000 < USABLE_MS else None

    def rates(kind: str) -> dict[str, float | None]:
        old = near[kind] if near else {}
        return {
            name: round(max(0, count - old[name]) / passed_s, 1) if name in old else None
            for name, count in found[kind].items()
        }

    return {"at_ms": now_ms, **found, "rates": {"written": rates("written"), "done": rates("done")}}


sampler = Sampler()
