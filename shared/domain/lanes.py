"""The four lanes (인증, 실시간, 대량, 광고) and what is different in each."""

from __future__ import annotations

from typing import Literal

from shared.domain.ids import LANES

OnUncertain = Literal["wait", "failover"]

DEFAULT_LANE = "realtime"
FAILOVER_WHEN_UNCERTAIN: frozenset[str] = frozenset({"auth"})
"""Lanes in which a vendor's time-out moves on to the next hop unless the client says otherwise."""
LIMITS_FAIL_CLOSED: frozenset[str] = frozenset({"bulk", "ad"})
"""Lanes that are refused when the limits cannot be read; the others go on."""

EVENT_MESSAGES: dict[str, int] = {"auth": 100, "realtime": 250, "bulk": 500, "ad": 500}
"""Messages of one accepted event. In auth and realtime another's message waits for no more than one event's work."""

__all__ = [
    "DEFAULT_LANE",
    "EVENT_MESSAGES",
    "FAILOVER_WHEN_UNCERTAIN",
    "LANES",
    "LIMITS_FAIL_CLOSED",
    "OnUncertain",
    "on_uncertain",
]


def on_uncertain(lane: str, wanted: OnUncertain | None) -> OnUncertain:
    """The client's word, else the lane's default."""
    return wanted or ("failover" if lane in FAILOVER_WHEN_UNCERTAIN else "wait")
