"""`event_function`: from a handler over typed events to a CloudEvents function of the framework.

Answers (design §3): done → 2xx; `Unavailable` → 503; `Overloaded` → 429; a record that cannot be read → `ims.dead` and
2xx; one that cannot be handled → taken apart, tried again a few times, then the same (shared/runtime/burying.py).
Events that arrive while the handler works are merged and handled together; the handler's events are published before
anyone gets a 2xx, so a crash anywhere means redelivery, never loss.
"""

from __future__ import annotations

import inspect
import time
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from types import UnionType
from typing import Any, Union

import orjson
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from shared.domain.errors import Overloaded, Unavailable
from shared.domain.events import Dead, Event, Tick, json_halves
from shared.runtime import burying, levels, logs, metrics, trace
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
        ims = current()
        if not burying.is_for(attributes, ims):
            return
        try:
            events, unreadable = _read(types, attributes, data)
            for part, reason in unreadable:
                await burying.bury_unreadable(attributes, part, reason, ims, part=bool(events))
            for event in events:
                await _handled(event, attributes, data, whole=not unreadable)
        except Overloaded as error:
            raise HTTPException(429, error.detail) from error
        except Unavailable as error:
            log.warning("not now", detail=error.detail, type=attributes["type"])
            raise HTTPException(503, error.detail) from error

    async def _handled(event: Event, attributes: Mapping[str, Any], data: Any, *, whole: bool) -> None:
        """Handle an event, or what can be handled of it; the rest rests, or is buried: as a whole, where all is bad."""
        suspect, until = burying.TRIES in attributes, time.monotonic() + burying.APART_SECONDS
        left, failed, handled = [event], list[tuple[Event, Exception]](), not whole
        while left:
            part = left.pop()
            error = await _tried(part, suspect=suspect)
            if error is None:
                handled = True
                continue
            suspect = True
            halves = part.halves()
            if len(halves) > 1 and time.monotonic() < until:
                left += reversed(halves)
            else:
                failed.append((part, error))
        if not handled:
            failed = [(event, error) for _, error in failed[:1]]
        for part, error in failed:
            cut = part is not event or not whole
            await burying.Failed(part, attributes, data, part=cut).settle(error, current())

    async def _tried(event: Event, *, suspect: bool) -> Exception | None:
        """Handle an event in company; those that have failed keep to themselves. The error that will not pass."""
        queue = f"{'suspect ' * suspect}{'' if in_list else f'{event.TYPE} {event.lane}'}"
        if queue not in groups:
            groups[queue] = _groups(handler, event.TYPE, in_list, parallel)
        try:
            await groups[queue](event)
        except Unavailable:
            raise
        except Exception as error:
            if burying.passes(error, current()):
                raise Unavailable(f"{type(error).__name__}: {error}"[:200]) from error
            return error
        return None

    main.receive = receive  # type: ignore[attr-defined]
    main.handles = tuple(dict.fromkeys(types.values()))  # type: ignore[attr-defined]
    main.signature = "cloudevent"  # type: ignore[attr-defined]
    main.warm = warm  # type: ignore[attr-defined]
    return main


Parts = list[tuple[Any, str]]
"""What of an event cannot be read, and why."""


def _read(types: dict[str, type[Event]], attributes: Mapping[str, Any], data: Any) -> tuple[list[Event], Parts]:
    """The events of a record: one, or what is readable of it."""
    if "knativeerrordest" in attributes and Dead.TYPE in types:
        return [burying.given_up(attributes, data, current().now_ms())], []
    kind = types.get(attributes["type"])
    if kind is None:
        return [], [(data, f"no handler for the type {attributes['type']}")]
    events, unreadable = _validated(kind, data)
    for event in events:
        event.received(str(attributes["id"]))
        if isinstance(event, Tick):
            event.happened(_milliseconds(attributes.get("time")))
    return events, unreadable


def _validated(kind: type[Event], data: Any) -> tuple[list[Event], Parts]:
    """The event; of one that is not as it should be, the parts that are, and each one that is not with its reason."""
    try:
        return [kind.model_validate_json(data) if isinstance(data, bytes) else kind.model_validate(data)], []
    except (ValidationError, RecursionError) as error:
        reason = _reason(error)
    try:
        raw = orjson.loads(data) if isinstance(data, bytes) else data
        parts = json_halves(raw, kind.LISTS)
    except (ValueError, RecursionError):
        return [], [(data, reason)]
    if len(parts) < 2:
        return [], [(data, reason)]
    found = [_validated(kind, orjson.dumps(part)) for part in parts]
    events = [event for readable, _ in found for event in readable]
    return (events, [u for _, unreadable in found for u in unreadable]) if events else ([], [(data, reason)])


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"unreadable: {type(error).__name__}"
    first = error.errors(include_url=False, include_input=False)[0]
    return f"unreadable: {first['loc']}: {first['msg']}"


def _milliseconds(time_attribute: str | None) -> int | None:
    """A CloudEvent's time; None when it has none that can be read."""
    try:
        moment = datetime.fromisoformat(time_attribute or "")
    except ValueError:
        return None
    return round(moment.timestamp() * 1000) if moment.tzinfo else None


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
            raise
        metrics.SECONDS.labels(type_name).observe(time.perf_counter() - started)
        metrics.HANDLED.labels(type_name, "done").inc(len(events))
        metrics.MESSAGES.labels(type_name).inc(sum(e.size() for e in events))
        if levels.verbose():
            took = round((time.perf_counter() - started) * 1000, 1)
            log.debug("handled", type=type_name, events=len(events), out=len(out), ms=took)
        return [None] * len(events)

    return Groups(
        handle,
        limit=settings.group_limit,
        parallel=parallel or settings.parallel_groups,
        patience=PATIENCE_SECONDS,
        weigh=lambda event: event.size(),
        shared_fate=(Unavailable,),
    )
