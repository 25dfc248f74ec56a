"""A folder of built files as answers: packed beforehand, kept by their names' hashes, under a strict policy.

`assets/<name>-<hash>.<type>` never change and may be kept for a year; everything else is asked for each time. A path
without a file is the application's own address, and answers its index; a missing asset is a 404, never the index.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from shared.runtime.problems import Problem

POLICY = "; ".join(
    (
        "default-src 'none'",
        *("script-src 'self'", "style-src 'self'", "img-src 'self' blob:", "font-src 'self'", "connect-src 'self'"),
        *("frame-src 'self'", "manifest-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"),
        *("require-trusted-types-for 'script'", "trusted-types vue default"),
    )
)
SAFE: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
}
"""On every answer. Browsers heed strict-transport-security over https only."""
PACKED = (("br", ".br"), ("gzip", ".gz"))
KEPT = "public, max-age=31536000, immutable"
ASKED = "no-store"
TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".json": "application/json", ".html": "text/html"}
INDEX = "index.html"
PACKAGING = frozenset({".br", ".gz"})
LARGEST = 8 * 1024 * 1024


@dataclass(frozen=True)
class File:
    """A file as it is answered: its media type, its bytes by content encoding ("" as it is), and its tag."""

    media_type: str
    bodies: Mapping[str, bytes]
    tag: str


class Files:
    """The files of a folder, read when the first is asked for, and again once its index is another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._found: tuple[int, Mapping[str, File]] = (-1, {})

    @property
    def found(self) -> Mapping[str, File]:
        """Path below the folder → file. Nothing outside it, and no link, is ever read."""
        try:
            built = (self.folder / INDEX).stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        if self._found[0] != built:
            files = (
                p for p in self.folder.rglob("*") if p.is_file() and not p.is_symlink() and p.suffix not in PACKAGING
            )
            self._found = built, {p.relative_to(self.folder).as_posix(): _read(p) for p in files if _fits(p)}
        return self._found[1]

    def answer(self, request: Request, path: str) -> Response:
        """What stands at a path below the folder; an address of the application's own is its index."""
        found = self.found
        if INDEX not in found:
            raise Problem(503, "The console has not been built here: run `make console`.", retry_after=30)
        file = found.get(path)
        if file is None and (path.startswith("assets/") or "." in path.rpartition("/")[2]):
            raise Problem(404, f"There is no file {path[:100]}. Load the page again.", headers=dict(SAFE))
        kept = KEPT if file and path.startswith("assets/") else ASKED
        return _answer(request, file or found[INDEX], kept)


def _fits(path: Path) -> bool:
    return path.stat().st_size <= LARGEST


def _read(path: Path) -> File:
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    packed = {coding: path.with_name(path.name + ending) for coding, ending in PACKED}
    plain = path.read_bytes()
    bodies = {"": plain, **{coding: p.read_bytes() for coding, p in packed.items() if p.is_file()}}
    charset = "; charset=utf-8" if kind.startswith("text/") or kind == "application/json" else ""
    return File(kind + charset, bodies, f'"{hashlib.sha256(plain).hexdigest()[:20]}"')


def _answer(request: Request, file: File, kept: str) -> Response:
    headers = {**SAFE, "cache-control": kept, "vary": "accept-encoding", "etag": file.tag}
    if kept == KEPT and request.headers.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    coding = next((c for c, _ in PACKED if c in file.bodies and _takes(request, c)), "")
    if coding:
        headers["content-encoding"] = coding
    body = file.bodies[coding]
    if request.method == "HEAD":
        return Response(headers={**headers, "content-length": str(len(body)), "content-type": file.media_type})
    return Response(body, headers=headers, media_type=file.media_type)


def _takes(request: Request, coding: str) -> bool:
    """Whether the client reads a content coding; `;q=0` says that it does not."""
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip() == coding:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
