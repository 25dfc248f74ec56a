"""CSV for spreadsheets: UTF-8 with a byte order mark, CRLF, and nothing that a program takes for a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

MARK = "\ufeff"
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
ZONE = timezone(timedelta(hours=9), "Asia/Seoul")
"""The accounts' days and times."""

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?").fullmatch


def guarded(value: Any) -> str:
    """A cell: what would begin a formula gets a `'` in front; a plain number stays."""
    text = "" if value is None else "true" if value is True else "false" if value is False else str(value)
    return f"'{text}" if text.startswith(DANGEROUS) and not _NUMBER(text) else text


def lines(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as lines."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([guarded(cell) for cell in row] for row in rows)
    return out.getvalue()


def local(text: str | None) -> str | None:
    """A time of ours in the accounts' zone, with its offset."""
    if text is None:
        return None
    return datetime.fromisoformat(text).astimezone(ZONE).isoformat(timespec="milliseconds")
