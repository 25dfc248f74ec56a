"""Whose work is being done: a process may host several functions and bridges, each with its own settings, metrics,
log and context. The current scope is a context variable, so whatever a request starts belongs to the same function;
without one, everything belongs to the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class Scope:
    """One function or bridge of a process. `env` are `IMS_*` variables of its own, before the process's; its log goes
    to `log`, or with the process's to stdout."""

    def __init__(self, name: str, env: Mapping[str, str] | None = None, log: Path | None = None) -> None:
        self.name, self.env = name, dict(env or {})
        self.settings: dict[type[Any], Any] = {}
        """What `settings.load` has read."""
        self.context: Any = None
        """The composition root (shared/runtime/context.py)."""
        self.metrics: dict[object, Any] = {}
        self._registry: CollectorRegistry | None = None
        self.output: TextIO | None = log.open("a", encoding="utf-8", buffering=1) if log else None

    @property
    def registry(self) -> CollectorRegistry:
        """Where its metrics are: the process has the client library's own registry, with what it measures itself."""
        if self._registry is None:
            from prometheus_client import REGISTRY, CollectorRegistry

            self._registry = REGISTRY if self is PROCESS else CollectorRegistry()
        return self._registry

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Do the block's work, and whatever it starts, in this scope."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def enter(self) -> None:
        """Do the rest of this task's work in this scope."""
        if self is not PROCESS:
            _current.set(self)


PROCESS = Scope("ims")
"""The process itself: the only scope where one function runs alone."""

_current: ContextVar[Scope] = ContextVar("ims_scope", default=PROCESS)


def current() -> Scope:
    """The scope of the work under way."""
    return _current.get()


class Threads(ThreadPoolExecutor):
    """Threads that work in the scope, and in the trace, of whoever gives them work."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(copy_context().run, fn, *args, **kwargs)
