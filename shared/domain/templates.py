"""The states of a template's version, how they follow each other, and what many vendors' states are together.

draft ─submit─▶ submitted ─▶ in_review ─▶ approved ─▶ blocked, asleep ─▶ approved again, or gone
                                     └──▶ rejected (its next draft is another version)
"""

from __future__ import annotations

from collections.abc import Mapping

DRAFT, SUBMITTED, IN_REVIEW, APPROVED, REJECTED = "draft", "submitted", "in_review", "approved", "rejected"
BLOCKED, ASLEEP, GONE = "blocked", "asleep", "gone"
STATES = (DRAFT, SUBMITTED, IN_REVIEW, APPROVED, REJECTED, BLOCKED, ASLEEP, GONE)
WAITING = frozenset({SUBMITTED, IN_REVIEW})

FOLLOWS: Mapping[str, frozenset[str]] = {
    DRAFT: frozenset({SUBMITTED}),
    SUBMITTED: frozenset({IN_REVIEW, APPROVED, REJECTED, GONE}),
    IN_REVIEW: frozenset({APPROVED, REJECTED, GONE}),
    REJECTED: frozenset({IN_REVIEW, APPROVED, GONE}),
    APPROVED: frozenset({BLOCKED, ASLEEP, REJECTED, GONE}),
    BLOCKED: frozenset({APPROVED, GONE}),
    ASLEEP: frozenset({APPROVED, BLOCKED, GONE}),
    GONE: frozenset(),
}
"""State → those that may come next. A rejected one returns to review by an inquiry at the vendor."""

_BEST = (APPROVED, IN_REVIEW, SUBMITTED, REJECTED, BLOCKED, ASLEEP, GONE)


def together(states: Mapping[str, str], before: str) -> str:
    """The state of a version by those at its vendors: the most useful one, for it can go by that vendor."""
    return min(states.values(), key=_BEST.index, default=before)


def advances(before: str, after: str) -> bool:
    """Whether a state may follow another; the same again changes nothing and is allowed."""
    return after == before or after in FOLLOWS[before]
