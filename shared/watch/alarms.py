"""From findings to notices, as pure functions of (previous alarms, findings, now).

An alarm is *pending* until its finding has lasted for its wait, then *firing*; it ends when nothing has been found for
a calm time, which doubles each time it fires again within an hour: so what flaps is told a few times an hour at most.
What could not be measured changes nothing: an alarm neither fires nor ends because its server cannot be asked.

Who was told stands in the alarm (`told_ms`), and only after a message has gone out: whoever dies in between sends it
again. `trying_ms` says that a message was begun, so the second one can say that it may be a repetition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from shared.watch.rules import Finding, Found, Key

Kind = Literal["firing", "still", "resolved"]
Alarms = Mapping[Key, "Alarm"]
Mutes = Mapping[str, int]
"""A rule's name → until when (ms) nobody is told of it."""

SLACK_MS = 5_000
"""Ticks come a little early or late; a wait is over within this."""
GAP_MS = 180_000
"""After so long without a look (the platform was down) a pending finding begins anew."""
FLAP_MEMORY_MS = 3_600_000
MAX_DOUBLINGS = 4


@dataclass(frozen=True)
class Alarm:
    """One alarm; all times in ms. `since_ms`: when its finding began; `ended_ms`: when it ended, kept for an hour."""

    name: str
    subject: str
    severity: str
    text: str
    value: float
    since_ms: int
    seen_ms: int
    firing: bool = False
    clear_ms: int | None = None
    ended_ms: int | None = None
    told_ms: int | None = None
    sms_ms: int | None = None
    trying_ms: int | None = None
    fired: int = 0

    @property
    def key(self) -> Key:
        """Its rule's name and its subject."""
        return self.name, self.subject

    @property
    def state(self) -> str:
        """pending, firing or ended."""
        return "firing" if self.firing else "ended" if self.ended_ms is not None else "pending"


@dataclass(frozen=True)
class Policy:
    """Times in ms: between repetitions of what still fires, and without findings until an alarm ends."""

    repeat_ms: int = 4 * 3_600_000
    calm_ms: int = 120_000


class Notice(NamedTuple):
    """Something to tell; `again` when an earlier message of the same may have arrived."""

    kind: Kind
    alarm: Alarm
    again: bool


def advance(alarms: Alarms, found: Found, now_ms: int, policy: Policy) -> dict[Key, Alarm]:
    """The alarms after one look."""
    moved: dict[Key, Alarm] = {}
    for key, finding in found.findings.items():
        moved[key] = _met(alarms.get(key), key, finding, now_ms)
    for key, alarm in alarms.items():
        if key in moved:
            continue
        unmeasured = alarm.name in found.unknown or key in found.unsure
        after = alarm if unmeasured else _missed(alarm, now_ms, policy)
        if after is not None and not _forgotten(after, now_ms):
            moved[key] = after
    return moved


def _met(alarm: Alarm | None, key: Key, finding: Finding, now_ms: int) -> Alarm:
    severity, wait_ms, text, value = finding
    if alarm is None:
        alarm = Alarm(*key, severity, text, value, now_ms, now_ms)
    elif alarm.ended_ms is not None:
        alarm = replace(alarm, ended_ms=None, since_ms=now_ms)
    elif not alarm.firing and now_ms - alarm.seen_ms > GAP_MS:
        alarm = replace(alarm, since_ms=now_ms)
    alarm = replace(alarm, severity=severity, text=text, value=value, seen_ms=now_ms, clear_ms=None)
    if not alarm.firing and _over(now_ms - alarm.since_ms, wait_ms):
        alarm = replace(alarm, firing=True, fired=alarm.fired + 1)
    return alarm


def _over(passed_ms: int, wait_ms: int) -> bool:
    return passed_ms >= (wait_ms - SLACK_MS if wait_ms > SLACK_MS else wait_ms)


def _missed(alarm: Alarm, now_ms: int, policy: Policy) -> Alarm | None:
    """Nothing found: what was pending goes (or back to its end, if it had fired before), what fires calms down."""
    if alarm.ended_ms is not None:
        return alarm
    if not alarm.firing:
        return replace(alarm, ended_ms=now_ms) if alarm.fired else None
    clear_ms = now_ms if alarm.clear_ms is None else alarm.clear_ms
    if _over(now_ms - clear_ms, calm_ms(alarm, policy)):
        return replace(alarm, firing=False, clear_ms=None, ended_ms=now_ms)
    return replace(alarm, clear_ms=clear_ms)


def calm_ms(alarm: Alarm, policy: Policy) -> int:
    """How long nothing may be found until the alarm ends."""
    wanted: int = policy.calm_ms * 2 ** min(MAX_DOUBLINGS, max(0, alarm.fired - 1))
    return wanted


def _forgotten(alarm: Alarm, now_ms: int) -> bool:
    return alarm.ended_ms is not None and alarm.told_ms is None and now_ms - alarm.ended_ms >= FLAP_MEMORY_MS


def notices(alarms: Alarms, mutes: Mutes, now_ms: int, policy: Policy) -> list[Notice]:
    """What has to be told now, the gravest first. Nothing is told of what is muted."""
    found = []
    for alarm in alarms.values():
        kind = _kind(alarm, now_ms, policy)
        if kind and mutes.get(alarm.name, 0) <= now_ms:
            found.append(Notice(kind, alarm, alarm.trying_ms is not None))
    order = {"firing": 0, "still": 1, "resolved": 2}
    return sorted(found, key=lambda n: (order[n.kind], n.alarm.severity != "critical", n.alarm.key))


def _kind(alarm: Alarm, now_ms: int, policy: Policy) -> Kind | None:
    if alarm.firing and alarm.told_ms is None:
        return "firing"
    if alarm.firing and alarm.clear_ms is None and now_ms - (alarm.told_ms or 0) >= policy.repeat_ms:
        return "still"
    if alarm.ended_ms is not None and alarm.told_ms is not None:
        return "resolved"
    return None


def hushed(alarms: Alarms, mutes: Mutes, now_ms: int) -> dict[Key, Alarm]:
    """What ended while it was muted is never told: forget that anybody waits for it."""
    return {
        key: replace(alarm, told_ms=None) if alarm.ended_ms is not None and mutes.get(alarm.name, 0) > now_ms else alarm
        for key, alarm in alarms.items()
    }


def tried(alarms: Alarms, about: Iterable[Notice], now_ms: int) -> dict[Key, Alarm]:
    """Note that a message about these is about to be sent."""
    return {**alarms, **{n.alarm.key: replace(alarms[n.alarm.key], trying_ms=now_ms) for n in about}}


def told(
    alarms: Alarms,
    batch: Iterable[Notice],
    done: Iterable[Notice],
    sms: Iterable[Key],
    doubtful: Iterable[Key],
    now_ms: int,
) -> dict[Key, Alarm]:
    """Note what became of a batch: told (`done`), which by SMS; of the rest only the `doubtful` may have arrived."""
    after, unclear = dict(alarms), set(doubtful)
    for notice in batch:
        if (key := notice.alarm.key) not in unclear:
            after[key] = replace(after[key], trying_ms=None)
    for key in sms:
        after[key] = replace(after[key], sms_ms=now_ms)
    for notice in done:
        key = notice.alarm.key
        after[key] = replace(after[key], told_ms=None if notice.kind == "resolved" else now_ms, trying_ms=None)
    return after
