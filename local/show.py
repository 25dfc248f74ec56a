"""How the command line looks: banner, progress, tables, problems."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psutil
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from local.control import State, Watch
from local.problems import Problem

if TYPE_CHECKING:
    from local.doctor import Finding

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
MEBI = 1024 * 1024


def banner() -> None:
    """IMS in the font "jerusalem", capitals only."""
    from pyfiglet import figlet_format

    out.print(figlet_format("IMS", font="jerusalem", direction="left-to-right").rstrip(), style="bold cyan")
    out.print("Integrated Messaging System", style="dim")


def problem(found: Problem) -> None:
    """What is wrong and the way out."""
    err.print(f"[bold red]✗[/] {escape(found.what)}", soft_wrap=True)
    if found.way_out:
        err.print(f"  [bold]→[/] {escape(found.way_out)}", soft_wrap=True)


@contextmanager
def progress(title: str) -> Iterator[tuple[Progress, Watch]]:
    """A bar that follows the supervisor's state."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def watch(state: State) -> None:
            processes = state.get("processes", [])
            ready = sum(p["healthy"] for p in processes)
            waiting = [p["name"] for p in processes if not p["healthy"]]
            step = state.get("step") or title
            words = f"{step}: {', '.join(waiting[:3])}" if waiting else step
            bar.update(task, description=words[:60], completed=ready, total=state.get("total") or None)

        yield bar, watch


def status(state: State) -> None:
    """Every process with its health, port, memory and age."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("", "process", "kind"):
        table.add_column(column)
    for column in ("port", "pid", "memory", "up", "restarts"):
        table.add_column(column, justify="right")
    total, seen = 0, set()
    for process in state["processes"]:
        memory, age = _usage(process["pid"])
        if process["pid"] in seen:  # another function of the same host
            memory = 0
        seen.add(process["pid"])
        total += memory
        table.add_row(
            _mark(process),
            process["name"],
            process["kind"],
            str(process["port"]),
            str(process["pid"] or "–"),
            f"{memory // MEBI} MB" if memory else "",
            age,
            str(process["restarts"] or ""),
        )
    out.print(table)
    healthy = sum(p["healthy"] for p in state["processes"])
    out.print(f"{healthy} of {len(state['processes'])} healthy, {total // MEBI} MB, {state['phase']}", style="dim")


def _mark(process: dict[str, Any]) -> str:
    if process["healthy"]:
        return "[green]●[/]"
    return "[yellow]■[/]" if process["held"] else "[red]○[/]"


def _usage(pid: int | None) -> tuple[int, str]:
    try:
        process = psutil.Process(pid or 0)
        memory, seconds = process.memory_info().rss, int(time.time() - process.create_time())
    except psutil.Error:
        return 0, "–"
    hours, rest = divmod(seconds, 3600)
    return memory, f"{hours}h{rest // 60:02}m" if hours else f"{rest // 60}m{rest % 60:02}s"


def panel(title: str, body: Any) -> None:
    """One step of the demo."""
    out.print(Panel(body, title=f"[bold]{title}[/]", title_align="left", border_style="cyan"))


MARKS = {"ok": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[red]✗[/]"}


def findings(found: Iterable[Finding]) -> Iterator[Finding]:
    """Print each finding of the doctor as it comes, and hand it on."""
    for finding in found:
        out.print(f"{MARKS[finding.level]} {finding.what:<15} {escape(finding.detail)}")
        if finding.way_out:
            out.print(f"  {'':<15} → {escape(finding.way_out)}", style="bold")
        yield finding


def doors(demo: dict[str, Any]) -> None:
    """Where people look at the platform, and who signs in; both are in .ims/demo.json, too."""
    lines = [demo["console"]]
    for name, user in demo["console_users"].items():
        lines += [
            f"{name}: {user['email']}",
            f"  {user['password']}" + ("  and `ims code`" if "totp_secret" in user else ""),
        ]
    panel("The console, and who signs in", "\n".join(map(escape, lines)))
    panel("The watch page", escape(f"{demo['watch']}  by a link of `ims watch open`"))
