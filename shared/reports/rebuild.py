"""From MySQL back into Redis: after a loss of a primary's data, and for single reports that fell between the two.

Each shard holds an epoch key. Where it is missing, its primary has lost its data: whoever sees it takes the shard's
lock, puts back every waiting report and then sets the epoch, in one step with a look at the lock: had the data been
lost again meanwhile, the lock would be lost too.

Reports can also be missing singly: they failed while Redis was away, a fail-over forgot the last second, or their event
reached MySQL after a rebuild. A row that is overdue and that the due-set does not know is put back, unless db2 notes
that the client has taken it: then only MySQL has to learn it.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from shared.reports.claims import BUSY, ENDED, PENDING, Claims, was_taken
from shared.reports.due import DueSet
from shared.reports.keys import SHARDS
from shared.reports.scripts import Script
from shared.reports.units import Unit
from shared.runtime import logs
from shared.stores import reports as store

LOCK_MS = 30_000
PAGE = 500
FOR_EVER = 1 << 62

Db = Callable[..., Awaitable[Any]]

_COMPLETE = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[2], ARGV[2])
  redis.call('DEL', KEYS[1])
  return 1
end
return 0
""")

log = logs.get(__name__)


class Rebuilder:
    """Watches over the due-set's completeness; any number may run."""

    def __init__(self, due: DueSet, claims: Claims, state: Any, db: Db, now_ms: Callable[[], int]) -> None:
        self._due, self._claims, self._state, self._db, self._now_ms = due, claims, state, db, now_ms

    async def rebuild(self) -> int:
        """Put the reports of lost shards back; how many units."""
        await self._due.ready()
        keys = self._due.keys
        lost = [s for s in range(SHARDS) if not await self._state.exists(keys.epoch(s))]
        if not lost:
            return 0
        token = os.urandom(8).hex().encode()
        ours = {s for s in lost if await self._state.set(keys.rebuilding(s), token, nx=True, px=LOCK_MS)}
        if not ours:
            return 0
        restored = 0
        async for group in self._walk(FOR_EVER):
            found = [(u, due) for u, due in await self._db(store.units, group) if u.shard in ours]
            restored += len(found)
            await self._put_back([u for u, _ in found], [due for _, due in found])
            for shard in ours:
                await self._state.pexpire(keys.rebuilding(shard), LOCK_MS)
        for shard in ours:
            await _COMPLETE(self._state, [keys.rebuilding(shard), keys.epoch(shard)], [token, self._now_ms()])
        log.info("due-set rebuilt", shards=len(ours), units=restored)
        return restored

    async def reconcile(self, grace_ms: int) -> int:
        """Put back overdue reports that the due-set does not know; how many units."""
        await self._due.ready()
        restored = 0
        until_ms = self._now_ms() - grace_ms
        after = store.Place()
        while page := await self._db(store.waiting, after, until_ms, PAGE):
            after = page[-1].place
            restored += await self._reconcile(page)
            if len(page) < PAGE:
                break
        if restored:
            log.warning("reports were missing in the due-set", units=restored)
        return restored

    async def _reconcile(self, page: Sequence[store.Waiting]) -> int:
        said = await self._claims.look([w.place.message_id.hex() for w in page], self._now_ms())
        await self._tell_taken({m: int(code) for m, code in said.items() if was_taken(code)})
        missing = {w.webhook_id for w in page if not _accounted(said[w.place.message_id.hex()])}
        if not missing:
            return 0
        found: list[tuple[Unit, int]] = await self._db(store.units, sorted(missing))
        now_ms = self._now_ms()
        await self._put_back([u for u, _ in found], [now_ms] * len(found))
        return len(found)

    async def _tell_taken(self, statuses: dict[str, int]) -> None:
        """Reports that clients took, whose event did not reach MySQL (the process died before it was published)."""
        for status in set(statuses.values()):
            ids = [m for m, code in statuses.items() if code == status]
            await self._db(store.mark_taken, ids, status, self._now_ms())

    async def _put_back(self, units: Sequence[Unit], due_ms: Sequence[int]) -> None:
        if units:
            await self._due.add(units, due_ms, self._now_ms())

    async def _walk(self, until_ms: int) -> Any:
        """The webhook-ids of all waiting reports, page by page, each once."""
        after, seen = store.Place(), set[str]()
        while page := await self._db(store.waiting, after, until_ms, PAGE):
            after = page[-1].place
            fresh = list(dict.fromkeys(w.webhook_id for w in page if w.webhook_id not in seen))
            seen.update(fresh)
            for i in range(0, len(fresh), 50):
                yield fresh[i : i + 50]


def _accounted(said: str) -> bool:
    return said in (BUSY, PENDING, ENDED) or was_taken(said)
