"""Collect the results of vendors that tell them only to those who ask; see shared/collecting."""

from __future__ import annotations

from shared.collecting import collect
from shared.runtime import event_function

main = event_function(collect, warm=("http",))
