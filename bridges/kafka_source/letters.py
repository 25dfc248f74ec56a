"""What `ims.dead` gets of a record that was given up: as much of it as Kafka takes and `store` can keep.

In JSON a record may become several times as long as it was, and the broker's limit is the broker's secret. So a letter
has three forms, each smaller than the one before; what reads them is `shared/stores/dead.py`:

    whole     the body as text, or in base64 where it is none
    packed    the body compressed, in base64: nothing is missing
    cut       the body's beginning, and where in Kafka the record itself lies
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Mapping

import orjson

from bridges.kafka_source import cloudevent
from bridges.kafka_source.cloudevent import Record
from shared.domain.events import Dead
from shared.domain.ids import LANES

MAX_HEADERS = 60_000
"""Bytes of all headers as JSON; `store` keeps them in 64 KiB."""
KEPT_HEADERS = 16_000
KEPT_BODY = 16 * 1024


def dead_letters(record: Record, reason: str, at: int) -> Iterator[Dead]:
    """The letter in each of its forms, to be published in turn until one is not too large."""
    headers, body = cloudevent.as_binary(record)
    if _size(headers) <= MAX_HEADERS:
        yield _letter(record, reason, at, headers, *_text(body))
        yield _letter(record, reason, at, headers, "gzip+base64", _base64(gzip.compress(body)))
    place = {"ce_knativekafkapartition": str(record.partition), "ce_knativekafkaoffset": str(record.offset)}
    beginning = body[:KEPT_BODY].decode("utf-8", "replace")
    yield _letter(record, reason, at, _kept(headers) | place, "cut", beginning)


def _letter(record: Record, reason: str, at: int, headers: Mapping[str, str], encoding: str, body: str) -> Dead:
    """`body-encoding` in the headers says how a body that is not the text itself is to be read; nobody else does."""
    said = {name: value for name, value in headers.items() if name != "body-encoding"}
    if encoding:
        said["body-encoding"] = encoding
    lane = headers.get("ce_lane", "")
    extra = {"lane": lane} if lane in LANES else {}
    return Dead(source_topic=record.topic, reason=reason[:255], headers=said, body=body, at=at, **extra)


def _text(body: bytes) -> tuple[str, str]:
    """Encoding and text."""
    try:
        return "", body.decode()
    except UnicodeDecodeError:
        return "base64", _base64(body)


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode("ascii")


def _size(headers: Mapping[str, str]) -> int:
    return len(orjson.dumps(headers))


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """As many headers as there is room for, the event's own first."""
    kept: dict[str, str] = {}
    room = KEPT_HEADERS
    for name, value in sorted(headers.items(), key=lambda header: not header[0].startswith("ce_")):
        size = _size({name: value})
        if size <= room:
            kept[name] = value
            room -= size
    return kept
