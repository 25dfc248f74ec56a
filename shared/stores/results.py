"""What became of messages, by Korean day and cause: counted in the transaction that accepts or ends them, so that each
counts exactly once. It costs one statement a transaction, and nothing of it grows with the history: whoever wants a day
reads a few rows.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

from shared.domain.ids import Lane
from shared.domain.routing import Plan
from shared.domain.states import State
from shared.stores import sql
from shared.stores.sql import Connection
from shared.stores.usage import korean_day

SAMPLES = 5
ID_BYTES = 16
_SHOWN = (State.failed, State.expired)
"""The ends of which some ids are kept."""

Key = tuple[int, str, int, int, str, str]
"""(account, Korean day, test, status, channel, code)"""

_COLUMNS = "account_id, day, test, status, channel, code, lane, total, since_ms, samples"
_ADD = (
    "ON DUPLICATE KEY UPDATE total = total + VALUES(total), since_ms = LEAST(since_ms, VALUES(since_ms)), "
    f"samples = IF(LENGTH(samples) < {SAMPLES * ID_BYTES}, "
    f"LEFT(CONCAT(samples, VALUES(samples)), {SAMPLES * ID_BYTES}), samples)"
)


@dataclass(slots=True)
class _Count:
    total: int
    since_ms: int
    samples: bytes


class Results:
    """The counts of one transaction, all of one lane: no lane waits for the counter of another."""

    def __init__(self, lane: str) -> None:
        self._lane = int(Lane[lane])
        self._counts: dict[Key, _Count] = defaultdict(lambda: _Count(0, 2**63, b""))

    def accepted(self, plan: Plan, channel: str, messages: int) -> None:
        """New messages of one request."""
        day, status = _day(plan.accepted_ms // 1000), int(State.accepted)
        self._add((plan.account_id, day, int(plan.test), status, channel, ""), messages, plan.accepted_ms, b"")

    def ended(self, plan: Plan, channel: str, message_id: bytes, end: tuple[State, str], now_ms: int) -> None:
        """One message; `end` is its status and code. Its id says when it was accepted."""
        status, code = end
        key = (plan.account_id, _day(now_ms // 1000), int(plan.test), int(status), channel, code)
        since_ms = int.from_bytes(message_id[:6], "big")
        self._add(key, 1, since_ms, message_id if status in _SHOWN else b"")

    def _add(self, key: Key, messages: int, since_ms: int, sample: bytes) -> None:
        count = self._counts[key]
        count.total += messages
        count.since_ms = min(count.since_ms, since_ms)
        if sample and len(count.samples) < SAMPLES * ID_BYTES:
            count.samples += sample

    def save(self, conn: Connection) -> None:
        """Add the counts; locks their rows, in order, until the commit."""
        rows = [(*k, self._lane, c.total, c.since_ms, c.samples) for k, c in sorted(self._counts.items())]
        if rows:
            sql.insert(conn, "results_daily", _COLUMNS, rows, _ADD)


@lru_cache(maxsize=4096)
def _day(seconds: int) -> str:
    return korean_day(seconds * 1000)
