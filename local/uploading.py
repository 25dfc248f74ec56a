"""`ims uploads`: send a CSV or XLSX to its recipients, and follow such jobs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from local import show
from local.client import Gateway
from local.problems import Problem

commands = typer.Typer(
    help="Send a CSV or XLSX to its recipients: checked first, then sent as a job.",
    rich_markup_mode="markdown",
    no_args_is_help=True,
)
PATH = "/v1/uploads"
AT_WORK = ("checking", "sending")
PAUSE_S = 0.3
FAULTS = 10
"""Faults that are shown before one is asked."""

Json = dict[str, Any]
Id = Annotated[str, typer.Argument(help="An upload of `ims uploads list`.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write the rows as a CSV file.")]


@commands.command()
def send(
    file: Annotated[Path, typer.Argument(help="A CSV or XLSX.", exists=True, dir_okay=False)],
    text: Annotated[str, typer.Option(help="The text; #{name} stands for a column or variable.")] = "",
    sender: Annotated[str, typer.Option(help="One of the account's sender numbers.")] = "0215441234",
    content: Annotated[str, typer.Option(help="JSON: the whole content, in place of text and sender.")] = "",
    to: Annotated[str, typer.Option(help="The column of recipients; found out when left out.")] = "",
    var: Annotated[list[str] | None, typer.Option("--var", help="variable=column, where their names differ.")] = None,
    channel: Annotated[str, typer.Option(help="mt, kakao, rcs, push or email")] = "mt",
    lane: Annotated[str, typer.Option(help="bulk, ad, realtime or auth")] = "bulk",
    yes: Annotated[bool, typer.Option("--yes", help="Send the good rows without asking.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Although the same was sent within 24 hours.")] = False,
) -> None:
    """Send a file: upload, check, show the faults, ask, send.

    Examples:

        ims uploads send customers.xlsx --text '#{name}, your order is ready' --to phone

        ims uploads send list.csv --text hello --yes
    """
    client = Gateway()
    found = client.upload(PATH, file, channel=channel, lane=lane)
    found = _follow(client, found, "checking")
    if found["state"] == "failed":
        raise Problem(f"{file.name} cannot be read: {found['reason']}", "see `ims uploads show`")
    wish = {"content": json.loads(content) if content else {"sender": sender, "text": text}}
    wish["mapping"] = _mapping(found, to, var or [])
    found = _follow(client, client.put(f"{PATH}/{found['id']}", wish), "checking")
    _tell(client, found)
    if not found["good"]:
        raise Problem("no row can be sent", f"ims uploads faults {found['id']} --out bad.csv")
    if not yes:
        typer.confirm(f"Send {found['good']:,} messages?", abort=True)
    ended = _follow(client, client.post(f"{PATH}/{found['id']}/send", {"again": again}), "sending")
    show.out.print(f"{ended['state']}: {ended['accepted']:,} accepted, {ended['refused']:,} refused")
    if ended["reason"]:
        raise Problem(f"the job is {ended['state']}: {ended['reason']}", f"then: ims uploads resume {ended['id']}")


def _mapping(found: Json, to: str, variables: list[str]) -> Json:
    mapping = dict(found["mapping"])
    if to:
        mapping["to"] = to
    if "to" not in mapping:
        raise Problem("which column has the recipients?", f"--to with one of: {', '.join(found['columns'])}")
    given = dict(pair.partition("=")[::2] for pair in variables)
    mapping["variables"] = {**mapping.get("variables", {}), **given}
    return mapping


def _follow(client: Gateway, found: Json, title: str) -> Json:
    """The upload when nobody works on it any more, with a bar until then."""
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    with Progress(*columns, console=show.err, transient=True) as bar:
        task = bar.add_task(title, total=1.0)
        while found["state"] in AT_WORK:
            bar.update(task, completed=found["progress"], description=f"{found['state']} {found['rows']:,} rows")
            time.sleep(PAUSE_S)
            found = client.get(f"{PATH}/{found['id']}")
    return found


def _tell(client: Gateway, found: Json) -> None:
    """The counts, and the first faults."""
    names = ("rows", "good", "faults", "twice", "opted_out", "blank")
    counts = " · ".join(f"{name} {found[name]:,}" for name in names if found[name] or name in names[:3])
    show.out.print(f"[bold]{found['id']}[/] {found['state']}: {counts} · price {found['price'] or '?'}")
    if found["faults"]:
        page = client.get(f"{PATH}/{found['id']}/faults", limit=FAULTS)
        table = Table("row", "column", "value", "code", "what is wrong", box=None)
        for one in page["items"]:
            table.add_row(
                *(str(one[n] if one[n] is not None else "") for n in ("row", "column", "value", "code", "detail"))
            )
        show.out.print(table)


@commands.command("list")
def list_all() -> None:
    """List uploads, the newest first.

    Example: ims uploads list
    """
    table = Table("id", "name", "state", "rows", "good", "accepted", "created", box=None)
    for one in Gateway().get(PATH)["items"]:
        row = (one["id"], one["name"], one["state"], one["rows"], one["good"], one["accepted"], one["created_at"])
        table.add_row(*map(str, row))
    show.out.print(table)


@commands.command("show")
def show_one(upload: Id) -> None:
    """Show an upload.

    Example: ims uploads show 01935f6e-7b1c-7000-8000-000000000000
    """
    show.out.print_json(data=Gateway().get(f"{PATH}/{upload}"))


@commands.command()
def faults(upload: Id, out: Out = None) -> None:
    """Show why rows cannot be sent, or write those rows to a file, to be mended and uploaded again.

    Example: ims uploads faults 01935f6e-7b1c-7000-8000-000000000000 --out bad.csv
    """
    client = Gateway()
    if out is None:
        _tell(client, client.get(f"{PATH}/{upload}"))
    else:
        client.download(f"{PATH}/{upload}/faults?format=csv", out)
        show.out.print(f"written to {out}")


@commands.command()
def results(upload: Id, out: Annotated[Path, typer.Option("--out", help="The CSV file.")]) -> None:
    """Write what became of each row to a file.

    Example: ims uploads results 01935f6e-7b1c-7000-8000-000000000000 --out results.csv
    """
    Gateway().download(f"{PATH}/{upload}/results", out)
    show.out.print(f"written to {out}")


@commands.command()
def pause(upload: Id) -> None:
    """Stop sending for now.

    Example: ims uploads pause 01935f6e-7b1c-7000-8000-000000000000
    """
    _step(upload, "pause")


@commands.command()
def resume(upload: Id) -> None:
    """Go on sending, and follow it.

    Example: ims uploads resume 01935f6e-7b1c-7000-8000-000000000000
    """
    client = Gateway()
    found = _follow(client, client.post(f"{PATH}/{upload}/resume", {}), "sending")
    show.out.print(f"{found['state']}: {found['accepted']:,} accepted, {found['refused']:,} refused")


@commands.command()
def cancel(upload: Id) -> None:
    """Send no more of it.

    Example: ims uploads cancel 01935f6e-7b1c-7000-8000-000000000000
    """
    _step(upload, "cancel")


def _step(upload: str, name: str) -> None:
    found = Gateway().post(f"{PATH}/{upload}/{name}", {})
    show.out.print(f"{found['state']}: {found['accepted']:,} of {found['good']:,} accepted")
