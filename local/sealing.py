"""`ims secrets`: how secrets stand in MySQL, and sealing them anew by the first key of `IMS_SECRET_KEYS`."""

from __future__ import annotations

from typing import Any

import typer
from rich.table import Table

from local import show
from local.client import Gateway

commands = typer.Typer(
    help="Show how secrets stand in MySQL; seal them anew by the first key of IMS_SECRET_KEYS.",
    rich_markup_mode="markdown",
    no_args_is_help=True,
)
PATH = "/v1/admin/secrets"


@commands.command()
def status() -> None:
    """Count secrets by how they stand. Exit code 1 when some are not sealed by the first key.

    Example: ims secrets status
    """
    _tell(Gateway("admin").get(PATH))


@commands.command()
def rotate() -> None:
    """Seal by the first key what stands by an older one, or in clear. Everything goes on meanwhile.

    Example: ims secrets rotate
    """
    gateway = Gateway("admin")
    told = gateway.post(f"{PATH}/rotate", {})
    resealed = told["resealed"]
    while not told["done"] and told["resealed"]:
        told = gateway.post(f"{PATH}/rotate", {})
        resealed += told["resealed"]
    show.out.print(f"{resealed} sealed anew")
    _tell(told)


def _tell(told: dict[str, Any]) -> None:
    table = Table("secrets of", "sealed", "by an older key", "in clear", "unreadable")
    for kind, counts in told["kinds"].items():
        table.add_row(kind, *(str(counts[state]) for state in ("sealed", "stale", "clear", "unreadable")))
    show.out.print(table)
    show.out.print(f"written by key [bold]{told['key']}[/]")
    raise typer.Exit(1 if any(sum(c.values()) > c["sealed"] for c in told["kinds"].values()) else 0)
