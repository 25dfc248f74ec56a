"""The one file of a form (`multipart/form-data`, RFC 7578), byte for byte.

Split by hand: the standard library's e-mail parser reads line by line, which takes 0.6 s for 2 MiB of line ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
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
        raise _refused(f"/{FIELD}", "required", f"add the image as a file called `{FIELD}`")
    if len(files) > 1:
        raise _refused(f"/{FIELD}", "range", f"there are {len(files)} files: send one in each request")
    return files[0]


def parts(content_type: str, body: bytes) -> Iterator[Part]:
    """The parts of a form; 422 where it is not one."""
    boundary = parameters(content_type)[1].get("boundary", "")
    if not 0 < len(boundary) <= MAX_BOUNDARY:
        raise _refused("", "format", f"the content-type names no boundary of 1 to {MAX_BOUNDARY} characters")
    _, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"), MAX_PARTS + 1)
    for number, piece in enumerate(pieces):
        if piece.startswith(b"--"):
            return
        if number == MAX_PARTS:
            raise _refused("", "range", f"the form has more than {MAX_PARTS} parts")
        head, end, content = piece.lstrip(b" \t").partition(b"\r\n\r\n")
        if not end or len(head) > MAX_HEADERS or (head and not head.startswith(b"\r\n")):
            raise _refused("", "format", f"part {number + 1} of the form does not begin with its headers")
        yield Part(_headers(head.decode(errors="replace")), content)
    raise _refused("", "format", "the form does not end with its boundary and two hyphens")


def _headers(head: str) -> dict[str, str]:
    lines = (line.partition(":") for line in head.split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """A header's value and its parameters: `form-data; name="a"`; `filename*` (RFC 8187) stands before `filename`."""
    given = {name.lower(): _unquoted(text) for name, text in _PARAMETER(value[:MAX_HEADERS])}
    if "filename*" in given:
        given["filename"] = unquote(given["filename*"].rpartition("'")[2])
    return value.partition(";")[0].strip().lower(), given


def _unquoted(text: str) -> str:
    return _QUOTED(r"\1", text[1:-1]) if text.startswith('"') else text


def _refused(pointer: str, code: str, detail: str) -> Problem:
    return Problem(422, "The form cannot be used.", [{"pointer": pointer, "code": code, "detail": detail}])
