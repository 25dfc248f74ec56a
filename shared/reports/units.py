"""Which reports travel in one body, and what becomes of a try. Pure.

A unit is one callback: one report, or as many as the account's batch size. It keeps its members and its webhook-id on
every try, so a receiver sees the same reports again; in which form, callback.body says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import orjson

from shared.accounts.at_rest import Secret
from shared.domain.events import Attempt, Report
from shared.domain.retry import REPORT_LIFE_S, REPORT_UNIT_S, next_report_due
from shared.reports.keys import message_of, report_key, shard_of

Outcome = Literal["delivered", "failed", "exhausted", "disabled", "deferred"]
GONE = 410
WITH_DATA_UNTIL = 2
"""Later tries find the row in MySQL; the first two carry the reports, since events may overtake each other."""


class Account(Protocol):
    """What reporting needs of an account."""

    @property
    def account_id(self) -> int: ...
    @property
    def callback_uri(self) -> str | None: ...
    @property
    def callback_enabled(self) -> bool: ...
    @property
    def callback_batch(self) -> int: ...
    @property
    def callback_secrets(self) -> tuple[Secret, ...]: ...
    @property
    def former_secrets(self) -> tuple[tuple[Secret, int], ...]: ...


@dataclass(slots=True)
class Unit:
    """One callback. `tries` are those that counted; `since_ms` is the first failure; `lease` is this claim's score;
    `spoiled` are its reports in db0 that are none."""

    account_id: int
    username: str
    callback_uri: str
    webhook_id: str
    keys: tuple[str, ...]
    tries: int = 0
    since_ms: int | None = None
    lease: int = 0
    data: list[bytes] = field(default_factory=list)
    spoiled: list[bytes] = field(default_factory=list)

    @property
    def lead(self) -> str:
        """The first key, by which the due-set knows the unit."""
        return self.keys[0]

    @property
    def shard(self) -> int:
        """Where the unit lives."""
        return shard_of(self.keys[0])

    @property
    def ids(self) -> list[str]:
        """Message ids as events carry them: 32 hex digits."""
        return [message_of(key).replace("-", "") for key in self.keys]

    def pack(self) -> bytes:
        """The state kept in db2: `tries:since:` and the rest, so that a script can start the tries anew."""
        members = [] if len(self.keys) == 1 else self.keys
        rest = orjson.dumps([self.account_id, self.username, self.callback_uri, self.webhook_id, members])
        return b"%d:%d:%s" % (self.tries, self.since_ms or 0, rest)

    @classmethod
    def unpack(cls, lead: str, state: bytes) -> Unit:
        """The unit whose state was packed."""
        tries, since, rest = state.split(b":", 2)
        account_id, username, uri, webhook_id, members = orjson.loads(rest)
        keys = tuple(members) or (lead,)
        return cls(account_id, username, uri, webhook_id, keys, int(tries), int(since) or None)


@dataclass(slots=True)
class Try:
    """What became of a unit: `due_ms` when it is to be tried next, None when it is not."""

    unit: Unit
    outcome: Outcome
    at_ms: int
    due_ms: int | None = None
    status: int | None = None
    error: str | None = None
    duration_ms: int = 0
    answer: str | None = None

    @property
    def ended(self) -> bool:
        """No further try follows."""
        return self.due_ms is None


def webhook_id(message_ids: list[str]) -> str:
    """The message id for one, a hash of the ordered ids for many."""
    if len(message_ids) == 1:
        return message_ids[0]
    return hashlib.sha256("\n".join(message_ids).encode()).hexdigest()[:32]


def plan(reports: Iterable[Report], accounts: Mapping[int, Account]) -> tuple[list[Unit], list[Report]]:
    """Units to call, and the reports of those who want no callback."""
    groups: dict[tuple[int, str], list[Report]] = {}
    silent: list[Report] = []
    for report in reports:
        account = accounts.get(report.account_id)
        if account is None or not account.callback_enabled or not report.callback_uri:
            silent.append(report)
        else:
            groups.setdefault((report.account_id, report.callback_uri), []).append(report)
    units = [
        _unit(account_id, uri, members[i : i + size])
        for (account_id, uri), members in groups.items()
        for size in [max(1, min(500, accounts[account_id].callback_batch))]
        for i in range(0, len(members), size)
    ]
    return units, silent


def _unit(account_id: int, uri: str, reports: list[Report]) -> Unit:
    if len(reports) > 1:
        reports = sorted(reports, key=lambda r: str(r.data["message_id"]))
    name = webhook_id([r.data["message_id"] for r in reports])
    keys = tuple(report_key(r.data) for r in reports)
    return Unit(account_id, reports[0].username, uri, name, keys, data=[orjson.dumps(r.data) for r in reports])


def judge(unit: Unit, status: int | None, error: str | None, at_ms: int, duration_ms: int, unit_s: float) -> Try:
    """What a call's answer means: 2xx takes the unit, 410 disables its URL, anything else is tried again or given up.

    Counts the try in the unit.
    """
    unit.tries += 1
    result = Try(unit, "failed", at_ms, status=status, error=error, duration_ms=duration_ms)
    if status is not None and 200 <= status < 300:
        result.outcome = "delivered"
    elif status == GONE:
        result.outcome = "disabled"
    else:
        end_ms = at_ms + duration_ms
        unit.since_ms = unit.since_ms or end_ms
        result.due_ms = next_report_due(unit.tries, end_ms, unit_s)
        if result.due_ms is None or too_old(unit, end_ms, unit_s):
            result.outcome, result.due_ms = "exhausted", None
    return result


def too_old(unit: Unit, now_ms: int, unit_s: float) -> bool:
    """Whether a day (1440 units of the schedule) has passed since the first failure."""
    life_ms = REPORT_LIFE_S / REPORT_UNIT_S * unit_s * 1000
    return unit.since_ms is not None and now_ms - unit.since_ms >= life_ms


def attempts(tries: Iterable[Try], max_bytes: int = 256 * 1024) -> list[Attempt]:
    """The events' view of tries. One that is long with its reports' data is told in slices that share its ids."""
    out: list[Attempt] = []
    for one in tries:
        out.extend(_attempt(one, part) for part in _slices(one, max_bytes))
    return out


def _slices(one: Try, max_bytes: int) -> list[list[dict[str, Any]] | None]:
    if one.outcome in ("delivered", "disabled") and one.unit.tries == 1 and one.unit.since_ms is None:
        return [None] if one.outcome == "delivered" else [[orjson.loads(d) for d in one.unit.data]]
    if one.outcome == "delivered" or one.unit.tries > WITH_DATA_UNTIL or not one.unit.data:
        return [None]
    parts: list[list[dict[str, Any]] | None] = []
    current: list[dict[str, Any]] = []
    size = 0
    for data in one.unit.data:
        if current and size + len(data) > max_bytes:
            parts.append(current)
            current, size = [], 0
        current.append(orjson.loads(data))
        size += len(data)
    return [*parts, current]


def _attempt(one: Try, reports: list[dict[str, Any]] | None) -> Attempt:
    unit = one.unit
    return Attempt(
        webhook_id=unit.webhook_id,
        ids=unit.ids,
        account_id=unit.account_id,
        username=unit.username,
        callback_uri=unit.callback_uri,
        attempt=unit.tries,
        outcome=one.outcome,
        status=one.status,
        error=one.error,
        answer=one.answer,
        duration_ms=one.duration_ms,
        at=one.at_ms,
        first_failed_at=unit.since_ms,
        next_due=one.due_ms,
        reports=reports,
    )
