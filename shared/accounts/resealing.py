"""`/v1/admin/secrets`: how secrets stand, and sealing them anew by the first key of the ring, while everything runs.

A new key is put in front of `IMS_SECRET_KEYS`, the functions are restarted, `ims secrets rotate` seals all by it, and
when nothing is stale any more the old key may go. What stands in clear is sealed on the way. Rows are locked a page
at a time, so a change that comes meanwhile is neither lost nor overwritten; whenever it stops, it may begin again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from shared.accounts import at_rest, secrets
from shared.accounts.at_rest import VendorPlace, is_sealed
from shared.accounts.secrets import Place, Ring, Sealed, factors_place
from shared.edge.auditing import Deed, noted
from shared.edge.callers import operator
from shared.following import reading
from shared.runtime import Context
from shared.stores import sealed as store
from shared.stores.sealed import Row, Table
from shared.stores.sql import Connection

PAGE = 50
BUDGET_MS = 15_000
"""How long one call may go on; what is left is told."""
STATES = ("sealed", "stale", "clear", "unreadable")

Json = dict[str, Any]


class Pass:
    """One look at secrets, counted by how they stand; `anew`: those that are stale or clear are sealed."""

    def __init__(self, box: Ring, now_ms: int, *, anew: bool) -> None:
        self._box, self._now_ms, self._anew = box, now_ms, anew
        self.counts: Counter[str] = Counter()

    def one(self, value: Any, where: str) -> Any:
        """A stored secret as it is to be stored."""
        if not is_sealed(value):
            return self._clear(value, where)
        try:
            text = self._box.open(value["sealed"], where)
        except secrets.Unreadable:
            self.counts["unreadable"] += 1
            return value
        if not self._box.stale(value["sealed"]):
            self.counts["sealed"] += 1
            return value
        self.counts["stale"] += 1
        return {**value, "sealed": self._box.seal(text, where)} if self._anew else value

    def bare(self, text: str, where: str) -> str:
        """The same for a column that is one sealed text."""
        kept: str = self.one(Sealed(text, "", 0)._asdict(), where)["sealed"]
        return kept

    def _clear(self, value: Any, where: str) -> Any:
        self.counts["clear"] += 1
        if not self._anew:
            return value
        text = at_rest.text(value) if where.startswith("vendor:") else str(value)
        return self._box.keep(text, where, self._now_ms)._asdict()


def row_anew(table: Table, row: Row, look: Pass) -> tuple[str | None, ...]:
    """The columns of a row as they are to be stored."""
    if table is store.PEOPLE:
        return tuple(look.bare(text, factors_place(row.key[0])) if text else text for text in row.texts)
    return tuple(_written(_value(table, row.key, orjson.loads(text), look)) if text else text for text in row.texts)


def _written(value: Any) -> str:
    return orjson.dumps(value).decode()


def _value(table: Table, key: Sequence[Any], value: Any, look: Pass) -> Any:
    if table is store.CALLBACKS:
        where = at_rest.callback_place(key[0])
        return [[look.one(v[0], where), v[1]] if isinstance(v, list) else look.one(v, where) for v in value]
    place: VendorPlace | Place = VendorPlace(*key) if table is store.VENDORS else Place(key[1], bytes(key[0]))
    return {name: look.one(one, place.of(name)) for name, one in value.items()}


def step(
    conn: Connection, table: Table, above: Sequence[Any] | None, look: Pass, *, anew: bool
) -> Sequence[Any] | None:
    """One page in one transaction; where the next one begins, None at the end."""
    rows = store.page(conn, table, above, PAGE, lock=anew)
    for row in rows:
        texts = row_anew(table, row, look)
        if anew and texts != row.texts:
            store.write(conn, table, row.key, texts)
    return rows[-1].key if len(rows) == PAGE else None


async def status(request: Request, ims: Context) -> Response:
    """How many secrets of each kind stand sealed by the first key, by another (stale), in clear, or cannot be read."""
    await operator(request, ims)
    return reading.answer(await _told(ims, secrets.ring()))


async def _told(ims: Context, box: Ring) -> Json:
    kinds = {table.kind: await _walk(ims, table, box, None) for table in store.TABLES}
    return {"key": box.name, "kinds": {kind: {s: counts[s] for s in STATES} for kind, counts in kinds.items()}}


async def _walk(ims: Context, table: Table, box: Ring, deadline_ms: int | None) -> Counter[str]:
    """All rows of a table, sealed anew until the deadline where there is one."""
    anew = deadline_ms is not None
    counts: Counter[str] = Counter()
    above: Sequence[Any] | None = None
    while deadline_ms is None or ims.now_ms() < deadline_ms:
        look, above = await ims.db(_step, table, above, box, ims.now_ms(), anew)
        counts += look.counts
        if above is None:
            break
    return counts


def _step(
    conn: Connection, table: Table, above: Sequence[Any] | None, box: Ring, now_ms: int, anew: bool
) -> tuple[Pass, Sequence[Any] | None]:
    """A page with counts of its own: a transaction that is repeated counts once."""
    look = Pass(box, now_ms, anew=anew)
    return look, step(conn, table, above, look, anew=anew)


async def rotate(request: Request, ims: Context) -> Response:
    """Seal by the first key what stands by another, or in clear; `done` once nothing is left."""
    who = await operator(request, ims)
    box, deadline_ms = secrets.ring(), ims.now_ms() + BUDGET_MS
    found = [await _walk(ims, table, box, deadline_ms) for table in store.TABLES]
    told = await _told(ims, box)
    left = sum(kind["stale"] + kind["clear"] for kind in told["kinds"].values())
    resealed = sum(counts["stale"] + counts["clear"] for counts in found)
    await noted(ims, who, Deed("secrets.rotate", "secrets", after={"key": box.name, "resealed": resealed}))
    return reading.answer({"resealed": resealed, "done": left == 0, **told})
