"""The rows of a sheet out of its XML, in flat memory: shared strings are kept as bytes, cells become what is shown."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import Any
from xml.parsers import expat

from shared.uploads import formats
from shared.uploads.reading import MAX_COLUMNS, NOTHING, Row, Unreadable

MOST_STRINGS = 96 * 1024 * 1024
"""Bytes of all different texts of a workbook."""
MOST_TEXT = 40_000
"""Characters of one cell; Excel keeps 32,767."""
FAR = 16_384
MOST_VALUE = 1_000_000
"""Characters of one cell's XML text, beyond which the file is no office program's."""
MOST_TOKEN = 4 * 1024 * 1024
"""Bytes of one tag with its attributes."""
ENDLESS = "the workbook has an endless cell or tag, which no office program writes"
NO_VALUE = "formula without a value: open the file in Excel and save it"


class Strings:
    """The texts that cells share, by their numbers."""

    def __init__(self) -> None:
        self._bytes, self._ends = bytearray(), array("Q", [0])

    def add(self, text: str) -> None:
        """The next one."""
        self._bytes += text.encode("utf-8", "replace")
        self._ends.append(len(self._bytes))
        if len(self._bytes) > MOST_STRINGS:
            raise Unreadable("the workbook has too many different texts: save its sheet as CSV UTF-8")

    def get(self, number: str) -> str:
        """One of them; raises ValueError or IndexError for none."""
        place = int(number)
        if place < 0:
            raise IndexError
        return self._bytes[self._ends[place] : self._ends[place + 1]].decode("utf-8")


def read_strings(pieces: Iterator[bytes]) -> Strings:
    """sharedStrings.xml: the runs of a text are one, readings (rPh) are none of it."""
    strings, words = Strings(), list[str]()
    state = {"text": False, "reading": 0, "length": 0}

    def start(name: str, _: Any) -> None:
        name = name.rpartition(":")[2]
        if name == "si":
            words.clear()
            state["length"] = 0
        elif name == "rPh":
            state["reading"] += 1
        state["text"] = name == "t" and not state["reading"]

    def end(name: str) -> None:
        name = name.rpartition(":")[2]
        state["text"] = False
        if name == "si":
            strings.add("".join(words))
        elif name == "rPh":
            state["reading"] -= 1

    def text(data: str) -> None:
        if state["text"]:
            words.append(data)
            state["length"] += len(data)
            if state["length"] > MOST_VALUE:
                raise Unreadable(ENDLESS)

    parser = _parser(start, end, text)
    for _ in fed(parser, pieces):
        continue
    return strings


def fed(parser: Any, pieces: Iterator[bytes]) -> Iterator[None]:
    """Parse piece by piece, giving way after each; no tag may be endless: the parser would keep it all."""
    size = 0
    for piece in pieces:
        parser.Parse(piece, False)
        size += len(piece)
        if size - parser.CurrentByteIndex > MOST_TOKEN:
            raise Unreadable(ENDLESS)
        yield
    parser.Parse(b"", True)
    yield


def _parser(start: Callable[..., None], end: Callable[..., None], text: Callable[..., None]) -> Any:
    from shared.uploads.xlsx_file import refuse_dtd

    parser = expat.ParserCreate()
    parser.buffer_text = True
    refuse_dtd(parser)
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    return parser


class Sheet:
    """Reads one sheet. `merged`: ranges of rows by column, which show the value of their first."""

    def __init__(
        self, strings: Strings, styles: list[str], merged: dict[str, list[tuple[int, int]]], since_1904: bool
    ) -> None:
        self._strings, self._styles, self._since_1904 = strings, styles, since_1904
        self._plain = [code.lower() in ("general", "@", "") for code in styles]
        self._merged = {_place(name): sorted(ranges) for name, ranges in merged.items()}
        self._held: dict[int, tuple[int, str]] = {}
        self._ready: list[Row] = []
        self._number, self._cells, self._hidden = 0, list[str](), False
        self._wrong: dict[int, str] = {}
        self._odd: dict[int, str] = {}
        self._at, self._kind, self._style = -1, "", ""
        self._formula = self._text = False
        self._inside, self._reading = False, 0
        self._value: list[str] = []
        self._length = 0

    def rows(self, pieces: Iterator[bytes]) -> Iterator[Row]:
        """All rows that the sheet writes."""
        parser = _parser(self._start, self._end, self._data)
        for _ in fed(parser, pieces):
            ready, self._ready = self._ready, []
            yield from ready

    def _start(self, name: str, given: dict[str, str]) -> None:
        name = name.rpartition(":")[2] if ":" in name else name
        if name == "c":
            place = given.get("r")
            self._at = _place(place) if place else self._at + 1
            self._kind, self._style = given.get("t", ""), given.get("s", "")
            self._formula, self._length = False, 0
            self._value = []
        elif name in ("v", "t"):
            self._text = not self._reading
        elif name == "row":
            self._number = int(given.get("r") or self._number + 1)
            self._hidden = given.get("hidden") in ("1", "true")
            self._cells, self._wrong, self._odd, self._at, self._inside = [], {}, {}, -1, True
        elif name == "f":
            self._formula = True
        elif name == "rPh":
            self._reading += 1

    def _data(self, data: str) -> None:
        if self._text:
            self._value.append(data)
            self._length += len(data)
            if self._length > MOST_VALUE:
                raise Unreadable(ENDLESS)

    def _end(self, name: str) -> None:
        name = name.rpartition(":")[2] if ":" in name else name
        if name in ("v", "t"):
            self._text = False
        elif name == "c" and self._inside:
            self._cell()
        elif name == "rPh":
            self._reading -= 1
        elif name == "row":
            self._inside = False
            if self._merged:
                self._fill()
            self._ready.append(
                Row(self._number, self._cells, self._hidden, self._wrong or NOTHING, self._odd or NOTHING)
            )

    def _cell(self) -> None:
        value, place = "".join(self._value), self._at
        text = self._shown(value, place) if value or self._formula else ""
        if not text and place not in self._wrong:
            return
        cells = self._cells
        if place >= MAX_COLUMNS:
            raise Unreadable(f"row {self._number} has a value in column {place + 1}; at most {MAX_COLUMNS} can be read")
        if place >= len(cells):
            cells.extend([""] * (place + 1 - len(cells)))
        cells[place] = text[:MOST_TEXT]

    def _shown(self, value: str, place: int) -> str:
        kind = self._kind
        if kind == "s":
            try:
                return self._strings.get(value)
            except (ValueError, IndexError):
                self._wrong[place] = "the workbook does not hold this cell's text"
                return ""
        if self._formula and not value and kind != "str":
            self._wrong[place] = NO_VALUE
            return ""
        if kind in ("str", "inlineStr", "d"):
            return value
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind == "e":
            self._wrong[place] = f"the cell shows {value[:20]}: mend its formula"
            return ""
        return self._as_number(value, place)

    def _as_number(self, value: str, place: int) -> str:
        style = int(self._style or 0)
        if style >= len(self._styles) or self._plain[style]:
            return value if value.isdigit() else formats.plain(value)
        text = formats.shown(value, self._styles[style], self._since_1904)
        if text is None:
            self._odd[place] = f"the format {self._styles[style][:60]} cannot be shown; the value is {value[:40]}"
            return formats.plain(value)
        return text

    def _fill(self) -> None:
        """Give what is merged downwards the value of its first row."""
        for place, ranges in self._merged.items():
            while ranges and ranges[0][1] < self._number:
                ranges.pop(0)
            if not ranges or not ranges[0][0] <= self._number:
                continue
            if self._number == ranges[0][0]:
                self._held[place] = (ranges[0][0], self._cells[place] if place < len(self._cells) else "")
            held = self._held.get(place)
            if held and held[0] == ranges[0][0] and held[1] and place < MAX_COLUMNS:
                self._cells.extend([""] * (place + 1 - len(self._cells)))
                self._cells[place] = self._cells[place] or held[1]


def _place(name: str) -> int:
    """A column's place, of A or A1."""
    value = 0
    for c in name:
        if "A" <= c <= "Z":
            value = value * 26 + ord(c) - 64
        else:
            break
    if not 0 < value <= FAR:
        raise Unreadable(f"the workbook has a cell {name[:20]!r}, which no sheet has")
    return value - 1
