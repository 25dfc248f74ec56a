"""The 202 of an accepted request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from shared.domain.events import Request
from shared.domain.ids import INDEX_SHIFT, LANE_SHIFT, Lane, dashed
from shared.runtime.clock import iso

LISTED = 1000
"""Over this many accepted recipients `messages` is left out unless the client asks for it."""


def accepted(request: Request, rejected: Sequence[Any], duplicates: Sequence[Any] = (), *, listed: bool) -> bytes:
    """The body; `rejected` are objects with index, to, code and detail, `duplicates` such with index and of."""
    base, lane = int(request.request_id, 16), int(Lane[request.lane]) << LANE_SHIFT
    request_id = dashed(request.request_id)
    body: dict[str, Any] = {
        "request_id": request_id,
        "request_ref": request.request_ref,
        "lane": request.lane,
        "accepted": len(request.messages),
        "scheduled_at": iso(request.scheduled_at),
    }
    if listed or len(request.messages) <= LISTED:
        body["messages"] = [
            {
                "message_id": dashed(f"{base | m.n << INDEX_SHIFT | lane:032x}"),
                "to": m.to,
                "ref": m.ref,
                "type": m.type,
            }
            for m in request.messages
        ]
    body["rejected"] = [{"index": r.index, "to": r.to, "code": r.code, "detail": r.detail} for r in rejected]
    body["duplicates"] = [{"index": d.index, "of": d.of} for d in duplicates]
    body["links"] = {"self": f"/v1/requests/{request_id}", "reports": f"/v1/reports?request_id={request_id}"}
    return orjson.dumps(body)
