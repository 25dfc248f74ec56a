"""What a function does with an event that it cannot handle, or read.

An error that may pass (`passes`: a server is away, this process ends) leaves the event to its source. Any other is the
event's own, or a bug: trying it for 28 hours would only hold up its neighbours. So

    its batch is taken apart    until the bad message is alone; the others go on (shared/runtime/events.py)
    it rests, three times       as due work, which `schedule` publishes again to its own topic: meanwhile it holds no
                                place of the source, nor its partition, nor memory; the count is in the record itself
    it is buried                published to `ims.dead`, from where `store` keeps it and sees to the end of its messages

The first and the last are answered 2xx. So it holds whatever source brings the record: none counts differently for it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from starlette.exceptions import HTTPException

from shared.domain.errors import Unavailable
from shared.domain.events import REGISTRY, Again, Dead, Event, ReportDue, Tick
from shared.domain.ids import LANES
from shared.runtime import logs, metrics
from shared.runtime.bus import of_size, too_large
from shared.runtime.context import Context
from shared.runtime.letters import LETTER_OFFSET, LETTER_PARTITION, OFFSET, PARTITION, Buried, forms, whole

WAITS_S = (3.0, 12.0, 25.0)
"""Between the tries of an event that cannot be handled."""
APART_SECONDS = 20.0
"""A batch is not taken apart for longer in one try: its request must end within its source's time-out."""
TRIES, ONLY_FOR, NESTED = "imstries", "imsfor", "imsnested"
"""Attributes of a record that is tried again: which try it is, and for which function; of a letter that is about one
that could not be kept."""
TOPIC = "knativekafkatopic"
_OF_ONE_WAY = frozenset({TRIES, ONLY_FOR, PARTITION, OFFSET, "traceparent"})

log = logs.get(__name__)


def passes(error: BaseException, ims: Context) -> bool:
    """Whether an error may pass by itself."""
    if isinstance(error, (Unavailable, OSError, MemoryError)) or ims.draining:
        return True
    kind = type(error)
    if kind.__module__.split(".")[0] == "redis":  # of what a command was refused for, only these are its own fault
        return kind.__name__ not in ("ResponseError", "DataError")
    return False


def is_for(attributes: Mapping[str, Any], ims: Context) -> bool:
    """Whether a record is for this function: a topic has several readers, and only one of them failed. What a source
    gave up on is for whoever reads its letter."""
    if "knativeerrordest" in attributes:
        return True
    return str(attributes.get(ONLY_FOR, ims.function)) == ims.function


class Failed:
    """An event that a function failed on, as it came."""

    def __init__(self, event: Event, attributes: Mapping[str, Any], data: Any, *, part: bool) -> None:
        self.event = event
        self.attributes = {name: str(value) for name, value in attributes.items()}
        self.body = bytes_of(data)
        if part:
            self.body = event.model_dump_json(exclude_defaults=True).encode()
            self.attributes["id"] = _id_of_part(self.attributes["id"], self.body)
        self.lane = event.lane if event.lane in LANES else "realtime"

    async def settle(self, error: BaseException, ims: Context) -> None:
        """Let it rest, or bury it."""
        try:
            await self._settle(error, ims)
        finally:
            error.__traceback__ = None  # it holds all that the failed call had in hand, in a circle

    async def _settle(self, error: BaseException, ims: Context) -> None:
        if isinstance(self.event, Tick):
            log.error("a tick failed", exc_info=error)
            raise error  # the next tick is the next try
        tries = _number(self.attributes.get(TRIES))
        again = None if tries >= len(WAITS_S) else self._again(tries + 1, ims)
        if again is not None and await self._rest(again, WAITS_S[tries] * ims.settings.give_up_unit_seconds, ims):
            metrics.RESTED.labels(self.event.TYPE).inc()
            log.warning("an event failed, tried again", type=self.event.TYPE, tries=tries + 1, error=repr(error)[:300])
            return
        log.error("an event is given up", type=self.event.TYPE, event_id=self.attributes["id"], exc_info=error)
        await self._bury(f"{type(error).__name__}: {error}", ims)

    def _again(self, tries: int, ims: Context) -> Again | None:
        """The record as due work; None for what came from no topic."""
        if isinstance(self.event, ReportDue) or "knativeerrordest" in self.attributes:
            return None
        kept = {name: value for name, value in self.attributes.items() if name not in _OF_ONE_WAY}
        attributes = {**kept, TRIES: str(tries), ONLY_FOR: ims.function}
        return Again(lane=self.lane, to=self.event.topic, attributes=attributes, body=base64.b64encode(self.body))

    async def _rest(self, again: Again, seconds: float, ims: Context) -> bool:
        try:
            await ims.rests((again, ims.now_ms() + int(seconds * 1000)))
        except Exception as error:
            if passes(error, ims):
                raise
            log.exception("an event cannot rest", type=self.event.TYPE)
            return False
        return True

    async def _bury(self, reason: str, ims: Context) -> None:
        attributes = {name: value for name, value in self.attributes.items() if name not in (TRIES, ONLY_FOR)}
        topic = topic_of(attributes, self.event)
        if isinstance(self.event, Dead):
            if NESTED in attributes:  # nothing is left that could be kept: the record stays where it is in Kafka
                log.error("a dead letter is lost", reason=reason, topic=topic, **_place(attributes))
                metrics.BURIED.labels(self.event.TYPE, "lost").inc()
                return
            attributes[NESTED], topic = "1", "ims.dead"
        await publish(forms(Buried(topic, attributes, self.body), reason, ims.now_ms()), ims)
        metrics.BURIED.labels(self.event.TYPE, "handler").inc()


