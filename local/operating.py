"""`ims lanes`, `vendors`, `alarms`, `functions`, `stops`: what operators see and do, by the API with the admin key."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from local import show
from local.client import Gateway

MARKDOWN: dict[str, Any] = {"rich_markup_mode": "markdown", "no_args_is_help": True}
lanes = typer.Typer(help="See what waits in each lane; pause and resume one.", **MARKDOWN)
vendors = typer.Typer(help="See vendor accounts; drain, undrain, reset or test one.", **MARKDOWN)
alarms = typer.Typer(help="See alarms; acknowledge or mute one.", **MARKDOWN)
functions = typer.Typer(help="See functions with their instances; change a log level for a while.", **MARKDOWN)
Reason = Annotated[str, typer.Option(help="Why; others read it.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Only show what would happen.")]


def _call(method: str, path: str, body: dict[str, Any] | None = None, dry: bool = False) -> dict[str, Any]:
    gateway = Gateway("admin")
    where = f"/v1/admin/{path}{'?dry_run=true' if dry else ''}"
    if method == "GET":
        return gateway.get(where)
    return gateway.put(where, body or {}) if method == "PUT" else gateway.post(where, body or {})


def _table(rows: list[dict[str, Any]], *columns: str) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*(escape("–" if row.get(c) is None else str(row[c])) for c in columns))
    show.out.print(table if rows else "none")


@lanes.command("list")
def list_lanes() -> None:
    """Show what waits in each lane, and for what.

    Example: ims lanes list
    """
    rows = _call("GET", "lanes")["items"]
    for row in rows:
        row["paused"] = row["paused"] and f"until {row['paused']['until']}: {row['paused']['reason']}"
    _table(rows, "lane", "overdue", "later", "for_turn", "for_room", "for_pause", "on_the_way", "paused")


@lanes.command("pause")
def pause_lane(
    lane: str,
    reason: Reason,
    minutes: Annotated[int, typer.Option(help="It goes on by itself then.")] = 60,
    dry: Dry = False,
) -> None:
    """Let nothing of a lane leave for a while.

    Example: ims lanes pause bulk --reason "wrong content" --minutes 30
    """
    show.out.print_json(data=_call("POST", f"lanes/{lane}/pause", {"reason": reason, "minutes": minutes}, dry))


@lanes.command("resume")
def resume_lane(lane: str, dry: Dry = False) -> None:
    """Let a lane go on.

    Example: ims lanes resume bulk
    """
    show.out.print_json(data=_call("POST", f"lanes/{lane}/resume", dry=dry))


@vendors.command("list")
def list_vendors() -> None:
    """Show every vendor account by channel, with its share, breaker and health.

    Example: ims vendors list
    """
    rows = _call("GET", "vendors")["items"]
    for row in rows:
        row["breaker"], row["success"] = row["breaker"]["state"], row["health"]["success"]
        row["drained"] = row["drained"] and f"until {row['drained']['until']}"
    columns = ("channel", "vendor", "account", "weight", "share", "enabled", "sandbox", "breaker", "success", "drained")
    _table(rows, *columns)


@vendors.command("drain")
def drain_vendor(
    vendor: str,
    account: str,
    reason: Reason,
    confirm: Annotated[str, typer.Option(help="vendor/account")] = "",
    dry: Dry = False,
) -> None:
    """Give a vendor account nothing new.

    Example: ims vendors drain nhn main --reason maintenance
    """
    body = {"reason": reason, **({"confirm": confirm} if confirm else {})}
    show.out.print_json(data=_call("POST", f"vendors/{vendor}/{account}/drain", body, dry))


@vendors.command("undrain")
def undrain_vendor(vendor: str, account: str) -> None:
    """Give a vendor account new messages again.

    Example: ims vendors undrain nhn main
    """
    show.out.print_json(data=_call("POST", f"vendors/{vendor}/{account}/undrain"))


@vendors.command("reset")
def reset_vendor(vendor: str, account: str) -> None:
    """Close a vendor account's breakers by hand.

    Example: ims vendors reset nhn main
    """
    show.out.print_json(data=_call("POST", f"vendors/{vendor}/{account}/reset"))


@vendors.command("test")
def test_vendor(vendor: str, account: str) -> None:
    """See whether a vendor's address answers.

    Example: ims vendors test nhn main
    """
    show.out.print_json(data=_call("POST", f"vendors/{vendor}/{account}/test"))


@alarms.command("list")
def list_alarms() -> None:
    """Show alarms that fire, wait or ended lately.

    Example: ims alarms list
    """
    rows = _call("GET", "alarms")["items"]
    for row in rows:
        row["by"] = row["acknowledged"] and row["acknowledged"]["by"]
    _table(rows, "state", "severity", "name", "subject", "since", "by", "text")


@alarms.command("history")
def alarm_history() -> None:
    """Show what became of alarms, the newest first.

    Example: ims alarms history
    """
    _table(_call("GET", "alarms/history")["items"], "at", "name", "subject", "event", "by", "text")


@alarms.command("acknowledge")
def acknowledge(name: str) -> None:
    """Say that you see to an alarm.

    Example: ims alarms acknowledge ImsVendorDown
    """
    show.out.print_json(data=_call("POST", f"alarms/{name}/acknowledge"))


@alarms.command("mute")
def mute(
    name: str, until: Annotated[str, typer.Option(help="RFC 3339, at most 7 days from now.")], reason: Reason
) -> None:
    """Tell nobody of an alarm until then.

    Example: ims alarms mute ImsVendorDown --until 2026-12-01T15:00:00+09:00 --reason "the vendor works on it"
    """
    show.out.print_json(data=_call("POST", f"alarms/{name}/mute", {"until": until, "reason": reason}))


@functions.command("list")
def list_functions() -> None:
    """Show every process with its instances.

    Example: ims functions list
    """
    rows = _call("GET", "functions")["items"]
    for row in rows:
        row["up"] = row["replicas"]["up"]
        row["versions"] = ", ".join(sorted({one["version"] for one in row["instances"] if one["version"]}))
    _table(rows, "name", "state", "up", "versions")


@functions.command("log-level")
def log_level(
    name: str,
    level: str,
    minutes: Annotated[int, typer.Option(help="It is back by itself then.")] = 15,
    logger: Annotated[str, typer.Option(help="A module or package; all when left out.")] = "",
) -> None:
    """Change the log level of a process for a while.

    Example: ims functions log-level route-fast debug --minutes 5
    """
    body = {"level": level, "minutes": minutes, "logger": logger}
    show.out.print_json(data=_call("PUT", f"functions/{name}/log-level", body))


def stops() -> None:
    """Show whatever operators have stopped: who, why, and until when.

    Example: ims stops
    """
    _table(_call("GET", "stops")["items"], "kind", "object", "since", "until", "by", "reason")
