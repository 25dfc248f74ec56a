"""`/v1/admin/accounts`: opening them, their limits, suspending and resuming them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.channels.common import Fault
from shared.channels.schema import Content
from shared.edge import objects
from shared.edge.auditing import Deed, audited
from shared.edge.callers import operator
from shared.following import reading
from shared.following.callbacks import address_faults
from shared.operating.common import Json, Reason, dry, said, stop_view
from shared.runtime import Context
from shared.runtime.clock import iso
from shared.runtime.problems import Problem
from shared.stores import operating as store
from shared.stores import requests, stops
from shared.stores.operating import AccountRow
from shared.stores.sql import Connection
from shared.stores.stops import Stop

_NAME = re.compile(r"[a-z0-9_-]{3,32}").fullmatch
COLUMNS = {
    "send_window": "send_window",
    "rate_per_second": "rate_per_second",
    "daily_limit": "daily_limit",
    "callback_uri": "callback_uri",
    "callback_enabled": "callback_enabled",
}


class Change(Content):
    """Limits and callback of an account; a null limit is none. Only what is given changes."""

    send_window: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    rate_per_second: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    daily_limit: Annotated[int, Field(ge=1, le=4_000_000_000)] | None = None
    callback_uri: Annotated[str, Field(max_length=2048)] | None = None
    callback_enabled: bool = True


class New(Change):
    """A new account."""

    username: str


class Suspension(Content):
    """Why, and what becomes of the reservations: they wait for the end, or are canceled."""

    reason: Reason
    reservations: Literal["hold", "cancel"]


def _username(text: str) -> str:
    if not _NAME(text):
        raise ValueError("3 to 32 of a-z, 0-9, _ and -")
    return text


def _view(row: AccountRow, stop: Stop | None) -> Json:
    state = "active" if row.enabled else "suspended" if stop else "closed"
    return {
        "id": row.account_id,
        "username": row.username,
        "state": state,
        "suspended": stop and stop_view(stop),
        "limits": {n: getattr(row, n) for n in ("send_window", "rate_per_second", "daily_limit")},
        "callback": {
            "callback_uri": row.callback_uri, "enabled": bool(row.callback_enabled), "batch_size": row.callback_batch
        },
        "created_at": iso(row.created_ms),
    }  # fmt: skip


async def list_all(request: Request, ims: Context) -> Response:
    """All accounts, in the order in which they were opened."""
    await operator(request, ims)
    given = objects.asked(request, "accounts", "operators", {"username": _username}, 8)
    after = int.from_bytes(given.place, "big") if "cursor" in request.query_params else 0
    rows, held = await ims.db(_page, min(after, 2**32), given.limit + 1, given.get("username"), ims.now_ms())
    return objects.page(
        given, rows, lambda r: _view(r, held.get(r.username)), lambda r: r.account_id.to_bytes(8, "big")
    )


def _page(
    conn: Connection, after: int, limit: int, username: str | None, now_ms: int
) -> tuple[list[AccountRow], dict[str, Stop]]:
    held = {stop.object: stop for stop in stops.holding(conn, now_ms, stops.ACCOUNT)}
    return store.accounts(conn, after, limit, username), held


async def create(request: Request, ims: Context) -> Response:
    """Open an account. Its first key: POST …/{username}/keys; its first person: …/people/invitations."""
    who = await operator(request, ims)

    async def faults(wish: New) -> list[Fault]:
        wrong = [] if _NAME(wish.username) else [Fault("/username", "format", "3 to 32 of a-z, 0-9, _ and -")]
        return wrong + await address_faults(ims.egress, wish.callback_uri)

    wish = await reading.body(request, New, faults)

    def work(conn: Connection) -> AccountRow | None:
        if not store.open_account(conn, wish.username, _columns(wish), ims.now_ms()):
            return None
        return store.account(conn, wish.username)

    def deed(row: AccountRow | None) -> Deed | None:
        return row and Deed("account.open", f"account:{row.username}", after=_view(row, None), about=_about(row))

    made = await audited(ims, who, deed, work)
    if made is None:
        raise objects.exists("account", wish.username)
    return reading.answer(_view(made, None), 201)


def _columns(wish: Change) -> dict[str, Any]:
    return {COLUMNS[n]: getattr(wish, n) for n in COLUMNS if n in wish.model_fields_set}


def _about(row: AccountRow) -> tuple[int, str]:
    return row.account_id, row.username


async def show(request: Request, ims: Context) -> Response:
    """One account, with how much it has reserved."""
    await operator(request, ims)
    return reading.answer(await ims.db(_one, request.path_params["username"], ims.now_ms()))


def _one(conn: Connection, username: str, now_ms: int) -> Json:
    row = _found(conn, username)
    messages, many = store.reservations(conn, row.account_id)
    stop = stops.one(conn, stops.ACCOUNT, username, now_ms)
    return {**_view(row, stop), "reservations": {"messages": messages, "requests": many}}


def _found(conn: Connection, username: str, lock: str = "") -> AccountRow:
    row = store.account(conn, username, lock)
    if row is None:
        raise reading.not_found("account")
    return row


async def change(request: Request, ims: Context) -> Response:
    """Change an account's limits or callback; it counts within 10 s."""
    who = await operator(request, ims)
    username = request.path_params["username"]

    async def faults(wish: Change) -> list[Fault]:
        none = [] if wish.model_fields_set else [Fault("", "required", "what changes?")]
        return none + await address_faults(ims.egress, wish.callback_uri)

    wish = await reading.body(request, Change, faults)

    def work(conn: Connection) -> tuple[AccountRow, Json, Json]:
        before = _found(conn, username, "FOR UPDATE")
        store.change_account(conn, before.account_id, _columns(wish))
        stop = stops.one(conn, stops.ACCOUNT, username, ims.now_ms())
        return before, _view(before, stop), _view(_found(conn, username), stop)

    def deed(done: tuple[AccountRow, Json, Json]) -> Deed:
        return Deed("account.change", f"account:{username}", done[1], done[2], about=_about(done[0]))

    row, _, after = await audited(ims, who, deed, work)
    ims.accounts.forget(row.account_id)
    return reading.answer(after)


