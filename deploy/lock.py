"""The part of requirements.lock that an image needs, taken from the lock itself: what `# via` leads to.

So an image has the very versions and hashes that the tests ran with, and neither linters nor plotting in it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9._-]+")
PROJECT = "ims (pyproject.toml)"


@dataclass(frozen=True)
class Pin:
    """One package of the lock: its lines, and who wants it."""

    name: str
    lines: tuple[str, ...]
    via: frozenset[str]


def runtime(root: Path) -> str:
    """The lines of requirements.lock that the project's own dependencies lead to."""
    pins = read((root / "requirements.lock").read_text())
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    wanted = {name(requirement) for requirement in project["dependencies"]}
    missing = wanted - {pin.name for pin in pins}
    if missing:
        raise ValueError(f"requirements.lock lacks {', '.join(sorted(missing))}: run `make lock`")
    grown = True
    while grown:
        more = {pin.name for pin in pins if pin.via & wanted} - wanted
        wanted |= more
        grown = bool(more)
    return "\n".join(line for pin in pins if pin.name in wanted for line in pin.lines) + "\n"


def read(text: str) -> list[Pin]:
    """The packages of a lock written by `uv pip compile`."""
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            blocks.append([line])
        elif blocks and line.strip():
            blocks[-1].append(line)
    return [_pin(block) for block in blocks]


def _pin(block: list[str]) -> Pin:
    comments = [line.strip().removeprefix("#").strip() for line in block if line.strip().startswith("#")]
    via = [line.removeprefix("via").strip() for line in comments]
    lines = tuple(line for line in block if not line.strip().startswith("#"))
    return Pin(name(block[0]), lines, frozenset(word for word in via if word and word != PROJECT))


def name(requirement: str) -> str:
    """The normalised name at the start of a requirement."""
    match = _NAME.match(requirement)
    if match is None:
        raise ValueError(f"{requirement!r} names no package")
    return re.sub(r"[-_.]+", "-", match[0]).lower()
