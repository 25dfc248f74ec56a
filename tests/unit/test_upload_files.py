"""Files as offices make them: what is read of CSV and XLSX, and what is refused with words."""

from __future__ import annotations

import codecs
import gzip
import io
import random
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from shared.domain import phone
from shared.uploads.cells import clean, folded, number
from shared.uploads.opening import open_table
from shared.uploads.reading import Row, Unreadable, Wishes, of_bytes
from shared.uploads.table import Layout, layout
from tests import sheets
from tests.sheets import one, row, sheet, text, workbook

SAMPLE = "to,name\r\n01021110001,똠방각하 뷁\r\n"


def read(body: bytes, **wishes: Any) -> tuple[dict[str, Any], Layout, list[Row]]:
    """A file's facts, its layout and all rows beneath the header."""
    wish = Wishes(**wishes)
    table = open_table(of_bytes(body), wish)
    found, _ = layout(table, wish.header_row)
    return table.facts, found, [r for r in table.rows() if r.number > found.header]


def cells(body: bytes, **wishes: Any) -> list[list[str]]:
    return [r.cells for r in read(body, **wishes)[2]]


@pytest.mark.parametrize(
    ("body", "encoding", "delimiter"),
    [
        (SAMPLE.encode("cp949"), "cp949", ","),
        (SAMPLE.encode(), "utf-8", ","),
        (codecs.BOM_UTF8 + SAMPLE.encode(), "utf-8", ","),
        (codecs.BOM_UTF16_LE + SAMPLE.replace(",", "\t").encode("utf-16-le"), "utf-16-le", "\t"),
        (codecs.BOM_UTF16_BE + SAMPLE.replace(",", "\t").encode("utf-16-be"), "utf-16-be", "\t"),
        (SAMPLE.encode("utf-16-le"), "utf-16-le", ","),
    ],
)
def test_every_encoding_of_excel_gives_the_same_rows(body: bytes, encoding: str, delimiter: str) -> None:
    facts, found, rows = read(body)
    assert (facts["encoding"], facts["delimiter"]) == (encoding, delimiter)
    assert [c.name for c in found.columns] == ["to", "name"]
    assert [r.cells for r in rows] == [["01021110001", "똠방각하 뷁"]]
    assert rows[0].number == 2


@pytest.mark.parametrize(
    ("body", "header", "wanted"),
    [
        ('sep=;\r\nto;name;memo\r\n01;김;"안녕, 반갑; 10,000원"\r\n', 1, ["01", "김", "안녕, 반갑; 10,000원"]),
        ('to;name;memo\r\n01021110001;김;"안녕, 반갑; 10,000원"\r\n', 1, ["01021110001", "김", "안녕, 반갑; 10,000원"]),
        ('to;name\r\n01021110001;"김, 하나"\r\n', 1, ["01021110001", "김, 하나"]),
        ("to;price\r\n01021110001;1,5\r\n01021110002;2,5\r\n", 1, ["01021110001", "1,5"]),
    ],
)
def test_the_delimiter_is_the_one_that_makes_a_table(body: str, header: int, wanted: list[str]) -> None:
    facts, found, rows = read(body.encode())
    assert (facts["delimiter"], found.header, rows[0].number) == (";", header, 2)
    assert rows[0].cells == wanted


def test_a_quote_opens_only_where_a_cell_begins() -> None:
    body = 'to,name\r\n01,24" 모니터\r\n02,"첫 줄\r\n둘째 줄"\r\n03,"그는 ""네""라 했다"\r\n'
    rows = read(body.encode())[2]
    assert [r.cells[1] for r in rows] == ['24" 모니터', "첫 줄\r\n둘째 줄", '그는 "네"라 했다']
    assert [r.number for r in rows] == [2, 3, 4]
    with pytest.raises(Unreadable, match="never closed"):
        cells(('to,name\r\n01,"' + "x" * 2_000_000).encode())


def test_empty_columns_and_blank_rows_shift_nothing() -> None:
    body = ",,,to,name\r\n,,,01021110001,김\r\n\r\n,,,,\r\n,,,01021110002,이\r\n" + ",,,,\r\n" * 3000
    _, found, rows = read(body.encode())
    assert [(c.place, c.name) for c in found.columns] == [(3, "to"), (4, "name")]
    assert len(rows) == 3004
    assert rows[3].number == 5


@pytest.mark.parametrize(
    ("body", "header", "names", "count"),
    [
        ("01021110001,김\r\n01021110002,이\r\n", 0, ["A", "B"], 2),
        ("2026년 12월 발송 명단,\r\n(대외비),\r\nto,name\r\n01021110001,김\r\n", 3, ["to", "name"], 1),
        ("to\u00a0,\u200bname\r\n01021110001,김\r\n", 1, ["to", "name"], 1),
        ("전화번호\r\n01021110001\r\n", 1, ["전화번호"], 1),
    ],
)
def test_the_header_is_found_or_there_is_none(body: str, header: int, names: list[str], count: int) -> None:
    _, found, rows = read(body.encode())
    assert (found.header, [c.name for c in found.columns], len(rows)) == (header, names, count)


