"""`#{name}` in a text, filled per recipient. A template is split once and joined for each recipient."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

_MARK = re.compile(r"#\{([^{}]+)\}")


class Template:
    """A text split at its variables: `parts` are literals at even places and names at odd ones."""

    __slots__ = ("counts", "literal", "names", "parts")

    def __init__(self, text: str) -> None:
        self.parts: list[str] = _MARK.split(text)
        """Literals at even places, variable names at odd ones."""
        self.literal: str = "".join(self.parts[::2])
        """All that does not depend on the recipient."""
        self.counts: dict[str, int] = {}
        """How often each variable occurs."""
        for name in self.parts[1::2]:
            self.counts[name] = self.counts.get(name, 0) + 1
        self.names: tuple[str, ...] = tuple(self.counts)

    def fill(self, values: Mapping[str, str]) -> str:
        """The text for one recipient; raises KeyError with the name of a missing variable."""
        filled = self.parts.copy()
        filled[1::2] = [values[name] for name in self.parts[1::2]]
        return "".join(filled)

    def missing(self, values: Mapping[str, str]) -> list[str]:
        """The variables that a recipient does not give, in order of first use."""
        return [name for name in self.names if name not in values]


@lru_cache(maxsize=256)
def compiled(text: str) -> Template:
    """The template of a text; the most recent ones are kept, since a bulk text comes many times."""
    return Template(text)


def names(text: str) -> tuple[str, ...]:
    """The variables of a text, in order of first use."""
    return compiled(text).names if "#{" in text else ()


def fill(text: str, values: Mapping[str, str] | None) -> str:
    """The text with its variables replaced; raises KeyError with the name of a missing one."""
    return compiled(text).fill(values or {}) if "#{" in text else text


def map_literals(text: str, change: Callable[[str], str]) -> str:
    """The text with `change` applied to all but its variables."""
    if "#{" not in text:
        return change(text)
    pieces = _MARK.split(text)
    return "".join(f"#{{{piece}}}" if i % 2 else change(piece) for i, piece in enumerate(pieces))
