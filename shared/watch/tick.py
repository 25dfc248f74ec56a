"""One tick of watch: its turn, one look, the alarms it makes, and who is told.

    turn ─▶ state ─▶ look ─▶ alarms ─▶ save "about to tell" ─▶ Slack, SMS ─▶ save "told"

Dying before the first save loses one look. Dying between the saves may have told somebody: the next tick finds
`trying_ms`, tells again and says that it may be a repetition. So each notice arrives at least once, and a second time
only after such a death or when a vendor's answer was lost. A tick that has been overtaken saves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared.runtime import logs
from shared.stores.alarms import ENDED, FIRING, Event
from shared.stores.watch import Stale
from shared.watch import alarms as rules_of
from shared.watch.alarms import Alarm, Notice, Policy
from shared.watch.memory import Memory, State
from shared.watch.notify import Delivery, Resting, ToSlack, ToSms, deliver
from shared.watch.rules import Key, Rule, judge
from shared.watch.samples import Look

SHARE = 0.9
"""A tick ends before its turn does."""
SLACK_AFTER = "slack_after"

log = logs.get(__name__)


class Ticker:
    """Ticks; `look_at(marks, now_ms)` gives a Look. One tick at a time, here and on all replicas."""

    def __init__(
        self,
        memory: Memory,
        look_at: Any,
        rules: Sequence[Rule],
        policy: Policy,
        wait_scale: float,
        slack: ToSlack | None,
        sms: ToSms | None,
        now_ms: Any,
    ) -> None:
        self._memory, self._look_at, self._rules, self._policy = memory, look_at, rules, policy
        self._wait_scale, self._slack, self._sms, self._now_ms = wait_scale, slack, sms, now_ms
        self._busy = asyncio.Lock()

    async def tick(self) -> bool:
        """False when another tick has the turn."""
        if self._busy.locked():
            return False
        async with self._busy, asyncio.timeout(self._memory.turn_s * SHARE):
            if not await self._memory.turn(self._now_ms()):
                log.info("another tick has the turn")
                return False
            try:
                await self._work()
            except Stale:
                log.warning("overtaken by another tick")
            finally:
                await self._memory.give_back()
        return True

    async def _work(self) -> None:
        state = await self._memory.load()
        marks = dict(state.marks)
        seen: Look = await self._look_at(marks, self._now_ms())
        now = self._now_ms()
        found = judge(seen, self._rules, self._wait_scale)
        alarms = rules_of.advance(state.alarms, found, now, self._policy)
        alarms = rules_of.hushed(alarms, state.mutes, now)
        await self._memory.happened(turned(state.alarms, alarms, now))
        batch = rules_of.notices(alarms, state.mutes, now, self._policy)
        if not batch:
            await self._save(state, alarms, marks)
            return
        state = await self._save(state, rules_of.tried(alarms, batch, now), marks)
        made = await deliver(batch, now, self._way(marks, now), self._sms)
        await self._note(state, batch, made)

    def _way(self, marks: dict[str, int], now: int) -> ToSlack | None:
        """Slack, unless it asked not to hear of us for longer."""
        return Resting() if self._slack and marks.get(SLACK_AFTER, 0) > now else self._slack

    async def _note(self, state: State, batch: list[Notice], made: Delivery) -> None:
        now, marks = self._now_ms(), dict(state.marks)
        if made.slack_wait_s:
            marks[SLACK_AFTER] = now + round(made.slack_wait_s * 1000)
        after = rules_of.told(state.alarms, batch, made.done, made.sms, made.doubtful, now)
        await self._save(state, after, marks)

    async def _save(self, state: State, alarms: dict[tuple[str, str], Alarm], marks: dict[str, int]) -> State:
        """Every save has a version of its own, higher than any before it."""
        version = max(self._now_ms(), state.version + 1)
        saved = replace(state, version=version, alarms=alarms, marks=marks)
        await self._memory.save(saved)
        return saved


def turned(before: Mapping[Key, Alarm], after: Mapping[Key, Alarm], now_ms: int) -> list[Event]:
    """What begins to fire and what ends, for the history."""
    events = []
    for key, alarm in after.items():
        was = before.get(key)
        fired = was is not None and was.firing
        if alarm.firing and not fired:
            events.append(Event(alarm.name, alarm.subject[:128], alarm.severity, FIRING, alarm.text[:512], "", now_ms))
        elif fired and not alarm.firing:
            events.append(Event(alarm.name, alarm.subject[:128], alarm.severity, ENDED, alarm.text[:512], "", now_ms))
    return events
