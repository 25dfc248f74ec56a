"""Who may send a first report: never two at once, never again after it was taken.

Kafka delivers an event again after a crash, and route publishes a decision again, perhaps in other company. So each
message id is claimed in db2 before its first call, one call of a script for a whole batch. Claims lie in hashes by
slots of time; the slot before is looked at too, so a result is remembered for one to two slots.

    nothing → "<until ms>" while a process calls → three digits: the HTTP status that took it,
    GONE when its URL answered 410, CLOSED when it was not called because nobody is there any more,
    WAITS when it went to the due-set, ENDED when no further try follows

A claim that outlives its time is taken over: its process died between calling and noting, and the client may get the
report twice, which it recognises by the message id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.reports.keys import Keys, raw_id, shard_of
from shared.reports.scripts import Script

NEW, BUSY, PENDING = "NEW", "BSY", "PND"
WAITS, GONE, CLOSED, ENDED = "000", "410", "998", "999"
CHUNK = 1000

# KEYS this slot, the slot before, the one before that, members. ARGV ids, now, until, life of the slot, replay mark.
_CLAIM = Script("""
local ids, now, untl, mark = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[5]
local plain, field = {}, {}
for i = 1, #ids / 16 do
  plain[i] = string.sub(ids, 16 * i - 15, 16 * i)
  field[i] = plain[i] .. mark
end
local this = redis.call('HMGET', KEYS[1], unpack(field))
local before = redis.call('HMGET', KEYS[2], unpack(field))
local waiting, calling = {}, {}
if redis.call('HLEN', KEYS[4]) > 0 then waiting = redis.call('HMGET', KEYS[4], unpack(plain)) end
if mark ~= '' then calling = redis.call('HMGET', KEYS[1], unpack(plain)) end
local function held(v) return v and #v > 3 and tonumber(v) > now end
local out, set, all_new = {}, {}, true
for i = 1, #field do
  local v = this[i] or before[i]
  if v and #v == 3 and not (v == '000' and waiting[i]) then out[i] = v
  elseif held(v) then out[i] = 'BSY'
  elseif waiting[i] then out[i] = 'PND'
  elseif held(calling[i]) then out[i] = 'BSY'
  else
    out[i] = 'NEW'
    set[#set + 1] = field[i]; set[#set + 1] = untl
    if mark ~= '' then set[#set + 1] = plain[i]; set[#set + 1] = untl end
  end
  if out[i] ~= 'NEW' then all_new = false end
end
if #set > 0 and untl ~= '0' then
  redis.call('HSET', KEYS[1], unpack(set))
  if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[4]); redis.call('UNLINK', KEYS[3]) end
end
if all_new then return '' end
return table.concat(out)
""")

# KEYS the slot of the claim. ARGV ids, codes (three characters each), life of the slot, replay mark.
_NOTE = Script("""
local ids, codes, mark, set = ARGV[1], ARGV[2], ARGV[4], {}
for i = 1, #ids / 16 do
  local id, code = string.sub(ids, 16 * i - 15, 16 * i), string.sub(codes, 3 * i - 2, 3 * i)
  set[#set + 1] = id; set[#set + 1] = code
  if mark ~= '' then set[#set + 1] = id .. mark; set[#set + 1] = code end
end
redis.call('HSET', KEYS[1], unpack(set))
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1
""")


def was_taken(said: str) -> bool:
    """Whether an answer is the status with which the client took the report."""
    return said.isdigit() and said.startswith("2")


class Claims:
    """Claims on first reports, in db2."""

    def __init__(self, client: Any, keys: Keys, *, claim_ms: int, slot_ms: int) -> None:
        self._client, self._keys, self._claim_ms, self._slot_ms = client, keys, claim_ms, slot_ms

    async def claim(self, message_ids: Sequence[str], now_ms: int, mark: bytes = b"") -> dict[str, str]:
        """Claim what is free. By message id: NEW (ours now), BUSY, PENDING (in the due-set) or the noted result."""
        return await self._ask(message_ids, now_ms, now_ms + self._claim_ms, mark)

    async def look(self, message_ids: Sequence[str], now_ms: int) -> dict[str, str]:
        """The same answers without claiming anything."""
        return await self._ask(message_ids, now_ms, 0, b"")

    async def _ask(self, message_ids: Sequence[str], now_ms: int, until_ms: int, mark: bytes) -> dict[str, str]:
        slot = now_ms // self._slot_ms
        out: dict[str, str] = {}
        for home, ids in self._by_home(message_ids):
            names = [self._keys.first(home, slot - back) for back in range(3)]
            blob = b"".join(map(raw_id, ids))
            answer = await _CLAIM(
                self._client,
                [*names, self._keys.members(home)],
                [blob, now_ms, until_ms, 3 * self._slot_ms, mark],
            )
            said = answer.decode()
            out.update({m: said[3 * i : 3 * i + 3] for i, m in enumerate(ids)} if said else dict.fromkeys(ids, NEW))
        return out

    async def note(self, results: Mapping[str, str], claimed_ms: int, mark: bytes = b"") -> None:
        """Remember how first reports ended: three digits by message id."""
        slot = claimed_ms // self._slot_ms
        for home, ids in self._by_home(list(results)):
            blob = b"".join(map(raw_id, ids))
            codes = "".join(results[m] for m in ids)
            await _NOTE(self._client, [self._keys.first(home, slot)], [blob, codes, 3 * self._slot_ms, mark])

    def _by_home(self, message_ids: Sequence[str]) -> list[tuple[int, list[str]]]:
        if not self._keys.cluster and len(message_ids) <= CHUNK:
            return [(0, list(message_ids))] if message_ids else []
        groups: dict[int, list[str]] = {}
        for message_id in message_ids:
            groups.setdefault(self._keys.home(shard_of(message_id)), []).append(message_id)
        return [(home, ids[i : i + CHUNK]) for home, ids in groups.items() for i in range(0, len(ids), CHUNK)]
