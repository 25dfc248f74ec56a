"""What is due when, and who may try it.

Expiry events are late and get lost, so the due-set decides and the event only wakes (docs: Redis expiry is a hint, not
a clock). A claim moves a unit's due time forward by a lease; that due time is also the claim's ticket: who comes back
after another has claimed the unit finds another score, and changes nothing.

Write order on a failure: db0 (what to send), the due-set (when), db1 (the alarm). A process that dies
  before db0          has changed nothing: the event comes again
  after db0           leaves a report nobody looks for yet: the event comes again and writes it again
  after the due-set   leaves a unit without an alarm: the sweeper takes it
When a unit ends: db1, db0, then the due-set. A process that dies in between leaves a unit that is claimed again after
its lease and finds no report in db0: it asks MySQL, and sends once more (at least once).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import orjson

from shared.reports.courier import host_of
from shared.reports.keys import SHARDS, Keys, message_of, raw_id, shard_of
from shared.reports.scripts import Readiness, Script
from shared.reports.units import Unit
from shared.runtime import logs

T = TypeVar("T")

log = logs.get(__name__)

ALARM_AFTER_MS = 2
EARLY_MS = 10
"""An alarm goes off just after the due time, and a claim may come a little before it: clocks differ."""

HOST_LIFE_MS = 25 * 3600 * 1000
"""What waits for a host is forgotten after that; no report is tried for longer than a day."""
BITE = 500
"""Units that one script brings forward at most."""

# KEYS due, units, members, the units' hosts. ARGV the hosts' life, then per unit: lead, place of its host in KEYS, due,
# state, number of ids, the ids.
_ADD = Script("""
local out, i = {}, 2
while i <= #ARGV do
  local lead, host, n = ARGV[i], KEYS[tonumber(ARGV[i + 1])], tonumber(ARGV[i + 4])
  if redis.call('ZADD', KEYS[1], 'NX', ARGV[i + 2], lead) == 1 then
    redis.call('HSET', KEYS[2], lead, ARGV[i + 3])
    redis.call('ZADD', host, ARGV[i + 2], lead)
    for k = 1, n do redis.call('HSET', KEYS[3], ARGV[i + 4 + k], lead) end
    out[#out + 1] = 1
  else out[#out + 1] = 0 end
  i = i + 5 + n
end
for k = 4, #KEYS do redis.call('PEXPIRE', KEYS[k], ARGV[1]) end
return out
""")

# KEYS due, units, members. ARGV now, lease, then key and id of each candidate.
_CLAIM = Script("""
local now, lease, out = tonumber(ARGV[1]), ARGV[2], {}
for i = 3, #ARGV, 2 do
  local key = ARGV[i]
  local at = redis.call('ZSCORE', KEYS[1], key)
  if at and tonumber(at) <= now then
    local state = redis.call('HGET', KEYS[2], key)
    if state then
      redis.call('ZADD', KEYS[1], lease, key)
      out[#out + 1] = {key, state, at}
    else redis.call('ZREM', KEYS[1], key) end
  elseif not at then
    local lead = redis.call('HGET', KEYS[3], ARGV[i + 1])
    if lead and lead ~= key then out[#out + 1] = {lead} end
  end
end
return out
""")

# KEYS due, units, members, the units' hosts. ARGV the hosts' life, then per unit: lead, place of its host in KEYS,
# ticket, due or '' at the end, state, number of ids, the ids.
_SETTLE = Script("""
local out, i = {}, 2
while i <= #ARGV do
  local lead, host, n = ARGV[i], KEYS[tonumber(ARGV[i + 1])], tonumber(ARGV[i + 5])
  local at = redis.call('ZSCORE', KEYS[1], lead)
  if ARGV[i + 3] == '' then
    redis.call('ZREM', KEYS[1], lead)
    redis.call('HDEL', KEYS[2], lead)
    redis.call('ZREM', host, lead)
    for k = 1, n do redis.call('HDEL', KEYS[3], ARGV[i + 5 + k]) end
    out[#out + 1] = 1
  elseif at and tonumber(at) == tonumber(ARGV[i + 2]) then
    redis.call('ZADD', KEYS[1], ARGV[i + 3], lead)
    redis.call('HSET', KEYS[2], lead, ARGV[i + 4])
    redis.call('ZADD', host, ARGV[i + 3], lead)
    out[#out + 1] = 1
  else out[#out + 1] = 0 end
  i = i + 6 + n
end
for k = 4, #KEYS do redis.call('PEXPIRE', KEYS[k], ARGV[1]) end
return out
""")

# KEYS what waits for a host, then the due-sets that it may wait in: all of them by their number, or one. ARGV now, how
# many. What is claimed, restarted or gone has another due time, or none: its entry here was a stale one.
_HURRY = Script("""
local now, found = ARGV[1], redis.call('ZRANGE', KEYS[1], '(' .. ARGV[1], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[2],
  'WITHSCORES')
for i = 1, #found, 2 do
  local lead = found[i]
  local due = #KEYS == 2 and KEYS[2] or KEYS[2 + tonumber(string.sub(lead, -7, -7), 16)]
  local at = redis.call('ZSCORE', due, lead)
  if at and tonumber(at) == tonumber(found[i + 1]) then
    redis.call('ZADD', due, now, lead)
    redis.call('ZADD', KEYS[1], now, lead)
  else redis.call('ZREM', KEYS[1], lead) end
end
return #found / 2
""")

# KEYS due, units. ARGV now, lease length, leads. What is claimed stays so; the rest is due now, its tries anew.
_RESTART = Script("""
local now = tonumber(ARGV[1])
for i = 3, #ARGV do
  local at, state = redis.call('ZSCORE', KEYS[1], ARGV[i]), redis.call('HGET', KEYS[2], ARGV[i])
  if at and state then
    if tonumber(at) - now > tonumber(ARGV[2]) then redis.call('ZADD', KEYS[1], now, ARGV[i]) end
    redis.call('HSET', KEYS[2], ARGV[i], '0:0:' .. string.match(state, '^%d+:%d+:(.*)$'))
  end
end
return 1
""")

_ARM = Script("""
for i, key in ipairs(KEYS) do redis.call('SET', key, '', 'PX', ARGV[i]) end
return 1
""")


def by_shard(items: Iterable[T], shard: Callable[[T], int]) -> dict[int, list[T]]:
    """Group things by their shard."""
    groups: dict[int, list[T]] = {}
    for item in items:
        groups.setdefault(shard(item), []).append(item)
    return groups


class DueSet:
    """Units that wait for their next try: db0, db1 and the due-set of db2."""

    def __init__(self, reports: Any, timers: Any, state: Any, keys: Keys, *, lease_ms: int) -> None:
        self._reports, self._timers, self._state = reports, timers, state
        self.keys, self._lease_ms = keys, lease_ms
        self.ready = Readiness(state, keys.cluster)

    async def add(self, units: Sequence[Unit], due_ms: Sequence[int], now_ms: int) -> None:
        """Let units wait until they are due. One that waits already keeps its state and its alarm."""
        dues = dict(zip((u.lead for u in units), due_ms, strict=True))
        groups = by_shard(units, lambda u: u.shard)
        await asyncio.gather(*(self._put_reports(s, us) for s, us in groups.items()))
        await self._point_strangers(units)
        flags = await asyncio.gather(*(self._add(s, us, dues) for s, us in groups.items()))
        await self._arm_changed(groups.values(), flags, dues, now_ms)

    async def claim(self, keys: Iterable[str], now_ms: int) -> list[tuple[Unit, int]]:
        """Claim the units of those keys that are due, each with the time since when it was."""
        claimed, leads = await self._claim(set(keys), now_ms)
        if leads:
            more, _ = await self._claim(leads, now_ms)
            claimed += more
        return claimed

    async def end(self, units: Sequence[Unit]) -> None:
        """Forget units: taken, given up or disabled."""
        groups = by_shard(units, lambda u: u.shard)
        await asyncio.gather(*(self._delete(self._timers, self.keys.timer, s, us) for s, us in groups.items()))
        await asyncio.gather(*(self._delete(self._reports, self.keys.report, s, us) for s, us in groups.items()))
        await self._forget_strangers(units)
        await asyncio.gather(*(self._settle(s, us, {}) for s, us in groups.items()))

    async def again(self, units: Sequence[Unit], due_ms: Sequence[int], now_ms: int) -> None:
        """Let claimed units wait again, their state as it now is; a unit that another has claimed stays as it is."""
        dues = dict(zip((u.lead for u in units), due_ms, strict=True))
        groups = by_shard(units, lambda u: u.shard)
        flags = await asyncio.gather(*(self._settle(s, us, dues) for s, us in groups.items()))
        await self._arm_changed(groups.values(), flags, dues, now_ms)

    async def restart(self, leads: Iterable[str], now_ms: int) -> None:
        """A replay of what waits already: try it now, counting anew."""
        for shard, names in by_shard(leads, shard_of).items():
            where = [self.keys.due(shard), self.keys.units(shard)]
            await _RESTART(self._state, where, [now_ms, self._lease_ms, *names])

    async def hurry(self, host: str, count: int, now_ms: int) -> int:
        """Let up to about `count` of the units that wait for a host be due now, those first that are due first; answers
        how many waited for a later time (at most as many). Their next try counts as it would have later."""
        shards = range(SHARDS)
        if not self.keys.cluster:
            calls = [([self.keys.host(0, host), *map(self.keys.due, shards)], min(count, BITE))]
        else:
            each = min(-(-count // SHARDS), BITE)
            calls = [([self.keys.host(s, host), self.keys.due(s)], each) for s in shards]
        return sum(await asyncio.gather(*(_HURRY(self._state, names, [now_ms, n]) for names, n in calls)))

    async def leads_of(self, message_ids: Iterable[str]) -> dict[str, str]:
        """The lead of the unit in which each message waits, for those that do."""
        out: dict[str, str] = {}
        for home, ids in by_shard(message_ids, lambda m: self.keys.home(shard_of(m))).items():
            found = await self._state.hmget(self.keys.members(home), [raw_id(m) for m in ids])
            out.update({m: lead.decode() for m, lead in zip(ids, found, strict=True) if lead})
        return out

    async def waiting(self, leads: Iterable[str]) -> list[tuple[Unit, int]]:
        """The units of those leads as they are, each with its due time."""
        out: list[tuple[Unit, int]] = []
        for shard, names in by_shard(set(leads), shard_of).items():
            states = await self._state.hmget(self.keys.units(shard), names)
            scores = await self._state.zmscore(self.keys.due(shard), names)
            out += [
                (unit, int(score))
                for name, state, score in zip(names, states, scores, strict=True)
                if state and score is not None and (unit := _readable(name, state)) is not None
            ]
        return out

    async def load(self, units: Sequence[Unit]) -> list[Unit]:
        """Read the units' reports from db0; answers those of which some are missing there."""
        groups = by_shard(units, lambda u: u.shard)
        await asyncio.gather(*(self._load(s, us) for s, us in groups.items()))
        return [u for u in units if len(u.data) != len(u.keys)]

    async def restore(self, units: Sequence[Unit]) -> None:
        """Put reports back that db0 had lost."""
        await asyncio.gather(*(self._put_reports(s, us) for s, us in by_shard(units, lambda u: u.shard).items()))

    async def _arm_changed(
        self, groups: Iterable[list[Unit]], flags: Iterable[list[int]], dues: dict[str, int], now_ms: int
    ) -> None:
        """Set the timers, one a member, of the units that a script has changed."""
        for units, said in zip(groups, flags, strict=True):
            changed = [unit for unit, ok in zip(units, said, strict=True) if ok]
            names = [self.keys.timer(unit.shard, key) for unit in changed for key in unit.keys]
            lives = [max(1, dues[u.lead] - now_ms + ALARM_AFTER_MS) for u in changed for _ in u.keys]
            for i in range(0, len(names), 1000):
                await _ARM(self._timers, names[i : i + 1000], lives[i : i + 1000])

    # One shard each from here on.

    def _where(self, shard: int) -> list[str]:
        return [self.keys.due(shard), self.keys.units(shard), self.keys.members(shard)]

    def _with_hosts(self, shard: int, units: Sequence[Unit]) -> tuple[list[str], dict[str, int]]:
        """`_where` and the units' hosts behind it; by a unit's lead, the place of its host there, counted from one."""
        names = self._where(shard)
        places: dict[str, int] = {}
        for host in dict.fromkeys(host_of(unit.callback_uri) for unit in units):
            names.append(self.keys.host(shard, host))
            places[host] = len(names)
        return names, {unit.lead: places[host_of(unit.callback_uri)] for unit in units}

    def _own_ids(self, unit: Unit) -> list[bytes]:
        """Members whose pointer lies with the unit; on a cluster others may lie elsewhere."""
        home = self.keys.home(unit.shard)
        return [raw_id(i) for i in unit.ids if self.keys.home(shard_of(i)) == home]

    async def _put_reports(self, shard: int, units: list[Unit]) -> None:
        pairs = {self.keys.report(shard, k): d for u in units for k, d in zip(u.keys, u.data, strict=True)}
        await self._reports.mset(pairs)

    async def _add(self, shard: int, units: list[Unit], dues: dict[str, int]) -> list[int]:
        names, places = self._with_hosts(shard, units)
        arguments: list[Any] = [HOST_LIFE_MS]
        for unit in units:
            ids = self._own_ids(unit)
            arguments += [unit.lead, places[unit.lead], dues[unit.lead], unit.pack(), len(ids), *ids]
        return list(await _ADD(self._state, names, arguments))

    async def _claim(self, keys: set[str], now_ms: int) -> tuple[list[tuple[Unit, int]], set[str]]:
        lease, until = now_ms + self._lease_ms, now_ms + EARLY_MS
        claimed: list[tuple[Unit, int]] = []
        leads: set[str] = set()
        groups = by_shard(keys, shard_of)
        answers = await asyncio.gather(
            *(
                _CLAIM(self._state, self._where(s), [until, lease, *(x for k in ks for x in (k, raw_id(k[-36:])))])
                for s, ks in groups.items()
            )
        )
        for answer in answers:
            for found in answer:
                if len(found) == 1:
                    leads.add(found[0].decode())
                elif (unit := _readable(found[0].decode(), found[1])) is None:
                    await self._drop_spoiled(found[0].decode())
                else:
                    unit.lease = lease
                    claimed.append((unit, int(float(found[2]))))
        return claimed, leads

    async def _settle(self, shard: int, units: list[Unit], dues: dict[str, int]) -> list[int]:
        names, places = self._with_hosts(shard, units)
        arguments: list[Any] = [HOST_LIFE_MS]
        for unit in units:
            ids = self._own_ids(unit)
            due = dues.get(unit.lead, "")
            arguments += [unit.lead, places[unit.lead], unit.lease, due, unit.pack(), len(ids), *ids]
        return list(await _SETTLE(self._state, names, arguments))

    async def _delete(self, client: Any, name: Callable[[int, str], str], shard: int, units: list[Unit]) -> None:
        await client.delete(*(name(shard, key) for unit in units for key in unit.keys))

    async def _load(self, shard: int, units: list[Unit]) -> None:
        keys = [self.keys.report(shard, key) for unit in units for key in unit.keys]
        found = iter(await self._reports.mget(keys))
        for unit in units:
            data = [next(found) for _ in unit.keys]
            unit.spoiled = [d for d in data if d is not None and not _is_report(d)]
            unit.data = data if all(d is not None for d in data) and not unit.spoiled else []

    async def _drop_spoiled(self, lead: str) -> None:
        """A unit whose state is unreadable: without it, the row in MySQL is found overdue, and makes a new one."""
        shard = shard_of(lead)
        log.error("the state of a waiting report is unreadable, MySQL's row will do", key=lead)
        await self._state.hdel(self.keys.units(shard), lead)
        await self._state.hdel(self.keys.members(shard), raw_id(message_of(lead)))
        await self._state.zrem(self.keys.due(shard), lead)

    def _strangers(self, units: Sequence[Unit]) -> dict[int, list[tuple[bytes, str]]]:
        if not self.keys.cluster:
            return {}
        pairs = [(i, u.lead) for u in units for i in u.ids if shard_of(i) != u.shard]
        groups = by_shard(pairs, lambda p: shard_of(p[0]))
        return {shard: [(raw_id(i), lead) for i, lead in found] for shard, found in groups.items()}

    async def _point_strangers(self, units: Sequence[Unit]) -> None:
        for shard, pairs in self._strangers(units).items():
            await self._state.hset(self.keys.members(shard), mapping=dict(pairs))

    async def _forget_strangers(self, units: Sequence[Unit]) -> None:
        for shard, pairs in self._strangers(units).items():
            await self._state.hdel(self.keys.members(shard), *(i for i, _ in pairs))


def _readable(lead: str, state: bytes) -> Unit | None:
    try:
        return Unit.unpack(lead, state)
    except (ValueError, TypeError):
        return None


def _is_report(value: bytes) -> bool:
    try:
        return isinstance(orjson.loads(value), dict)
    except ValueError:
        return False


async def overdue(state: Any, keys: Keys, now_ms: int, limit: int) -> list[str]:
    """The leads of units that are due, the longest waiting first in each shard (at most `limit` a shard).

    On a cluster the shards of a primary that does not answer are left out; an error when none answers.
    """
    names = [keys.due(shard) for shard in range(SHARDS)]
    window = {"byscore": True, "offset": 0, "num": limit}
    if not keys.cluster:
        pipe = state.pipeline(transaction=False)
        for name in names:
            pipe.zrange(name, "-inf", now_ms, **window)
        found = await pipe.execute()
    else:
        asked = (state.zrange(name, "-inf", now_ms, **window) for name in names)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        found = [a for a in answers if not isinstance(a, BaseException)]
        if not found:
            raise ConnectionError("no primary answers")
    return [lead.decode() for leads in found for lead in leads]
