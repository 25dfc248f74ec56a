"""Fair shares inside a lane: how much of an account goes straight in, and how much waits its turn. Pure.

A lane's window is what it carries in about half a second (auth, realtime), or what keeps its pipes full (bulk, ad). As
long as an account has less than its share on the road, what it sends goes straight to route. The rest waits in MySQL,
account by account in turn, and goes in as the lane has room. So whoever sends little waits behind one window at most,
however much others have sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LEAST_PART = 10
"""Whoever else is there, an account has a tenth of the window to itself."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An account in a lane. `waiting`: messages before route; `flying`: between route and the vendor's answer; `held`:
    whether some wait their turn already."""

    waiting: int = 0
    flying: int = 0
    held: bool = False

    @property
    def on_road(self) -> int:
        """All that the lane carries of the account now."""
        return max(0, self.waiting) + max(0, self.flying)


def share(window: int, active: int) -> int:
    """What one of so many accounts may have on the road by itself."""
    return max(1, window // LEAST_PART, window // max(1, active))


def fitting(messages: int, standing: Standing, window: int, active: int) -> int:
    """How many of an account's new messages go straight in; `standing` is without them.

    While older ones of its own wait their turn, half of its share is left to those: small requests that always fit
    would else hold them back for ever.
    """
    limit = share(window, active)
    if standing.held:
        limit //= 2
    return max(0, min(messages, limit - standing.on_road))


def rooms(window: int, road: Mapping[int, Standing], held: Iterable[int]) -> tuple[int, dict[int, int]]:
    """(room of the lane, room of each account that waits its turn). An account may use what others leave."""
    used = sum(s.on_road for s in road.values())
    return window - used, {a: window - road.get(a, Standing()).on_road for a in held}
