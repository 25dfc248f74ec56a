"""CSV as offices make it: UTF-8 with or without BOM, CP949, UTF-16; comma, semicolon or tab; `sep=;` before all."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from shared.uploads.reading import MAX_COLUMNS, Chunks, Row, Unreadable, Wishes

ENCODINGS = {"utf-8": "utf-8", "cp949": "cp949", "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be"}
"""What `encoding` may be. Python's euc_kr lacks what Windows' CP949 has beside it (똠, 뷁)."""
DELIMITERS = (",", ";", "\t")
SAMPLE = 64 * 1024
SAMPLED_ROWS = 200
MOST_CELL = 1_000_000
"""Characters of a cell beyond which a quote was surely never closed."""
MOST_RECORD = 2_000_000
"""Characters of one row: 200 cells of 4,000 characters, and as much again."""
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_SEP = re.compile("sep=(.)\r?\n?$").match


class CsvFile:
    """A CSV whose encoding and delimiter are known."""

    def __init__(self, file: Chunks, wishes: Wishes) -> None:
        self._file = file
        self._bom, encoding = _bom(file)
        self.encoding = encoding or wishes.encoding or _encoding(file)
        sample = self._text().read(SAMPLE)
        first = sample.split("\n", 1)[0]
        found = _SEP(first)
        self._skip = 1 if found else 0
        told = found[1] if found and found[1] in DELIMITERS else None
        body = sample[len(first) + 1 :] if found else sample
        self.delimiter = wishes.delimiter or told or _delimiter(body)
        self.facts: dict[str, Any] = {"kind": "csv", "encoding": self.encoding, "delimiter": self.delimiter}

    def _text(self) -> io.TextIOWrapper:
        self._file.seek(self._bom)
        buffered = io.BufferedReader(_Kept(self._file), 256 * 1024)
        return io.TextIOWrapper(buffered, self.encoding, errors="strict", newline="")

    def rows(self) -> Iterator[Row]:
        """Each record is a row; a record of several lines is one."""
        csv.field_size_limit(MOST_CELL)
        text, number = _Lines(self._text()), 0
        for _ in range(self._skip):
            next(text, "")
        try:
            for number, cells in enumerate(csv.reader(text, delimiter=self.delimiter), 1):
                text.length = 0
                if len(cells) > MAX_COLUMNS:
                    cells = _narrow(cells, number)
                yield Row(number, cells)
        except UnicodeError as error:
            raise Unreadable(f"row {number + 1} is not {self.encoding}: say the encoding, or save as UTF-8") from error
        except csv.Error as error:
            raise Unreadable(
                f"a quote that opens in row {number + 1} is never closed: cells end before {MOST_CELL} characters"
            ) from error


class _Lines:
    """The lines of a text, none of them endless, nor a row of endless lines; `length`: of the row so far."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self.length = text, 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MOST_RECORD)
        self.length += len(line)
        if not line:
            raise StopIteration
        if self.length >= MOST_RECORD:
            raise Unreadable(f"a row has more than {MOST_RECORD:,} characters: perhaps a quote is never closed")
        return line


class _Kept(io.RawIOBase):
    """The file, which stays open when its text layer is gone."""

    def __init__(self, file: Chunks) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer)


def _narrow(cells: list[str], number: int) -> list[str]:
    """The cells without empty ones at the end."""
    while cells and not cells[-1].strip():
        cells.pop()
    if len(cells) > MAX_COLUMNS:
        raise Unreadable(f"row {number} has {len(cells)} columns; at most {MAX_COLUMNS} can be read")
    return cells


def _bom(file: Chunks) -> tuple[int, str | None]:
    file.seek(0)
    head = file.read(4) or b""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return len(bom), encoding
    return 0, None


def _encoding(file: Chunks) -> str:
    """The first encoding that the whole file is in."""
    file.seek(0)
    head = file.read(4096) or b""
    if b"\0" in head:
        for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
            if zeros.count(0) > len(zeros) / 3 and _decodes(file, encoding):
                return encoding
        raise Unreadable("this is no text: save the sheet as XLSX or CSV UTF-8")
    for encoding in ("utf-8", "cp949"):
        if _decodes(file, encoding):
            return encoding
    raise Unreadable("the text is neither UTF-8 nor CP949 throughout: save it as CSV UTF-8")


def _decodes(file: Chunks, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    file.seek(0)
    try:
        while piece := file.read(1024 * 1024):
            decoder.decode(piece)
        decoder.decode(b"", True)
    except UnicodeError:
        return False
    return True


def _delimiter(sample: str) -> str:
    """The delimiter by which most rows have as many columns, of more than one; a comma where none has."""
    best, chosen = (0.0, 0), ","
    for delimiter in DELIMITERS:
        widths = Counter(_widths(sample, delimiter))
        if not widths:
            continue
        width, count = max(widths.items(), key=lambda pair: (pair[1], pair[0]))
        score = (count / widths.total(), width)
        if width > 1 and score > best:
            best, chosen = score, delimiter
    return chosen


def _widths(sample: str, delimiter: str) -> Iterator[int]:
    lines = iter(sample.splitlines(keepends=True)[:-1] if len(sample) == SAMPLE else sample.splitlines(keepends=True))
    csv.field_size_limit(MOST_CELL)
    try:
        for place, cells in enumerate(csv.reader(lines, delimiter=delimiter)):
            if place >= SAMPLED_ROWS:
                return
            if any(cell.strip() for cell in cells):
                yield len(cells)
    except csv.Error:
        return
