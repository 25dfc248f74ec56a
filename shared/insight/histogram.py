"""Latencies as counts in buckets that grow by a tenth, so that percentiles of any merge are known within five percent.

Pure. Bucket 0 is below one millisecond; bucket n holds what lies between 1.1^(n-1) and 1.1^n milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

GROWTH = math.log(1.1)
PERCENTILES = (50, 95, 99)


def bucket(ms: int) -> int:
    """The bucket of a latency."""
    return 0 if ms < 1 else 1 + int(math.log(ms) / GROWTH)


def middle(index: int) -> float:
    """What stands for a bucket, ms."""
    return 0.5 if index == 0 else math.exp((index - 0.5) * GROWTH)


def merged(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Several histograms as one; keys are buckets as texts, as MongoDB wants them."""
    made: dict[str, int] = {}
    for one in counts:
        for index, count in one.items():
            made[index] = made.get(index, 0) + count
    return made


def percentile(counts: Mapping[str, int], part: int) -> int | None:
    """The latency (ms) below which so many percent lie; None where nothing was counted."""
    total = sum(counts.values())
    if not total:
        return None
    wanted, seen = total * part / 100, 0
    for index in sorted(map(int, counts)):
        seen += counts[str(index)]
        if seen >= wanted:
            return round(middle(index))
    return None
