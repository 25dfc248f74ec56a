"""How a vendor's code table is written: one line a raw code, with its IMS code and the vendor's meaning in English."""

from __future__ import annotations

from collections.abc import Mapping

from shared.domain.codes import UNKNOWN
from shared.vendors.base import CodeTable, RawCode

_UNKNOWN = RawCode(UNKNOWN, "")


def codes(table: str) -> CodeTable:
    """Read a table of lines `raw  ims  meaning`; a raw code that stands twice is a mistake of whoever wrote it."""
    rows: dict[str, RawCode] = {}
    for line in filter(None, map(str.strip, table.splitlines())):
        raw, ims, text = line.split(maxsplit=2)
        if raw in rows:
            raise ValueError(f"raw code {raw} stands twice")
        rows[raw] = RawCode(ims, text)
    return rows


def code_lists(table: str) -> CodeTable:
    """The same where a vendor has many codes of one meaning: lines `ims  meaning: raw raw …`."""
    lines = [line.partition(":") for line in filter(None, map(str.strip, table.splitlines()))]
    return codes("\n".join(f"{raw} {head}" for head, _, listed in lines for raw in listed.split()))


def meaning(table: Mapping[str, RawCode], raw: str) -> RawCode:
    """What a raw code means; a code that the vendor has never documented is an unknown failure."""
    return table.get(raw, _UNKNOWN)
