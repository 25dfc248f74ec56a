"""`/v1/identities` and `/v1/senders`: what an account may speak as, and operators' word on it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.accounts import domains, keys, secrets
from shared.accounts.kinds import KINDS, Kind
from shared.accounts.secrets import Sealed
from shared.channels.common import Fault
from shared.channels.schema import Content
from shared.edge import objects
from shared.edge.auditing import Deed, audited
from shared.edge.callers import Caller, caller, operator
from shared.following import reading
from shared.runtime import Context
from shared.runtime.clock import iso, new_request_id
from shared.runtime.problems import Problem
from shared.stores import files
from shared.stores import identities as store
from shared.stores.identities import APPROVED, PENDING, REJECTED, Row
from shared.stores.sql import Connection

YEAR_MS = 366 * 86_400_000
MAX_PROOF = 10
REASON = Annotated[str, Field(min_length=1, max_length=1000)]

Json = dict[str, Any]
Names = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=MAX_PROOF)]


class New(Content):
    """An identity that an account asks for."""

    channel: Annotated[str, Field(max_length=16)] | None = None
    kind: Annotated[str, Field(max_length=16)] | None = None
    value: Annotated[str, Field(max_length=255)] | None = None
    proof: Names = Field(default=[])
    settings: dict[str, Any] = Field(default={})


class NewSender(Content):
    """A sender number that an account asks for."""

    number: Annotated[str, Field(max_length=64)] | None = None
    proof: Names = Field(default=[])


class Change(Content):
    """What may change of an identity; only what is given changes, a null setting is removed."""

    proof: Names = Field(default=[])
    settings: dict[str, Any] = Field(default={})


class Decision(Content):
    """An operator's word; `version`: of what was read."""

    reason: REASON | None = None
    version: int | None = None


# --- views ------------------------------------------------------------------------------------------------------------


def name_of(row: Row) -> str:
    """Its id."""
    return str(UUID(bytes=row.identity_id))


def view(row: Row) -> Json:
    """An identity as its account sees it; secrets are never shown."""
    kind = KINDS[row.channel, row.kind]
    settings = {name: value for name, value in row.settings.items() if name in kind.settings}
    for name, setting in kind.settings.items():
        if setting.secret:
            kept = row.secrets.get(name)
            settings[name] = secrets.shown(Sealed(**kept) if kept else None, iso)
    made: Json = {
        "id": name_of(row),
        "channel": row.channel,
        "kind": row.kind,
        "value": row.value,
        "state": row.state,
        "reason": row.reason,
        "proof": list(row.proof),
        "settings": settings,
        "version": row.version,
        "created_at": iso(row.created_ms),
        "updated_at": iso(row.updated_ms),
    }
    if row.kind == "domain":
        made["dns"] = _dns(row)
        made["checked_at"] = iso(row.checked["at"]) if row.checked else None
    if "public_key" in row.settings:
        made["public_key"] = row.settings["public_key"]
    return made


def _dns(row: Row) -> list[Json]:
    results = (row.checked or {}).get("results", {})
    unknown: Json = {"state": "unchecked", "found": []}
    return [
        {**record._asdict(), **results.get(record.purpose, unknown)}
        for record in domains.records(row.value, row.identity_id.hex(), row.settings)
    ]


def sender_view(row: Row) -> Json:
    """A sender number."""
    made = view(row)
    kept = {name: made[name] for name in ("id", "state", "reason", "proof", "version", "created_at", "updated_at")}
    return {"number": row.value, **kept}


def operators_view(found: tuple[Row, str]) -> Json:
    """With the account that it belongs to."""
    return {"username": found[1], **view(found[0])}


# --- reading ----------------------------------------------------------------------------------------------------------


def _kind(wish: New) -> tuple[Kind | None, list[Fault]]:
    faults = [Fault(f"/{n}", "required", "must be given") for n in ("channel", "kind", "value") if not getattr(wish, n)]
    kind = KINDS.get((wish.channel or "", wish.kind or ""))
    if kind is None and wish.channel and wish.kind:
        known = ", ".join(f"{channel} {kind}" for channel, kind in KINDS)
        faults.append(Fault("/kind", "range", f"channels and their kinds are: {known}"))
    return kind, faults


