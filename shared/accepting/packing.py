"""Accepted requests as events of a fair size: small ones together, large ones in slices."""

from __future__ import annotations

from collections.abc import Iterable

from shared.domain.events import Accepted, Request
from shared.domain.lanes import EVENT_MESSAGES

EVENT_BYTES = 400 * 1024


def pack(requests: Iterable[tuple[Request, int]]) -> list[Accepted]:
    """Requests of one lane as events of a fair size, at most about 400 KiB; large requests are sliced."""
    events: list[Accepted] = []
    group: list[Request] = []
    count = size = 0
    for part, weight in _slices(requests):
        n = len(part.messages)
        if group and (count + n > EVENT_MESSAGES[part.lane] or size + weight > EVENT_BYTES):
            events.append(Accepted(lane=group[0].lane, requests=group))
            group, count, size = [], 0, 0
        group.append(part)
        count, size = count + n, size + weight
    if group:
        events.append(Accepted(lane=group[0].lane, requests=group))
    return events


def _slices(requests: Iterable[tuple[Request, int]]) -> Iterable[tuple[Request, int]]:
    for request, size in requests:
        total = len(request.messages)
        per_event = max(1, min(EVENT_MESSAGES[request.lane], EVENT_BYTES * total // max(1, size)))
        if total <= per_event:
            yield request, size
            continue
        for i in range(0, total, per_event):
            part = request.messages[i : i + per_event]
            yield request.model_copy(update={"messages": part}), size * len(part) // total


Part = tuple[Request, int]
"""A request, or some of its messages, with its size in bytes."""


def cut(request: Request, size: int, messages: int) -> tuple[Part | None, Part | None]:
    """A request in two after so many messages, each part with its part of the size; None for a part without any."""
    total = len(request.messages)
    if messages >= total:
        return (request, size), None
    if messages <= 0:
        return None, (request, size)
    head = request.model_copy(update={"messages": request.messages[:messages]})
    tail = request.model_copy(update={"messages": request.messages[messages:]})
    return (head, size * messages // total), (tail, size - size * messages // total)
