"""The log level of a function, and changes of it that end by themselves: for one function, or one of its loggers.

A change is kept here with its end, so it is over in time whether or not anybody can be asked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, MutableMapping
from typing import Any, NamedTuple

from shared.runtime import scope

LEVELS = ("debug", "info", "warning", "error")


class Wanted(NamedTuple):
    """A level that somebody wants until then (ms); `logger`: a module or package, empty for all."""

    level: str
    until_ms: int
    logger: str = ""


_base = logging.INFO
_changes: dict[str, tuple[Wanted, ...]] = {}
"""By the function's name in this process."""


def set_base(number: int) -> None:
    """The level that holds where nobody wants another."""
    global _base
    _base = number


def want(function: str, wanted: Iterable[Wanted]) -> None:
    """The changes that hold for a function from now on, instead of those before."""
    listed = tuple(wanted)
    if listed:
        _changes[function] = listed
    else:
        _changes.pop(function, None)


def verbose() -> bool:
    """Whether it is worth making lines of the level debug."""
    return bool(_changes) or _base <= logging.DEBUG


def of(function: str, module: str = "") -> int:
    """The level of a function's module now; the change that names most of it counts."""
    now_ms = time.time() * 1000
    fit = [
        one
        for one in _changes.get(function, ())
        if one.until_ms > now_ms and (not one.logger or f"{module}.".startswith(f"{one.logger}."))
    ]
    return number(max(fit, key=lambda one: len(one.logger)).level) if fit else _base


def number(level: str) -> int:
    """A level's number."""
    return logging.getLevelNamesMapping().get(level.upper(), logging.INFO)


def let_through(_: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: drops what is below the level."""
    import structlog

    least = of(scope.current().name, str(event.get("module", ""))) if _changes else _base
    if number("error" if method in ("exception", "critical") else method) < least:
        raise structlog.DropEvent
    return event
