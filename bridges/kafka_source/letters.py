"""What `ims.dead` gets of a record that a source gave up: the letter of shared/runtime/letters.py, with its place."""

from __future__ import annotations

from collections.abc import Iterator

from bridges.kafka_source import cloudevent
from bridges.kafka_source.cloudevent import Record
from shared.domain.events import Dead
from shared.runtime.letters import KEPT_BODY, MAX_HEADERS, OFFSET, PARTITION, Buried, forms

__all__ = ["KEPT_BODY", "MAX_HEADERS", "dead_letters"]


def dead_letters(record: Record, reason: str, at: int) -> Iterator[Dead]:
    """The letter in each of its forms, to be published in turn until one is not too large."""
    headers, body = cloudevent.as_binary(record)
    place = {f"ce_{PARTITION}": str(record.partition), f"ce_{OFFSET}": str(record.offset)}
    return forms(Buried(record.topic, headers | place, body), reason, at)
