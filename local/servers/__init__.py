"""The real servers. Each module installs one, and builds its configuration, processes and preparation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.processes import Spec

FILES = Path(__file__).parent / "files"


@dataclass(frozen=True)
class Server:
    """What a server adds to the platform.

    `specs` are its processes (none when the user runs it), `env` is how functions reach it, `ready` prepares it once
    its processes answer.
    """

    specs: tuple[Spec, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], None] = lambda: None
