"""What `ims demo data` does, step by step."""

from __future__ import annotations

from collections.abc import Callable

from local.client import Gateway
from local.filling import past, today


def fill(say: Callable[[str], None]) -> None:
    """Fill what is not there yet."""
    gateway = Gateway()
    made = past.fill(gateway)
    say(f"the {past.DAYS} days before today: {made} messages" if made else "the days before today are there already")
    if gateway.get("/v1/requests", request_ref=today.MARK, limit=1)["items"]:
        say("today was sent already; nothing is sent again")
        return
    for line in today.things(gateway):
        say(line)
    accepted = today.send(gateway, say)
    today.file(gateway)
    say("a file of 200 rows, 8 of them to fix, checked and not sent")
    today.dead_letter(gateway)
    say("an event that nobody can read, among the dead letters")
    say(f"{accepted} messages of today are on their way; look at them in the console")
