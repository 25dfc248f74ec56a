"""What all objects of an account share at the HTTP edge: pages, ETags, and the 412 and 409 that go with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from shared.following import reading
from shared.runtime.problems import Problem

BOTTOM = bytes(16)

Json = dict[str, Any]
T = TypeVar("T")


def shown(view: Json, status: int = 200) -> Response:
    """One object, with its version as ETag."""
    response = reading.answer(view, status)
    response.headers["etag"] = f'"{view["version"]}"'
    return response


def matches(request: Request, version: int) -> None:
    """412 when the caller changes another version than the one that it has read."""
    wanted = request.headers.get("if-match")
    if wanted is not None and wanted.strip() not in ("*", f'"{version}"'):
        raise Problem(412, f"The object is at version {version} now; read it again.", version=version)


class Asked(dict[str, Any]):
    """The filters of a list, with its limit, the place where it goes on, and the mark of its cursors."""

    limit: int
    place: bytes
    mark: bytes


def asked(request: Request, kind: str, owner: Any, readers: Mapping[str, reading.Reader], size: int = 16) -> Asked:
    """Query parameters of a list of `kind`; its cursors belong to the owner and the filters."""
    given = Asked(reading.query(request, {**readers, "limit": reading.limit, "cursor": str}))
    given.limit, text = given.pop("limit", reading.DEFAULT_LIMIT), given.pop("cursor", None)
    given.mark = reading.filters_mark(kind, {**given, "caller": owner})
    given.place = bytes(size) if text is None else reading.read_cursor(text, given.mark, size)
    return given


def page(given: Asked, rows: Sequence[T], view: Callable[[T], Json], place: Callable[[T], bytes]) -> Response:
    """A page of `limit` of the rows, one more of which were read."""
    more = len(rows) > given.limit
    onward = reading.cursor(given.mark, place(rows[given.limit - 1])) if more else None
    return reading.answer({"items": [view(row) for row in rows[: given.limit]], "next": onward})


def exists(what: str, object_id: str) -> Problem:
    """The 409 for what is there already."""
    return Problem(409, f"There is such a {what} already.", kind="exists", id=object_id)
