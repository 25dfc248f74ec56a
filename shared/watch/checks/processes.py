"""Processes that can be asked without waking them: those whose addresses the environment names, and no others.

Locally that is every process (IMS_TARGET_*, IMS_WATCH_URLS). On Knative none is named: a request would wake a function
that has scaled to zero, and keep it awake; there the platform restarts what is not ready, and lag shows what does not
work (docs/decisions/0019-watch-wakes-nobody.md).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

from shared import flow
from shared.watch.samples import Sample

METRICS = frozenset({"function_down"})
TARGET = "IMS_TARGET_"
PATIENCE_S = 3.0


def addresses(further: str) -> Iterator[tuple[str, str]]:
    """(name, URL) of every process that may be asked: functions' /readyz, and `further` as name=url,…."""
    for process in flow.processes():
        given = os.environ.get(TARGET + process.name.upper().replace("-", "_"), "")
        for i, url in enumerate(filter(None, given.split(","))):
            yield process.name if i == 0 else f"{process.name}-{i + 1}", f"{url.strip().rstrip('/')}/readyz"
    for part in filter(None, (p.strip() for p in further.split(","))):
        name, _, url = part.partition("=")
        yield name, url


async def look(http: Any, named: list[tuple[str, str]]) -> list[Sample]:
    """One sample a process."""
    answers = await asyncio.gather(*(_ask(http, url) for _, url in named))
    return [Sample("function_down", name, float(bool(why)), why) for (name, _), why in zip(named, answers, strict=True)]


async def _ask(http: Any, url: str) -> str:
    """Why it is not well; empty when it is."""
    import httpx2

    try:
        answer = await http.get(url, timeout=PATIENCE_S)
    except httpx2.HTTPError as error:
        return type(error).__name__
    return "" if answer.status_code == 200 else f"HTTP {answer.status_code}"
