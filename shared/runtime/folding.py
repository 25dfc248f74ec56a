"""A warning that repeats is said once, and then once in ten seconds with how often it came: `"times": 4711`.

Two lines are the same when their level, module, event and texts are, apart from what names a single thing (ids, times,
traces). The first one is printed at once. Whatever storm it is, a kind of line costs one print in SECONDS.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

SECONDS = 10.0
KINDS = 1000
"""Kinds of lines that are remembered; with more at once, the oldest are told and forgotten."""
FOLDED = frozenset({"warning", "error", "critical", "exception"})
_SINGLE = ("_id", "_ids", "id", "time", "trace", "key", "keys", "at", "url", "uri")

Line = MutableMapping[str, Any]
Print = Callable[[Line], None]


def kind_of(line: Line) -> tuple[Any, ...]:
    """What two lines must share to be the same."""
    parts = []
    for name in sorted(line):
        value = line[name]
        if name == "exception":
            parts.append(str(value).strip().rpartition("\n")[2][:200])
        elif isinstance(value, str) and not name.endswith(_SINGLE):
            parts.append(value[:200])
    return tuple(parts)


class Folds:
    """A structlog processor. `printer()` gives what prints a line in the place where the folded one stood."""

    def __init__(self, printer: Callable[[], Print], seconds: float = SECONDS) -> None:
        self._printer, self._seconds = printer, seconds
        self._lock = threading.Lock()
        self._until: dict[tuple[Any, ...], float] = {}
        self._more: dict[tuple[Any, ...], tuple[int, Line, Print]] = {}
        self._timer: threading.Timer | None = None

    def __call__(self, _: Any, method: str, line: Line) -> Line:
        if line.get("level", method) not in FOLDED:
            return line
        kind, now = kind_of(line), time.monotonic()
        with self._lock:
            if self._until.get(kind, 0.0) <= now:
                self._begin(kind, now)
                times = self._more.pop(kind, (0,))[0]
                return {**line, "times": times + 1} if times else line
            times = self._more[kind][0] if kind in self._more else 0
            self._more[kind] = (times + 1, line, self._printer())
            if self._timer is None:
                self._timer = threading.Timer(self._seconds, self.flush)
                self._timer.daemon = True
                self._timer.start()
        raise structlog.DropEvent

    def _begin(self, kind: tuple[Any, ...], now: float) -> None:
        self._until.pop(kind, None)
        self._until[kind] = now + self._seconds
        while len(self._until) > KINDS:
            oldest = next(iter(self._until))
            del self._until[oldest]
            if oldest in self._more:
                self._tell(oldest)

    def flush(self) -> None:
        """Tell what was folded; what goes on is told again after as long."""
        with self._lock:
            self._timer = None
            for kind in list(self._more):
                self._tell(kind)
                self._begin(kind, time.monotonic())
            now = time.monotonic()
            self._until = {kind: until for kind, until in self._until.items() if until > now}

    def _tell(self, kind: tuple[Any, ...]) -> None:
        times, line, show = self._more.pop(kind)
        show({**line, "times": times})
