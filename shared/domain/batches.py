"""Batches of what has a size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def packed(items: Iterable[T], weight: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """The items in their order, joined to groups that weigh at most `most`; one that weighs more stands alone."""
    group: list[T] = []
    size = 0
    for item in items:
        if group and size + weight(item) > most:
            yield group
            group, size = [], 0
        group.append(item)
        size += weight(item)
    if group:
        yield group
