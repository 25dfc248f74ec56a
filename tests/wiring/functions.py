"""The functions' folders, loaded as the framework loads them."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

from shared import flow

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"


@lru_cache
def loaded(name: str) -> Any:
    """`main` of a function's main.py."""
    spec = importlib.util.spec_from_file_location(f"function_{name}", FUNCTIONS / name / "main.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def signature(function: flow.Function) -> str:
    """The framework's signature type."""
    return "cloudevent" if function.handles else "http"
