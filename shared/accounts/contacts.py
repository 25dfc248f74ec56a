"""`/v1/contacts`: the people an account writes to. An address belongs to one contact."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.channels import MODULES
from shared.channels.common import Fault, Refused, channel
from shared.channels.schema import Content
from shared.domain import phone
from shared.domain.text import tidy
from shared.edge import objects
from shared.edge.auditing import Deed, audited
from shared.edge.callers import Caller, caller
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso, new_request_id
from shared.runtime.problems import Problem
from shared.stores import contacts as store
from shared.stores.contacts import Contact, Key, NoGroup, Taken, key_of
from shared.stores.sql import Connection

MAX_NAME = 100
PHONE = "phone"

Json = dict[str, Any]
Label = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
Value = Annotated[str, Field(max_length=4000)] | float


class ContactIn(Content):
    """What is given of a contact; what is absent stays."""

    name: Annotated[str, Field(max_length=255)] | None = None
    addresses: Annotated[dict[str, Annotated[str, Field(max_length=2048)]], Field(max_length=10)] | None = None
    variables: (
        Annotated[dict[Annotated[str, Field(min_length=1, max_length=64)], Value], Field(max_length=100)] | None
    ) = None
    groups: Annotated[list[Label], Field(max_length=100)] | None = None
    tags: Annotated[list[Label], Field(max_length=100)] | None = None


def view(one: Contact) -> Json:
    """A contact as its account sees it."""
    return {
        "id": str(UUID(bytes=one.contact_id)),
        "name": one.name,
        "addresses": one.addresses,
        "variables": one.variables,
        "groups": list(one.groups),
        "tags": one.tags,
        "version": one.version,
        "created_at": iso(one.created_ms),
        "updated_at": iso(one.updated_ms),
    }


def stored(name: str, address: str) -> str:
    """An address of a channel in its stored form; raises Refused."""
    kind = channel(name)
    try:
        return kind.address(None, address)
    except Refused:
        if kind.phone and (foreign := phone.foreign(address)):
            return foreign
        raise


def keys_of(addresses: dict[str, str]) -> set[Key]:
    """What addresses are compared by; phone channels share theirs."""
    return {key_of(PHONE if channel(name).phone else name, text) for name, text in addresses.items()}


def _address_faults(wish: ContactIn, new: bool) -> list[Fault]:
    faults = []
    if not wish.addresses and (new or wish.addresses is not None):
        faults.append(Fault("/addresses", "required", 'at least one, like {"mt": "01012345678"}'))
    for name, address in (wish.addresses or {}).items():
        if name not in MODULES:
            faults.append(Fault(f"/addresses/{name[:64]}", "unknown_channel", f"channels are: {', '.join(MODULES)}"))
            continue
        try:
            wish.addresses = {**(wish.addresses or {}), name: stored(name, address)}
        except Refused as wrong:
            faults.append(Fault(f"/addresses/{name}", wrong.code, wrong.detail))
    return faults


async def _wish(request: Request, *, new: bool) -> ContactIn:
    async def faults(wish: ContactIn) -> list[Fault]:
        return _address_faults(wish, new)

    wish = await reading.body(request, ContactIn, faults)
    for name in ("groups", "tags"):
        if (listed := getattr(wish, name)) is not None:
            setattr(wish, name, list(dict.fromkeys(tidy(text) for text in listed)))
    return wish


def _made(who: Caller, wish: ContactIn, now: int) -> Contact:
    contact_id = new_request_id(now).bytes
    return Contact(
        contact_id, who.account.account_id, wish.name, wish.addresses or {}, wish.variables or {}, wish.tags or [],
        1, now, now, tuple(wish.groups or ()),
    )  # fmt: skip


def _given(wish: ContactIn) -> Json:
    return {name: value for name, value in wish.model_dump().items() if value is not None}


def changed(held: Contact, wish: ContactIn, now: int) -> Contact:
    """What is given takes the place of what was."""
    given = _given(wish)
    if "groups" in given:
        given["groups"] = tuple(given["groups"])
    return held._replace(**given, version=held.version + 1, updated_ms=now)


def merged(held: Contact, wish: ContactIn, now: int) -> Contact:
    """What is given is added; for the same channel or variable the new one holds."""
    return held._replace(
        name=wish.name or held.name,
        addresses=held.addresses | (wish.addresses or {}),
        variables=held.variables | (wish.variables or {}),
        tags=list(dict.fromkeys([*held.tags, *(wish.tags or [])])),
        groups=tuple(dict.fromkeys([*held.groups, *(wish.groups or [])])),
        version=held.version + 1,
        updated_ms=now,
    )


def _taken(error: Taken) -> Problem:
    ids = [str(UUID(bytes=one)) for one in error.ids]
    if len(ids) == 1:
        return Problem(409, "A contact has this address already.", kind="exists", id=ids[0])
    return Problem(409, "The addresses belong to several contacts.", kind="exists", ids=ids)


def _no_group(error: NoGroup, wish: ContactIn) -> Problem:
    listed = wish.groups or []
    return reading.invalid(
        Fault(f"/groups/{listed.index(name)}", "not_found", "no such group; make it by POST /v1/groups")
        for name in error.names
    )


def _words(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


FILTERS: dict[str, reading.Reader] = {"to": reading.to, "group": str}


async def list_all(request: Request, ims: Context) -> Response:
    """The account's contacts: all, the one at an address (`to`), or those in a group."""
    who = await caller(request, ims)
    given = objects.asked(request, "contacts", who.mark, FILTERS)
    account_id = who.account.account_id
    wanted: Json = {}
    if "to" in given:
        wanted["keys"] = {key_of(kind, given["to"]) for kind in (PHONE, "email", "push")}
    if "group" in given:
        found = await ims.db(store.group_ids, account_id, [tidy(given["group"])])
        wanted["group"] = next(iter(found.values()), bytes(16))
    rows = await ims.db(store.page, account_id, given.place, given.limit + 1, wanted)
    return objects.page(given, rows, view, lambda one: one.contact_id)


