"""Usage by Korean day, counted in the transaction that accepts or ends messages: so each counts exactly once, however
often and in whatever company its events are told again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from shared.domain.ids import Lane
from shared.stores import sql
from shared.stores.sql import Connection

KST = timedelta(hours=9)

Key = tuple[int, str, int, str, str]
"""(account, Korean day, lane, channel, type)"""

_COLUMNS = "account_id, day, lane, channel, type, accepted, delivered, failed, price"
_ADD = "ON DUPLICATE KEY UPDATE " + ", ".join(
    f"{c} = {c} + VALUES({c})" for c in ("accepted", "delivered", "failed", "price")
)


@dataclass(slots=True)
class Count:
    """What is added to one row; `price` in KRW."""

    accepted: int = 0
    delivered: int = 0
    failed: int = 0
    price: Decimal = field(default_factory=Decimal)


class Usage:
    """The counts of one transaction."""

    def __init__(self, lane: str) -> None:
        self._lane = int(Lane[lane])
        self._counts: dict[Key, Count] = defaultdict(Count)

    def of(self, account_id: int, accepted_ms: int, channel: str, kind: str) -> Count:
        """The count of messages that an account had accepted at a time."""
        return self._counts[account_id, _day(accepted_ms // 1000), self._lane, channel, kind]

    def save(self, conn: Connection) -> None:
        """Add the counts; locks their rows, in order, until the commit."""
        rows = [(*k, c.accepted, c.delivered, c.failed, c.price) for k, c in sorted(self._counts.items())]
        if rows:
            sql.insert(conn, "usage_daily", _COLUMNS, rows, _ADD)


@lru_cache(maxsize=4096)
def _day(seconds: int) -> str:
    return korean_day(seconds * 1000)


def korean_day(ms: int) -> str:
    """The day in Korea."""
    return (datetime.fromtimestamp(ms / 1000, UTC) + KST).strftime("%Y-%m-%d")


def of_day(conn: Connection, account_id: int, day: str) -> list[dict[str, Any]]:
    """What an account had accepted on a Korean day, by lane, channel and type; `price` in KRW."""
    found = sql.fetch(
        conn,
        "SELECT lane, channel, type, accepted, delivered, failed, price FROM usage_daily "
        "WHERE account_id=%s AND day=%s ORDER BY lane, channel, type",
        (account_id, day),
    )
    return [
        {
            "lane": Lane(lane).name,
            "channel": channel,
            "type": kind,
            "accepted": int(accepted),
            "delivered": int(delivered),
            "failed": int(failed),
            "price": f"{price:.2f}",
        }
        for lane, channel, kind, accepted, delivered, failed, price in found
    ]
