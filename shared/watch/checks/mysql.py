"""MySQL: the primary and its transactions, and how far the replica is behind.

The replica is held against a heartbeat that watch itself writes to the primary: what counts is when a row written there
can be read here, whatever the server says of its threads, and it needs no rights.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from shared.stores import watch as store
from shared.watch.samples import NEVER_S, Sample

DOWN = "mysql_down"
PRIMARY_METRICS = frozenset({"mysql_transaction"})
REPLICATION_METRICS = frozenset({"replica_behind"})
BEAT = "watch"
POLL_S, POLLS = 0.1, 20
_VERBS = """
    ALTER ANALYZE BEGIN CALL CHECK COMMIT CREATE DELETE DROP EXECUTE FLUSH GRANT INSERT KILL LOAD LOCK OPTIMIZE RENAME
    REPLACE REVOKE ROLLBACK SELECT SET SHOW TRUNCATE UPDATE WITH
"""
VERBS = frozenset(_VERBS.split())
_VALUES = re.compile(
    r"""(`[^`]*`)|'(?:[^'\\]|\\.)*(?:'|$)|"(?:[^"\\]|\\.)*(?:"|$)|/\*.*?(?:\*/|$)|--(?=\s|$)[^\n]*|\#[^\n]*""",
    re.DOTALL,
)
"""What a statement quotes, and its comments; not the names in backticks."""
_TABLE = re.compile(
    r"\b(?:FROM|INTO|JOIN|TABLE|UPDATE)\s+(?:(?:IF|NOT|EXISTS|IGNORE|LOW_PRIORITY)\s+)*((?:`?[A-Za-z_]\w*`?\.)?`?[A-Za-z_]\w*)",
    re.IGNORECASE,
)


async def primary(db: Any, monitor: Any) -> list[Sample]:
    """The longest transaction (`monitor`: an account that may see all of them)."""
    await db(store.last_beat, BEAT)
    seconds, query = await monitor(store.longest_transaction)
    return [Sample("mysql_transaction", "primary", seconds, gist(query) if seconds else "")]


def gist(query: str) -> str:
    """A statement's verb and first table, `UPDATE accounts`: anybody's statement may hold secrets and numbers."""
    bare = _VALUES.sub(lambda found: found[1] or " ", query)
    first = bare.lstrip(" \t\r\n(").split(maxsplit=1)
    if not first or (verb := first[0].upper().rstrip(";")) not in VERBS:
        return "idle" if query == store.IDLE else "a statement"
    table = _TABLE.search(bare)
    return f"{verb} {table[1].replace('`', '')}" if table else verb


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
