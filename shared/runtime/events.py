"""`event_function`: from a handler over typed events to a CloudEvents function of the framework.

Answers (design §3): done → 2xx; `Unavailable` → 503; `Overloaded` → 429; a record that cannot be read → `ims.dead` and
2xx. Events that arrive while the handler works are merged and handled together; the handler's events are published
before anyone gets a 2xx, so a crash anywhere means redelivery, never loss.
"""

from __future__ import annotations

import inspect
import time
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from types import UnionType
from typing import Any, Union

from pydantic import ValidationError
from starlette.exceptions import HTTPException

from shared.domain.errors import Overloaded, Unavailable
from shared.domain.events import Dead, Event, Tick
from shared.runtime import logs, metrics, trace
from shared.runtime.bus import too_large
from shared.runtime.context import Context, current
from shared.runtime.groups import Groups
from shared.runtime.settings import FunctionSettings, load

Handler = Callable[[Any, Context], Awaitable[Sequence[Event] | None]]

log = logs.get(__name__)


def handled_types(handler: Handler) -> tuple[type[Event], ...]:
    """The event classes of the handler's first parameter's annotation."""
    name = next(iter(inspect.signature(handler).parameters))
    annotation = typing.get_type_hints(handler)[name]
    if typing.get_origin(annotation) is list:
        (annotation,) = typing.get_args(annotation)
    if typing.get_origin(annotation) in (Union, UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def takes_list(handler: Handler) -> bool:
    """Whether the handler wants the events of a group as they came, in a list, instead of merged."""
    name = next(iter(inspect.signature(handler).parameters))
    return typing.get_origin(typing.get_type_hints(handler)[name]) is list


PATIENCE_SECONDS = 0.05
"""Longer than a usual call: what has waited this long behind a slow one starts a call of its own."""
PING = "dev.knative.sources.ping"
"""The type of every PingSource event; it cannot be set."""


def event_function(
    handler: Handler, *, parallel: int | None = None, warm: Sequence[str] = ()
) -> Callable[[Any], Awaitable[None]]:
    """The function `main` of an event-triggered folder; `main.handles` are the event classes it takes.

    `parallel`: merged calls at once, where the setting's default does not fit (handlers that wait for strangers).
    `warm`: parts of the context that the first event would wait for (Context.warm).
    """
    types = {kind.TYPE: kind for kind in handled_types(handler)}
    if Tick.TYPE in types:
        types[PING] = Tick
    groups: dict[str, Groups[Event, None]] = {}
    in_list = takes_list(handler)

    async def main(cloud_event: Any) -> None:
        await receive(cloud_event.get_attributes(), cloud_event.data)

    async def receive(attributes: Mapping[str, Any], data: Any) -> None:
        """The same from bare attributes and data; bytes are JSON that nobody has parsed yet."""
        trace.start(attributes.get("traceparent"))
        event = _read(types, attributes, data)
        try:
            if isinstance(event, Dead) and not (Dead.TYPE in types and event.event_id):
                await _bury(event)
                return
            queue = "" if in_list else f"{event.TYPE} {event.lane}"
            if queue not in groups:
                groups[queue] = _groups(handler, event.TYPE, in_list, parallel)
            await groups[queue](event)
        except Overloaded as error:
            raise HTTPException(429, error.detail) from error
        except Unavailable as error:
            log.warning("not now", detail=error.detail, type=attributes["type"])
            raise HTTPException(503, error.detail) from error

    main.receive = receive  # type: ignore[attr-defined]
    main.handles = tuple(dict.fromkeys(types.values()))  # type: ignore[attr-defined]
    main.signature = "cloudevent"  # type: ignore[attr-defined]
    main.warm = warm  # type: ignore[attr-defined]
    return main


def _read(types: dict[str, type[Event]], attributes: Any, data: Any) -> Event:
    if "knativeerrordest" in attributes and Dead.TYPE in types:
        return _given_up(attributes, data)
    kind = types.get(attributes["type"])
    if kind is None:
        return _dead(attributes, data, f"no handler for the type {attributes['type']}")
    try:
        event = kind.model_validate_json(data) if isinstance(data, bytes) else kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return _dead(attributes, data, f"unreadable: {first['loc']}: {first['msg']}")
    event.received(str(attributes["id"]))
    if isinstance(event, Tick):
        event.happened(_milliseconds(attributes.get("time")))
    return event


def _milliseconds(time_attribute: str | None) -> int | None:
    """A CloudEvent's time; None when it has none that can be read."""
    try:
        moment = datetime.fromisoformat(time_attribute or "")
    except ValueError:
        return None
    return round(moment.timestamp() * 1000) if moment.tzinfo else None


def _text(data: Any) -> str:
    import orjson

    if isinstance(data, bytes):
        return data.decode(errors="replace")
    return data if isinstance(data, str) else orjson.dumps(data, default=repr).decode()


def _given_up(attributes: Any, data: Any) -> Dead:
    """An event that KafkaSource gave up on: it comes as it was, with knativeerror* attributes.

    There is no code when there was no answer: in time, or at all.
    """
    headers = {k: str(v) for k, v in attributes.items()}
    code = headers.get("knativeerrorcode")
    reason = f"given up by the source: {f'HTTP {code}' if code else 'no answer'}"
    topic = headers.get("knativekafkatopic", "")
    dead = Dead(source_topic=topic[:64], reason=reason, headers=headers, body=_text(data), at=current().now_ms())
    dead.received(f"dead {headers['id']}")
    return dead


def _dead(attributes: Any, data: Any, reason: str) -> Dead:
    headers, body = {k: str(v) for k, v in attributes.items()}, _text(data)
    log.error("dead letter", reason=reason, event_id=headers.get("id"))
    topic = headers.get("knativekafkatopic", "")
    return Dead(source_topic=topic, reason=reason[:255], headers=headers, body=body, at=current().now_ms())


async def _bury(letter: Dead) -> None:
    """Publish a dead letter of our own; what is too large is left to the source, whose letters can be smaller (422)."""
    try:
        await current().bus.publish([letter])
    except Unavailable as error:
        if too_large(letter, error):
            raise HTTPException(422, letter.reason) from error
        raise


def _groups(handler: Handler, type_name: str, in_list: bool, parallel: int | None) -> Groups[Event, None]:
    settings = load(FunctionSettings)

    async def handle(events: list[Event]) -> list[None]:
        started = time.perf_counter()
        ims = current()
        try:
            out: list[Event] = []
            for merged in [events] if in_list else type(events[0]).merge(events):
                out.extend(await handler(merged, ims) or ())
            await ims.bus.publish(out)
        except BaseException as error:
            metrics.HANDLED.labels(type_name, type(error).__name__).inc(len(events))
            if not isinstance(error, Unavailable):
                log.exception("handler failed", type=type_name)
            raise
        metrics.SECONDS.labels(type_name).observe(time.perf_counter() - started)
        metrics.HANDLED.labels(type_name, "done").inc(len(events))
        metrics.MESSAGES.labels(type_name).inc(sum(e.size() for e in events))
        return [None] * len(events)

    return Groups(
        handle,
        limit=settings.group_limit,
        parallel=parallel or settings.parallel_groups,
        patience=PATIENCE_SECONDS,
        weigh=lambda event: event.size(),
        shared_fate=(Unavailable,),
    )
