"""XLSX (ECMA-376): the sheet that is looked at, row by row, as it is shown. A zip is opened within limits only."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.parsers import expat

from shared.uploads import formats
from shared.uploads.reading import MAX_UNPACKED, Chunks, Row, Unreadable, Wishes
from shared.uploads.xlsx_sheet import Sheet, Strings, read_strings

MOST_PARTS = 5000
MOST_DIRECTORY = 2 * 1024 * 1024
MOST_SMALL = 4 * 1024 * 1024
"""Bytes of a part that is read whole: workbook, relations, styles."""
PIECE = 256 * 1024
MOST_MERGED = 20_000
BROKEN = "the workbook is damaged or cut off: open it in Excel and save it again as XLSX"
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


class XlsxFile:
    """A workbook whose sheet is chosen: the one that is active if it is visible, else the first visible one."""

    def __init__(self, file: Chunks, wishes: Wishes) -> None:
        self._zip = _opened(file)
        self._names = {name.lower().lstrip("/"): name for name in self._zip.namelist()}
        book = self._tree("xl/workbook.xml")
        if book is None:
            raise Unreadable("this zip is no workbook: save the sheet as XLSX or CSV UTF-8")
        links = self._links("xl/_rels/workbook.xml.rels")
        sheets = [s for s in _all(book, "sheet") if links.get(s.get(f"{{{_OFFICE}}}id", ""))]
        visible = [s for s in sheets if s.get("state", "visible") == "visible"]
        chosen = _choose(book, sheets, visible, wishes.sheet)
        self._part = links[chosen.get(f"{{{_OFFICE}}}id", "")]
        self._since_1904 = any(p.get("date1904") in ("1", "true") for p in _all(book, "workbookPr"))
        self.facts: dict[str, Any] = {
            "kind": "xlsx",
            "sheet": chosen.get("name"),
            "sheets": [{"name": s.get("name"), "hidden": s.get("state", "visible") != "visible"} for s in sheets[:100]],
        }

    def rows(self) -> Iterator[Row]:
        """The rows of the sheet."""
        try:
            strings = self._strings()
            merged = self._merged()
            yield from Sheet(strings, self._styles(), merged, self._since_1904).rows(self._pieces(self._part))
        except (expat.ExpatError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise Unreadable(BROKEN) from error

    def _strings(self) -> Strings:
        found = self._named("xl/sharedstrings.xml")
        return read_strings(self._pieces(found)) if found else Strings()

    def _merged(self) -> dict[str, list[tuple[int, int]]]:
        """Column → ranges of rows that show the value of their first; they stand behind the rows, so they are looked
        for first. A range over several columns shows it in the first."""
        found: dict[str, list[tuple[int, int]]] = {}
        count, rest = 0, b""
        for piece in self._pieces(self._part):
            rest = rest[-200:] + piece
            if b"mergeCell" not in rest:
                continue
            for one in _MERGED.finditer(rest):
                count += 1
                if one[2] != one[4] and count <= MOST_MERGED:
                    span = (int(one[2]), int(one[4]))
                    ranges = found.setdefault(one[1].decode(), [])
                    if span not in ranges[-1:]:
                        ranges.append(span)
        return found

    def _styles(self) -> list[str]:
        """The format of each cell style."""
        tree = self._tree("xl/styles.xml")
        if tree is None:
            return []
        own = {int(f.get("numFmtId", "0")): f.get("formatCode", "") for f in _all(tree, "numFmt")}
        cells = next(_all(tree, "cellXfs"), None)
        numbers = [int(x.get("numFmtId", "0")) for x in _all(cells, "xf")] if cells is not None else []
        return [own.get(n) or formats.BUILT_IN.get(n, "") for n in numbers]

    def _links(self, name: str) -> dict[str, str]:
        tree = self._tree(name)
        found: dict[str, str] = {}
        for link in _all(tree, "Relationship") if tree is not None else ():
            target = link.get("Target", "").replace("\\", "/")
            path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            part = self._named(path.replace("/./", "/"))
            if part and link.get("Type", "").endswith("/worksheet"):
                found[link.get("Id", "")] = part
        return found

    def _named(self, name: str) -> str | None:
        return self._names.get(name.lower())

    def _tree(self, name: str) -> Element | None:
        part = self._named(name)
        if part is None:
            return None
        if self._zip.getinfo(part).file_size > MOST_SMALL:
            raise Unreadable(f"{part} of the workbook is too large to be read")
        return tree_of(self._pieces(part))

    def _pieces(self, part: str) -> Iterator[bytes]:
        try:
            with self._zip.open(part) as source:
                while piece := source.read(PIECE):
                    yield piece
        except (RuntimeError, NotImplementedError) as error:
            raise Unreadable(_locked(str(error))) from error
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise Unreadable(BROKEN) from error


def tree_of(pieces: Iterator[bytes]) -> Element:
    """Small XML as a tree, its names without namespaces' prefixes where they are the part's own; no DTD."""
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    refuse_dtd(parser)
    parser.StartElementHandler = lambda name, given: builder.start(
        _braced(name), {_braced(k): v for k, v in given.items()}
    )
    parser.EndElementHandler = lambda name: builder.end(_braced(name))
    try:
        for piece in pieces:
            parser.Parse(piece, False)
        parser.Parse(b"", True)
        return builder.close()
    except (expat.ExpatError, ParseError, AssertionError) as error:
        raise Unreadable(BROKEN) from error


def refuse_dtd(parser: Any) -> None:
    """A document type is no part of a workbook, and what it defines may grow without bounds."""

    def refused(*_: Any) -> None:
        raise Unreadable("the workbook holds a document type, which no office program writes")

    parser.StartDoctypeDeclHandler = refused


def _braced(name: str) -> str:
    return "{" + name if "}" in name else name


def _all(tree: Element, name: str) -> Iterator[Element]:
    return (e for e in tree.iter() if e.tag.rpartition("}")[2] == name)


def _directory(file: Chunks) -> int:
    """Bytes of the zip's list of parts, as its end says: it would be read whole (APPNOTE 4.3.14, 4.3.16)."""
    tail = file.seek(0, io.SEEK_END)
    file.seek(max(0, tail - 70_000))
    rest = b""
    while piece := file.read(70_000):
        rest += piece
    at, far = rest.rfind(b"PK\x05\x06"), rest.rfind(b"PK\x06\x06")
    if far >= 0:
        return int.from_bytes(rest[far + 40 : far + 48], "little")
    return int.from_bytes(rest[at + 12 : at + 16], "little") if at >= 0 else 0


