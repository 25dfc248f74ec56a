"""Measure IMS on this machine, each figure beside a limit measured in the same run.

Starts a platform of its own (a new folder, ports + 8000 or + IMS_PORT_OFFSET) and stops it at the end; everything stays
on loopback.
Writes latest.json, table.md, profile.md and plot.png to bench/results/; a complete run also fills docs/performance.md.

Examples:
  python -m bench                       everything, about 15 minutes: what `make bench` runs
  python -m bench --quick               everything, small, about 3 minutes: does it work?
  python -m bench --full                with a million messages and as many rows as the design promises
  python -m bench --only accept,bulk    these scenarios
  python -m bench --only hold           all that attack: what others notice of a hostile or heavy caller
  python -m bench --scale 0.1           a tenth of the messages
  python -m bench --platform            on the platform that `ims up` started
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench import output, plot, sizes
from bench.bed import Bed
from bench.figures import HEADS, cells
from bench.run import BUSY, Results, Run, load_average
from bench.scenarios import ORDER
from bench.scenarios import chosen as scenarios
from local.home import ROOT
from local.problems import Problem

SCENARIO_SECONDS = {"quick": 300.0, "default": 1200.0, "full": 6 * 3600.0}
"""What takes longer is given up and noted; the others go on."""
WIDTH = 200
"""Of the table where there is no terminal."""
RESULTS = Path(__file__).parent / "results"
MODES = {"default": sizes.DEFAULT, "quick": sizes.QUICK, "full": sizes.FULL}


def arguments() -> argparse.Namespace:
    """What the user asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--quick", dest="mode", action="store_const", const="quick", default="default")
    mode.add_argument("--full", dest="mode", action="store_const", const="full")
    names = ", ".join(f"{name} ({what})" for name, (what, _) in ORDER.items())
    parser.add_argument("--only", default="", metavar="A,B", help=f"some of: {names}")
    parser.add_argument("--scale", type=float, default=1.0, help="times the messages")
    parser.add_argument("--platform", action="store_true", help="measure the running platform (IMS_HOME or .ims)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results go")
    chosen = parser.parse_args()
    chosen.only = scenarios(chosen.only)
    unknown = [name for name in chosen.only if name not in ORDER]
    if unknown:
        parser.error(f"no scenario {', '.join(unknown)}; there are: {', '.join(ORDER)}")
    if not 0 < chosen.scale <= 100:
        parser.error("--scale is more than 0 and at most 100")
    return chosen


def meta(chosen: argparse.Namespace) -> dict[str, Any]:
    """When and on what."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or "unknown",
        "cores": os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_gb": psutil.virtual_memory().total / 1e9,
        "python": platform.python_version(),
        "mode": chosen.mode,
        "scale": chosen.scale,
        "only": chosen.only,
        "load_average": load_average(),
    }


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """TimeoutError in the block when it takes longer."""

    def late(*_: object) -> None:
        raise TimeoutError(f"not done within {seconds:.0f} s")

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def measure(run: Run, only: list[str], mode: str) -> None:
    """The scenarios in their order; one that fails is noted, and the others go on."""
    with run.progress:
        whole = run.progress.add_task("[bold]bench", total=len(only))
        for name in (n for n in ORDER if n in only):
            what, scenario = ORDER[name]
            started = time.monotonic()
            try:
                with at_most(SCENARIO_SECONDS[mode]):
                    scenario(run)
                run.console.print(f"  {what}: {time.monotonic() - started:.0f} s", style="dim")
            except (Exception, AssertionError) as error:
                run.results.failures[name] = f"{type(error).__name__}: {error}"[:300]
                run.console.print(f"  {what}: {run.results.failures[name]}", style="red", markup=False)
            run.progress.advance(whole)


def show(console: Console, results: Results) -> None:
    """The table on the terminal."""
    table = Table(*HEADS, title="IMS", show_lines=False)
    for figure in results.figures:
        style = {False: "red", True: "green", None: None}[figure.met]
        table.add_row(*(cell.replace("**", "") for cell in cells(figure)), style=style)
    console.print(table)


def main() -> int:
    """Run; 1 when a scenario could not be measured (a target that is missed is a finding, not a failure)."""
    chosen = arguments()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves through __exit__, so nothing stays behind
    about = meta(chosen)
    if about["load_average"] > BUSY:
        console.print(f"Load average {about['load_average']:.1f}: read only the ratios of this run.", style="yellow")
    wanted = MODES[chosen.mode].scaled(chosen.scale) if chosen.scale != 1 else MODES[chosen.mode]
    about["sizes"] = sizes.as_dict(wanted)
    try:
        with Bed(chosen.platform) as bed:
            run = Run(bed, wanted, console)
            measure(run, chosen.only, chosen.mode)
    except Problem as problem:
        console.print(f"{problem.what}: {problem.way_out}", style="red", markup=False)
        return 1
    complete = chosen.only == list(ORDER) and chosen.mode != "quick" and not chosen.platform
    complete = complete and chosen.out == RESULTS
    written = output.write(chosen.out, run.results, about, complete)
    plot.draw(chosen.out / "plot.png", run.results, output.header(about).replace("*", ""))
    show(console, run.results)
    for path in written:
        console.print(f"written: {os.path.relpath(path)}", style="dim")
    return 1 if run.results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
