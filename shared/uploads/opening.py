"""Open a file by what it holds, whatever its name says; what cannot be read is told with what to do."""

from __future__ import annotations

from shared.uploads.csv_file import CsvFile
from shared.uploads.reading import Chunks, Table, Unreadable, Wishes
from shared.uploads.xlsx_file import XlsxFile

OLE = bytes.fromhex("D0CF11E0A1B11AE1")
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "packed with gzip"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"{\\rtf", "RTF"),
)
SAVE = "save the sheet as XLSX or CSV UTF-8"


def open_table(file: Chunks, wishes: Wishes) -> Table:
    """The table in a file; raises Unreadable."""
    file.seek(0)
    head = b""
    while len(head) < 1024 and (piece := file.read(1024 - len(head))):
        head += piece
    if not head.strip(b"\xef\xbb\xbf\xff\xfe \r\n\t"):
        raise Unreadable("the file is empty")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return XlsxFile(file, wishes)
    if head.startswith(OLE):
        raise Unreadable(_ole(file))
    for start, name in _OTHERS:
        if head.startswith(start):
            raise Unreadable(f"this is {name}: {SAVE}")
    text = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if text.startswith((b"<!doctype", b"<html", b"<table", b"<?xml", b"<meta", b"<head", b"<style")):
        raise Unreadable(f"this is a web page (HTML) or XML with another name: open it in Excel and {SAVE}")
    return CsvFile(file, wishes)


def _ole(file: Chunks) -> str:
    file.seek(0)
    rest = b""
    while piece := file.read(1024 * 1024):
        if ENCRYPTED in rest + piece:
            return "it is locked with a password (암호): take the password off in Excel and save it again"
        rest = piece[-64:]
    return f"this is the old format of Excel (.xls): {SAVE}"
