"""`ims logs`: the ends of the processes' logs, and what is added to them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from local.home import Home
from local.problems import Problem
from local.show import out

PAUSE = 0.2


def show(home: Home, name: str, follow: bool, lines: int) -> None:
    """Print the last `lines` of one log or of all, then what comes, if asked to."""
    logs = sorted(home.logs.glob("*.log"))
    chosen = [log for log in logs if not name or log.stem == name or log.stem.startswith(f"{name}-")]
    if not chosen:
        known = ", ".join(log.stem for log in logs)
        raise Problem(f"there is no log of {name!r}" if name else "there are no logs yet", known or "`ims up` first")
    positions = {log: log.stat().st_size for log in chosen}
    for log in chosen:
        for line in log.read_text(errors="replace").splitlines()[-lines:]:
            _line(log, line, len(chosen) > 1)
    try:
        while follow:
            for log in chosen:
                for line in _added(log, positions):
                    _line(log, line, len(chosen) > 1)
            time.sleep(PAUSE)
    except KeyboardInterrupt:
        return


def _added(log: Path, positions: dict[Path, int]) -> Iterator[str]:
    """Whole lines written since the last look; a log that shrank was rotated."""
    if log.stat().st_size < positions[log]:
        positions[log] = 0
    with log.open("rb") as file:
        file.seek(positions[log])
        while (line := file.readline()).endswith(b"\n"):
            positions[log] += len(line)
            yield line.decode(errors="replace").rstrip()


def _line(log: Path, line: str, named: bool) -> None:
    out.print(f"{log.stem} │ {line}" if named else line, markup=False, soft_wrap=True)
