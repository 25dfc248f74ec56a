"""How far vendors' reviews of templates are: asked again and again while a version waits, and now and then afterwards,
since a template that was approved may be blocked, fall asleep, or be gone.

A version that never reached its vendor is handed in again. Asking twice, or by two replicas at once, changes nothing.
"""

from __future__ import annotations

import asyncio
import time

from shared.accounts import submission
from shared.domain.errors import ImsError
from shared.domain.templates import APPROVED, IN_REVIEW, SUBMITTED
from shared.runtime import Context, logs
from shared.stores import templates as store

PAUSE_S = 5.0
PAGE = 50
KNOWN_EVERY_S = 60.0
"""Between two pages of templates whose review is over."""

log = logs.get(__name__)
_place: dict[str, bytes] = {}
"""Where the walk over reviewed templates goes on, in this process."""


async def follow(until: float, ims: Context) -> None:
    """Ask until the run is over."""
    known_at = 0.0
    while time.monotonic() < until and not ims.draining:
        try:
            for state in (SUBMITTED, IN_REVIEW):
                await _page(state, bytes(16), ims)
            if time.monotonic() >= known_at:
                known_at = time.monotonic() + KNOWN_EVERY_S
                _place[APPROVED] = await _page(APPROVED, _place.get(APPROVED, bytes(16)), ims)
        except ImsError as error:
            log.warning("templates are not asked about", error=str(error)[:200])
        except Exception:  # a template must not end the others' run
            log.exception("cannot ask about templates")
        await asyncio.sleep(min(PAUSE_S, max(0.0, until - time.monotonic())))


async def _page(state: str, above: bytes, ims: Context) -> bytes:
    """Ask about some versions in a state; where the next page begins."""
    found = await ims.db(store.page, None, above, PAGE, {"state": state})
    for whole in found:
        if state == SUBMITTED and not whole.version.states:
            await submission.hand_in(ims, whole)
        else:
            await submission.ask(ims, whole)
    return found[-1].head.template_id if len(found) == PAGE else bytes(16)
