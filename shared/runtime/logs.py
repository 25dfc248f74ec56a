"""Structured logs: one JSON object a line, with the function, the trace and, where there is one, the message.

A function that shares its process with others writes its own name, and to a log of its own where its host gave one.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import orjson

from shared.runtime import levels, scope, trace
from shared.runtime.scope import PROCESS

# Where rich is installed structlog.dev imports it: a sixth of a cold start, for a console that no function has.
_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]
import structlog  # noqa: E402

if _rich is None:
    del sys.modules["rich"]
else:
    sys.modules["rich"] = _rich

from shared.runtime import troubles  # noqa: E402
from shared.runtime.folding import Folds  # noqa: E402 - it imports structlog

_NUMBER = re.compile(r"(?<![0-9a-fA-F-])(\+?\d{2,3}-?)(\d{3,4}-?)(\d{4})(?![0-9a-fA-F-])")
_SECRET = re.compile(r"(ims_(?:live|test|admin)_|whsec_|hooks\.slack\.com/services/)[A-Za-z0-9+/=_-]+")


def mask(text: str) -> str:
    """Hide recipients' numbers (010****5678) and secrets in a text."""
    return _SECRET.sub(r"\1***", _NUMBER.sub(r"\1****\3", text))


def _mask_values(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and not key.endswith(("_id", "time", "trace")):
            event[key] = mask(value)
    return event


def _add_trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    current = trace.current()
    if current:
        event.setdefault("trace", current.trace_id)
    return event


def configure(function: str, level: str = "info") -> None:
    """Send structlog's and the standard library's records to stdout as JSON lines."""
    PROCESS.name = function
    number = levels.number(level)
    levels.set_base(number)
    structlog.configure(
        processors=[
            levels.let_through,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            _add_trace,
            _mask_values,
            troubles.note,
            Folds(_printer),
            lambda _, __, event: _as_line(scope.current().name, event),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[_ToStructlog()], force=True)


def _as_line(function: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps({"function": function, **event}, default=str).decode()


def _printer() -> Callable[[MutableMapping[str, Any]], None]:
    """Prints a line later, where the log of the function at work now is."""
    here = scope.current()
    name, output = here.name, here.output
    return lambda line: print(_as_line(name, line), file=output or sys.stdout, flush=True)


class _Lines:
    """Prints each line where the log of the function at work is."""

    def __init__(self, *_: Any) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = self.exception = self.log = self._print

    def _print(self, line: str) -> None:
        print(line, file=scope.current().output or sys.stdout, flush=True)


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        structlog.get_logger().log(record.levelno, text, module=record.name)


def get(name: str = "ims") -> Any:
    """The logger of a module."""
    return structlog.get_logger(module=name)
