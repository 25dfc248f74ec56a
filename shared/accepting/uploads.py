"""`POST /v1/files`: an image for later messages, raw (`content-type: image/jpeg`, `?name=`) or as a form."""

from __future__ import annotations

import os
import struct
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from shared.accepting import files, forms
from shared.accepting.callers import caller
from shared.channels.common import FileInfo
from shared.domain.ids import request_id
from shared.following import reading
from shared.runtime import Context
from shared.runtime.http import read_body
from shared.runtime.problems import Problem
from shared.stores.files import FileRow, insert_file, room

JPEG = ("image/jpeg", "image/jpg")
MAX_NAME = 255
MAX_IMAGE = 2 * 1024 * 1024
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""JPEG markers that start a frame and so carry its size (ITU-T T.81, table B.1)."""


def jpeg_size(body: bytes) -> tuple[int, int]:
    """Width and height of a JPEG; ValueError when it is none."""
    if body[:2] != b"\xff\xd8":
        raise ValueError("not a JPEG")
    at = 2
    while at + 9 < len(body):
        if body[at] != 0xFF:
            raise ValueError("broken JPEG")
        marker, length = body[at + 1], struct.unpack_from(">H", body, at + 2)[0]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", body, at + 5)
            return width, height
        at += 2 + length
    raise ValueError("a JPEG without a frame")


async def upload(request: Request, ims: Context) -> Response:
    """Keep an image; 201 with its id."""
    who = await caller(request, ims)
    quota, length = files.quota(ims), request.headers.get("content-length", "")
    declared = int(length) if length.isdecimal() and len(length) < 12 else 0
    with files.within():
        await ims.db(room, who.account.account_id, who.test, min(declared, MAX_IMAGE), quota, ims.now_ms())
    written, body = await _sent(request)
    try:
        width, height = jpeg_size(body)
    except (ValueError, struct.error) as error:
        raise Problem(
            422, f"The image cannot be used: {error}.", [{"pointer": "", "code": "format", "detail": str(error)}]
        ) from error
    now = ims.now_ms()
    file_id = UUID(int=request_id(now, int.from_bytes(os.urandom(8), "big")).int)
    info = FileInfo("image/jpeg", len(body), width, height)
    name = _name(written or request.query_params.get("name", "image.jpg"))
    account_id = who.account.account_id
    with files.within():
        await ims.db(insert_file, file_id.bytes, account_id, name, info, body, now, test=who.test, quota=quota)
    row = FileRow(file_id.bytes, name, info.media_type, info.size, width, height, now, now)
    return reading.answer(files.view(row, quota.keep_ms), 201)


def _name(name: str) -> str:
    if len(name) > MAX_NAME:
        fault = {"pointer": "/name", "code": "range", "detail": f"has {len(name)} characters, at most {MAX_NAME}"}
        raise Problem(422, "The image's name is too long.", [fault])
    return name


async def _sent(request: Request) -> tuple[str | None, bytes]:
    """The image, with its name where a form gives one."""
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind in JPEG:
        return None, await read_body(request, MAX_IMAGE)
    if kind != forms.FORM:
        raise Problem(
            415, f"Send a JPEG: as the raw body with content-type image/jpeg, or as a file in a {forms.FORM}."
        )
    file = forms.only_file(content_type, await read_body(request, MAX_IMAGE + forms.OVERHEAD))
    if file.media_type and file.media_type not in JPEG:
        raise Problem(415, "The form's file must be a JPEG and say content-type image/jpeg.")
    if len(file.body) > MAX_IMAGE:
        raise Problem(413, f"The image may have at most {MAX_IMAGE} bytes.")
    return file.name, file.body
