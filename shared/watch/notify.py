"""Who is told of what: Slack of everything, SMS of what is critical; each stands in for the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.runtime import logs
from shared.watch import sms as texts
from shared.watch.alarms import Notice
from shared.watch.rules import CRITICAL, Key
from shared.watch.slack import Said

log = logs.get(__name__)


class ToSlack(Protocol):
    """Slack, or what stands for it."""

    async def send(self, notices: Sequence[Notice], now_ms: int, note: str = "") -> Said: ...


class ToSms(Protocol):
    """The SMS vendor, or what stands for it."""

    async def send(self, notices: Sequence[Notice]) -> Said: ...


class Resting:
    """Slack while it does not want to hear of us (429 with a long Retry-After)."""

    async def send(self, notices: Sequence[Notice], now_ms: int, note: str = "") -> Said:
        """Not now."""
        return Said(False, detail="Slack asked to wait")


@dataclass
class Delivery:
    """What became of a batch: `done` were told to somebody (or had nobody to be told), `sms` by SMS."""

    done: list[Notice] = field(default_factory=list)
    sms: list[Key] = field(default_factory=list)
    doubtful: list[Key] = field(default_factory=list)
    slack_wait_s: float = 0.0


async def deliver(batch: Sequence[Notice], now_ms: int, slack: ToSlack | None, sms: ToSms | None) -> Delivery:
    """Tell of a batch. Each is done as soon as one of its ways has taken it; what nobody took comes again next tick.

    Slack is the way of all, SMS also of what is critical. When Slack fails, SMS takes what is left but ends. An SMS
    that fails is said in Slack. With SMS alone the log hears the rest, and what is critical waits for its hour's SMS.
    Without either, the log is all there is.
    """
    made = Delivery()
    for notice in batch:
        log.warning(
            "alarm", kind=notice.kind, name=notice.alarm.name, subject=notice.alarm.subject, text=notice.alarm.text
        )
    grave = [n for n in batch if sms and n.alarm.severity == CRITICAL and texts.due(n, now_ms)]
    sms_said = await _text(sms, grave, made)
    note = f"The SMS about this failed: {sms_said.detail}" if grave and not sms_said.sent else ""
    if slack:
        said = await slack.send(batch, now_ms, note)
        made.slack_wait_s = said.wait_s
        if said.sent:
            made.done = list(batch)
            return made
        log.error("Slack failed", detail=said.detail)
        if said.doubtful:
            made.doubtful = [n.alarm.key for n in batch]
        rest = [n for n in batch if sms and n not in grave and texts.due(n, now_ms)]
        await _text(sms, rest, made)
        return made
    made.done += [n for n in batch if n not in grave and not _owed(n, sms)]
    return made


def _owed(notice: Notice, sms: ToSms | None) -> bool:
    """What SMS alone can tell, and may not yet: it stays untold until its hour is over."""
    return sms is not None and notice.alarm.severity == CRITICAL and notice.kind != "resolved"


async def _text(sms: ToSms | None, about: list[Notice], made: Delivery) -> Said:
    if sms is None or not about:
        return Said(True)
    said = await sms.send(about)
    if said.sent:
        made.sms += [n.alarm.key for n in about]
        made.done += about
    else:
        log.error("SMS failed", detail=said.detail)
        made.doubtful += [n.alarm.key for n in about] if said.doubtful else []
    return said
