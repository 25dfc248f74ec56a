"""A file on its way in: raw, or as the one file of a form, kept in chunks as it comes; never whole in memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request

from shared.accepting import forms
from shared.runtime import Context
from shared.runtime.http import stream_body
from shared.runtime.problems import Problem
from shared.stores import uploads as store
from shared.uploads.reading import CHUNK, MAX_FILE


class Arrived:
    """What came: its size, its digest, and the name that a form gives it."""

    def __init__(self) -> None:
        self.size, self.name = 0, ""
        self._digest = hashlib.sha256()

    def add(self, piece: bytes) -> None:
        """Some more of it."""
        self.size += len(piece)
        self._digest.update(piece)
        if self.size > MAX_FILE:
            raise Problem(413, f"The file may have at most {MAX_FILE} bytes (300 MiB): split it.")

    @property
    def digest(self) -> bytes:
        """Of all its bytes."""
        return self._digest.digest()


async def keep(request: Request, ims: Context, upload_id: bytes) -> Arrived:
    """Keep the file of a request, chunk by chunk. The chunks alone make nothing: only who notes that all are here."""
    content_type = request.headers.get("content-type", "")
    arrived, rest, number = Arrived(), bytearray(), 0
    body = stream_body(request, MAX_FILE + forms.OVERHEAD)
    pieces = _of_form(body, content_type, arrived) if content_type.lower().startswith(forms.FORM) else body
    async for piece in pieces:
        arrived.add(piece)
        rest += piece
        while len(rest) >= CHUNK:
            await _write(ims, upload_id, number, bytes(rest[:CHUNK]))
            del rest[:CHUNK]
            number += 1
    if rest:
        await _write(ims, upload_id, number, bytes(rest))
    return arrived


async def _write(ims: Context, upload_id: bytes, number: int, chunk: bytes) -> None:
    """In a task of its own: an Idempotency-Key counts as used when all is here, not before (shared/edge/once.py)."""
    await asyncio.create_task(_add(ims, upload_id, number, chunk))


async def _add(ims: Context, upload_id: bytes, number: int, chunk: bytes) -> None:
    await ims.db(store.add_chunk, upload_id, number, chunk)


class _Form(forms.Parts):
    """A form whose file is handed on as it comes; its other fields stay small."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.files = 0
        self.name: str | None = None
        self._here = False
        self._other = 0

    def on_headers_finished(self) -> None:
        """The part's headers are here: is it the file?"""
        found = forms.Part(self._headers, b"").file()
        self._here = found is not None
        if found is not None:
            self.files, self.name = self.files + 1, found.name

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Some of a part."""
        if self._here:
            self.pieces.append(data[start:end])
            return
        self._other += end - start
        if self._other > forms.OVERHEAD:
            raise forms.refused("", "range", "the fields beside the file are too long")


async def _of_form(body: AsyncIterator[bytes], content_type: str, arrived: Arrived) -> AsyncIterator[bytes]:
    from python_multipart.exceptions import FormParserError

    reader = _Form()
    parser: Any = forms.parser(content_type, reader)
    try:
        async for piece in body:
            if piece:
                parser.write(piece)
            found, reader.pieces = reader.pieces, []
            for one in found:
                yield one
        parser.finalize()
    except FormParserError as error:
        raise forms.refused("", "format", f"the form cannot be read: {error}") from error
    if not reader.ended:
        raise forms.refused("", "format", "the form does not end with its boundary and two hyphens")
    if reader.files != 1:
        raise forms.refused("/file", "required", f"send one file, called `file`; there are {reader.files}")
    arrived.name = reader.name or ""