class Read:
    """The settings of a body: plain ones, secrets, and what is removed."""

    def __init__(self, kind: Kind, given: dict[str, Any], kept: dict[str, Any]) -> None:
        self.plain: dict[str, Any] = {}
        self.secret: dict[str, str] = {}
        self.removed = {name for name, value in given.items() if value is None and name in kind.settings}
        self.faults: list[Fault] = []
        for name, value in given.items():
            if value is not None or name not in kind.settings:
                self._read(kind, name, value, kept)

    def _read(self, kind: Kind, name: str, value: Any, kept: dict[str, Any]) -> None:
        pointer = f"/settings/{name[:64]}"
        setting = kind.settings.get(name)
        if setting is None:
            known = ", ".join(kind.settings) or "none"
            self.faults.append(Fault(pointer, "unknown_field", f"no such setting; known are: {known}"))
            return
        if setting.secret and _mask(value, kept.get(name)):
            self.faults.append(
                Fault(pointer, "conflict", "is what is shown of the secret; send the secret, or nothing")
            )
            return
        try:
            into: dict[str, Any] = self.secret if setting.secret else self.plain
            into[name] = setting.read(value)
        except ValueError as error:
            self.faults.append(Fault(pointer, "format", str(error)))


def _mask(value: Any, kept: Json | None) -> bool:
    """Whether what a client sends is what it was shown: the object, its fingerprint, or a row of stars."""
    if isinstance(value, dict):
        return "fingerprint" in value or "set" in value
    if not isinstance(value, str):
        return False
    return value.startswith("fp_") or not value.strip("*•…") or bool(kept and secrets.same(value, Sealed(**kept)))


async def _proof_faults(ims: Context, who: Caller, names: list[str]) -> list[Fault]:
    known = await ims.db(files.file_infos, who.account.account_id, names, who.test) if names else {}
    return [Fault(f"/proof/{i}", "not_found", "no such file") for i, n in enumerate(names) if n not in known]


def _sealed(row: Row, texts: dict[str, str], now_ms: int) -> dict[str, Any]:
    if not texts:
        return {}
    return secrets.sealed(secrets.ring(), texts, row.place, now_ms)


# --- the account's own ------------------------------------------------------------------------------------------------


async def create(request: Request, ims: Context) -> Response:
    """Ask for an identity; 201. It is pending until an operator, or a domain's DNS, approves it."""
    who = await caller(request, ims)
    kind: Kind | None = None
    value, read = "", Read(KINDS["rcs", "brand"], {}, {})

    async def faults(wish: New) -> list[Fault]:
        nonlocal kind, value, read
        kind, found = _kind(wish)
        if kind is not None and wish.value:
            try:
                value = kind.read(wish.value)
            except ValueError as error:
                found.append(Fault("/value", "format", str(error)))
            read = Read(kind, wish.settings, {})
            found += read.faults
        return found + await _proof_faults(ims, who, wish.proof)

    wish = await reading.body(request, New, faults)
    assert kind is not None  # noqa: S101 - a fault otherwise
    return objects.shown(view(await _add(ims, who, kind, value, wish.proof, read)), 201)


async def _add(ims: Context, who: Caller, kind: Kind, value: str, proof: list[str], read: Read) -> Row:
    now = ims.now_ms()
    identity_id = new_request_id(now).bytes
    purpose = "optout" if read.plain.get("optout") is True or value.startswith("080") else "send"
    row = Row(
        identity_id, who.account.account_id, kind.channel, kind.kind, value, purpose, PENDING, None,
        tuple(proof), read.plain, {}, None, 1, now, now,
    )  # fmt: skip
    private, public = await asyncio.to_thread(keys.made, kind.kind)
    row.settings.update(public)
    row = row._replace(secrets=await asyncio.to_thread(_sealed, row, {**read.secret, **private}, now))
    deed = Deed("identity.create", _named(row), after=view(row))
    if await audited(ims, who, lambda added: deed if added else None, _insert, row, now) is None:
        there = await ims.db(store.by_value, row.account_id, row.channel, row.kind, value)
        raise objects.exists("identity", name_of(there or row))
    return row


def _insert(conn: Connection, row: Row, now_ms: int) -> Row | None:
    files.note_use(conn, row.account_id, row.proof, now_ms + YEAR_MS)
    return store.add(conn, row)


_FILTERS: dict[str, reading.Reader] = {"channel": reading.channel, "kind": str, "state": str, "value": str}


async def list_all(request: Request, ims: Context) -> Response:
    """The account's identities, the oldest first."""
    who = await caller(request, ims)
    given = objects.asked(request, "identities", who.mark, _FILTERS)
    return await _list(ims, given, who.account.account_id, lambda found: view(found[0]))


