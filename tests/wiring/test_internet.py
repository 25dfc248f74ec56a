"""Only what the map says may call outside the cluster, and what calls outside says so in the map."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.home import ROOT
from shared import flow

CALLS_OUT = re.compile(r"\bims\.(egress|http)\b|\bsmtplib\b").search
"""How code of ours reaches clients, vendors and mail servers (shared/runtime/context.py)."""


def imported(path: Path) -> Iterator[Path]:
    """The files of shared/ that a file imports, the runtime apart."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.startswith("shared.") and not name.startswith("shared.runtime"):
                place = ROOT / name.replace(".", "/")
                yield from (p for p in (place.with_suffix(".py"), place / "__init__.py") if p.exists())


def everything(function: flow.Function) -> set[Path]:
    """The files that a function is made of."""
    found: set[Path] = set()
    todo = list((ROOT / "functions" / function.name).glob("*.py"))
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += imported(path)
    return found


@pytest.mark.parametrize("function", flow.FLOW, ids=lambda f: f.name)
def test_who_calls_outside_has_its_ports_in_the_map(function: flow.Function) -> None:
    callers = {path.relative_to(ROOT).as_posix() for path in everything(function) if CALLS_OUT(path.read_text())}
    assert bool(callers) == bool(function.internet), callers
