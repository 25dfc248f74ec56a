"""What happens to a message next: the decisions of `route`, pure. Only they start a hop or end a message.

Each decision looks at the message as it is stored (under its row lock), at the plan of its request, and at what came
in; it answers with one of the steps below. Effects (rows, events) are made from the step by shared/stores/routing.

`start` (starting.py) chooses hop and vendor; `on_release`, `on_cancel`, `on_timeout` (waiting.py) and `on_result`
(results.py) are what route asks.
"""

from __future__ import annotations

from shared.domain.routing.model import (
    DUPLICATE,
    Again,
    Ask,
    Check,
    Choose,
    End,
    Hopeless,
    Ignore,
    Mark,
    Message,
    Need,
    Offers,
    Pick,
    Plan,
    Skip,
    Start,
    Step,
    Wait,
    World,
    address_at,
    first_place,
)
from shared.domain.routing.results import on_result, patient
from shared.domain.routing.starting import carried, check_ms, priced, resting, start
from shared.domain.routing.waiting import on_cancel, on_release, on_timeout

__all__ = [
    "DUPLICATE",
    "Again",
    "Ask",
    "Check",
    "Choose",
    "End",
    "Hopeless",
    "Ignore",
    "Mark",
    "Message",
    "Need",
    "Offers",
    "Pick",
    "Plan",
    "Skip",
    "Start",
    "Step",
    "Wait",
    "World",
    "address_at",
    "carried",
    "check_ms",
    "first_place",
    "on_cancel",
    "on_release",
    "on_result",
    "on_timeout",
    "patient",
    "priced",
    "resting",
    "start",
]
