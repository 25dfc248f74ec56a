"""The console for tenants and operators: one application for browsers, built from console/ into dist/."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from shared.pages.files import SAFE, Files
from shared.runtime import Context, Route, http_function

FILES = Files(Path(__file__).parent / "dist")


async def enter(_request: Request, _ims: Context) -> Response:
    """GET /console"""
    return Response(status_code=308, headers={**SAFE, "location": "/console/"})


async def show(request: Request, _ims: Context) -> Response:
    """GET /console/{path}"""
    return FILES.answer(request, request.path_params["path"])


main = http_function(
    [
        *(Route(method, "/console", enter, page=True) for method in ("GET", "HEAD")),
        *(Route(method, "/console/{path:path}", show, page=True) for method in ("GET", "HEAD")),
    ]
)
