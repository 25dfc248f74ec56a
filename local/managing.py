"""`ims accounts`, `people`, `keys`, `identities`, `templates`, `optouts`, `stats`, `audit`: the API, nothing beside it.

What belongs to one account is asked with the demo account's live key, or, for another account, by an operator.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from local import show
from local.client import Gateway
from local.operating import MARKDOWN, Dry, Reason, _call, _table
from local.problems import Problem

accounts = typer.Typer(help="See accounts; open, suspend and resume one.", **MARKDOWN)
people = typer.Typer(help="See who signs in to an account; invite somebody.", **MARKDOWN)
keys = typer.Typer(help="See the keys of an account; make and revoke one.", **MARKDOWN)
identities = typer.Typer(help="See what accounts may speak as; approve or reject what waits.", **MARKDOWN)
templates = typer.Typer(help="See templates; approve or reject what waits.", **MARKDOWN)
optouts = typer.Typer(help="See who wants no messages of the demo account; add and end opt-outs.", **MARKDOWN)
stats = typer.Typer(help="See what became of messages.", **MARKDOWN)
audit = typer.Typer(help="See who changed or looked at what; verify that nothing of it was changed.", **MARKDOWN)

MOST = 10_000
"""Rows that a list shows."""


def _all(path: str, query: dict[str, str] | None = None, kind: str = "admin") -> list[dict[str, Any]]:
    """The rows of all pages."""
    client, rows = Gateway(kind), list[dict[str, Any]]()
    found: dict[str, Any] = {"next": ""}
    while found["next"] is not None and len(rows) < MOST:
        more = {"cursor": found["next"]} if found["next"] else {}
        found = client.get(path, limit="200", **(query or {}), **more)
        rows += found["items"]
    return rows


Account = Annotated[str, typer.Option(help="The account's username.")]
State = Annotated[str, typer.Option(help="pending, approved or rejected; empty: all.")]
Limit = Annotated[int, typer.Option(help="So many of the newest.")]


@accounts.command("list")
def list_accounts() -> None:
    """Show every account with its limits.

    Example: ims accounts list
    """
    rows = _all("/v1/admin/accounts")
    for row in rows:
        row |= row["limits"]
    _table(rows, "username", "state", "send_window", "rate_per_second", "daily_limit", "created_at")


@accounts.command("open")
def open_account(username: str, daily_limit: Annotated[int, typer.Option(help="0: none")] = 0) -> None:
    """Open an account; then invite its owner with `ims people invite`.

    Example: ims accounts open shop --daily-limit 100000
    """
    body = {"username": username, **({"daily_limit": daily_limit} if daily_limit else {})}
    show.out.print_json(data=_call("POST", "accounts", body))


@accounts.command("suspend")
def suspend(
    username: str,
    reason: Reason,
    reservations: Annotated[str, typer.Option(help="hold or cancel")] = "hold",
    dry: Dry = False,
) -> None:
    """Accept nothing of an account until it is resumed.

    Example: ims accounts suspend shop --reason "unpaid" --dry-run
    """
    body = {"reason": reason, "reservations": reservations}
    show.out.print_json(data=_call("POST", f"accounts/{username}/suspend", body, dry))


@accounts.command("resume")
def resume(username: str, dry: Dry = False) -> None:
    """Let a suspended account go on.

    Example: ims accounts resume shop
    """
    show.out.print_json(data=_call("POST", f"accounts/{username}/resume", dry=dry))


@people.command("list")
def list_people(account: Account = "demo") -> None:
    """Show the people of an account.

    Example: ims people list --account shop
    """
    rows = _all(f"/v1/admin/accounts/{account}/people")
    for row in rows:
        row["roles"] = " ".join(row["roles"])
    _table(rows, "email", "name", "roles", "state", "totp", "last_seen_at", "id")


@people.command("invite")
def invite(
    email: str,
    account: Account = "demo",
    role: Annotated[list[str] | None, typer.Option(help="owner, sender, developer or viewer; may be repeated")] = None,
) -> None:
    """Ask somebody in by mail; locally the simulator shows the mail (`/mails?to=`).

    Example: ims people invite kim@shop.example --account shop --role owner
    """
    body = {"email": email, "roles": role or ["owner"]}
    show.out.print_json(data=_call("POST", f"accounts/{account}/people/invitations", body))


@keys.command("list")
def list_keys(account: Account = "demo") -> None:
    """Show an account's keys, without their secrets.

    Example: ims keys list --account shop
    """
    rows = _all(f"/v1/admin/accounts/{account}/keys")
    for row in rows:
        row["scopes"] = " ".join(row["scopes"])
    _table(rows, "hint", "name", "kind", "scopes", "last_used_at", "expires_at", "id")


@keys.command("create")
def create_key(
    name: str,
    account: Account = "demo",
    kind: Annotated[str, typer.Option(help="live or test")] = "live",
    scope: Annotated[list[str] | None, typer.Option(help="may be repeated; left out: the usual ones")] = None,
) -> None:
    """Make a key; it is shown once.

    Example: ims keys create "shop front" --account shop --scope messages:send
    """
    body = {"name": name, "kind": kind, **({"scopes": scope} if scope else {})}
    show.out.print_json(data=_call("POST", f"accounts/{account}/keys", body))


@keys.command("revoke")
def revoke_key(key_id: str, account: Account = "demo") -> None:
    """End a key; it is dead within ten seconds.

    Example: ims keys revoke 0193… --account shop
    """
    Gateway("admin").delete(f"/v1/admin/accounts/{account}/keys/{key_id}")
    show.out.print(f"{key_id} opens nothing within ten seconds")


@identities.command("list")
def list_identities(state: State = "pending") -> None:
    """Show identities of all accounts, those first that wait.

    Example: ims identities list --state pending
    """
    rows = _all("/v1/admin/identities", {"state": state} if state else None)
    _table(rows, "username", "channel", "kind", "value", "state", "reason", "id")


@identities.command("approve")
def approve_identity(identity_id: str) -> None:
    """Let an account speak as this.

    Example: ims identities approve 0193…
    """
    show.out.print_json(data=_call("POST", f"identities/{identity_id}/approve"))


@identities.command("reject")
def reject_identity(identity_id: str, reason: Reason) -> None:
    """Refuse it, with the reason that the account reads.

    Example: ims identities reject 0193… --reason "the proof is not readable"
    """
    show.out.print_json(data=_call("POST", f"identities/{identity_id}/reject", {"reason": reason}))


@templates.command("list")
def list_templates(state: State = "") -> None:
    """Show templates of all accounts.

    Example: ims templates list --state pending
    """
    rows = _all("/v1/admin/templates", {"state": state} if state else None)
    _table(rows, "username", "channel", "code", "name", "version", "state", "id")


@templates.command("approve")
def approve_template(template_id: str) -> None:
    """Let messages use its newest version.

    Example: ims templates approve 0193…
    """
    show.out.print_json(data=_call("POST", f"templates/{template_id}/approve"))


@templates.command("reject")
def reject_template(template_id: str, reason: Reason) -> None:
    """Refuse it, with the reason that the account reads.

    Example: ims templates reject 0193… --reason "the name is missing"
    """
    show.out.print_json(data=_call("POST", f"templates/{template_id}/reject", {"reason": reason}))


@optouts.command("list")
def list_optouts(
    to: Annotated[str, typer.Option(help="one recipient")] = "",
    state: Annotated[str, typer.Option(help="active, ended or all")] = "active",
) -> None:
    """Show opt-outs.

    Example: ims optouts list --to 01012345678 --state all
    """
    rows = _all("/v1/optouts", {"state": state, **({"to": to} if to else {})}, "live")
    _table(rows, "to", "channel", "scope", "source", "at", "ended_at", "id")


@optouts.command("add")
def add_optout(
    to: str,
    scope: Annotated[str, typer.Option(help="ads, or all")] = "ads",
    channel: Annotated[str, typer.Option(help="left out: all channels")] = "",
    reason: Annotated[str, typer.Option(help="what the recipient said")] = "",
) -> None:
    """Note that somebody wants no more; it holds within five seconds.

    Example: ims optouts add 01012345678 --reason "called us"
    """
    given = {"channel": channel, "reason": reason}
    body = {"to": to, "scope": scope, **{name: value for name, value in given.items() if value}}
    show.out.print_json(data=Gateway().post("/v1/optouts", body))


@stats.command("show")
def show_stats(
    by: Annotated[str, typer.Option(help="lane, channel, type, vendor, status, code; several with commas")] = "channel",
    step: Annotated[str, typer.Option(help="minute, hour or day")] = "day",
    since: Annotated[str, typer.Option(help="a time with offset; left out: a day ago")] = "",
    until: Annotated[str, typer.Option(help="a time with offset; left out: now")] = "",
    account: Annotated[str, typer.Option(help="another account than the demo's, as an operator")] = "",
) -> None:
    """Show what became of messages, by the time of their acceptance.

    Example: ims stats show --by channel,status --step hour
    """
    given = {"by": by, "step": step, "since": since, "until": until, "username": account}
    query = {name: value for name, value in given.items() if value}
    found = Gateway("admin").get("/v1/admin/stats", **query) if account else Gateway().get("/v1/stats", **query)
    rows = found["items"]
    for row in rows:
        row |= {name: row["latency_ms"][name] for name in ("p50", "p95", "p99")}
    _table(
        rows,
        "at",
        *found["by"],
        "accepted",
        "delivered",
        "failed",
        "expired",
        "canceled",
        "waiting",
        "p50",
        "p99",
        "price",
    )


@audit.command("list")
def list_audit(
    account: Annotated[str, typer.Option(help="one account's; left out: all")] = "",
    action: Annotated[str, typer.Option(help="such as key.create")] = "",
    limit: Limit = 50,
) -> None:
    """Show who changed, or looked at, what; the newest first.

    Example: ims audit list --account shop
    """
    given = {"username": account, "action": action, "limit": str(limit)}
    rows = Gateway("admin").get("/v1/admin/audit", **{n: v for n, v in given.items() if v})["items"]
    for row in rows:
        row["actor"] = row["actor"]["name"]
    _table(rows, "id", "at", "actor", "from", "username", "action", "object", "purpose")


@audit.command("verify")
def verify() -> None:
    """Walk the audit's chain; exit code 1 when a row was changed or removed.

    Example: ims audit verify
    """
    found = _call("GET", "audit/verify")
    show.out.print_json(data=found)
    if not found["ok"]:
        raise Problem(
            f"the audit is broken at row {found['broken_at']}",
            "keep the database as it is, and compare with the heads in the logs (`audit`, seq and hash)",
        )