async def suspend(request: Request, ims: Context) -> Response:
    """Close an account to all of its keys and people, until it is resumed; what it had sent goes on to its end."""
    who, only_shown = await operator(request, ims), dry(request)
    username = request.path_params["username"]

    async def faults(wish: Suspension) -> list[Fault]:
        return said(wish.reason)

    wish = await reading.body(request, Suspension, faults)
    now = ims.now_ms()
    if only_shown:
        one = await ims.db(_one, username, now)
        what = "would_be_held" if wish.reservations == "hold" else "would_be_canceled"
        return reading.answer({"dry_run": True, "username": username, "state": one["state"], what: one["reservations"]})
    stop = Stop(stops.ACCOUNT, username, wish.reason.strip(), who.actor.name, wish.reservations, now, None)

    def work(conn: Connection) -> AccountRow:
        row = _found(conn, username, "FOR UPDATE")
        if not row.enabled:
            raise _already("suspended")
        store.change_account(conn, row.account_id, {"enabled": 0})
        stops.put(conn, stop)
        _reservations(conn, row.account_id, wish.reservations, now)
        return row

    def deed(row: AccountRow) -> Deed:
        return Deed("account.suspend", f"account:{username}", None, stop_view(stop), wish.reason, _about(row))

    row = await audited(ims, who, deed, work)
    ims.accounts.forget(row.account_id)
    return reading.answer(await ims.db(_one, username, ims.now_ms()))


def _reservations(conn: Connection, account_id: int, what: str, now_ms: int) -> None:
    """Cancel them (route is told by due work of this transaction), or put them off."""
    if what == "hold":
        store.hold_reservations(conn, account_id, held=True)
        return
    for request_id in store.reserved(conn, account_id):
        found = requests.read(conn, account_id, UUID(bytes=request_id))
        if found is not None:
            requests.cancel(conn, account_id, found, now_ms)


async def resume(request: Request, ims: Context) -> Response:
    """Open a suspended account again; held reservations leave at their times, or now where those have passed."""
    who, only_shown = await operator(request, ims), dry(request)
    username = request.path_params["username"]
    if only_shown:
        one = await ims.db(_one, username, ims.now_ms())
        return reading.answer({"dry_run": True, **one})

    def work(conn: Connection) -> AccountRow:
        row = _found(conn, username, "FOR UPDATE")
        if row.enabled:
            raise _already("active")
        store.change_account(conn, row.account_id, {"enabled": 1})
        stops.end(conn, stops.ACCOUNT, username)
        store.hold_reservations(conn, row.account_id, held=False)
        return row

    def deed(row: AccountRow) -> Deed:
        return Deed("account.resume", f"account:{username}", about=_about(row))

    row = await audited(ims, who, deed, work)
    ims.accounts.forget(row.account_id)
    return reading.answer(await ims.db(_one, username, ims.now_ms()))


def _already(state: str) -> Problem:
    return Problem(409, f"The account is {state} already.", kind="already")
