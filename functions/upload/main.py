"""Check bulk files and send them as jobs; see shared/uploads."""

from __future__ import annotations

from shared.runtime import event_function
from shared.uploads.work import upload

main = event_function(upload)
