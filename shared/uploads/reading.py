"""What all readers of tables share: their limits, their rows, and why a file cannot be read."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

MAX_FILE = 300 * 1024 * 1024
MAX_UNPACKED = 2 * 1024 * 1024 * 1024
MAX_ROWS = 1_000_000
MAX_COLUMNS = 200
MAX_CELL = 4000
CHUNK = 1024 * 1024
"""Bytes of a file that are kept, and read, together."""
NOTHING: Mapping[int, str] = {}


class Unreadable(Exception):
    """A file cannot be read: what it is, and what to do."""


class Row(NamedTuple):
    """One row: its number as the sheet shows it, and its cells as displayed.

    `wrong`: cells that have no text, by place, and why. `odd`: cells whose format cannot be shown, so they are raw.
    """

    number: int
    cells: list[str]
    hidden: bool = False
    wrong: Mapping[int, str] = NOTHING
    odd: Mapping[int, str] = NOTHING


class Table(Protocol):
    """A file that was opened: what it is, and its rows from the first on."""

    facts: dict[str, Any]

    def rows(self) -> Iterator[Row]:
        """All rows; raises Unreadable in the middle of what is broken."""


@dataclass
class Wishes:
    """How its owner wants a file to be read; None: found out."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Chunks(io.RawIOBase):
    """A file of kept chunks, each read when it is first needed; the last few stay."""

    KEPT = 4

    def __init__(self, size: int, chunk: Callable[[int], bytes]) -> None:
        self._size, self._chunk, self._at = size, chunk, 0
        self._here: dict[int, bytes] = {}

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """The next bytes, up to the end of their chunk."""
        if self._at >= self._size:
            return 0
        number, offset = divmod(self._at, CHUNK)
        piece = self._piece(number)[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _piece(self, number: int) -> bytes:
        if number not in self._here:
            while len(self._here) >= self.KEPT:
                del self._here[next(iter(self._here))]
            self._here[number] = self._chunk(number)
        return self._here[number]

    @property
    def share(self) -> float:
        """How far it was read, 0 to 1."""
        return min(1.0, self._at / self._size) if self._size else 1.0


def of_bytes(body: bytes) -> Chunks:
    """A file that is in memory."""
    return Chunks(len(body), lambda n: body[n * CHUNK : (n + 1) * CHUNK])


def letter(place: int) -> str:
    """A column as a sheet calls it: 0 is A, 26 is AA."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(65 + rest) + name
    return name
