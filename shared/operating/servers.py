"""`/v1/admin/redis` and `mysql`: the servers as far as they say something of themselves."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from shared.edge.callers import operator
from shared.following import reading
from shared.operating.common import Json
from shared.operating.functions import gone
from shared.runtime import Context
from shared.runtime.redis import away
from shared.stores import operating as store
from shared.stores import watch
from shared.watch.checks import mysql as mysql_check
from shared.watch.checks import redis as redis_check
from shared.watch.samples import Sample


def _facts(samples: Iterable[Sample]) -> list[Json]:
    return [{"metric": s.metric, "subject": s.subject, "value": round(s.value, 2), "detail": s.detail} for s in samples]


async def redis(request: Request, ims: Context) -> Response:
    """Memory (% of what it may have), who listens to expiry, what waits in the due-set, and lost shards."""
    await operator(request, ims)
    try:
        found = await redis_check.servers(ims.redis)
        found += await redis_check.due_set(ims.redis, {}, ims.now_ms())
    except (*away(), redis_check.NotWhole) as error:
        raise gone() from error
    return reading.answer({"items": _facts(found), "next": None})


async def mysql(request: Request, ims: Context) -> Response:
    """The longest transaction (its verb and table), how far the replica is behind, and the largest tables."""
    await operator(request, ims)
    seconds, query = await ims.db(watch.longest_transaction)
    tables = await ims.db(store.tables)
    beats = [await db(watch.last_beat, mysql_check.BEAT) for db in (ims.db, ims.db_replica)]
    behind = None if None in beats else max(0, (beats[0] or 0) - (beats[1] or 0)) / 1000
    return reading.answer(
        {
            "longest_transaction": {"seconds": seconds, "what": mysql_check.gist(query) if seconds else None},
            "replica_behind_seconds": behind,
            "items": [{"table": name, "rows": rows, "bytes": size} for name, rows, size in tables],
            "next": None,
        }
    )
