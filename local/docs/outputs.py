"""Which documents are generated, and by what."""

from __future__ import annotations

from collections.abc import Callable

import local.docs.asyncapi as topics
import local.docs.console_words as console
import local.docs.errors as errors
import local.docs.openapi as gateway
import local.docs.replacements as replacements
import local.docs.settings as settings
from local.home import ROOT

OUTPUTS: dict[str, Callable[[], str]] = {
    "docs/settings.md": settings.page,
    "docs/settings.env": settings.env_file,
    "docs/errors.md": errors.page,
    "docs/openapi.yaml": gateway.document_text,
    "docs/asyncapi.yaml": topics.document_text,
    "shared/domain/replacements.py": replacements.render,
    "console/src/i18n/ko/code.json": lambda: console.words("ko"),
    "console/src/i18n/en/code.json": lambda: console.words("en"),
}
"""Path in the project → what makes its text."""


def stale() -> list[str]:
    """The documents that are not what the code says now."""
    return [name for name, make in OUTPUTS.items() if _read(name) != make()]


def _read(name: str) -> str | None:
    path = ROOT / name
    return path.read_text(encoding="utf-8") if path.exists() else None