def given_up(attributes: Mapping[str, Any], data: Any, at: int) -> Dead:
    """An event that KafkaSource gave up on: it comes as it was, with knativeerror* attributes, through a KafkaSink.

    There is no code when there was no answer: in time, or at all. Its partition and offset are by now those of the
    letter in `ims.dead`, and are named so; the record's own are in the letter's headers there.
    """
    headers = {name: str(value) for name, value in attributes.items()}
    for name, own in ((PARTITION, LETTER_PARTITION), (OFFSET, LETTER_OFFSET)):
        if name in headers:
            headers[own] = headers.pop(name)
    code = headers.get("knativeerrorcode")
    reason = f"given up by the source: {f'HTTP {code}' if code else 'no answer'}"
    dead = whole(Buried(topic_of(headers, None), headers, bytes_of(data)), reason, at)
    dead.received(f"dead {headers['id']}")
    return dead


async def bury_unreadable(attributes: Mapping[str, Any], data: Any, reason: str, ims: Context, *, part: bool) -> None:
    """Publish the letter of a record (or the part of one) that cannot be read; trying again cannot help."""
    headers = {name: str(value) for name, value in attributes.items()}
    if part:
        headers["id"] = _id_of_part(headers["id"], bytes_of(data))
    log.error("dead letter", reason=reason, event_id=headers.get("id"))
    await publish(forms(Buried(topic_of(headers, None), headers, bytes_of(data)), reason, ims.now_ms()), ims)
    kind = headers.get("type", "")
    metrics.BURIED.labels(kind if kind in REGISTRY else "unknown", "unreadable").inc()


async def publish(letters: Iterator[Dead], ims: Context) -> None:
    """Publish the first form that Kafka takes. Unavailable: not now; 422: none, so the record is left to its source."""
    large, reason = False, ""
    for letter in letters:
        try:
            return await ims.bus.publish([letter])
        except Unavailable as error:
            large = too_large(letter, error) or (large and of_size(error))
            if not large:
                raise
            reason = letter.reason
    raise HTTPException(422, reason)


def topic_of(attributes: Mapping[str, str], event: Event | None) -> str:
    """The record's own topic: as its source says, else as its event would have it; empty when neither is known."""
    if noted := attributes.get(TOPIC):
        return noted
    if isinstance(event, ReportDue):
        return ""
    if event is None:
        kind = REGISTRY.get(attributes.get("type", ""))
        if kind is None or attributes.get("lane", "realtime") not in LANES:
            return ""
        event = kind.model_construct(lane=attributes.get("lane", "realtime"))
    try:
        return event.topic
    except (NotImplementedError, AttributeError):
        return ""


def bytes_of(data: Any) -> bytes:
    """The record's value: as it came, unless the framework has parsed it."""
    if isinstance(data, bytes):
        return data
    return data.encode("utf-8", "surrogatepass") if isinstance(data, str) else orjson.dumps(data, default=repr)


def _id_of_part(event_id: str, body: bytes) -> str:
    """The same part of the same event has the same id, whenever it is taken out."""
    return hashlib.blake2b(body, digest_size=16, key=event_id.encode()[:64]).hexdigest()


def _place(attributes: Mapping[str, str]) -> dict[str, str]:
    return {"partition": attributes.get(PARTITION, ""), "offset": attributes.get(OFFSET, "")}


def _number(text: str | None) -> int:
    """How many tries there were; what is no number counts as none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 4 else 0
