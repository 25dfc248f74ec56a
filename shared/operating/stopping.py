"""`GET /v1/admin/stops`: whatever is not as usual right now, who made it so, why, and until when."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from shared.edge.callers import operator
from shared.following import reading
from shared.operating.common import stop_view
from shared.runtime import Context
from shared.stores import stops, watch
from shared.stores.sql import Connection
from shared.stores.stops import Stop

MUTE = "mute"


def holding(conn: Connection, now_ms: int) -> list[Stop]:
    """Stops and mutes, the oldest first."""
    mutes = [Stop(MUTE, m.name, m.reason, m.by_name, "", m.created_ms, m.until_ms) for m in watch.mutes(conn, now_ms)]
    return sorted([*stops.holding(conn, now_ms), *mutes], key=lambda stop: stop.since_ms)


async def list_all(request: Request, ims: Context) -> Response:
    """Paused lanes, drained vendor accounts, suspended accounts, muted alarms, changed log levels: all in one list."""
    await operator(request, ims)
    found = await ims.db(holding, ims.now_ms())
    return reading.answer({"items": [stop_view(stop) for stop in found], "next": None})
