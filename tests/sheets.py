"""Workbooks by hand (zip and XML, ECMA-376), so that each oddity is there as it was met."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELS = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
LINKS = f'{HEAD}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"


def text(value: str) -> str:
    """A cell with its own text."""
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def number(value: str, style: int = 0) -> str:
    """A cell with a number."""
    return f'<c s="{style}"><v>{value}</v></c>'


def row(place: int, cells: Sequence[str], more: str = "") -> str:
    """A row; plain words are texts."""
    return f'<row r="{place}"{more}>{"".join(c if c.startswith("<c") else text(c) for c in cells)}</row>'


def sheet(rows: Sequence[str], before: str = "", after: str = "") -> str:
    """A sheet's part."""
    return f"{HEAD}<worksheet {MAIN}>{before}<sheetData>{''.join(rows)}</sheetData>{after}</worksheet>"


def workbook(*sheets: tuple[str, str, str], formats: Sequence[str] = (), shared: str = "", view: str = "") -> bytes:
    """The bytes of a workbook of (name, state, part); `formats` are number formats, style n is the n-th from 1."""
    named = "".join(
        f'<sheet name="{n}" sheetId="{i}" state="{s}" r:id="rId{i}"/>' for i, (n, s, _) in enumerate(sheets, 1)
    )
    codes = "".join(
        f'<numFmt numFmtId="{170 + i}" formatCode="{escape(c, {chr(34): "&quot;"})}"/>' for i, c in enumerate(formats)
    )
    styles = '<xf numFmtId="0"/>' + "".join(f'<xf numFmtId="{170 + i}"/>' for i in range(len(formats)))
    parts = {
        "xl/workbook.xml": f"{HEAD}<workbook {MAIN} {RELS}>{view}<sheets>{named}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": LINKS
        + "".join(
            f'<Relationship Id="rId{i}" Type="{KIND}" Target="worksheets/sheet{i}.xml"/>'
            for i in range(1, len(sheets) + 1)
        )
        + "</Relationships>",
        "xl/styles.xml": f"{HEAD}<styleSheet {MAIN}><numFmts>{codes}</numFmts><cellXfs>{styles}</cellXfs></styleSheet>",
    }
    parts |= {f"xl/worksheets/sheet{i}.xml": part for i, (_, _, part) in enumerate(sheets, 1)}
    if shared:
        parts["xl/sharedStrings.xml"] = f"{HEAD}<sst {MAIN}>{shared}</sst>"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, part in parts.items():
            made.writestr(name, part)
    return out.getvalue()


def one(rows: Sequence[str], **more: object) -> bytes:
    """A workbook with one sheet."""
    return workbook(("명단", "visible", sheet(rows)), **more)  # type: ignore[arg-type]
