"""One routing transaction: lock the messages, decide (shared/domain/routing), save, and say what to publish.

The decision is saved with its cause (the id of the event that led to it) and committed before anything is published;
when the same event comes again, `Again` publishes what was saved. So a crash before the commit changes nothing, and a
crash after it is repaired by the redelivery.

`accept` (accepting.py), `outcome` (outcomes.py) and `due` (releases.py) are the three transactions. Each gathers a
`Work` (work.py) step by step (applying.py) and writes it at its end (ending.py).
"""

from __future__ import annotations

from shared.stores.routing.accepting import accept
from shared.stores.routing.outcomes import outcome
from shared.stores.routing.releases import due
from shared.stores.routing.reports import SHOWN, saved_reports

__all__ = ["SHOWN", "accept", "due", "outcome", "saved_reports"]
