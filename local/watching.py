"""`ims watch`: what watch finds now, whom it told, muting an alarm, and a test of its ways to people."""

from __future__ import annotations

import os
import re
import time
import webbrowser
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from local import control, show
from local.client import demo_account
from local.probes import HOST
from local.problems import Problem
from shared import flow
from shared.domain.errors import Unavailable
from shared.runtime.mysql import Database
from shared.stores import watch as store
from shared.watch import entry
from shared.watch.rules import RULES

commands = typer.Typer(
    help="Show what watch finds now; mute an alarm; send a test message.\n\n"
    "Examples:\n\n    ims watch\n\n    ims watch mute ImsLaneLag --for 2h\n\n    ims watch test",
    rich_markup_mode="markdown",
    invoke_without_command=True,
)

UNITS = {"m": 60, "h": 3600, "d": 86_400}
PATIENCE_S = 60.0
COLOURS = {"critical": "bold red", "warning": "yellow"}


@commands.callback()
def now(context: typer.Context) -> None:
    """Look at everything now. Exit code 1 when something is found."""
    if context.invoked_subcommand is None:
        status = _ask("GET", "/status")
        show_status(status)
        raise typer.Exit(1 if status["findings"] else 0)


@commands.command()
def mute(
    name: Annotated[str, typer.Argument(help="An alarm's name, as `ims watch rules` lists them.")],
    duration: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 1d.")] = "1h",
    reason: Annotated[str, typer.Option(help="Why, for whoever looks.")] = "",
) -> None:
    """Tell nobody of an alarm for a while. It goes on being watched, and is told afterwards if it still fires.

    Examples:

        ims watch mute ImsVendorDown --for 2h --reason "the vendor works on it"
    """
    seconds = _seconds(duration)
    _mute(name, seconds, reason)
    until = datetime.fromtimestamp(time.time() + seconds).astimezone()
    show.out.print(f"[green]✓[/] {name} is muted until {until:%Y-%m-%d %H:%M %Z}")


@commands.command()
def unmute(name: str) -> None:
    """End a mute.

    Example: ims watch unmute ImsVendorDown
    """
    _mute(name, 0, "")
    show.out.print(f"[green]✓[/] {name} is told again")


@commands.command()
def test() -> None:
    """Send a test message by Slack and SMS, where they are set. Exit code 1 when one does not take it.

    Example: ims watch test
    """
    said = _ask("POST", "/test")
    for way, answer in said.items():
        mark = show.MARKS["note" if answer is None else "ok" if answer["sent"] else "bad"]
        words = "is not set" if answer is None else "sent" if answer["sent"] else answer["detail"]
        show.out.print(f"{mark} {way:<6} {escape(words)}")
    raise typer.Exit(1 if any(answer and not answer["sent"] for answer in said.values()) else 0)


@commands.command("open")
def open_page(show_only: Annotated[bool, typer.Option("--print", help="Only print the link.")] = False) -> None:
    """Open watch's own page, which needs no other server: by a link that lets a browser in for five minutes.

    Example: ims watch open --print
    """
    keys = os.environ.get("IMS_SECRET_KEYS") or control.current().home.secret("secret_keys", "")
    word = entry.token(entry.keys_of(keys), "link", int(time.time()) + entry.LINK_S)
    link = f"{_address()}/?token={word}"
    print(link)
    if not show_only:
        webbrowser.open(link)


@commands.command()
def rules() -> None:
    """List every rule with its threshold, how long it must last, and its severity.

    Example: ims watch rules
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("rule", "severity", "above", "for", "what"):
        table.add_column(column)
    for rule in RULES:
        above = f"{rule.above:,.0f} {rule.unit}".strip()
        table.add_row(rule.key, rule.severity, above, f"{rule.wait_s} s", rule.summary)
    show.out.print(table)


def show_status(status: dict[str, Any]) -> None:
    """Findings, alarms that fire or are remembered, mutes, and the ways to people."""
    if not status["findings"]:
        show.out.print("[green]✓[/] nothing is wrong")
    for found in status["findings"]:
        colour = COLOURS[found["severity"]]
        show.out.print(f"[{colour}]●[/] {found['name']} [bold]{escape(found['subject'])}[/] {escape(found['text'])}")
    for check, why in status["failed"].items():
        show.out.print(f"{show.MARKS['note']} {check} could not be looked at: {escape(why)}")
    for alarm in status["alarms"]:
        told = f", told {_time(alarm['told_ms'])}" if alarm["told_ms"] else ""
        since = _time(alarm["since_ms"])
        show.out.print(f"  {alarm['state']:<8} {alarm['name']} {escape(alarm['subject'])} since {since}{told}")
    for name, until in status["mutes"].items():
        show.out.print(f"  muted    {name} until {_time(until)}")
    ways = ", ".join(way for way, is_set in status["ways"].items() if is_set) or "nobody: the log is all there is"
    show.out.print(f"tells: {ways}", style="dim")


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000).astimezone():%m-%d %H:%M}"


def _ask(method: str, path: str) -> dict[str, Any]:
    import httpx2  # a fifth of a second, which no other command should wait for

    try:
        answer = httpx2.request(method, _address() + path, timeout=PATIENCE_S, trust_env=False)
        found: dict[str, Any] = answer.raise_for_status().json()
    except httpx2.HTTPError as error:
        raise Problem(f"watch does not answer ({error})", "see `ims status` and `ims logs watch`") from None
    return found


def _address() -> str:
    process = next(p for p in flow.processes() if p.name == "watch")
    return f"http://{HOST}:{control.current().ports.process(process)}"


def _mute(name: str, seconds: int, reason: str) -> None:
    if name not in {rule.name for rule in RULES}:
        raise Problem(f"there is no alarm {name!r}", "see `ims watch rules`")
    now_ms = int(time.time() * 1000)
    database = Database(demo_account(control.current().home)["mysql"], pool=1, timeout=5)
    try:
        database.run(store.mute, name, now_ms + seconds * 1000, reason[:255], now_ms)
    except Unavailable as error:
        raise Problem(f"mutes are kept in MySQL, and {error.detail}", "bring it back; see `ims logs mysql`") from None
    finally:
        database.close()


def _seconds(text: str) -> int:
    match = re.fullmatch(r"(\d+)([mhd])", text)
    if not match:
        raise Problem(f"{text!r} is not a duration", "give minutes, hours or days: 30m, 2h, 1d")
    return int(match[1]) * UNITS[match[2]]