async def show(request: Request, ims: Context) -> Response:
    """One contact."""
    who = await caller(request, ims)
    wanted = reading.path_id(request, "id", reading.uuid, "contact")
    found = await ims.db(store.one, who.account.account_id, wanted.bytes)
    if found is None:
        raise reading.not_found("contact")
    return objects.shown(view(found))


async def create(request: Request, ims: Context) -> Response:
    """Make a contact; a known address is 409 with its contact's id, or (`merge=true`) adds to that one."""
    who = await caller(request, ims)
    merge = reading.query(request, {"merge": _words}).get("merge", False)
    wish = await _wish(request, new=True)
    new = _made(who, wish, ims.now_ms())

    def change(conn: Connection) -> tuple[Contact | None, Contact]:
        held = store.owners(conn, new.account_id, keys_of(new.addresses), store.SHARED) if merge else set()
        if len(held) > 1:
            raise Taken(held)
        before = store.one(conn, new.account_id, held.pop(), "FOR UPDATE") if held else None
        after = merged(before, wish, new.created_ms) if before else new
        return before, store.save(conn, after, keys_of(after.addresses))

    before, after = await _saved(ims, who, wish, change)
    return objects.shown(view(after), 200 if before else 201)


async def change(request: Request, ims: Context) -> Response:
    """Change what is given of a contact."""
    who = await caller(request, ims)
    wanted = reading.path_id(request, "id", reading.uuid, "contact")
    wish, now = await _wish(request, new=False), ims.now_ms()

    def apply(conn: Connection) -> tuple[Contact | None, Contact]:
        held = store.one(conn, who.account.account_id, wanted.bytes, "FOR UPDATE")
        if held is None:
            raise reading.not_found("contact")
        objects.matches(request, held.version)
        after = changed(held, wish, now)
        return held, store.save(conn, after, keys_of(after.addresses))

    return objects.shown(view((await _saved(ims, who, wish, apply))[1]))


async def _saved(ims: Context, who: Caller, wish: ContactIn, step: Any) -> tuple[Contact | None, Contact]:
    def deed(done: tuple[Contact | None, Contact]) -> Deed:
        before, after = done
        action = "contact.change" if before else "contact.add"
        return Deed(action, f"contact:{UUID(bytes=after.contact_id)}", view(before) if before else None, view(after))

    try:
        return await audited(ims, who, deed, step)
    except Taken as error:
        raise _taken(error) from error
    except NoGroup as error:
        raise _no_group(error, wish) from error


async def remove(request: Request, ims: Context) -> Response:
    """Erase a contact; opt-outs and consents of its addresses stay."""
    who = await caller(request, ims)
    wanted = reading.path_id(request, "id", reading.uuid, "contact")

    def deed(held: Contact | None) -> Deed | None:
        return Deed("contact.erase", f"contact:{wanted}") if held else None

    if await audited(ims, who, deed, store.remove, who.account.account_id, wanted.bytes) is None:
        raise reading.not_found("contact")
    return Response(status_code=204)
