"""`/v1/groups`: named groups of contacts, which a request may name as a recipient."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.accounts.contacts import MAX_NAME
from shared.channels.common import Fault
from shared.channels.schema import Content
from shared.domain.text import tidy
from shared.edge import objects
from shared.edge.auditing import Deed, audited
from shared.edge.callers import Caller, caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso, new_request_id
from shared.stores import contacts as store
from shared.stores.contacts import Group, Taken
from shared.stores.sql import Connection

Json = dict[str, Any]


class GroupIn(Content):
    """A group's name."""

    name: Annotated[str, Field(max_length=MAX_NAME)] | None = None


def view(one: Group) -> Json:
    """A group as its account sees it."""
    return {
        "id": str(UUID(bytes=one.group_id)),
        "name": one.name,
        "members": one.members,
        "version": one.version,
        "created_at": iso(one.created_ms),
        "updated_at": iso(one.updated_ms),
    }


async def _name(request: Request) -> str:
    async def faults(wish: GroupIn) -> list[Fault]:
        return [] if (wish.name or "").strip() else [Fault("/name", "required", "what the group is called")]

    wish = await reading.body(request, GroupIn, faults)
    return tidy(wish.name or "")


async def list_all(request: Request, ims: Context) -> Response:
    """The account's groups with the number of their members."""
    who = await caller(request, ims)
    given = objects.asked(request, "groups", who.mark, {})
    rows = await ims.db(store.groups, who.account.account_id, given.place, given.limit + 1)
    return objects.page(given, rows, view, lambda one: one.group_id)


async def show(request: Request, ims: Context) -> Response:
    """One group."""
    who = await caller(request, ims)
    wanted = reading.path_id(request, "id", reading.uuid, "group")
    found = await ims.db(store.group, who.account.account_id, wanted.bytes)
    if found is None:
        raise reading.not_found("group")
    return objects.shown(view(found))


async def create(request: Request, ims: Context) -> Response:
    """Make a group; contacts name the groups that they are in."""
    who = await caller(request, ims)
    name, now = await _name(request), ims.now_ms()
    group_id = new_request_id(now).bytes
    new = Group(group_id, who.account.account_id, name, 1, now, now)
    return objects.shown(view(await _saved(ims, who, lambda conn: (None, store.save_group(conn, new)))), 201)


async def change(request: Request, ims: Context) -> Response:
    """Rename a group; what has been accepted for it stays as it is."""
    who = await caller(request, ims)
    wanted = reading.path_id(request, "id", reading.uuid, "group")
    name, now = await _name(request), ims.now_ms()

    def apply(conn: Connection) -> tuple[Group, Group]:
        held = store.group(conn, who.account.account_id, wanted.bytes, "FOR UPDATE")
        if held is None:
            raise reading.not_found("group")
        objects.matches(request, held.version)
        return held, store.save_group(conn, held._replace(name=name, version=held.version + 1, updated_ms=now))

    return objects.shown(view(await _saved(ims, who, apply)))


async def _saved(ims: Context, who: Caller, step: Any) -> Group:
    def deed(done: tuple[Group | None, Group]) -> Deed:
        before, after = done
        action = "group.change" if before else "group.add"
        return Deed(action, f"group:{UUID(bytes=after.group_id)}", view(before) if before else None, view(after))

    try:
        saved: tuple[Group | None, Group] = await audited(ims, who, deed, step)
    except Taken as error:
        raise objects.exists("group", str(UUID(bytes=error.ids[0]))) from error
    return saved[1]


async def remove(request: Request, ims: Context) -> Response:
    """Delete a group; its members stay contacts, and what has been accepted for it goes on."""
    who = await caller(request, ims)
    wanted = reading.path_id(request, "id", reading.uuid, "group")

    def deed(held: Group | None) -> Deed | None:
        return Deed("group.remove", f"group:{wanted}", before=view(held)) if held else None

    if await audited(ims, who, deed, store.remove_group, who.account.account_id, wanted.bytes) is None:
        raise reading.not_found("group")
    return Response(status_code=204)
