"""Find the header of a table, name its columns, and suggest what they are for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.uploads.cells import clean, folded, is_blank, number, title
from shared.uploads.reading import Row, Table, letter

LOOKED_AT = 30
"""Rows with something in them among which the header is looked for."""
RECIPIENT = frozenset(
    {
        *("to", "phone", "phonenumber", "tel", "telephone", "mobile", "cell", "hp", "recipient", "receiver", "address"),
        *("email", "e-mail", "token", "user", "전화번호", "전화", "휴대폰", "휴대폰번호", "휴대전화", "휴대전화번호"),
        *("핸드폰", "핸드폰번호", "연락처", "수신번호", "수신자", "수신자번호", "번호", "이메일", "메일", "메일주소"),
    }
)
REF = frozenset(["ref", "reference", "id", "참조", "참조번호", "고객번호", "관리번호"])
_DATA = re.compile(r"(\D*\d){7}|@.+\.|^[+-]?[\d.,]+$").search


@dataclass(frozen=True)
class Column:
    """A column that has a name or values: its place in the file, and its name as shown."""

    place: int
    name: str


@dataclass
class Layout:
    """Where a table begins and what its columns are. `header`: the row's number, 0 where there is none."""

    header: int
    columns: list[Column] = field(default_factory=list)

    def named(self, wanted: str) -> list[Column]:
        """The columns of that name; where none has it, the one with that letter."""
        key = folded(wanted)
        found = [c for c in self.columns if folded(c.name) == key]
        return found or [c for c in self.columns if letter(c.place) == wanted.strip().upper()]

    def suggestion(self, rows: Sequence[Row], phones: bool) -> dict[str, Any]:
        """What the columns are for, as far as names and values tell."""
        to = next((c for c in self.columns if folded(c.name).replace(" ", "") in RECIPIENT), None)
        if to is None and phones:
            to = max(self.columns, key=lambda c: _numbers(rows, c.place), default=None)
            to = to if to is not None and _numbers(rows, to.place) else None
        ref = next((c for c in self.columns if folded(c.name) in REF and c is not to), None)
        rest = [c for c in self.columns if c is not to and c is not ref]
        found: dict[str, Any] = {"to": to.name} if to else {}
        if ref:
            found["ref"] = ref.name
        return {**found, "variables": {c.name: c.name for c in rest if len(self.named(c.name)) == 1}}


def _numbers(rows: Sequence[Row], place: int) -> int:
    from shared.domain import phone

    return sum(bool(phone.recipient(number(row.cells[place])[0])) for row in rows if place < len(row.cells))


def layout(table: Table, wanted: int | None = None) -> tuple[Layout, list[Row]]:
    """The layout of a table, and the first rows beneath its header."""
    first = list(_first(table.rows(), wanted))
    header = next((row for row in first if row.number == wanted), None) if wanted else None
    if wanted is None:
        header = _header(first)
    body = [row for row in first if header is None or row.number > header.number]
    width = max((len(row.cells) for row in [*body, *([header] if header else [])]), default=0)
    names = [title(cell) for cell in header.cells] if header else []
    names += [""] * (width - len(names))
    filled = {place for row in body for place, cell in enumerate(row.cells) if not is_blank(cell)}
    columns = [Column(at, name or letter(at)) for at, name in enumerate(names) if name or at in filled]
    return Layout(header.number if header else 0, columns), body


def _first(rows: Iterator[Row], wanted: int | None) -> Iterator[Row]:
    count = 0
    for row in rows:
        if any(not is_blank(cell) for cell in row.cells):
            count += 1
            yield row
        elif row.number == wanted:
            yield row
        if count >= LOOKED_AT and row.number >= (wanted or 0):
            return


def _header(rows: Sequence[Row]) -> Row | None:
    """The first row that names columns: as wide as the table, and nothing in it looks like data."""
    shown = [r for r in rows if not r.hidden] or list(rows)
    widths = [sum(not is_blank(cell) for cell in row.cells) for row in shown]
    least = min(2, max(widths, default=0))
    for row, width in zip(shown, widths, strict=True):
        cells = [clean(cell) for cell in row.cells if not is_blank(cell)]
        if any(_DATA(cell) for cell in cells):
            return None
        if width >= max(least, max(widths) / 2) and len(set(cells)) > (1 if len(cells) > 2 else 0):
            return row
    return None
