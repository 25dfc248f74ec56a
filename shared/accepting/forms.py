"""The one file of a form (`multipart/form-data`, RFC 7578), byte for byte.

Taken apart by python-multipart; the standard library's e-mail parser takes 0.6 s for 2 MiB of line ends.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import unquote

from shared.runtime.problems import Problem

FORM = "multipart/form-data"
FIELD = "file"
OVERHEAD = 64 * 1024
"""Bytes of a form beside its file: boundaries, headers, further fields."""
MAX_PARTS = 20
MAX_HEADERS = 4096
"""Bytes of one part's headers."""
MAX_BOUNDARY = 70
"""RFC 2046, 5.1.1."""
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]*)').findall
_QUOTED = re.compile(r'\\(["\\])').sub


class File(NamedTuple):
    """A file as it was sent; `media_type` is empty where none was said."""

    name: str | None
    media_type: str
    body: bytes


class Part(NamedTuple):
    """One field of a form: its headers by their names in small letters."""

    headers: dict[str, str]
    body: bytes

    def file(self) -> File | None:
        """The part as a file; None for a field of another kind."""
        kind, given = parameters(self.headers.get("content-disposition", ""))
        if kind != "form-data" or (given.get("name") != FIELD and "filename" not in given):
            return None
        return File(given.get("filename"), parameters(self.headers.get("content-type", ""))[0], self.body)


def only_file(content_type: str, body: bytes) -> File:
    """The file called `file`, or the only one with a file name; 422 where there is none or more than one."""
    files = [file for part in parts(content_type, body) if (file := part.file()) is not None]
    if not files:
        raise refused(f"/{FIELD}", "required", f"add the image as a file called `{FIELD}`")
    if len(files) > 1:
        raise refused(f"/{FIELD}", "range", f"there are {len(files)} files: send one in each request")
    return files[0]


def parts(content_type: str, body: bytes) -> list[Part]:
    """The parts of a form; 422 where it is not one."""
    from python_multipart.exceptions import FormParserError  # needed by uploads only

    reader = Parts()
    reads, line = parser(content_type, reader), b"\r\n--" + _boundary(content_type)
    try:
        reads.write(_as_the_parser_knows_it(b"\r\n" + body, line))
        reads.finalize()
    except FormParserError as error:
        raise refused("", "format", f"the form cannot be read: {error}") from error
    if not reader.ended:
        raise refused("", "format", "the form does not end with its boundary and two hyphens")
    return reader.parts


def parser(content_type: str, reader: Parts) -> Any:
    """What tells a reader of a form's parts as they come."""
    from python_multipart.multipart import MultipartParser

    return MultipartParser(
        _boundary(content_type), reader.callbacks(), max_header_count=MAX_HEADERS, max_header_size=MAX_HEADERS
    )


def _boundary(content_type: str) -> bytes:
    boundary = parameters(content_type)[1].get("boundary", "")
    if not 0 < len(boundary) <= MAX_BOUNDARY:
        raise refused("", "format", f"the content-type names no boundary of 1 to {MAX_BOUNDARY} characters")
    return boundary.encode("latin-1", "replace")


def _as_the_parser_knows_it(body: bytes, line: bytes) -> bytes:
    """Without what RFC 2046 allows before the first boundary and, as padding, behind each."""
    body = body[max(0, body.find(line)) + len(b"\r\n") :]
    if (
        line + b" " not in body
        and line + b"\t" not in body
        and body[len(line) - 2 : len(line) - 1] not in (b" ", b"\t")
    ):
        return body
    return re.sub(b"(?:^|(?<=\r\n))(" + re.escape(line[2:]) + b")[ \t]+\r\n", b"\\1\r\n", body)


class Parts:
    """What the parser tells, gathered."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._size = 0
        self._name = self._value = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def callbacks(self) -> Any:
        """A dictionary for the parser, by its names."""
        return {name: getattr(self, name) for name in dir(self) if name.startswith("on_")}

    def on_part_begin(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise refused("", "range", f"the form has more than {MAX_PARTS} parts")
        self._size, self._headers, self._body = 0, {}, []

    def on_header_begin(self) -> None:
        self._name = self._value = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._count(end - start)

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._count(end - start)

    def on_header_end(self) -> None:
        name, value = (text.decode(errors="replace").strip() for text in (self._name, self._value))
        self._headers[name.lower()] = value

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._body.append(data[start:end])

    def on_part_end(self) -> None:
        self.parts.append(Part(self._headers, b"".join(self._body)))

    def on_end(self) -> None:
        self.ended = True

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MAX_HEADERS:
            raise refused("", "format", f"the headers of part {len(self.parts) + 1} of the form are too long")


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """A header's value and its parameters: `form-data; name="a"`; `filename*` (RFC 8187) stands before `filename`."""
    given = {name.lower(): _unquoted(text) for name, text in _PARAMETER(value[:MAX_HEADERS])}
    if "filename*" in given:
        given["filename"] = unquote(given["filename*"].rpartition("'")[2])
    return value.partition(";")[0].strip().lower(), given


def _unquoted(text: str) -> str:
    return _QUOTED(r"\1", text[1:-1]) if text.startswith('"') else text


def refused(pointer: str, code: str, detail: str) -> Problem:
    """The 422 for a form."""
    return Problem(422, "The form cannot be used.", [{"pointer": pointer, "code": code, "detail": detail}])
