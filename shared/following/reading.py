"""Query parameters, bodies, ids and cursors as values; whatever is wrong comes back in one 422."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from shared.channels import CHANNEL_NAMES
from shared.channels.common import Fault, InvalidRequest, read_time, time_fault
from shared.channels.reading import read_body as read_model
from shared.domain import phone
from shared.domain.ids import LANES, TAIL_MASK, parse_reference
from shared.domain.states import State
from shared.runtime.http import read_body, require_json
from shared.runtime.problems import Problem

MAX_LIMIT, DEFAULT_LIMIT = 200, 50
MAX_TO, MAX_REF = 254, 255
MAX_BODY = 256 * 1024
"""Bytes of a body that is no message: settings, filters, changes."""

M = TypeVar("M", bound=BaseModel)
Reader = Callable[[str], Any]

_LOST_PLUS = re.compile(r" (\d\d:\d\d)$")
_VENDOR = re.compile(r"[a-z0-9_-]{1,32}").fullmatch
_CODE = re.compile(r"[0-9]{4}").fullmatch
_UUID = re.compile(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}(\1[0-9a-fA-F]{4}){2}\1[0-9a-fA-F]{12}").fullmatch


def answer(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(body), status, media_type="application/json")


def invalid(faults: Iterable[Fault]) -> Problem:
    """The 422 that lists faults."""
    listed = [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in faults]
    return Problem(422, f"{len(listed)} fault(s); nothing was done.", listed)


def query(request: Request, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The given parameters as values; an empty one counts as not given, but for `ref` and `request_ref`."""
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, text in request.query_params.multi_items():
        pointer = f"/{name[:64]}"
        if name not in readers:
            faults.append(Fault(pointer, "unknown_field", f"no such parameter; known are: {', '.join(readers)}"))
        elif name in values:
            faults.append(Fault(pointer, "conflict", "give it once"))
        elif text or name in ("ref", "request_ref"):
            try:
                values[name] = readers[name](text)
            except ValueError as error:
                faults.append(Fault(pointer, "format", str(error)))
    if faults:
        raise invalid(faults)
    return values


async def body(request: Request, model: type[M], check: Callable[[M], Awaitable[Iterable[Fault]]] | None = None) -> M:
    """The body as a model, an empty one as `{}`; 422 with all faults, those that `check` finds included."""
    raw = await read_body(request, MAX_BODY)
    if raw.strip():
        require_json(request)
    try:
        value, faults = read_model(model, raw if raw.strip() else b"{}")
    except InvalidRequest as error:
        if error.status == 400:
            listed = [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in error.errors]
            raise Problem(400, "The body is not readable.", listed) from error
        raise invalid(error.errors) from error
    if check is not None:
        faults = [*faults, *await check(value)]
    if faults:
        raise invalid(faults)
    return value


def limit(text: str) -> int:
    """How many items a page may have; more than `MAX_LIMIT` are taken as that."""
    digits = text.lstrip("0")
    if not text.isascii() or not text.isdigit() or not digits:
        raise ValueError(f"must be a whole number from 1 on; over {MAX_LIMIT} it is taken as {MAX_LIMIT}")
    return MAX_LIMIT if len(digits) > len(str(MAX_LIMIT)) else min(int(digits), MAX_LIMIT)


def time(text: str) -> int:
    """Milliseconds of a time; a `+` that a query string turned into a space is taken as meant."""
    mended = _LOST_PLUS.sub(r"+\1", text)
    at = read_time(mended)
    if at is None:
        raise ValueError(time_fault(mended))
    if at < 0:
        raise ValueError("must be in 1970 or later")
    return at


def to(text: str) -> str:
    """A recipient as it is stored: phone numbers in any writing, all else as it is."""
    if len(text) > MAX_TO:
        raise ValueError(f"at most {MAX_TO} characters")
    if not any(c.isalpha() or c in "@:" for c in text):
        return phone.recipient(text) or phone.foreign(text) or phone.normalise(text) or text
    return text


def ref(text: str) -> str:
    """The client's own name for a message."""
    if len(text) > MAX_REF:
        raise ValueError(f"at most {MAX_REF} characters")
    return text


def channel(text: str) -> str:
    """A channel's name, also of one that carries nothing yet."""
    if text not in CHANNEL_NAMES:
        raise ValueError(f"channels are: {', '.join(CHANNEL_NAMES)}")
    return text


def lane(text: str) -> str:
    """A lane's name."""
    if text not in LANES:
        raise ValueError(f"lanes are: {', '.join(LANES)}")
    return text


def vendor(text: str) -> str:
    """A vendor's name."""
    if not _VENDOR(text):
        raise ValueError("is not a vendor's name")
    return text


def status(text: str) -> str:
    """A state's name."""
    if text not in State.__members__:
        raise ValueError(f"states are: {', '.join(State.__members__)}")
    return text


def final_status(text: str) -> str:
    """The name of one of the four ends."""
    if text not in State.__members__ or not State[text].final:
        raise ValueError(f"final states are: {', '.join(s.name for s in State if s.final)}")
    return text


def code(text: str) -> str:
    """A result code."""
    if not _CODE(text):
        raise ValueError("must be four digits, like 0000")
    return text


def request_id(text: str) -> UUID:
    """A request's id."""
    value = UUID(text) if _UUID(text) else None
    if value is None or value.version != 7 or value.int & TAIL_MASK:
        raise ValueError("is not a request id")
    return value


def uuid(text: str) -> UUID:
    """Any other id."""
    if not _UUID(text):
        raise ValueError("is not an id")
    return UUID(text)


def message_id(text: str) -> UUID:
    """A message's id."""
    reference = parse_reference(text) if _UUID(text) else None
    if reference is None or reference.hop:
        raise ValueError("is not a message id")
    return reference.message_id


def path_id(request: Request, name: str, reader: Callable[[str], UUID], what: str = "") -> UUID:
    """The id in the path; what is no id is not found."""
    try:
        return reader(request.path_params[name])
    except ValueError as error:
        raise not_found(what or name.removesuffix("_id")) from error


def not_found(what: str) -> Problem:
    """The 404 for what is not there, or not this account's."""
    return Problem(404, f"There is no such {what}.")


def filters_mark(kind: str, filters: Mapping[str, Any]) -> bytes:
    """Eight bytes that tie a cursor to the list, the caller and the filters it was made with."""
    text = repr((kind, sorted((k, str(v)) for k, v in filters.items())))
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def cursor(mark: bytes, place: bytes) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(mark + place).decode().rstrip("=")


def read_cursor(text: str, mark: bytes, size: int) -> bytes:
    """The place in a cursor; 422 when it is none of ours, or of another caller, list or other filters."""
    try:
        raw = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != len(mark) + size:
        raise invalid([Fault("/cursor", "format", "is not a cursor; take `next` of a page as it is")])
    if raw[: len(mark)] != mark:
        raise invalid(
            [Fault("/cursor", "conflict", "belongs to another list or other filters; start without a cursor")]
        )
    return raw[len(mark) :]