def _opened(file: Chunks) -> zipfile.ZipFile:
    if _directory(file) > MOST_DIRECTORY:
        raise Unreadable("the workbook has too many parts: save its sheet as CSV UTF-8")
    try:
        found = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise Unreadable(BROKEN) from error
    infos = found.infolist()
    if len(infos) > MOST_PARTS or sum(i.file_size for i in infos) > MAX_UNPACKED:
        raise Unreadable("the workbook unpacks to more than 2 GiB, or has too many parts: save its sheet as CSV UTF-8")
    if any(i.flag_bits & 1 for i in infos):
        raise Unreadable(_locked("password"))
    return found


def _locked(why: str) -> str:
    if "password" in why or "encrypt" in why:
        return "it is locked with a password (암호): take the password off in Excel and save it again"
    return "it is packed in a way that is not known: save it again as XLSX"


def _choose(book: Element, sheets: list[Element], visible: list[Element], wanted: str | None) -> Element:
    if wanted is not None:
        named = [s for s in sheets if s.get("name") == wanted]
        if not named:
            raise Unreadable(f"there is no sheet {wanted[:60]!r}")
        return named[0]
    if not visible:
        raise Unreadable("the workbook has no sheet that is shown: name the one to read, or save it as CSV UTF-8")
    active = next((int(v.get("activeTab", "0")) for v in _all(book, "workbookView")), 0)
    return sheets[active] if active < len(sheets) and sheets[active] in visible else visible[0]
