"""The states of a message, and the one rule that keeps them from going backwards."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """Every state, as stored; the number orders the steps of one hop, all finals lie above 10."""

    accepted = 0
    scheduled = 1
    held = 2
    routed = 3
    sending = 4
    uncertain = 5
    sent = 6
    delivered = 11
    failed = 12
    expired = 13
    canceled = 14

    @property
    def final(self) -> bool:
        """True for the four ends of a message."""
        return self >= FIRST_FINAL


FIRST_FINAL = 11
FINALS: tuple[State, ...] = tuple(s for s in State if s.final)


def advances(current: State, current_hop: int, new: State, new_hop: int) -> bool:
    """Whether an outcome may change a message: order by (final, hop, step); the first final wins.

    A final outcome of an older hop still wins over a later hop that has not ended: the handset has the message.
    """
    if current.final:
        return False
    if new is State.delivered:
        return True
    if new.final:
        return new_hop >= current_hop
    return (new_hop, new) > (current_hop, current)