async def _list(ims: Context, given: objects.Asked, account_id: int | None, shape: Any) -> Response:
    rows = await ims.db(store.page, account_id, given.place, given.limit + 1, given)
    return objects.page(given, rows, shape, lambda found: found[0].identity_id)


async def _mine(request: Request, ims: Context, who: Caller, what: str = "identity") -> Row:
    identity = reading.path_id(request, "id", reading.uuid, what)
    row = await ims.db(store.one, who.account.account_id, identity.bytes)
    if row is None or (what == "sender" and (row.channel, row.kind, row.purpose) != ("mt", "number", "send")):
        raise reading.not_found(what)
    return row


async def show(request: Request, ims: Context) -> Response:
    """One identity."""
    who = await caller(request, ims)
    return objects.shown(view(await _mine(request, ims, who)))


async def change(request: Request, ims: Context) -> Response:
    """Change settings or proof; what was rejected is pending again."""
    who = await caller(request, ims)
    before = await _mine(request, ims, who)
    objects.matches(request, before.version)
    read = Read(KINDS[before.channel, before.kind], {}, {})

    async def faults(wish: Change) -> list[Fault]:
        nonlocal read
        read = Read(KINDS[before.channel, before.kind], wish.settings, before.secrets)
        return read.faults + await _proof_faults(ims, who, wish.proof)

    wish = await reading.body(request, Change, faults)
    now = ims.now_ms()
    sealed = await asyncio.to_thread(_sealed, before, read.secret, now)
    proof = tuple(wish.proof) if "proof" in wish.model_fields_set else None
    row = await audited(
        ims, who, lambda after: Deed("identity.change", _named(after), view(before), view(after)), _change,
        before, read, sealed, proof, now,
    )  # fmt: skip
    ims.accounts.forget(who.account.account_id)
    return objects.shown(view(row))


def _change(
    conn: Connection, before: Row, read: Read, sealed: dict[str, Any], proof: tuple[str, ...] | None, now_ms: int
) -> Row:
    row = store.one(conn, before.account_id, before.identity_id, "FOR UPDATE")
    if row is None:
        raise reading.not_found("identity")
    if row.version != before.version:
        raise Problem(412, "Somebody else has changed it; read it again.", version=row.version)
    settings = {k: v for k, v in {**row.settings, **read.plain}.items() if k not in read.removed}
    kept = {k: v for k, v in {**row.secrets, **sealed}.items() if k not in read.removed}
    row = row._replace(settings=settings, secrets=kept)
    if proof is not None:
        files.note_use(conn, row.account_id, proof, now_ms + YEAR_MS)
        row = row._replace(proof=proof)
    if row.kind == "number":
        row = row._replace(purpose="optout" if settings.get("optout") or row.value.startswith("080") else "send")
    if row.state == REJECTED:
        row = row._replace(state=PENDING)
    return store.save(conn, row, now_ms)


async def remove(request: Request, ims: Context) -> Response:
    """Remove an identity; what was accepted with it goes on."""
    who = await caller(request, ims)
    row = await _mine(request, ims, who)
    deed = Deed("identity.remove", _named(row), view(row))
    await audited(ims, who, deed, store.remove, who.account.account_id, row.identity_id)
    ims.accounts.forget(who.account.account_id)
    return Response(status_code=204)


async def check(request: Request, ims: Context) -> Response:
    """Look a domain's records up; once all that are required are there, a pending domain is approved."""
    who = await caller(request, ims)
    before = await _mine(request, ims, who)
    if before.kind != "domain":
        fault = Fault("/kind", "range", "only domains have records to check")
        raise reading.invalid([fault])
    wanted = domains.records(before.value, before.identity_id.hex(), before.settings)
    results = await domains.check(wanted)
    good = domains.passes(wanted, results)
    row = await audited(
        ims, who, lambda after: Deed("identity.check", _named(after), after=view(after)), _checked,
        before, results, good, ims.now_ms(),
    )  # fmt: skip
    return objects.shown(view(row))


def _checked(conn: Connection, before: Row, results: dict[str, Json], good: bool, now_ms: int) -> Row:
    row = store.one(conn, before.account_id, before.identity_id, "FOR UPDATE")
    if row is None:
        raise reading.not_found("identity")
    approved = good and row.state == PENDING
    row = row._replace(checked={"at": now_ms, "results": results}, state=APPROVED if approved else row.state)
    return store.save(conn, row, now_ms)


