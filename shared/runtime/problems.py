"""RFC 9457 problem+json: the one error format of the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.responses import Response

BASE = "https://ims.example/problems/"

TITLES = {
    400: ("unreadable", "The request cannot be read"),
    401: ("unauthorized", "No valid API key"),
    403: ("forbidden", "Not allowed"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "Method not allowed"),
    408: ("timeout", "The request came too slowly"),
    409: ("in-flight", "The same Idempotency-Key is in flight"),
    410: ("gone", "Not here any more"),
    412: ("stale", "Another version is there"),
    413: ("too-large", "The body is too large"),
    415: ("unsupported-media-type", "Send JSON"),
    422: ("invalid", "The request has faults"),
    426: ("upgrade-required", "Another version of HTTP is needed"),
    429: ("too-many", "Too many requests"),
    431: ("headers-too-large", "The headers are too large"),
    500: ("internal", "Something went wrong on our side"),
    501: ("not-implemented", "Not implemented"),
    503: ("unavailable", "Not available right now"),
}


class Problem(Exception):
    """An error answer: raise it anywhere below an HTTP handler."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[Mapping[str, Any]] = (),
        *,
        retry_after: float | None = None,
        kind: str | None = None,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors
        self.retry_after, self.kind, self.title, self.extra = retry_after, kind, title, extra
        self.headers = headers or {}

    def response(self) -> Response:
        """The answer itself."""
        kind, title = TITLES[self.status]
        body: dict[str, Any] = {
            "type": BASE + (self.kind or kind),
            "title": self.title or title,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
            "errors": list(self.errors),
        }
        headers = dict(self.headers)
        if self.retry_after is not None:
            headers["retry-after"] = str(max(1, round(self.retry_after)))
        if self.status == 401:
            headers["www-authenticate"] = 'Bearer realm="ims"'
        return Response(orjson.dumps(body), self.status, headers, media_type="application/problem+json")
