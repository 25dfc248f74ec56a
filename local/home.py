"""Where the platform keeps its state: `.ims/` under the project, or `IMS_HOME`."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / ".ims" / "dist"
"""Downloaded programs (Kafka's and Flyway's jars): shared by every home of this checkout."""


@dataclass(frozen=True)
class Home:
    """One platform's folder: run/ (pids, state), logs/, conf/, data/, secrets.json, demo.json."""

    path: Path

    @property
    def run(self) -> Path:
        """Process ids, the supervisor's state and lock."""
        return self.path / "run"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.path / "logs"

    @property
    def conf(self) -> Path:
        """Generated configuration."""
        return self.path / "conf"

    @property
    def data(self) -> Path:
        """The servers' data."""
        return self.path / "data"

    @property
    def state_file(self) -> Path:
        """What the supervisor last said of every process."""
        return self.run / "state.json"

    @property
    def settings_file(self) -> Path:
        """The IMS_* variables that the platform was started with."""
        return self.run / "settings.json"

    @property
    def demo_file(self) -> Path:
        """The demo account's keys and every address (api.md)."""
        return self.path / "demo.json"

    def make(self) -> None:
        """Create the folders, closed to others."""
        for folder in (self.path, self.run, self.run / "hold", self.logs, self.conf, self.data):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, path: Path) -> dict[str, Any] | None:
        """A JSON file of ours; None when it is not there (yet)."""
        try:
            loaded: dict[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError):
            return None
        return loaded

    def write(self, path: Path, text: str) -> None:
        """Replace a file at once, readable by its owner only."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        temporary.replace(path)

    def secret(self, name: str, value: str | None = None) -> str:
        """A secret of this platform, made at its first use and kept in secrets.json."""
        path = self.path / "secrets.json"
        known = self.read(path) or {}
        if name not in known:
            known[name] = value if value is not None else secrets.token_urlsafe(24)
            self.write(path, json.dumps(known, indent=1))
        return str(known[name])
