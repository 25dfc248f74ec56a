"""kafka-python says the same dozens of times a second while a broker is away: let each saying through now and then."""

from __future__ import annotations

import logging
import time

EVERY_SECONDS = 30.0


class NowAndThen(logging.Filter):
    """Passes a record of kafka-python only if the same call said nothing for EVERY_SECONDS."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("kafka."):
            return True
        now, place = time.monotonic(), (record.name, record.lineno)
        if now - self._said.get(place, -EVERY_SECONDS) < EVERY_SECONDS:
            return False
        self._said[place] = now
        return True


def install() -> None:
    """Filter what the root logger's handlers get."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(NowAndThen())
