"""`POST /v1/files`: an image for later messages, raw (`content-type: image/jpeg`, `?name=`) or as a form."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from shared.accepting import files, forms
from shared.accepting.images import NoImage, examine
from shared.edge.callers import caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import new_request_id
from shared.runtime.http import read_body
from shared.runtime.problems import Problem
from shared.stores.files import FileRow, insert_file, room

JPEG = ("image/jpeg", "image/jpg")
MAX_NAME = 255
MAX_IMAGE = 2 * 1024 * 1024
UNTOLD = frozenset({"", *JPEG, "application/octet-stream", "binary/octet-stream", "image/*"})
"""Types of content that may be a JPEG; what is one is taken by any name."""


async def upload(request: Request, ims: Context) -> Response:
    """Keep an image; 201 with its id."""
    who = await caller(request, ims)
    quota, length = files.quota(ims), request.headers.get("content-length", "")
    declared = int(length) if length.isdecimal() and len(length) < 12 else 0
    with files.within():
        await ims.db(room, who.account.account_id, who.test, min(declared, MAX_IMAGE), quota, ims.now_ms())
    written, kind, body = await _sent(request)
    try:
        info = await examine(body)
    except NoImage as error:
        raise _unusable(error, kind) from error
    now = ims.now_ms()
    file_id = new_request_id(now)
    name = _name(written or request.query_params.get("name", "image.jpg"))
    account_id = who.account.account_id
    with files.within():
        await ims.db(insert_file, file_id.bytes, account_id, name, info, body, now, test=who.test, quota=quota)
    row = FileRow(file_id.bytes, name, info.media_type, info.size, info.width, info.height, now, now)
    return reading.answer(files.view(row, quota.keep_ms), 201)


def _name(name: str) -> str:
    if len(name) > MAX_NAME:
        fault = {"pointer": "/name", "code": "range", "detail": f"has {len(name)} characters, at most {MAX_NAME}"}
        raise Problem(422, "The image's name is too long.", [fault])
    return name


def _unusable(error: NoImage, kind: str) -> Problem:
    """415 for what is no JPEG and says so, else 422."""
    if not error.known and kind not in UNTOLD:
        return Problem(
            415,
            f"Send a JPEG, as the raw body or as a file in a {forms.FORM}; {error}.",
            [{"pointer": "", "code": "format", "detail": str(error)}],
            title="Send a JPEG image",
        )
    return Problem(
        422, f"The image cannot be used: {error}.", [{"pointer": "", "code": "format", "detail": str(error)}]
    )


async def _sent(request: Request) -> tuple[str | None, str, bytes]:
    """The image, with its name where a form gives one, and the type that it is said to be of."""
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind != forms.FORM:
        return None, kind, await read_body(request, MAX_IMAGE)
    file = forms.only_file(content_type, await read_body(request, MAX_IMAGE + forms.OVERHEAD))
    if len(file.body) > MAX_IMAGE:
        raise Problem(413, f"The image may have at most {MAX_IMAGE} bytes.")
    return file.name, file.media_type, file.body
