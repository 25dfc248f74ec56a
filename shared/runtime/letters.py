"""What `ims.dead` gets of a record that was given up: as much of it as Kafka takes and `store` can keep.

In JSON a record may become several times as long as it was, and the broker's limit is the broker's secret. So a letter
has three forms, each smaller than the one before; what reads them is `shared/stores/dead.py`:

    whole     the body as text, or in base64 where it is none
    packed    the body compressed, in base64: nothing is missing
    cut       the body's beginning, and where in Kafka the record itself lies

Each names the record's own topic, partition and offset, where they are known.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import orjson

from shared.domain.events import Dead
from shared.domain.ids import LANES

MAX_HEADERS = 60_000
"""Bytes of all headers as JSON; `store` keeps them in 64 KiB."""
KEPT_HEADERS = 16_000
KEPT_BODY = 16 * 1024
MAX_TOPIC, MAX_REASON = 64, 255
PARTITION, OFFSET = "knativekafkapartition", "knativekafkaoffset"
"""Kafka's place of a record, as KafkaSource names it."""
LETTER_PARTITION, LETTER_OFFSET = "deadpartition", "deadoffset"
"""Kafka's place of a letter that came through a KafkaSink: the record's own was overwritten on the way."""


class Buried(NamedTuple):
    """A record: its topic, its headers (as in Kafka, or a CloudEvent's bare attributes), its value."""

    topic: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def prefix(self) -> str:
        """What stands before the names of a CloudEvent's attributes."""
        return "" if "ce_specversion" not in self.headers and "specversion" in self.headers else "ce_"


def forms(record: Buried, reason: str, at: int) -> Iterator[Dead]:
    """The letter in each of its forms, to be published in turn until one is not too large."""
    if len(orjson.dumps(dict(record.headers))) <= MAX_HEADERS:
        yield whole(record, reason, at)
        yield _letter(record, reason, at, record.headers, "gzip+base64", _base64(gzip.compress(record.body)))
    beginning = record.body[:KEPT_BODY].decode("utf-8", "replace")
    yield _letter(record, reason, at, _kept(record), "cut", beginning)


def whole(record: Buried, reason: str, at: int) -> Dead:
    """The letter with all there is."""
    return _letter(record, reason, at, record.headers, *_text(record.body))


def _letter(record: Buried, reason: str, at: int, headers: Mapping[str, str], encoding: str, body: str) -> Dead:
    """`body-encoding` in the headers says how a body that is not the text itself is to be read; nobody else does."""
    said = {name: value for name, value in headers.items() if name != "body-encoding"}
    if encoding:
        said["body-encoding"] = encoding
    lane = headers.get(f"{record.prefix}lane", "")
    extra = {"lane": lane} if lane in LANES else {}
    return Dead(
        source_topic=record.topic[:MAX_TOPIC], reason=reason[:MAX_REASON], headers=said, body=body, at=at, **extra
    )


def _text(body: bytes) -> tuple[str, str]:
    """Encoding and text."""
    try:
        return "", body.decode()
    except UnicodeDecodeError:
        return "base64", _base64(body)


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode("ascii")


def _kept(record: Buried) -> dict[str, str]:
    """As many headers as there is room for: its place first, then the event's own."""
    first = {f"{record.prefix}{name}" for name in (PARTITION, OFFSET)}
    kept: dict[str, str] = {}
    room = KEPT_HEADERS

    def rank(header: tuple[str, str]) -> tuple[bool, bool]:
        return header[0] not in first, not header[0].startswith(record.prefix)

    for name, value in sorted(record.headers.items(), key=rank):
        size = len(orjson.dumps({name: value}))
        if size <= room:
            kept[name] = value
            room -= size
    return kept
