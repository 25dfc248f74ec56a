"""What the vendors accepted and the handsets got, in a bounded ring with an index by number."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

REMEMBERED_KEYS = 1_000_000
"""References and numbers counted as distinct; beyond it the oldest are forgotten."""


@lru_cache(maxsize=4096)
def iso(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds. Not shared.runtime's: the simulator stands outside of what it tries."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Record(NamedTuple):
    """One message at a vendor. Its end is settled at acceptance, but nobody is told before `final_at`."""

    serial: int
    vendor: str
    account: str
    channel: str
    to: str
    sender: str
    type: str
    text: str
    our_ref: str
    vendor_ref: str
    group: str
    seq: int
    path: str
    raw: str
    """The vendor's code in the end."""
    refused: bool
    """Refused in the answer already: there is no receipt."""
    delivered: bool
    at: int
    final_at: int
    extra: Any = None
    """vendors.base.Extra, or None."""
    event: str = ""
    """What its webhook is about, where that is not the vendor's usual one."""


class Store:
    """The ring. `DELETE /received` only notes the serial it stood at: look-ups still know all that is remembered."""

    def __init__(self, capacity: int) -> None:
        self.serial = 0
        self._capacity = capacity
        self._ring: deque[Record] = deque()
        self._by_number: dict[str, list[Record]] = {}
        self._emptied_at = 0
        self._references: dict[str, None] = {}
        self._numbers: dict[str, None] = {}
        self.received_total = 0
        self.duplicates = 0
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, records: Iterable[Record]) -> None:
        """Remember messages, in order; `serial` must go on from where it stands."""
        ring, by_number, references, numbers = self._ring, self._by_number, self._references, self._numbers
        for record in records:
            ring.append(record)
            same = by_number.get(record.to)
            if same is None:
                by_number[record.to] = [record]
            else:
                same.append(record)
            if not record.delivered:
                continue
            self.received_total += 1
            if record.our_ref in references:
                self.duplicates += 1
            else:
                references[record.our_ref] = None
            numbers[record.to] = None
        self._trim()

    def received(self, to: str | None, limit: int | None) -> list[Record]:
        """The messages that handsets got, the oldest first: the last `limit`, or all that is remembered."""
        found: list[Record] = []
        for record in reversed(self._ring if to is None else self._by_number.get(to, [])):
            if record.serial <= self._emptied_at or len(found) == limit:
                break
            if record.delivered:
                found.append(record)
        return found[::-1]

    def to(self, number: str) -> list[Record]:
        """All that is remembered of a number, refused or not."""
        return self._by_number.get(number, [])

    def remembered(self) -> Iterable[Record]:
        """All that is remembered."""
        return self._ring

    def clear(self) -> None:
        """Empty the handsets and start counting anew."""
        self._emptied_at = self.serial
        self._references.clear()
        self._numbers.clear()
        self.received_total = self.duplicates = 0
        self.counts.clear()

    def stats(self) -> dict[str, Any]:
        """What `GET /stats` says of messages."""
        return {
            "received": self.received_total,
            "unique_references": self.received_total - self.duplicates,
            "duplicates": self.duplicates,
            "unique_to": len(self._numbers),
            "remembered": len(self._ring),
            "vendors": {vendor: dict(counts) for vendor, counts in self.counts.items()},
        }

    def _trim(self) -> None:
        while len(self._ring) > self._capacity:
            number = self._ring.popleft().to
            same = self._by_number[number]
            if len(same) == 1:
                del self._by_number[number]
            else:
                del same[0]
        for seen in (self._references, self._numbers):
            while len(seen) > REMEMBERED_KEYS:
                del seen[next(iter(seen))]