def test_names_that_look_the_same_are_the_same() -> None:
    found = read("Name,ｎａｍｅ,to\r\n김,이,01021110001\r\n".encode())[1]
    assert len(found.named("name")) == 2
    assert folded("이름") == folded("이름")


def test_numbers_dates_and_masks_come_as_the_sheet_shows_them() -> None:
    codes = [
        'yyyy"년" m"월" d"일"',
        "m/d/yy h:mm",
        '#,##0"원"',
        "0%",
        "[$-412]AM/PM h:mm",
        "000-0000-0000",
        "0.00",
        "# ?/?",
    ]
    values = ["46357", "46357.604166667", "12500", "0.15", "0.5625", "1021110001", "1.5", "0.25"]
    body = one(
        [
            row(1, ["to", *"abcdefgh"]),
            row(2, [text("01021110001"), *(sheets.number(v, i) for i, v in enumerate(values, 1))]),
        ],
        formats=codes,
    )
    (found,) = read(body)[2]
    assert found.cells[1:] == [
        *("2026년 12월 1일", "12/1/26 14:30", "12,500원", "15%", "오후 1:30", "010-2111-0001", "1.50", "0.25"),
    ]
    assert list(found.odd) == [8]


def test_plain_numbers_lose_nothing() -> None:
    given = ["1021110001", "1021110002.0", "1.021110003E9", "15991234", "0.1", "-3.50"]
    body = one([row(1, ["to", "b", "c", "d", "e", "f"]), row(2, [sheets.number(v) for v in given])])
    assert cells(body) == [["1021110001", "1021110002", "1021110003", "15991234", "0.1", "-3.5"]]


@pytest.mark.parametrize(
    ("cell", "wanted", "restored"),
    [
        ("1021110001", "01021110001", True),
        ("01021110004", "01021110004", False),
        ("1021110005.0", "01021110005", True),
        ("215991234", "0215991234", True),
        ("15991234", "15991234", False),
        ("821021110006", "821021110006", False),
        ("'01021110001", "01021110001", False),
        ('="01021110002"', "01021110002", False),
        ("\u001f01021110003", "01021110003", False),
        ("\u00a0010-2111-0004\u200b", "010-2111-0004", False),
    ],
)
def test_a_lost_zero_comes_back_where_one_reading_is_a_number(cell: str, wanted: str, restored: bool) -> None:
    assert number(cell) == (wanted, restored, None)


@pytest.mark.parametrize("cell", ["1.02E+09", "1.02111E+09", "010-2111-0005 / 0006", "01021110007;01021110008"])
def test_what_is_rounded_or_doubled_is_no_number(cell: str) -> None:
    written, _, fault = number(cell)
    assert fault or phone.recipient(written) is None


def test_a_guard_is_taken_off_again() -> None:
    assert clean("'=1+1") == "=1+1"
    assert clean("'김'") == "'김'"


RICH = (
    '<r><t>김</t></r><r><rPr><b/></rPr><t xml:space="preserve"> 하나</t></r>'
    '<rPh sb="0" eb="1"><t>キム</t></rPh><phoneticPr fontId="1"/>'
)


def test_runs_are_one_text_and_readings_are_none() -> None:
    body = one(
        [
            row(1, ["to", "name", "again"]),
            row(2, ["01021110001", '<c t="s"><v>0</v></c>', f'<c t="inlineStr"><is>{RICH}</is></c>']),
        ],
        shared=f"<si>{RICH}</si>",
    )
    assert cells(body) == [["01021110001", "김 하나", "김 하나"]]


@pytest.mark.parametrize("hint", ["", '<dimension ref="A1"/>', '<dimension ref="A1:A1"/>', '<dimension ref="A1:B3"/>'])
def test_the_dimension_is_no_limit(hint: str) -> None:
    rows = [row(i + 1, ["to", "name"] if not i else [f"0102111000{i}", "김"]) for i in range(5)]
    assert len(cells(workbook(("a", "visible", sheet(rows, before=hint))))) == 4


def test_a_formula_counts_by_its_value() -> None:
    made = [
        '<c r="A2" t="str"><f>"0"&amp;C2</f><v>01021110001</v></c><c r="B2" t="str"><f>X</f><v>김하나</v></c>',
        '<c r="A3"><f>X</f></c><c r="B3" t="str"><f>X</f><v></v></c>',
    ]
    body = one([row(1, ["to", "name"]), *(f'<row r="{i}">{cells}</row>' for i, cells in enumerate(made, 2))])
    first, second = read(body)[2]
    assert first.cells == ["01021110001", "김하나"]
    assert "without a value" in second.wrong[0]
    assert second.number == 3


