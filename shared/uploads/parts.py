"""Runs of checked rows as they are kept: packed, a thousand rows a row of MySQL."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson


class Good(NamedTuple):
    """A row that can be sent: its number, what stands for its recipient among others (peers.py), and the recipient as
    accepting reads it."""

    row: int
    key: int
    item: dict[str, Any]


class Bad(NamedTuple):
    """A row that cannot, with all of its cells and why: faults as owners see them."""

    row: int
    cells: list[str]
    faults: list[dict[str, Any]]


def pack(rows: Iterable[Good] | Iterable[Bad]) -> bytes | None:
    """None for no rows."""
    listed = [list(row) for row in rows]
    return zlib.compress(orjson.dumps(listed), 1) if listed else None


def good(body: bytes | None) -> list[Good]:
    """The packed rows."""
    return [Good(*row) for row in orjson.loads(zlib.decompress(body))] if body else []


def bad(body: bytes | None) -> list[Bad]:
    """The packed rows."""
    return [Bad(*row) for row in orjson.loads(zlib.decompress(body))] if body else []
