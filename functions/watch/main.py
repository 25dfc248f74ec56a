"""Look at everything each minute, and tell people by Slack and SMS, apart from the pipeline that is watched.

Its own port also has internal pages: `GET /status`, what there is to see now, `POST /test`, a test message, and a page
for people at `/`, opened by `ims watch open`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from shared.domain.events import Tick
from shared.runtime import Context, event_function
from shared.watch import tasks
from shared.watch.desk import Desk
from shared.watch.site import Site

desk = lru_cache(maxsize=1)(Desk)


async def watch(event: Tick, ims: Context) -> None:
    """One tick; nothing when another has the turn."""
    here = desk(ims)
    if await here.ticker.tick():
        await tasks.succeeded(here.db, "watch", ims.now_ms())
    await tasks.show(here.db, ims.now_ms())


async def status(ims: Context) -> dict[str, Any]:
    """GET /status"""
    return await desk(ims).status()


async def test(ims: Context) -> dict[str, Any]:
    """POST /test"""
    return await desk(ims).test()


main = event_function(watch)
main.site = Site(desk)  # type: ignore[attr-defined]
main.pages = {"GET /status": status, "POST /test": test}  # type: ignore[attr-defined]