def test_the_sheet_that_is_looked_at_is_read_and_hidden_rows_are_told() -> None:
    old = sheet([row(1, ["to"]), row(2, ["01021110009"])])
    shown = sheet(
        [row(i, ["to" if i == 1 else f"0102111000{i}"], ' hidden="1"' if i in (3, 4) else "") for i in range(1, 6)]
    )
    body = workbook(
        ("작년", "hidden", old), ("더", "veryHidden", old), ("올해", "visible", shown), ("또", "visible", old),
        view='<bookViews><workbookView activeTab="2"/></bookViews>',
    )  # fmt: skip
    facts, _, rows = read(body)
    assert facts["sheet"] == "올해"
    assert [r.number for r in rows if r.hidden] == [3, 4]
    assert read(body, sheet="또")[0]["sheet"] == "또"
    with pytest.raises(Unreadable, match="no sheet"):
        read(body, sheet="내년")


def test_merged_cells_show_their_value_downwards() -> None:
    rows = [
        row(1, ["12월 명단", "", ""]),
        row(2, ["지점", "to", "name"]),
        row(3, ["강남", "01021110003", "김"]),
        row(4, ["", "01021110004", "이"]),
        row(5, ["", "01021110005", "박"]),
    ]
    merged = '<mergeCells count="2"><mergeCell ref="A1:C1"/><mergeCell ref="A3:A5"/></mergeCells>'
    body = workbook(("a", "visible", sheet(rows, after=merged)))
    _, found, read_rows = read(body)
    assert found.header == 2
    assert [r.cells[0] for r in read_rows] == ["강남"] * 3


OLE = bytes.fromhex("D0CF11E0A1B11AE1")


def locked() -> bytes:
    body = bytearray(one([row(1, ["to"])]))
    at = body.find(b"PK\x01\x02")
    while at >= 0:
        body[at + 8] |= 1
        at = body.find(b"PK\x01\x02", at + 4)
    return bytes(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html><table><tr><td>to</td></tr></table></html>", "HTML"),
        (OLE + b"\0" * 2000, "xls"),
        (OLE + b"\0" * 1000 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 1000, "암호"),
        (locked(), "암호"),
        (b"%PDF-1.7 ...", "PDF"),
        (gzip.compress(b"to\n01021110001", mtime=0), "gzip"),
        (one([row(1, ["to"])])[:-200], "damaged"),
        (b"", "empty"),
        (b"\xff\xfe", "empty"),
        (b"to,name\n01021110001,\xff\xff\xff", "neither UTF-8 nor CP949"),
        (one([row(1, [f'<c r="{c}1"><v>1</v></c>' for c in ("A", "XFD")])]), "at most 200"),
    ],
)
def test_what_is_no_table_is_told_with_what_to_do(body: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        cells(body)


def test_a_zip_without_sheets_and_a_zip_bomb_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("a.txt", "hello")
    with pytest.raises(Unreadable, match="no workbook"):
        cells(out.getvalue())
    body = bytearray(one([row(1, ["to"])]))
    at = body.find(b"PK\x01\x02")
    body[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    with pytest.raises(Unreadable, match="2 GiB"):
        cells(bytes(body))


def test_a_document_type_is_refused() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY x "ha">]>'
    body = workbook(("a", "visible", sheet([row(1, ["to"])]).replace("?>", "?>" + bomb, 1)))
    with pytest.raises(Unreadable, match="document type"):
        cells(body)


def test_broken_bytes_are_refused_never_an_error_of_ours() -> None:
    rng = random.Random(7)
    whole = one([row(1, ["to", "name"]), row(2, ["01021110001", "김"])], shared="<si><t>x</t></si>")
    for _ in range(300):
        body = bytearray(whole)
        for _ in range(rng.randint(1, 12)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        try:
            cells(bytes(body))
        except Unreadable:
            continue


def memory_of(body: bytes) -> int:
    """Bytes at the peak while a file is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable):
            cells(body)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


SIZE = 60_000_000
BOMBS: dict[str, Callable[[], bytes]] = {
    "commas": lambda: b"to,name\n" + b"," * SIZE,
    "records": lambda: b"to,name\n" + b'"\n",' * (SIZE // 4),
    "a cell": lambda: one([row(1, ["to"]), row(2, ["x" * SIZE])]),
    "a tag": lambda: workbook(("a", "visible", sheet([row(1, ["to"])]).replace("<row", f'<row x="{"y" * SIZE}"', 1))),
    "a string": lambda: one([row(1, ["to"])], shared=f"<si><t>{'z' * SIZE}</t></si>"),
    "styles": lambda: one([row(1, ["to"])], formats=["0.0"] * 200_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_would_fill_the_memory_is_refused_before_it_does(name: str) -> None:
    assert memory_of(BOMBS[name]()) < 45_000_000