def _named(row: Row) -> str:
    return f"identity:{UUID(bytes=row.identity_id)}"


# --- sender numbers ---------------------------------------------------------------------------------------------------

_SENDERS = {"channel": "mt", "kind": "number", "purpose": "send"}


async def list_senders(request: Request, ims: Context) -> Response:
    """The account's sender numbers."""
    who = await caller(request, ims)
    given = objects.asked(request, "senders", who.mark, {"state": str})
    given.update(_SENDERS)
    return await _list(ims, given, who.account.account_id, lambda found: sender_view(found[0]))


async def create_sender(request: Request, ims: Context) -> Response:
    """Ask for a sender number."""
    who = await caller(request, ims)
    kind, value = KINDS["mt", "number"], ""

    async def faults(wish: NewSender) -> list[Fault]:
        nonlocal value
        try:
            value = kind.read(wish.number) if wish.number else ""
        except ValueError as error:
            return [Fault("/number", "format", str(error))]
        found = [] if value else [Fault("/number", "required", "must be given")]
        if value.startswith("080"):
            found.append(Fault("/number", "format", "080 numbers take opt-outs; they are no senders"))
        return found + await _proof_faults(ims, who, wish.proof)

    wish = await reading.body(request, NewSender, faults)
    return objects.shown(sender_view(await _add(ims, who, kind, value, wish.proof, Read(kind, {}, {}))), 201)


async def show_sender(request: Request, ims: Context) -> Response:
    """One sender number."""
    who = await caller(request, ims)
    return objects.shown(sender_view(await _mine(request, ims, who, "sender")))


async def remove_sender(request: Request, ims: Context) -> Response:
    """Remove a sender number."""
    who = await caller(request, ims)
    row = await _mine(request, ims, who, "sender")
    deed = Deed("identity.remove", _named(row), view(row))
    await audited(ims, who, deed, store.remove, who.account.account_id, row.identity_id)
    ims.accounts.forget(who.account.account_id)
    return Response(status_code=204)


# --- operators --------------------------------------------------------------------------------------------------------


async def queue(request: Request, ims: Context) -> Response:
    """Identities of all accounts, the oldest first; `state=pending` is what waits for an operator."""
    by = await operator(request, ims)
    given = objects.asked(request, "admin identities", by, _FILTERS)
    return await _list(ims, given, None, operators_view)


async def show_any(request: Request, ims: Context) -> Response:
    """One identity of any account."""
    await operator(request, ims)
    identity = reading.path_id(request, "id", reading.uuid, "identity")
    found = await ims.db(store.any_one, identity.bytes)
    if found is None:
        raise reading.not_found("identity")
    return objects.shown(operators_view(found))


async def approve(request: Request, ims: Context) -> Response:
    """Let the account speak as this."""
    return await _decide(request, ims, APPROVED)


async def reject(request: Request, ims: Context) -> Response:
    """Refuse it, with the reason that the account reads."""
    return await _decide(request, ims, REJECTED)


async def _decide(request: Request, ims: Context, state: str) -> Response:
    by = await operator(request, ims)
    identity = reading.path_id(request, "id", reading.uuid, "identity")

    async def faults(wish: Decision) -> list[Fault]:
        missing = state == REJECTED and not wish.reason
        return [Fault("/reason", "required", "the account must know why")] if missing else []

    wish = await reading.body(request, Decision, faults)
    row, username = await audited(
        ims, by, lambda done: _decision(state, wish, *done), _decided,
        identity.bytes, state, wish, str(by), ims.now_ms(),
    )  # fmt: skip
    ims.accounts.forget(row.account_id)
    return objects.shown(operators_view((row, username)))


def _decision(state: str, wish: Decision, row: Row, username: str) -> Deed:
    about = row.account_id, username
    return Deed(f"identity.{state}", _named(row), after=view(row), purpose=wish.reason, about=about)


def _decided(conn: Connection, identity_id: bytes, state: str, wish: Decision, by: str, now_ms: int) -> tuple[Row, str]:
    found = store.any_one(conn, identity_id, "FOR UPDATE")
    if found is None:
        raise reading.not_found("identity")
    row, username = found
    if wish.version is not None and wish.version != row.version:
        raise Problem(
            409, f"It is at version {row.version} now; read it again.", kind="other-version", version=row.version
        )
    return store.decide(conn, row, state, wish.reason, by, now_ms), username
