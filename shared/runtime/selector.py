"""The selector of kafka-python's connections.

It asks for a socket's key before each wait, and mostly there is none. The standard library's answer to that is an error
whose text shows the socket with both addresses, made twice: four system calls that nobody reads, 100 µs of the 750 µs
that a lone record costs its producer.
"""

from __future__ import annotations

import selectors
from typing import Any


class Selector(selectors.DefaultSelector):
    """The standard selector, quick to say that it does not know a file."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._known[fileobj] = super().register(fileobj, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        self._known.pop(fileobj, None)
        return super().unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._known.pop(fileobj, None)  # one that cannot be changed is forgotten, as by the standard selector
        key = self._known[fileobj] = super().modify(fileobj, events, data)
        return key

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        """KeyError with the file itself when it is not registered."""
        return self._known[fileobj]

    def close(self) -> None:
        self._known.clear()
        super().close()
