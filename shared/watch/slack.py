"""Slack by an incoming webhook: one Block Kit message for all notices of a tick."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from shared.domain.errors import Unavailable, Uncertain
from shared.runtime import logs
from shared.sending.calls import perform
from shared.vendors.base import Answer, Call
from shared.watch.alarms import Notice
from shared.watch.rules import Rule

TIMEOUT_S = 5.0
PATIENCE_S = 4.0
"""A Retry-After of up to this is waited for; a longer one is left to a later tick."""
DEFAULT_RETRY_S = 30.0
BLOCK_CHARACTERS = 2900
"""Slack takes 3,000 characters in a section's text."""
MAX_SECTIONS = 45
"""Slack takes 50 blocks in a message."""
MARKS = {"critical": ":red_circle:", "warning": ":large_yellow_circle:", "resolved": ":large_green_circle:"}
WORDS = {"firing": "", "still": "still: ", "resolved": "resolved: "}

log = logs.get(__name__)


class Said(NamedTuple):
    """What became of a message: `doubtful` when it may have arrived; `wait_s`: how long Slack does not want to hear."""

    sent: bool
    doubtful: bool = False
    detail: str = ""
    wait_s: float = 0.0


class Slack:
    """Posts to one webhook. The URL is a secret: it stands in no log and no error."""

    def __init__(self, http: Any, url: str, env: str, runbooks: str) -> None:
        self._http, self._url, self._env, self._runbooks = http, url, env, runbooks

    async def send(self, notices: Sequence[Notice], now_ms: int, note: str = "") -> Said:
        """Send one message about all of them; `note` is added at its end."""
        return await self.post(payload(notices, self._env, self._runbooks, now_ms, note))

    async def post(self, message: dict[str, Any]) -> Said:
        """Send a message; a 429 with a short Retry-After is tried once more."""
        said = await self._post(message)
        if not said.sent and 0 < said.wait_s <= PATIENCE_S:
            await asyncio.sleep(said.wait_s)
            said = await self._post(message)
        return said

    async def _post(self, message: dict[str, Any]) -> Said:
        call = Call("POST", self._url, {"content-type": "application/json"}, orjson.dumps(message))
        try:
            return read(await perform(self._http, call, "slack", TIMEOUT_S))
        except (Unavailable, Uncertain) as error:
            return Said(False, isinstance(error, Uncertain), str(error))


def read(answer: Answer) -> Said:
    """200 is sent; 429 asks to wait; another 4xx is refused; a 5xx leaves open whether it arrived."""
    if answer.status == 200:
        return Said(True)
    words = f"Slack answered {answer.status} {answer.body[:100].decode(errors='replace')}".strip()
    if answer.status != 429:
        return Said(False, answer.status >= 500, words)
    try:
        wait = max(0.0, float(answer.headers.get("retry-after", DEFAULT_RETRY_S)))
    except ValueError:
        wait = DEFAULT_RETRY_S
    return Said(False, False, words, wait)


def payload(notices: Sequence[Notice], env: str, runbooks: str, now_ms: int, note: str = "") -> dict[str, Any]:
    """The message: a heading with counts, and the notices packed into sections."""
    counts = {kind: sum(n.kind == kind for n in notices) for kind in ("firing", "still", "resolved")}
    said = ", ".join(f"{n} {'still firing' if kind == 'still' else kind}" for kind, n in counts.items() if n)
    heading = f"IMS {env}: {said}"
    lines = [line(notice, runbooks, now_ms) for notice in notices]
    sections = list(packed(lines))
    if len(sections) > MAX_SECTIONS:
        sections = [*sections[:MAX_SECTIONS], "… and more: see `ims watch`"]
    if note:
        sections.append(escaped(note)[:BLOCK_CHARACTERS])
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in sections]
    head = {"type": "header", "text": {"type": "plain_text", "text": heading[:150]}}
    return {"text": heading, "blocks": [head, *blocks]}


def line(notice: Notice, runbooks: str, now_ms: int) -> str:
    """One notice: how grave, which alarm, about what, in words, since when, and where to read on."""
    alarm = notice.alarm
    mark = MARKS["resolved" if notice.kind == "resolved" else alarm.severity]
    page = Rule(alarm.name, "", "", "", 0, "", 0, "", "").runbook
    link = f" · <{runbooks.rstrip('/')}/{page}.md|runbook>" if runbooks and notice.kind != "resolved" else ""
    again = " · _may repeat an earlier message_" if notice.again else ""
    ended = alarm.ended_ms if notice.kind == "resolved" else None
    lasted = f"since {_time(alarm.since_ms)} ({_span((ended or now_ms) - alarm.since_ms)})"
    text = f"{mark} {WORDS[notice.kind]}*{escaped(alarm.name)}* `{escaped(alarm.subject)}` {escaped(alarm.text)}"
    return f"{text}\n{lasted}{link}{again}"[:BLOCK_CHARACTERS]


def packed(lines: Sequence[str]) -> Iterator[str]:
    """Lines joined into texts of at most BLOCK_CHARACTERS."""
    text = ""
    for one in lines:
        if text and len(text) + len(one) + 1 > BLOCK_CHARACTERS:
            yield text
            text = ""
        text = f"{text}\n{one}" if text else one
    if text:
        yield text


def escaped(text: str) -> str:
    """Slack's three control characters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _span(ms: int) -> str:
    minutes = max(0, ms) // 60_000
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
