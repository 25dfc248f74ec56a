"""The command `ims`: the local platform and a client of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from local import control, dead, logview, managing, operating, sealing, sending, show, uploading, watching
from local.client import demo_account
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

        IMS_PLATFORM=openfaas-ce ims up        # what stack.ce.yml and openfaas/ describe

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


demo_commands = typer.Typer(
    help="Start the platform and send one real message through all of it; `ims demo data` fills it with traffic.",
    rich_markup_mode="markdown",
)
commands.add_typer(demo_commands, name="demo")


@demo_commands.callback(invoke_without_command=True)
def demo(context: typer.Context) -> None:
    """Start the platform and send one real SMS through all of it: API, Kafka, vendor, receipt, signed callback, MySQL.

    Examples:

        ims demo

        ims demo data
    """
    if context.invoked_subcommand is not None:
        return
    from local import demo as demonstration

    show.banner()
    start()
    demonstration.run(control.current())
    show.doors(demo_account(control.current().home))
    show.out.print(
        "Next: [bold]ims demo data[/] · [bold]ims send mt --to 01012345678 --text hello[/] · [bold]ims down[/]"
    )


@demo_commands.command("data")
def demo_data() -> None:
    """Fill the platform with a week of believable traffic, so that the console's pages are worth looking at.

    Today's goes the real way, on all five channels, with failures, an uncertain one, an ad that waits for the morning,
    a reservation, a callback that nobody answers and a file with rows to fix. The six days before are written into
    MySQL and MongoDB as such traffic would have left them (request_ref `demo-data-<day>`). A second run adds nothing.

    Example: ims demo data
    """
    from local.filling.command import fill

    fill(lambda text: show.out.print(f"[dim]·[/] {text}"))


@commands.command()
def code() -> None:
    """Show the six digits with which the demo's operator signs in to the console; each is good for half a minute.

    Example: ims code
    """
    import pyotp

    user = demo_account(control.current().home)["console_users"]["operator"]
    print(pyotp.TOTP(user["totp_secret"]).now())


@commands.command()
def logs(
    name: Annotated[str, typer.Argument(help="A process of `ims status`; all of them when left out.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing what is written.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many lines of each log first.")] = 20,
) -> None:
    """Show what processes wrote.

    Examples:

        ims logs route-fast -f

        ims logs supervisor -n 50
    """
    logview.show(control.current().home, name, follow, lines)


@commands.command()
def get(message_id: str) -> None:
    """Show a message: its state, trail and callback.

    Example: ims get 01935f6e-7b1c-7000-8000-000000000081
    """
    from local.client import Gateway

    show.out.print_json(data=Gateway().get(f"/v1/messages/{message_id}"))


@commands.command()
def listen(
    port: Annotated[int | None, typer.Option(help="Where to listen; by default 41091.")] = None,
    status: Annotated[int, typer.Option(help="What to answer: 500 lets every report fail.")] = 204,
    register: Annotated[bool, typer.Option(help="Make this the demo account's callback address.")] = True,
) -> None:
    """Be the client: print the reports that arrive, their signature verified, until Ctrl-C.

    Examples:

        ims listen

        ims listen --status 500        # then: ims send mt …, and watch the retries
    """
    from local import messages

    messages.listen(port or control.current().ports["sink"], status, register)


@commands.command()
def replay(
    message_id: Annotated[str, typer.Argument(help="One message; left out: all that the filters name.")] = "",
    request_id: Annotated[str | None, typer.Option(help="All reports of a request.")] = None,
    since: Annotated[str | None, typer.Option(help="Reports finished since, RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option(help="Reports finished until, RFC 3339.")] = None,
    to: Annotated[str | None, typer.Option(help="Reports of a recipient.")] = None,
    ref: Annotated[str | None, typer.Option(help="Reports of messages with this name of yours.")] = None,
    code: Annotated[str | None, typer.Option(help="Reports with this result code.")] = None,
) -> None:
    """Send final reports to their callback again.

    Examples:

        ims replay 01935f6e-7b1c-7000-8000-000000000081

        ims replay --since 2026-01-01T00:00:00+09:00

        ims replay --to 01022223333 --code 4008
    """
    from local import messages

    filters = {"request_id": request_id, "since": since, "until": until, "to": to, "ref": ref, "code": code}
    show.out.print_json(data=messages.replay(message_id, {k: v for k, v in filters.items() if v is not None}))


commands.add_typer(sending.commands, name="send")
commands.add_typer(watching.commands, name="watch")
commands.add_typer(dead.commands, name="dead")
commands.add_typer(sealing.commands, name="secrets")
commands.add_typer(operating.lanes, name="lanes")
commands.add_typer(operating.vendors, name="vendors")
commands.add_typer(operating.alarms, name="alarms")
commands.add_typer(operating.functions, name="functions")
commands.command("stops")(operating.stops)
commands.add_typer(uploading.commands, name="uploads")
for name in ("accounts", "people", "keys", "identities", "templates", "optouts", "stats", "audit"):
    commands.add_typer(getattr(managing, name), name=name)


@commands.command()
def doctor() -> None:
    """Check this machine: programs, Java, memory, disk, ports and their holders, network, clock.

    Example: ims doctor
    """
    from local.doctor import examine

    findings = list(show.findings(examine(control.current())))
    raise typer.Exit(1 if any(f.level == "bad" for f in findings) else 0)


@commands.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(context: typer.Context) -> None:
    """Measure IMS beside the limits of this machine; takes the options of `python -m bench` (see ims bench -- --help).

    Examples:

        ims bench --quick

        ims bench --only accept,bulk
    """
    command = [sys.executable, "-m", "bench", *context.args]
    raise typer.Exit(subprocess.run(command, cwd=Path(__file__).parents[1], check=False).returncode)


def app() -> None:
    """The entry point: problems are words, not tracebacks."""
    try:
        commands()
    except Problem as found:
        show.problem(found)
        sys.exit(1)


if __name__ == "__main__":
    app()
