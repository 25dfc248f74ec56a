"""Who stands in a list: the same recipient twice, and the same list twice. In flat memory: 12 bytes a recipient."""

from __future__ import annotations

import hashlib
import heapq
from array import array

SKETCH = 256
"""Hashes by which two lists are compared: the share of equal recipients is told within some percent."""
_MASK = (1 << 64) - 1
_ODD = 0x9E3779B97F4A7C15
_LOAD = 0.6


def key_of(address: str) -> int:
    """What stands for an address: a phone number is its own digits, so two never share one."""
    digits = address[1:] if address[:1] == "+" else address
    if digits.isdigit() and digits.isascii() and len(digits) <= 16:
        return int("1" + digits) << 1 | (address[:1] == "+")
    return int.from_bytes(hashlib.blake2b(address.encode(), digest_size=8).digest(), "big") | 1 << 63


def _mixed(key: int) -> int:
    value = key * _ODD & _MASK
    value ^= value >> 29
    return (value * 0xBF58476D1CE4E5B9 & _MASK) ^ (value >> 32)


class Peers:
    """The recipients of a list so far, each with the row that it stands in first."""

    def __init__(self) -> None:
        self._size, self.count = 1 << 12, 0
        self._keys, self._rows = array("Q", bytes(8 * self._size)), array("I", bytes(4 * self._size))
        self._sum = 0
        self._smallest: list[int] = []

    def first(self, key: int, row: int) -> int:
        """The row in which it stands first: `row` for one that is new."""
        keys, mask = self._keys, self._size - 1
        mixed = _mixed(key)
        at = mixed & mask
        while found := keys[at]:
            if found == key:
                return self._rows[at]
            at = at + 1 & mask
        keys[at], self._rows[at] = key, row
        self.count += 1
        self._sum = self._sum + mixed & _MASK
        if len(self._smallest) < SKETCH:
            heapq.heappush(self._smallest, -mixed)
        elif mixed < -self._smallest[0]:
            heapq.heapreplace(self._smallest, -mixed)
        if self.count > self._size * _LOAD:
            self._grow()
        return row

    def _grow(self) -> None:
        old_keys, old_rows = self._keys, self._rows
        self._size *= 2
        self._keys, self._rows = array("Q", bytes(8 * self._size)), array("I", bytes(4 * self._size))
        keys, rows, mask = self._keys, self._rows, self._size - 1
        for key, row in zip(old_keys, old_rows, strict=True):
            if key:
                at = _mixed(key) & mask
                while keys[at]:
                    at = at + 1 & mask
                keys[at], rows[at] = key, row

    def mark(self) -> int:
        """The same for the same recipients, in whatever order."""
        return (self._sum ^ self.count * _ODD) & _MASK

    def sketch(self) -> bytes:
        """By which lists are compared."""
        return array("Q", sorted(-x for x in self._smallest)).tobytes()


def likeness(one: bytes, other: bytes) -> float:
    """About which share of all recipients of two lists stands in both."""
    a, b = (set(array("Q", sketch)) for sketch in (one, other))
    smallest = sorted(a | b)[:SKETCH]
    return sum(x in a and x in b for x in smallest) / len(smallest) if smallest else 0.0
