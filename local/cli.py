"""The command `ims`: the local platform and a client of it."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from local import control, show
from local.problems import Problem

commands = typer.Typer(
    help="IMS, an Integrated Messaging System, on your own machine.\n\n"
    "First steps: `ims demo`, then `ims send mt --to 01012345678 --text hello`.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@commands.command()
def up(
    servers_only: Annotated[
        bool, typer.Option("--servers-only", help="Kafka, MySQL and Redis only, with the schema.")
    ] = False,
) -> None:
    """Start the platform in the background; return once everything is healthy.

    Examples:

        ims up

        IMS_KAFKA_NODES=3 IMS_REDIS_CLUSTER=1 IMS_MYSQL_REPLICA=1 ims up

        IMS_REPLICAS_ROUTE=2 IMS_RETRY_UNIT_SECONDS=1 ims up

        IMS_KAFKA_BOOTSTRAP=10.0.0.5:9092 IMS_MYSQL_URL=mysql+pymysql://ims:pw@10.0.0.6/ims ims up
    """
    show.banner()
    if start(servers_only):
        show.out.print("[green]✓[/] up. Next: [bold]ims status[/], [bold]ims demo[/]; stop with [bold]ims down[/]")
    else:
        show.out.print("[green]✓[/] already running; see [bold]ims status[/], or [bold]ims down[/] first to change it")


def start(servers_only: bool = False) -> bool:
    """Start with a progress bar; False when it was running."""
    wanted = control.current()
    with show.progress("starting") as (bar, watch):
        return control.start(wanted, lambda text: bar.console.print(f"[dim]· {text}[/]"), watch, servers_only)


@commands.command()
def down() -> None:
    """Stop everything that `ims up` started, the newest first. Data stay in `.ims/`.

    Example: ims down
    """
    with show.progress("stopping") as (_, watch):
        stopped = control.stop(control.current().home, watch)
    show.out.print("[green]✓[/] down" if stopped else "nothing was running")


@commands.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show every process. Exit code 0: all healthy, 1: some are not, 3: the platform is down.

    Examples:

        ims status

        ims status --json | jq '.processes[] | select(.healthy | not)'
    """
    state = control.state(control.current().home)
    if as_json:
        keys = ("name", "kind", "pid", "port", "healthy", "restarts")
        print(json.dumps({"processes": [{k: p[k] for k in keys} for p in state["processes"]], "phase": state["phase"]}))
    elif state["phase"] in ("down", "failed"):
        show.out.print("the platform is down; start it with [bold]ims up[/]")
    else:
        show.status(state)
    healthy = state["processes"] and all(p["healthy"] for p in state["processes"])
    raise typer.Exit(3 if not state["processes"] else 0 if healthy else 1)


@commands.command()
def stop(name: str) -> None:
    """Keep one process stopped until `ims start NAME`, to see what the rest does without it.

    Example: ims stop redis
    """
    control.hold(control.current(), name, stopped=True)


@commands.command("start")
def start_one(name: str) -> None:
    """Start a process that `ims stop NAME` stopped.

    Example: ims start redis
    """
    control.hold(control.current(), name, stopped=False)


def app() -> None:
    """The entry point: problems are words, not tracebacks."""
    try:
        commands()
    except Problem as found:
        show.problem(found)
        sys.exit(1)


if __name__ == "__main__":
    app()
