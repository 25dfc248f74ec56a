"""Where watch keeps its alarms: MySQL, a copy in Redis, and the process itself, for each of them may be what is down.

The newest version that can be read counts, so an outage's alarms are known after it. Whose turn it is says MySQL and
Redis together: a tick works unless one of them that can be asked says no.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, astuple, dataclass, field, fields
from typing import Any

import orjson

from shared.domain.cutting import cut, cut_name
from shared.runtime import logs
from shared.stores import alarms
from shared.stores import watch as store
from shared.stores.alarms import Event
from shared.stores.sql import Connection
from shared.stores.watch import Mute
from shared.watch.alarms import Alarm
from shared.watch.rules import Key

STATE, TURN = "watch:state", "watch:turn"
KEEP_S = 7 * 86_400
PATIENCE_S = 5.0
MOST_UNTOLD = 500
AWAY: Any = object()
"""Stands for the answer of what does not answer."""
_GIVE_BACK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

log = logs.get(__name__)


@dataclass(frozen=True)
class State:
    """What is known from one tick to the next. `marks`: single values, such as when Slack may be asked again (ms)."""

    version: int = 0
    alarms: dict[Key, Alarm] = field(default_factory=dict)
    mutes: dict[str, int] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)


class Memory:
    """`db` and `redis` may be away at any time; nothing here fails because of it.

    What did not answer once is not asked again in the same tick: waiting for it each time would use the tick up.
    """

    def __init__(self, db: Any, redis: Callable[[], Any], turn_s: float) -> None:
        self._db, self._redis, self.turn_s = db, redis, turn_s
        self._own = State()
        self._holder = os.urandom(8).hex()
        self._away: set[str] = set()
        self._untold: list[Event] = []
        """What belongs into the history, and MySQL has not taken yet."""
        self._mutes: dict[str, Mute] = {}
        """Mutes that MySQL has not taken yet."""

    async def turn(self, now_ms: int) -> bool:
        """Take the turn; False when another tick has it. A killed tick's turn ends by itself after `turn_s`."""
        self._away.clear()
        turn_ms = round(self.turn_s * 1000)
        said = await asyncio.gather(
            self._mysql(store.take, self._holder, now_ms, now_ms + turn_ms),
            self._ask("Redis", lambda: self._redis().set(TURN, self._holder, nx=True, px=turn_ms)),
        )
        refused = [answer for answer in said if answer is not AWAY and not answer]
        if refused:
            await self.give_back()
        return not refused

    async def give_back(self) -> None:
        """End the turn."""
        await asyncio.gather(
            self._mysql(store.give_back, self._holder),
            self._ask("Redis", lambda: self._redis().eval(_GIVE_BACK, 1, TURN, self._holder)),
        )

    async def load(self) -> State:
        """The newest state that can be read; mutes are MySQL's, where it can be asked."""
        rows, text = await asyncio.gather(self._mysql(store.load), self._ask("Redis", lambda: self._redis().get(STATE)))
        if rows is not AWAY and self._mutes:
            rows = await self._flush(rows)
        known = [self._own]
        if rows is not AWAY:
            known.append(_from_rows(rows))
        if isinstance(text, bytes):
            known.append(from_json(text))
        newest = max(known, key=lambda state: state.version)
        mutes = rows.mutes if rows is not AWAY else newest.mutes | {m.name: m.until_ms for m in self._mutes.values()}
        return State(newest.version, newest.alarms, mutes, newest.marks)

    async def save(self, state: State) -> None:
        """Keep it wherever possible. Raises Stale when another tick has saved a newer one: this one's time was over."""
        self._own = state
        rows, marks = [_row(alarm) for alarm in state.alarms.values()], orjson.dumps(state.marks).decode()
        await asyncio.gather(
            self._mysql(store.save, state.version, marks, rows),
            self._ask("Redis", lambda: self._redis().set(STATE, to_json(state), ex=KEEP_S)),
        )

    async def mute(self, wanted: Mute, now_ms: int) -> bool:
        """Tell nobody of an alarm until then; False while only this process knows: MySQL is told when it is back."""
        self._mutes[wanted.name] = wanted
        self._away.clear()
        rows = await self._mysql(store.load)
        if rows is not AWAY:
            await self._flush(rows)
        return wanted.name not in self._mutes

    async def _flush(self, rows: store.Saved) -> store.Saved:
        """Give MySQL the mutes that it lacks; the rows with them."""
        for wanted in list(self._mutes.values()):
            args = (wanted.name, wanted.until_ms, wanted.reason, wanted.created_ms, wanted.by_name)
            if await self._mysql(store.mute, *args) is not AWAY:
                del self._mutes[wanted.name]
            rows = rows._replace(mutes={**rows.mutes, wanted.name: wanted.until_ms})
        return rows

    async def acknowledge(self, name: str, subject: str | None, by: str, now_ms: int) -> bool:
        """Note who sees to an alarm; False without MySQL, or where none of that name fires."""
        return await self._mysql(_acknowledge, name, subject, by, now_ms) is True

    async def acknowledged(self) -> dict[Key, str]:
        """Who sees to which alarm; nothing without MySQL."""
        found = await self._mysql(alarms.all_of)
        return {} if found is AWAY else {(a.name, a.subject): a.acked_by for a in found if a.acked_by}

    @property
    def away(self) -> list[str]:
        """Which of MySQL and Redis did not answer lately."""
        return sorted(self._away)

    async def happened(self, events: Iterable[Event]) -> None:
        """Add to the alarms' history, as soon as MySQL is there; what was long ago is not kept for ever."""
        self._untold = [*self._untold, *events][-MOST_UNTOLD:]
        if self._untold and await self._mysql(alarms.note, self._untold) is not AWAY:
            self._untold = []

    async def history(self, limit: int) -> list[Event]:
        """What became of alarms, the newest first; without MySQL only what it has not taken yet."""
        found = await self._mysql(alarms.history, 2**63 - 1, limit, None)
        kept = [] if found is AWAY else [event for _, event in found]
        return [*reversed(self._untold), *kept][:limit]

    async def fresh(self) -> State:
        """`load` outside a tick."""
        self._away.clear()
        return await self.load()

    async def _mysql(self, fn: Callable[..., Any], *values: Any) -> Any:
        return await self._ask("MySQL", lambda: self._db(fn, *values))

    async def _ask(self, what: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        """The answer, or AWAY after at most PATIENCE_S, or at once when it did not answer before in this tick."""
        if what in self._away:
            return AWAY
        try:
            return await asyncio.wait_for(ask(), PATIENCE_S)
        except store.Stale:
            raise
        except Exception as error:
            self._away.add(what)
            log.warning("memory away", what=what, error=f"{type(error).__name__}: {error}"[:200])
            return AWAY


def to_json(state: State) -> bytes:
    """The state as it lies in Redis."""
    alarms = [asdict(alarm) for alarm in state.alarms.values()]
    return orjson.dumps({"version": state.version, "alarms": alarms, "mutes": state.mutes, "marks": state.marks})


def from_json(text: bytes) -> State:
    """The state from Redis; one that cannot be read is none."""
    try:
        known = orjson.loads(text)
        alarms = [Alarm(**alarm) for alarm in known["alarms"]]
        return State(int(known["version"]), {a.key: a for a in alarms}, known["mutes"], known["marks"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return State()


def _from_rows(saved: store.Saved) -> State:
    alarms = [_alarm(row) for row in saved.rows]
    return State(saved.version, {a.key: a for a in alarms}, saved.mutes, orjson.loads(saved.marks))


def _alarm(row: tuple[Any, ...]) -> Alarm:
    values = dict(zip((f.name for f in fields(Alarm)), row, strict=True))
    return Alarm(**{**values, "firing": bool(values["firing"]), "value": float(values["value"])})


def _row(alarm: Alarm) -> tuple[Any, ...]:
    name, subject, severity, text, value, *rest = astuple(alarm)
    return (name, cut_name(subject, 128), severity, cut(text, 512), round(value), *rest)


def _acknowledge(conn: Connection, name: str, subject: str | None, by: str, now_ms: int) -> bool:
    mine = [a for a in alarms.all_of(conn) if a.name == name and not a.ended_ms and subject in (None, a.subject)]
    for alarm in mine:
        alarms.acknowledge(conn, alarm, by, now_ms)
    alarms.note(conn, (Event(a.name, a.subject, a.severity, alarms.ACKNOWLEDGED, "", by, now_ms) for a in mine))
    return bool(mine)
